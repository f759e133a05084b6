-- Tables that belong to no job, and that a person may have filled from elsewhere.

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
