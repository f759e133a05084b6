-- @setup after=tables
-- The rows as Goldsky sends them, and what they come to. Nothing is kept here: the two views below take the rows on.
CREATE TABLE IF NOT EXISTS default.payouts_landing
(
    id         String COMMENT '0x and 64 hex digits',
    payouts    String COMMENT 'a JSON array of decimal strings, such as ["0.54","0.46"]',
    batch      String,
    fetched_at DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(id), '^0x', ''),
    texts    Array(String) MATERIALIZED JSONExtract(payouts, 'Array(String)'),
    reason   String MATERIALIZED multiIf(
        empty(texts), 'payouts are no list of numbers',
        arrayExists(t -> match(t, '^-[0-9.]+$'), texts), 'a payout is negative',
        NOT arrayAll(t -> match(t, '^[0-9]+([.][0-9]+)?$'), texts), 'a payout is no number',
        NOT arrayAll(t -> match(t, '^[0-9]{1,38}([.][0-9]{1,38})?$'), texts), 'a payout has more than 38 digits',
        arrayAll(t -> match(t, '^[0.]+$'), texts), 'all payouts are zero',
        ''),
    -- digits behind the point; then every payout as a whole number of 10^-scale
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

-- Rows that do not qualify, as they came.
CREATE TABLE IF NOT EXISTS default.payouts_rejected
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

CREATE MATERIALIZED VIEW IF NOT EXISTS default.payouts_to_rejected TO default.payouts_rejected AS
SELECT condition_id, reason, concat('{"id":', toJSONString(id), ',"payouts":', payouts, '}') AS row, batch, fetched_at
FROM default.payouts_landing
WHERE reason != '';
