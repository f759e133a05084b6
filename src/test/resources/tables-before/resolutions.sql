-- @setup after=tables
-- The rows as the Data API sends them, and what they come to. Nothing is kept here: the two views below take the rows on.
CREATE TABLE IF NOT EXISTS default.resolutions_landing
(
    condition_id     String COMMENT '0x and 64 hex digits',
    status           String,
    payouts          String COMMENT 'a JSON array of whole parts per million, such as [1000000,0]',
    resolved_at      String COMMENT 'RFC 3339',
    resolved_block   String,
    was_disputed     String,
    resolution_source String,
    last_update_timestamp String,
    batch            String,
    fetched_at       DateTime64(3, 'UTC'),

    id       String MATERIALIZED replaceRegexpOne(lower(condition_id), '^0x', ''),
    texts    Array(String) MATERIALIZED JSONExtractArrayRaw(payouts),
    whole    UInt8 MATERIALIZED notEmpty(texts) AND arrayAll(t -> match(t, '^[0-9]{1,9}$'), texts),
    parts    Array(UInt64) MATERIALIZED if(whole, arrayMap(t -> toUInt64OrZero(t), texts), []),
    -- every part is rounded on its own, so that the sum may be off by half a part for each
    reason   String MATERIALIZED multiIf(
        NOT whole, 'payouts are no list of parts per million',
        arraySum(parts) = 0, 'all payouts are zero',
        abs(toInt64(arraySum(parts)) - 1000000) > length(parts), 'payouts do not add up to a million',
        resolved_at != '' AND isNull(parseDateTime64BestEffortOrNull(resolved_at, 3, 'UTC')), 'resolved_at is no time',
        ''),
    sound    Array(UInt64) MATERIALIZED if(reason = '', parts, []),
    divisor  UInt64 MATERIALIZED arrayFold((a, n) -> if(n = 0, a, gcd(a, greatest(n, 1))), sound, arrayMax(sound)),
    numerators Array(UInt256) MATERIALIZED arrayMap(n -> toUInt256(intDiv(n, greatest(divisor, 1))), sound)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.resolutions_to_ingest TO default.resolutions_external_ingest AS
SELECT
    id AS condition_id,
    numerators AS payout_numerators,
    arraySum(numerators) AS payout_denominator,
    toInt16(if(countEqual(numerators, arrayMax(numerators)) = 1, indexOf(numerators, arrayMax(numerators)) - 1, -1)) AS winning_index,
    parseDateTime64BestEffortOrNull(resolved_at, 3, 'UTC') AS resolved_at,
    'data-api' AS source,
    fetched_at,
    batch
FROM default.resolutions_landing
WHERE reason = '';

-- Rows that do not qualify, as they came.
CREATE TABLE IF NOT EXISTS default.resolutions_rejected
(
    condition_id String CODEC(ZSTD(1)),
    reason       LowCardinality(String),
    row          String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
    batch        String CODEC(ZSTD(1)),
    fetched_at   DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY condition_id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.resolutions_to_rejected TO default.resolutions_rejected AS
SELECT id AS condition_id, reason,
    concat('{"condition_id":', toJSONString(resolutions_landing.condition_id), ',"status":', toJSONString(status), ',"payouts":', payouts,
        ',"resolved_at":', toJSONString(resolved_at), ',"resolved_block":', toJSONString(resolved_block), '}') AS row,
    batch, fetched_at
FROM default.resolutions_landing
WHERE reason != '';
