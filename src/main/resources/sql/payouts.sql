-- Payout vectors: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).

-- @job target=default.resolutions_external_ingest id=condition_id key=condition_id source=goldsky-api

-- @setup after=tables,conditions
-- The rows as Goldsky sends them, and the values derived from them. This table stores nothing: the two views below write the
-- rows to the tables.
CREATE TABLE IF NOT EXISTS default.payouts_landing
(
    element    String COMMENT 'an element of the list that has no id, unchanged',
    id         String COMMENT '0x and 64 hex digits',
    payouts    String COMMENT 'a JSON array of decimal strings, such as ["0.54","0.46"]',
    batch      String,
    fetched_at DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(id), '^0x', ''),
    texts    Array(String) MATERIALIZED JSONExtract(payouts, 'Array(String)'),
    reason   String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        empty(texts), 'the payouts are not a list of numbers',
        arrayExists(t -> match(t, '^-[0-9.]+$'), texts), 'a payout is negative',
        NOT arrayAll(t -> match(t, '^[0-9]+([.][0-9]+)?$'), texts), 'a payout is not a number',
        NOT arrayAll(t -> match(t, '^[0-9]{1,38}([.][0-9]{1,38})?$'), texts), 'a payout has more than 38 digits',
        arrayAll(t -> match(t, '^[0.]+$'), texts), 'all payouts are zero',
        ''),
    -- digits after the point; then every payout as a whole number of 10^-scale
    decimals Array(String) MATERIALIZED arrayMap(t -> trimRight(splitByChar('.', t)[2], '0'), texts),
    scaled   Array(UInt256) MATERIALIZED if(reason != '', [], arrayMap(
        (t, d) -> toUInt256OrZero(concat(splitByChar('.', t)[1], rightPad(d, arrayMax(x -> length(x), decimals), '0'))),
        texts, decimals)),
    divisor  UInt256 MATERIALIZED arrayFold((a, n) -> if(n = 0, a, gcd(a, greatest(n, 1))), scaled, arrayMax(scaled)),
    numerators Array(UInt256) MATERIALIZED arrayMap(n -> intDiv(n, greatest(divisor, 1)), scaled)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.payouts_to_ingest TO default.resolutions_external_ingest AS
SELECT
    condition_id,
    numerators AS payout_numerators,
    arraySum(numerators) AS payout_denominator,
    toInt16(if(countEqual(numerators, arrayMax(numerators)) = 1, indexOf(numerators, arrayMax(numerators)) - 1, -1)) AS winning_index,
    CAST(NULL AS Nullable(DateTime64(3, 'UTC'))) AS resolved_at,
    'goldsky-api' AS source,
    fetched_at,
    batch
FROM default.payouts_landing
WHERE reason = '';

-- @rejected
-- Rejected rows, unchanged.
SELECT condition_id, if(element != '', element, concat('{"id":', toJSONString(id), ',"payouts":', payouts, '}')) AS row;

-- @ids needs=default.vw_conditions filled=markets
-- The missing ids: conditions that no source reports as open and that have no payout vector in a resolution table.
SELECT condition_id AS id FROM default.vw_conditions
WHERE ifNull(closed, 1)
  AND id NOT IN (SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) FROM default.resolutions_external_ingest)
  AND id NOT IN (SELECT condition_id FROM default.rpc_resolutions)
  AND id NOT IN (SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) FROM default.market_resolutions_final
      WHERE payout_denominator > 0);

-- @check rows and distinct conditions of each source
SELECT source, count() AS rows, uniqExact(condition_id) AS conditions, rows - conditions AS twice,
    min(fetched_at) AS first_fetched, max(fetched_at) AS last_fetched
FROM default.resolutions_external_ingest GROUP BY source ORDER BY source;

-- @check denominators against the sums of the numerators
SELECT toString(payout_denominator) AS denominator, toString(arraySum(payout_numerators)) AS sum, denominator = sum AS equal,
    count() AS rows
FROM default.resolutions_external_ingest GROUP BY denominator, sum ORDER BY rows DESC LIMIT 10;

-- @check samples
SELECT condition_id, toString(payout_numerators) AS numerators, toString(payout_denominator) AS denominator, winning_index, source
FROM default.resolutions_external_ingest ORDER BY cityHash64(condition_id) LIMIT 5;

-- @check coverage before and after
SELECT status, conditions FROM
(
    SELECT 0 AS place, 'before: market_resolutions_final' AS status,
        uniqExact(lower(replaceRegexpOne(condition_id, '^0[xX]', ''))) AS conditions
    FROM default.market_resolutions_final WHERE payout_denominator > 0
    UNION ALL
    SELECT 1, 'after: vw_resolutions_truth', count() FROM cascadian_clean.vw_resolutions_truth
)
ORDER BY place;

-- @check settled P&L before and after needs=cascadian_clean.vw_wallet_pnl_settled
SELECT status, wallets_with_settled_pnl, settled, traded, round(100 * settled / greatest(traded, 1), 2) AS percent, total_settled_pnl FROM
(
    SELECT 'before: market_resolutions_final' AS status, uniqExactIf(wallet_address, settled_pnl_usd != 0) AS wallets_with_settled_pnl,
        count() AS settled, toDecimal256(sum(settled_pnl_usd), 2) AS total_settled_pnl
    FROM cascadian_clean.vw_wallet_pnl_settled WHERE resolution_source = 'market_resolutions_final'
    UNION ALL
    SELECT 'after: vw_resolutions_truth', uniqExactIf(wallet_address, settled_pnl_usd != 0), count(), toDecimal256(sum(settled_pnl_usd), 2)
    FROM cascadian_clean.vw_wallet_pnl_settled
) AS coverage CROSS JOIN (SELECT uniqExact(wallet, market_cid) AS traded FROM default.vw_trades_unified) AS held
ORDER BY settled;

-- @check conditions that two sources disagree on (at most 20)
SELECT * FROM cascadian_clean.vw_resolution_conflicts ORDER BY condition_id, one, other LIMIT 20;

-- @check resolved markets without a payout vector (at most 20) needs=default.api_markets_staging
SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS condition_id, any(question) AS question FROM default.api_markets_staging
WHERE resolved AND condition_id NOT IN (SELECT condition_id FROM cascadian_clean.vw_resolutions_truth)
GROUP BY condition_id ORDER BY condition_id LIMIT 20;

-- @measure found Conditions with a payout vector from Goldsky
SELECT uniqExact(condition_id) FROM default.resolutions_external_ingest WHERE source = 'goldsky-api';

-- @measure failed unit=% Share of the ledger's ids that failed
SELECT if({total} = 0, 0, {failed} / {total});

-- @measure pending Ids that were not fetched yet
SELECT {pending};

-- @measure wrong-sums max=0 Rows whose denominator is not the sum of their numerators
SELECT count() FROM default.resolutions_external_ingest WHERE payout_denominator != arraySum(payout_numerators) OR payout_denominator = 0;

-- @measure conflicts Conditions that two sources disagree on by more than the rounding of the coarser one
SELECT uniqExact(condition_id) FROM cascadian_clean.vw_resolution_conflicts;

-- @measure duplicates Rows beyond one per condition and source (--redo replaces them at the end of a run)
SELECT count() - uniqExact(condition_id, source) FROM default.resolutions_external_ingest;
