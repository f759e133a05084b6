-- @setup after=mapping-tables
-- The rows as Goldsky sends them. Nothing is kept here: the two views below take the rows on.
CREATE TABLE IF NOT EXISTS default.goldsky_markets_landing
(
    id           String COMMENT 'the token id, decimal',
    outcomeIndex String COMMENT 'from 0; may be missing',
    condition    String COMMENT 'a JSON object, such as {"id":"0x…"}',
    batch        String,
    fetched_at   DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(JSONExtractString(condition, 'id')), '^0x', ''),
    reason       String MATERIALIZED multiIf(
        NOT match(id, '^[0-9]{1,78}$'), 'the token id is no number',
        condition_id = '', 'no condition',
        NOT match(condition_id, '^[0-9a-f]{64}$'), 'the condition id is not 0x and 64 hex digits',
        NOT match(outcomeIndex, '^[0-9]{0,3}$'), 'the outcome index is no number',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.goldsky_markets_to_mapping TO default.goldsky_market_mapping AS
SELECT id AS token_id, condition_id, if(outcomeIndex = '', toInt16(-1), toInt16OrZero(outcomeIndex)) AS outcome_index, fetched_at, batch
FROM default.goldsky_markets_landing
WHERE reason = '';

-- Rows that do not qualify, as they came.
CREATE TABLE IF NOT EXISTS default.goldsky_markets_rejected
(
    token_id   String CODEC(ZSTD(1)),
    reason     LowCardinality(String),
    row        String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
    batch      String CODEC(ZSTD(1)),
    fetched_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY token_id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.goldsky_markets_to_rejected TO default.goldsky_markets_rejected AS
SELECT id AS token_id, reason,
    concat('{"id":', toJSONString(id), ',"outcomeIndex":', toJSONString(outcomeIndex), ',"condition":', if(condition = '', 'null', condition), '}') AS row,
    batch, fetched_at
FROM default.goldsky_markets_landing
WHERE reason != '';
