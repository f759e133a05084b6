-- What `backfill ready` asks before it says YES. Each line is a number with a threshold; the last statement of its section says what
-- to type where the threshold is missed. {failed}, {pending} and their like are the sums of the ledgers that ledger= names; {worst}
-- and {worst_job} are the largest share of failed ids in one of them.
-- A section @measure has one statement that gives the number. One of @unproved gives ids, with stored 1 where rows of them are
-- stored. An id counts that is not fetched to its end by the ledgers, or that no ledger has and that has no rows. A second of three
-- statements gives the number of all ids; where there are none, the threshold is missed. With unit=%, the share of the others is
-- compared. Ids that a ledger proves to have no rows are in neither number.

-- @setup
CREATE TABLE IF NOT EXISTS default.ready_results
(
    time    DateTime64(3, 'UTC') COMMENT 'of the verdict: the same for all its lines',
    measure LowCardinality(String),
    value   Nullable(Float64) COMMENT 'a share is a fraction of 1; NULL where a table was absent',
    ok      Bool
)
ENGINE = MergeTree
ORDER BY (measure, time)
SETTINGS non_replicated_deduplication_window = 1000;

-- @before
SELECT measure, argMaxIf(value, time, isNotNull(value)) AS last FROM default.ready_results GROUP BY measure HAVING isNotNull(last);

-- @keep
INSERT INTO default.ready_results SELECT fromUnixTimestamp64Milli(toInt64({time}), 'UTC'), {measure}, {value}, {ok};

-- @measure markets min=1 needs=default.fills_markets Markets known from Gamma, the CLOB, Goldsky and the chain
SELECT count() FROM default.fills_markets;
SELECT './backfill run markets clob-markets';

-- @unproved fills-coverage min=95% unit=% ledger=fills,trades needs=default.fills_markets,default.clob_fills Markets with fills, except those proved to have none
SELECT id, 0 AS stored FROM default.fills_markets WHERE id NOT IN (SELECT condition_id FROM default.clob_fills
    WHERE batch NOT LIKE '%-window-%');
SELECT count() FROM default.fills_markets;
SELECT './backfill run fills';

-- @unproved young-missing max=0 ledger=fills,trades needs=default.fills_markets,default.clob_fills Markets younger than 30 days whose fills are missing
SELECT id, 0 AS stored FROM default.fills_markets
WHERE opened_at > now() - INTERVAL 30 DAY AND id NOT IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%');
SELECT count() FROM default.fills_markets WHERE opened_at IS NOT NULL;
SELECT './backfill run markets fills';

-- @unproved largest-missing max=0 ledger=fills,trades needs=default.fills_markets,default.clob_fills Of the 100 markets with the largest volume, those whose fills are incomplete
SELECT id, id IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%') AS stored
FROM (SELECT id FROM default.fills_markets WHERE volume > 0 ORDER BY volume DESC LIMIT 100);
SELECT count() FROM default.fills_markets WHERE volume > 0;
SELECT './backfill run markets fills';

-- @measure newest-fill max=24 unit=h needs=default.clob_fills Time since the newest fill of `run fills`
SELECT if(count() = 0, NULL, dateDiff('minute', max(timestamp), now()) / 60) FROM default.clob_fills;
SELECT './backfill run fills --since 2d';

-- @measure failed max=2% unit=% The largest share of failed ids of a job
SELECT {worst};
SELECT concat('./backfill ledger ', {worst_job}, ' --state failed, then ./backfill run ', {worst_job});

-- @measure pending max=0 Ids of lists and queries that were not fetched to their end
SELECT {pending};
SELECT concat('./backfill run ', {pending_jobs});

-- @measure running max=0 Jobs that run now
SELECT {running};
SELECT './backfill status --watch, and ask again when they have ended';

-- @unproved payouts-missing max=0 ledger=resolutions needs=default.api_markets_staging,cascadian_clean.vw_resolutions_truth Resolved markets without a payout vector
SELECT DISTINCT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS id, 0 AS stored FROM default.api_markets_staging
WHERE resolved AND condition_id != '' AND id NOT IN (SELECT condition_id FROM cascadian_clean.vw_resolutions_truth);
SELECT count() FROM default.api_markets_staging;
SELECT './backfill run resolutions, then ./backfill verify resolutions';

-- @measure settled-pnl needs=cascadian_clean.vw_wallet_pnl_settled Wallets with a settled P&L
SELECT uniqExact(wallet_address) FROM cascadian_clean.vw_wallet_pnl_settled;

-- @measure ids-of-trades min=90% unit=% needs=default.vw_enriched_trades Trades with a condition id, of all
SELECT if(count() = 0, NULL, countIf(reason = '') / count()) FROM default.vw_enriched_trades;
SELECT './backfill pipeline overnight, or ./backfill reconcile, then enrich';

-- @measure honest-ids min=90% unit=% needs=default.vw_enriched_trades Trades with a condition id, of those that can be filled
SELECT if(count() = 0, NULL, countIf(reason = '') / greatest(1, countIf(reason NOT IN ('no market id', 'zero market id'))))
    FROM default.vw_enriched_trades;
SELECT './backfill enrich; then ./backfill verify enrichment shows why the others have none';

-- @measure laws-broken max=0 needs=default.audit_results Laws of the last audit that are broken
SELECT countIf(state = 'broken') FROM default.audit_results WHERE time = (SELECT max(time) FROM default.audit_results);
SELECT './backfill audit names what is missing and the command that fetches it';

-- @measure laws-held min=1 needs=default.audit_results Laws of the last audit that hold
SELECT countIf(state = 'holds') FROM default.audit_results WHERE time = (SELECT max(time) FROM default.audit_results);
SELECT './backfill run chain --from BLOCK --to latest, then ./backfill audit';
