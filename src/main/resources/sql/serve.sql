-- What the page of `backfill serve` keeps, so that a restart does not begin anew: the pace of each source, for a month.

-- @setup
CREATE TABLE IF NOT EXISTS default.serve_pace
(
    time             DateTime('UTC') CODEC(Delta, ZSTD(1)),
    source           LowCardinality(String),
    rate             Float32 COMMENT 'requests a second',
    limit_per_second Float32 COMMENT 'the most that its throttle allowed',
    troubled         Bool COMMENT 'whether it gave no good answer',
    refused          UInt32 COMMENT 'answers with HTTP 429 since the sample before',
    open             Bool COMMENT 'whether its circuit breaker refused calls'
)
ENGINE = MergeTree
ORDER BY (source, time)
TTL time + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 1000;
ALTER TABLE default.serve_pace ADD COLUMN IF NOT EXISTS refused UInt32 COMMENT 'answers with HTTP 429 since the sample before';
ALTER TABLE default.serve_pace ADD COLUMN IF NOT EXISTS open Bool COMMENT 'whether its circuit breaker refused calls';

-- @query pace
SELECT source, toUnixTimestamp(time) * 1000 AS at, rate, limit_per_second, troubled, refused, open FROM default.serve_pace
WHERE time > now() - INTERVAL 1 HOUR ORDER BY source, time;

-- @query coverage
SELECT measure, toUnixTimestamp64Milli(time) AS at, value FROM default.ready_results
WHERE isNotNull(value) AND measure IN ('fills-coverage', 'ids-of-trades', 'honest-ids') ORDER BY time DESC LIMIT 500;
