-- @setup
-- The account's trades as maker and as taker, one row each. Whose API key an order was made with is not kept.
CREATE TABLE IF NOT EXISTS default.clob_own_trades
(
    id               String CODEC(ZSTD(1)),
    condition_id     String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    asset_id         String COMMENT 'token id, decimal' CODEC(ZSTD(1)),
    outcome          LowCardinality(String),
    side             LowCardinality(String) COMMENT 'BUY or SELL: the taker''s',
    price            Decimal(38, 18) COMMENT 'collateral a share' CODEC(ZSTD(1)),
    size             Decimal(38, 6) COMMENT 'shares' CODEC(ZSTD(1)),
    fee_rate_bps     Decimal(38, 6) COMMENT 'hundredths of a percent' CODEC(ZSTD(1)),
    trader_side      LowCardinality(String) COMMENT 'what the account was: TAKER or MAKER',
    status           LowCardinality(String) COMMENT 'CONFIRMED and FAILED are final; others change, and are fetched again',
    matched_at       DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    updated_at       DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    maker_address    String CODEC(ZSTD(1)),
    taker_order_id   String CODEC(ZSTD(1)),
    maker_orders     Array(Tuple(order_id String, maker_address String, asset_id String, outcome String, side String, price String, matched_amount String)) CODEC(ZSTD(1)),
    transaction_hash String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC'),
    batch            String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000;

-- The rows as the CLOB sends them: all numbers are strings. Nothing is kept here: the two views below take the rows on.
CREATE TABLE IF NOT EXISTS default.clob_trades_landing
(
    id String, taker_order_id String, market String COMMENT 'the condition id', asset_id String, side String, size String, fee_rate_bps String, price String,
    status String, match_time String COMMENT 'seconds since 1970, as last_update', last_update String, outcome String, maker_address String,
    transaction_hash String, maker_orders String COMMENT 'a JSON array of objects', trader_side String,
    batch String, fetched_at DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(market), '^0x', ''),
    reason       String MATERIALIZED multiIf(
        id = '', 'no id',
        NOT match(condition_id, '^[0-9a-f]{64}$'), 'the condition id is not 0x and 64 hex digits',
        NOT match(asset_id, '^[0-9]{1,78}$'), 'the token id is no number',
        NOT match(price, '^[0-9]{1,18}([.][0-9]{1,18})?$') OR NOT match(size, '^[0-9]{1,18}([.][0-9]{1,6})?$'), 'price or size is no number',
        NOT match(match_time, '^[0-9]{9,10}$'), 'the time is no time',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_trades_to_own TO default.clob_own_trades AS
SELECT
    id, condition_id, asset_id, outcome, upper(landing.side) AS side,
    toDecimal128OrZero(landing.price, 18) AS price, toDecimal128OrZero(landing.size, 6) AS size, toDecimal128OrZero(landing.fee_rate_bps, 6) AS fee_rate_bps,
    upper(landing.trader_side) AS trader_side, replaceRegexpOne(upper(landing.status), '^TRADE_STATUS_', '') AS status,
    toDateTime(toUInt32OrZero(match_time), 'UTC') AS matched_at, toDateTime(toUInt32OrZero(if(last_update = '', match_time, last_update)), 'UTC') AS updated_at,
    lower(landing.maker_address) AS maker_address, taker_order_id,
    arrayMap(o -> (JSONExtractString(o, 'order_id'), lower(JSONExtractString(o, 'maker_address')), JSONExtractString(o, 'asset_id'), JSONExtractString(o, 'outcome'),
        JSONExtractString(o, 'side'), JSONExtractString(o, 'price'), JSONExtractString(o, 'matched_amount')), JSONExtractArrayRaw(landing.maker_orders)) AS maker_orders,
    lower(landing.transaction_hash) AS transaction_hash, fetched_at, batch
FROM default.clob_trades_landing AS landing
WHERE reason = '';

-- Rows that do not qualify.
CREATE TABLE IF NOT EXISTS default.clob_trades_rejected
(
    id         String CODEC(ZSTD(1)),
    reason     LowCardinality(String),
    row        String COMMENT 'what it says of the trade, as JSON' CODEC(ZSTD(1)),
    batch      String CODEC(ZSTD(1)),
    fetched_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_trades_to_rejected TO default.clob_trades_rejected AS
SELECT id, reason,
    concat('{"id":', toJSONString(id), ',"market":', toJSONString(market), ',"asset_id":', toJSONString(asset_id), ',"side":', toJSONString(side),
        ',"size":', toJSONString(size), ',"price":', toJSONString(price), ',"status":', toJSONString(status), ',"match_time":', toJSONString(match_time), '}') AS row,
    batch, fetched_at
FROM default.clob_trades_landing
WHERE reason != '';
