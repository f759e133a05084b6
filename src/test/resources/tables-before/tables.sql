-- @setup
CREATE DATABASE IF NOT EXISTS cascadian_clean;

-- Payout vectors from before the backfills; made empty where it is not there.
CREATE TABLE IF NOT EXISTS default.market_resolutions_final
(
    condition_id       String CODEC(ZSTD(1)),
    payout_numerators  Array(UInt256) CODEC(ZSTD(1)),
    payout_denominator UInt256 CODEC(ZSTD(1)),
    winning_index      Int16,
    resolved_at        Nullable(DateTime64(3, 'UTC'))
)
ENGINE = ReplacingMergeTree
ORDER BY condition_id;

-- Every payout vector that came from outside, one row a condition and source: the jobs payouts and resolutions bring
-- them. What the chain says is in rpc_resolutions.
-- The fraction is in lowest terms: numerators that sum up to the denominator.
CREATE TABLE IF NOT EXISTS default.resolutions_external_ingest
(
    condition_id      String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    payout_numerators Array(UInt256) CODEC(ZSTD(1)),
    payout_denominator UInt256 COMMENT 'the sum of the numerators' CODEC(ZSTD(1)),
    winning_index     Int16 COMMENT 'the outcome with the highest payout, from 0; -1 for a tie',
    resolved_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'NULL where the source gives no time',
    source            LowCardinality(String) COMMENT 'goldsky-api or data-api',
    fetched_at        DateTime64(3, 'UTC'),
    batch             String COMMENT 'the batch of the ledger that brought the row' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (condition_id, source)
SETTINGS non_replicated_deduplication_window = 10000;
