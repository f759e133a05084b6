-- Tables that do not belong to a single job: several jobs fill them, or the user has filled them.

-- @setup
CREATE DATABASE IF NOT EXISTS cascadian_clean;

-- Payout vectors from before the backfills; created empty if it does not exist.
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

-- The payout vectors from APIs, one row per condition and source: the jobs payouts and resolutions fill it. Those from the chain
-- are in rpc_resolutions. The fraction is in lowest terms: numerators that sum up to the denominator.
CREATE TABLE IF NOT EXISTS default.resolutions_external_ingest
(
    condition_id      String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    payout_numerators Array(UInt256) CODEC(ZSTD(1)),
    payout_denominator UInt256 COMMENT 'the sum of the numerators' CODEC(ZSTD(1)),
    winning_index     Int16 COMMENT 'the outcome with the highest payout, from 0; -1 for a tie',
    resolved_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'NULL if the source has no time',
    source            LowCardinality(String) COMMENT 'goldsky-api or data-api',
    unread            Map(String, String) COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at        DateTime64(3, 'UTC'),
    batch             String COMMENT 'the batch of the ledger that stored the row' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (condition_id, source)
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.resolutions_external_ingest ADD COLUMN IF NOT EXISTS unread Map(String, String);
