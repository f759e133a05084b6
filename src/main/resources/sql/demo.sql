-- The data that the demo generates: tables of trades like those of users, made from the sandbox's fills.

-- @setup
CREATE TABLE IF NOT EXISTS default.vw_trades_canonical
(
    wallet_address_norm String, condition_id_norm String, outcome_index Int16, trade_direction String,
    shares Decimal(38, 18), entry_price Decimal(38, 18), timestamp DateTime, transaction_hash String
)
ENGINE = MergeTree ORDER BY (wallet_address_norm, condition_id_norm);

INSERT INTO default.vw_trades_canonical
SELECT maker, concat('0x', upper(condition_id)), outcome_index, side, size, price, timestamp, transaction_hash
FROM default.clob_fills WHERE source = 'goldsky' AND outcome_index >= 0 AND cityHash64(maker) % 4 = 0
    AND (SELECT count() FROM default.vw_trades_canonical) = 0;

-- @wallet
-- The wallet with the most trades among those with positions in the Data API.
SELECT wallet_address_norm FROM default.vw_trades_canonical
WHERE wallet_address_norm IN (SELECT wallet_address FROM default.api_positions_staging)
GROUP BY wallet_address_norm ORDER BY count() DESC, wallet_address_norm LIMIT 1;

-- @truth
-- The sandbox's truth, line by line; no job and no step reads it.
CREATE DATABASE IF NOT EXISTS sandbox_truth;

CREATE OR REPLACE TABLE sandbox_truth.fills
(
    id String, condition_id String, token_id String, outcome_index UInt8, maker String, side LowCardinality(String), size UInt64,
        cost UInt64,
    timestamp DateTime('UTC'), transaction_hash String
)
ENGINE = MergeTree ORDER BY id;

CREATE OR REPLACE TABLE sandbox_truth.conditions
(
    condition_id String, gamma_id String, slug String, question_id String, clob_conflict LowCardinality(String)
)
ENGINE = MergeTree ORDER BY condition_id;

-- @trades-raw
-- Trades before the overnight pipeline: about 51 % with a condition id, and a market id in any of the forms that trades have.
-- Hashes of a row's id decide its values, so that they are the same each time.
CREATE OR REPLACE TABLE default.trades_raw
(
    trade_id         String,
    wallet_address   String,
    market_id        String COMMENT 'Gamma''s number, a slug, a question id, a token id, a condition id, zeros, or nothing',
    condition_id     String,
    token_id         String,
    side             LowCardinality(String),
    shares           Decimal(38, 6),
    usd_value        Decimal(38, 6),
    transaction_hash String,
    timestamp        DateTime('UTC')
)
ENGINE = MergeTree PARTITION BY toYear(timestamp) ORDER BY (wallet_address, timestamp, trade_id);

INSERT INTO default.trades_raw
WITH
    cityHash64(id, 'condition') % 10000 AS has_condition,
    cityHash64(id, 'market') % 100 AS form,
    cityHash64(id, 'token') % 10 AS has_token,
    cityHash64(id, 'transaction') % 10 AS has_transaction
SELECT id, maker,
    multiIf(form < 32, gamma_id, form < 48, slug, form < 64, question_id, form < 78, fills.token_id, form < 86,
        concat('0x', upper(fills.condition_id)),
        form < 92, concat('0x', repeat('0', 64)), form < 98, '', concat('delisted-', slug)),
    if(has_condition < 5200, concat('0x', fills.condition_id), ''), if(has_token < 3, fills.token_id, ''), side, size / 1000000,
        cost / 1000000,
    if(has_transaction < 9, transaction_hash, ''), timestamp
FROM sandbox_truth.fills AS fills INNER JOIN sandbox_truth.conditions AS conditions ON conditions.condition_id = fills.condition_id;

-- @stored
-- The tables that the jobs filled.
SELECT concat(database, '.', name) AS table, total_rows AS rows, comment FROM
(
    SELECT database, name, total_rows, transform(name,
        ['api_markets_staging', 'clob_fills', 'api_positions_staging', 'resolutions_external_ingest', 'chain_fills',
            'chain_amm_trades', 'chain_transfers', 'chain_lifecycle',
            'wallet_pnl', 'enriched_trades_final'],
        ['markets', 'fills from Goldsky and the Data API', 'positions of wallets', 'payout vectors', 'fills from the chain',
            'trades with pools', 'transfers of tokens', 'splits, merges, redemptions, resolutions, …',
            'profit and loss by wallet and condition', 'trades with their condition ids'], '') AS comment
    FROM system.tables WHERE database = 'default'
)
WHERE comment != '' ORDER BY rows DESC;

-- @judge
-- The enriched trades compared with the sandbox's truth; wrong_at_the_clob are those where the CLOB itself has the wrong condition.
SELECT count() AS trades, countIf(trade.condition_id != '') AS with_condition_id, countIf(is_right) AS right, with_condition_id - right AS wrong,
    countIf(trade.condition_id != '' AND NOT is_right AND conditions.clob_conflict != '') AS wrong_at_the_clob,
    countIf(trade.condition_id = '' AND trade.unfillable_reason != '') AS none_with_a_reason,
    concat(toString(round(100 * countIf(trade.condition_id_source = 'original') / trades, 2)), '%') AS coverage_before,
    concat(toString(round(100 * with_condition_id / trades, 2)), '%') AS coverage
FROM
(
    SELECT *, lower(replaceRegexpOne(condition_id, '^0x', '')) = fills.condition_id AS is_right
    FROM default.enriched_trades_final AS trades INNER JOIN sandbox_truth.fills AS fills ON fills.id = trades.trade_id
) AS trade
INNER JOIN sandbox_truth.conditions AS conditions ON conditions.condition_id = trade.`fills.condition_id`;

-- @market
-- A slug by which the condition id of trades was found.
SELECT market_id FROM default.enriched_trades_final WHERE condition_id_source NOT IN ('', 'original') AND match(market_id, '^[a-z]')
    ORDER BY cityHash64(trade_id) LIMIT 1;
