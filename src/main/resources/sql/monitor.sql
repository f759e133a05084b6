-- The queries of `backfill monitor`. A coverage has two statements: the covered and the total number, and how many of {ids},
-- which are absent by the ledger, are not covered. IN and NOT IN count correctly for any join_use_nulls, unlike LEFT JOIN …
-- IS NOT NULL.

-- @coverage ledger=fills,trades needs=default.fills_markets,default.clob_fills markets with fills
-- A market of which only a period was fetched is not covered. One that was fetched completely later is, even if that stored no
-- new row: the third statement counts those of {ids}, which are found by the ledger.
SELECT countIf(id IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%')) AS covered, count() AS total,
    countIf(NOT in_gamma) AS beyond_gamma
FROM default.fills_markets;
SELECT count() AS n FROM default.fills_markets
WHERE id IN ({ids}) AND id NOT IN (SELECT condition_id FROM default.clob_fills WHERE condition_id IN ({ids})
    AND batch NOT LIKE '%-window-%');
SELECT count() AS n FROM default.fills_markets
WHERE id IN ({ids}) AND id IN (SELECT condition_id FROM default.clob_fills WHERE condition_id IN ({ids}))
    AND id NOT IN (SELECT condition_id FROM default.clob_fills WHERE condition_id IN ({ids}) AND batch NOT LIKE '%-window-%');

-- @coverage ledger=wallets reads=views.trades needs=default.api_positions_staging,cascadian_clean.vw_trades_input wallets with positions
SELECT countIf(wallet IN (SELECT concat('0x', lower(replaceRegexpOne(wallet_address, '^0[xX]', '')))
    FROM default.api_positions_staging)) AS covered, count() AS total
FROM (SELECT DISTINCT wallet FROM cascadian_clean.vw_trades_input WHERE wallet != '');
SELECT uniqExact(wallet) AS n FROM cascadian_clean.vw_trades_input
WHERE wallet IN ({ids}) AND wallet NOT IN (SELECT concat('0x', lower(replaceRegexpOne(wallet_address, '^0[xX]', '')))
    FROM default.api_positions_staging);

-- @coverage ledger=resolutions needs=default.api_markets_staging,cascadian_clean.vw_resolutions_truth resolved conditions with payouts
-- Only the ledger of the Data API counts: Goldsky's subgraph has stopped, so an id that is absent there proves nothing.
SELECT countIf(id IN (SELECT condition_id FROM cascadian_clean.vw_resolutions_truth)) AS covered, count() AS total
FROM (SELECT DISTINCT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS id FROM default.api_markets_staging WHERE resolved
    AND condition_id != '');
SELECT uniqExact(lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS id) AS n FROM default.api_markets_staging
WHERE resolved AND id IN ({ids}) AND id NOT IN (SELECT condition_id FROM cascadian_clean.vw_resolutions_truth);

-- @recent needs=default.clob_fills fills
SELECT toDate(timestamp) AS day, count() AS n FROM default.clob_fills WHERE timestamp >= now() - INTERVAL 7 DAY GROUP BY day;

-- @recent needs=default.chain_fills fills on the chain
SELECT toDate(block_time) AS day, count() AS n FROM default.chain_fills WHERE block_time >= now() - INTERVAL 7 DAY GROUP BY day;

-- @recent needs=default.api_markets_staging markets created
SELECT toDate(created_at) AS day, count() AS n FROM default.api_markets_staging WHERE created_at >= now() - INTERVAL 7 DAY GROUP BY day;

-- @recent needs=default.api_positions_staging positions fetched
SELECT toDate(timestamp) AS day, count() AS n FROM default.api_positions_staging WHERE timestamp >= now() - INTERVAL 7 DAY GROUP BY day;

-- @recent needs=default.resolutions_external_ingest payout vectors fetched
SELECT toDate(fetched_at) AS day, count() AS n FROM default.resolutions_external_ingest WHERE fetched_at >= now() - INTERVAL 7 DAY
    GROUP BY day;

-- @recent needs=default.clob_market_mapping CLOB markets fetched
SELECT toDate(fetched_at) AS day, count() AS n FROM default.clob_market_mapping WHERE fetched_at >= now() - INTERVAL 7 DAY GROUP BY day;

-- @recent needs=default.rpc_resolutions resolutions on the chain
SELECT toDate(resolved_at) AS day, count() AS n FROM default.rpc_resolutions WHERE resolved_at >= now() - INTERVAL 7 DAY GROUP BY day;
