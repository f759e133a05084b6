-- @setup after=mapping-tables
-- The rows as the CLOB sends them. Nothing is kept here: the two views below take the rows on.
CREATE TABLE IF NOT EXISTS default.clob_markets_landing
(
    condition_id     String COMMENT '0x and 64 hex digits; empty in drafts',
    question_id      String,
    question         String,
    market_slug      String,
    active           String,
    closed           String,
    archived         String,
    accepting_orders String,
    end_date_iso     String,
    game_start_time  String,
    is_50_50_outcome String,
    neg_risk         String,
    neg_risk_market_id String,
    tokens           String COMMENT 'a JSON array of {token_id, outcome, price, winner}',
    batch            String,
    fetched_at       DateTime64(3, 'UTC'),

    id        String MATERIALIZED replaceRegexpOne(lower(condition_id), '^0x', ''),
    key       String MATERIALIZED multiIf(condition_id != '', condition_id, question_id != '', question_id, market_slug),
    each      Array(String) MATERIALIZED JSONExtractArrayRaw(tokens),
    texts     Array(String) MATERIALIZED arrayMap(t -> JSONExtractString(t, 'token_id'), each),
    reason    String MATERIALIZED multiIf(
        condition_id = '', 'no condition id',
        NOT match(id, '^[0-9a-f]{64}$'), 'the condition id is not 0x and 64 hex digits',
        arrayExists(t -> NOT match(t, '^[0-9]{0,78}$'), texts), 'a token id is no number',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_markets_to_mapping TO default.clob_market_mapping AS
SELECT
    id AS condition_id,
    replaceRegexpOne(lower(question_id), '^0x', '') AS question_id,
    market_slug,
    question,
    if(has(texts, ''), [], texts) AS token_ids,
    arrayMap(t -> JSONExtractString(t, 'outcome'), each) AS outcomes,
    arrayMap(t -> JSONExtractBool(t, 'winner'), each)::Array(Bool) AS winners,
    (active = 'true')::Bool AS active,
    (closed = 'true')::Bool AS closed,
    (is_50_50_outcome = 'true')::Bool AS is_50_50_outcome,
    (neg_risk = 'true')::Bool AS neg_risk,
    fetched_at,
    batch
FROM default.clob_markets_landing
WHERE reason = '';

-- Rows that do not qualify: drafts without ids, most of all.
CREATE TABLE IF NOT EXISTS default.clob_markets_rejected
(
    key        String COMMENT 'condition id, question id or slug: the first that the row has' CODEC(ZSTD(1)),
    reason     LowCardinality(String),
    row        String COMMENT 'what it says of the market, as JSON' CODEC(ZSTD(1)),
    batch      String CODEC(ZSTD(1)),
    fetched_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY key
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_markets_to_rejected TO default.clob_markets_rejected AS
SELECT key, reason,
    concat('{"condition_id":', toJSONString(condition_id), ',"question_id":', toJSONString(question_id), ',"market_slug":', toJSONString(market_slug),
        ',"question":', toJSONString(question), ',"active":', active, ',"closed":', closed, ',"tokens":', tokens, '}') AS row,
    batch, fetched_at
FROM default.clob_markets_landing
WHERE reason != '';
