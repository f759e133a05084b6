-- @setup after=fills
-- The rows as the Data API sends them; id, list, conditionId and outcomeIndex are the route's. Nothing is kept here.
CREATE TABLE IF NOT EXISTS default.trades_landing
(
    id String COMMENT 'transaction hash, _, 32 hex digits', list String COMMENT 'true: from the list of takers'' own orders',
    conditionId String, outcomeIndex String COMMENT 'empty where the token id is not computed',
    proxy_wallet String, side String, token_id String, condition_id String, size String, price String, timestamp String,
    outcome_index String COMMENT '999 where the API has no label', transaction_hash String,
    batch String, fetched_at DateTime64(3, 'UTC'),

    hash   String MATERIALIZED lower(transaction_hash),
    wallet String MATERIALIZED lower(proxy_wallet),
    reason String MATERIALIZED multiIf(
        NOT match(hash, '^0x[0-9a-f]{64}$'), 'the transaction hash is not 0x and 64 hex digits',
        NOT match(wallet, '^0x[0-9a-f]{40}$'), 'the wallet is no address',
        side NOT IN ('BUY', 'SELL'), 'the side is neither BUY nor SELL',
        NOT match(token_id, '^[0-9]{1,78}$'), 'the token id is no number',
        NOT match(size, '^[0-9]{1,20}([.][0-9]{1,6})?$'), 'the size is no number of millionths',
        match(size, '^[0.]*$'), 'no shares changed hands, so there is no price',
        NOT match(price, '^[0-9]{1,18}([.][0-9]{1,18})?$'), 'the price is no number, or has more than 18 decimals',
        NOT match(timestamp, '^[0-9]{9,10}$'), 'the time is no time',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.trades_to_clob TO default.clob_fills AS
SELECT
    id AS fill_id,
    conditionId AS condition_id,
    token_id AS asset_id,
    toInt16(multiIf(outcomeIndex != '', toInt16OrZero(outcomeIndex), landing.outcome_index IN ('', '999'), -1, toInt16OrZero(landing.outcome_index))) AS outcome_index,
    wallet AS maker,
    '' AS taker,
    side,
    toDecimal128OrZero(landing.price, 18) AS price,
    toDecimal128OrZero(landing.size, 6) AS size,
    CAST(round(toDecimal256OrZero(landing.size, 6) * toDecimal256OrZero(landing.price, 18), 6) AS Decimal(38, 6)) AS cost,
    CAST(NULL AS Nullable(Decimal(38, 6))) AS fee,
    list = 'true' AS taker_order,
    toDateTime(toUInt32OrZero(landing.timestamp), 'UTC') AS timestamp,
    hash AS transaction_hash,
    '' AS order_hash,
    'data-api' AS source,
    fetched_at,
    batch
FROM default.trades_landing AS landing
WHERE reason = '';

-- Rows that do not qualify, as they came.
CREATE TABLE IF NOT EXISTS default.trades_rejected
(
    condition_id String CODEC(ZSTD(1)),
    fill_id      String CODEC(ZSTD(1)),
    reason       LowCardinality(String),
    row          String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
    batch        String CODEC(ZSTD(1)),
    fetched_at   DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (condition_id, fill_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.trades_to_rejected TO default.trades_rejected AS
SELECT
    conditionId AS condition_id,
    id AS fill_id,
    reason,
    toJSONString(map('proxy_wallet', proxy_wallet, 'side', side, 'token_id', token_id, 'condition_id', landing.condition_id, 'size', size,
        'price', price, 'timestamp', timestamp, 'outcome_index', outcome_index, 'transaction_hash', transaction_hash, 'list', list)) AS row,
    batch,
    fetched_at
FROM default.trades_landing AS landing
WHERE reason != '';
