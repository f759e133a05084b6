-- The account's own trades: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).

-- @job target=default.clob_own_trades key=id

-- @setup
-- The account's trades as maker and as taker, one row each. The API key of an order's owner is not stored.
CREATE TABLE IF NOT EXISTS default.clob_own_trades
(
    id               String CODEC(ZSTD(1)),
    condition_id     String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    asset_id         String COMMENT 'token id, decimal' CODEC(ZSTD(1)),
    outcome          LowCardinality(String),
    side             LowCardinality(String) COMMENT 'BUY or SELL: the taker''s',
    price            Decimal(38, 18) COMMENT 'collateral per share' CODEC(ZSTD(1)),
    size             Decimal(38, 6) COMMENT 'shares' CODEC(ZSTD(1)),
    fee_rate_bps     Decimal(38, 6) COMMENT 'hundredths of a percent' CODEC(ZSTD(1)),
    trader_side      LowCardinality(String) COMMENT 'the account''s role: TAKER or MAKER',
    status           LowCardinality(String) COMMENT 'CONFIRMED and FAILED are final; trades with another status are fetched again',
    matched_at       Nullable(DateTime('UTC')) COMMENT 'NULL if the CLOB has an impossible time' CODEC(DoubleDelta, ZSTD(1)),
    updated_at       Nullable(DateTime('UTC')) COMMENT 'matched_at if the CLOB has none' CODEC(DoubleDelta, ZSTD(1)),
    maker_address    String CODEC(ZSTD(1)),
    taker_order_id   String CODEC(ZSTD(1)),
    maker_orders     Array(Tuple(order_id String, maker_address String, asset_id String, outcome String, side String, price String,
        matched_amount String)) CODEC(ZSTD(1)),
    transaction_hash String CODEC(ZSTD(1)),
    unread           Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC'),
    batch            String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions and these types
ALTER TABLE default.clob_own_trades ADD COLUMN IF NOT EXISTS unread Map(String, String),
    MODIFY COLUMN IF EXISTS matched_at Nullable(DateTime('UTC')),
    MODIFY COLUMN IF EXISTS updated_at Nullable(DateTime('UTC'));

-- The rows as the CLOB sends them: all numbers are strings. This table stores nothing: the two views below write the rows to
-- the tables.
CREATE TABLE IF NOT EXISTS default.clob_trades_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    id String, taker_order_id String, market String COMMENT 'the condition id', asset_id String, side String, size String,
        fee_rate_bps String, price String,
    status String, match_time String COMMENT 'seconds since 1970, as last_update', last_update String, outcome String, maker_address String,
    transaction_hash String, maker_orders String COMMENT 'a JSON array of objects', trader_side String,
    batch String, fetched_at DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(market), '^0x', ''),
    matched      Nullable(DateTime('UTC')) MATERIALIZED $past(match_time),
    updated      Nullable(DateTime('UTC')) MATERIALIZED $past(last_update),
    fee_rate     Nullable(Decimal(38, 18)) MATERIALIZED $amount(fee_rate_bps),
    unread       Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', map(
        'match_time', $unread(match_time, matched), 'last_update', $unread(last_update, updated), 'fee_rate_bps',
            $unread(fee_rate_bps, fee_rate))),
    reason       String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        id = '', 'no id',
        NOT match(condition_id, '^[0-9a-f]{64}$'), 'the condition id is not 0x and 64 hex digits',
        NOT match(asset_id, '^[0-9]{1,78}$'), 'the token id is not a number',
        NOT match(price, '^[0-9]{1,18}([.][0-9]{1,18})?$') OR NOT match(size, '^[0-9]{1,18}([.][0-9]{1,6})?$'),
            'price or size is not a number',
        toDecimal128OrZero(price, 18) > 1, 'the price is not between 0 and 1',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_trades_to_own TO default.clob_own_trades AS
SELECT
    id, condition_id, asset_id, outcome, upper(landing.side) AS side,
    toDecimal128OrZero(landing.price, 18) AS price, toDecimal128OrZero(landing.size, 6) AS size,
        CAST(ifNull(fee_rate, 0) AS Decimal(38, 6)) AS fee_rate_bps,
    upper(landing.trader_side) AS trader_side, replaceRegexpOne(upper(landing.status), '^TRADE_STATUS_', '') AS status,
    matched AS matched_at, ifNull(updated, matched) AS updated_at,
    lower(landing.maker_address) AS maker_address, taker_order_id,
    arrayMap(o -> (JSONExtractString(o, 'order_id'), lower(JSONExtractString(o, 'maker_address')), JSONExtractString(o, 'asset_id'),
        JSONExtractString(o, 'outcome'),
        JSONExtractString(o, 'side'), JSONExtractString(o, 'price'), JSONExtractString(o, 'matched_amount')),
            JSONExtractArrayRaw(landing.maker_orders)) AS maker_orders,
    lower(landing.transaction_hash) AS transaction_hash, unread, fetched_at, batch
FROM default.clob_trades_landing AS landing
WHERE reason = '';

-- @rejected
-- Rejected rows.
SELECT id,
    if(element != '', element, concat('{"id":', toJSONString(id), ',"market":', toJSONString(market), ',"asset_id":',
        toJSONString(asset_id), ',"side":', toJSONString(side),
        ',"size":', toJSONString(size), ',"price":', toJSONString(price), ',"status":', toJSONString(status), ',"match_time":',
            toJSONString(match_time), '}')) AS row;

-- @present
-- The keys of a page whose rows are already in the table, and whether this batch stored them. A row that was not final does not
-- count as present, so that it is replaced.
SELECT id AS key, max(stored.batch = {batch}) AS own FROM default.clob_own_trades AS stored
WHERE id IN ({keys}) AND (stored.batch = {batch} OR {redo} = 0 AND status IN ('CONFIRMED', 'FAILED')) GROUP BY id
UNION ALL
SELECT id, 1 FROM default.clob_trades_rejected WHERE id IN ({keys}) AND batch = {batch} GROUP BY id;

-- @unread default.clob_own_trades
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.clob_own_trades ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @ids
-- The only id: the whole list.
SELECT 'trades' AS id;

-- @check trades by month
SELECT toStartOfMonth(matched_at) AS month, count() AS trades, uniqExact(condition_id) AS markets, sum(size * price) AS collateral,
    countIf(trader_side = 'MAKER') AS as_maker FROM default.clob_own_trades FINAL GROUP BY month ORDER BY month DESC LIMIT 24;

-- @check trades by status
SELECT status, count() AS trades, min(matched_at) AS first, max(matched_at) AS last FROM default.clob_own_trades FINAL GROUP BY status
    ORDER BY status;

-- @check rejected rows by reason
SELECT reason, uniqExact(id) AS rows FROM default.clob_trades_rejected GROUP BY reason ORDER BY rows DESC;

-- @measure trades The account's trades
SELECT uniqExact(id) FROM default.clob_own_trades;

-- @measure rejected max=0 Rows that are not what the CLOB documents
SELECT uniqExact(id) FROM default.clob_trades_rejected;

-- @measure failed max=0 Failed lists
SELECT {failed};

-- @measure pending max=0 Lists that were not read to the end
SELECT {pending};

-- @measure duplicates Rows beyond one per trade (the next pass replaces them at its end)
SELECT count() - uniqExact(id) FROM default.clob_own_trades;

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.clob_own_trades;
