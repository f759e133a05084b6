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

-- What each wallet has and had of each outcome token and pool, by the chain's fills and events: `backfill positions` computes
-- it. Averages and profits are in whole base units of 10^-6, by the rules of Polymarket's pnl-subgraph.
CREATE TABLE IF NOT EXISTS default.wallet_positions
(
    wallet         String COMMENT '0x and 40 hex digits' CODEC(ZSTD(1)),
    condition_id   String COMMENT '64 hex digits, no 0x; empty if no source knows the token' CODEC(ZSTD(1)),
    token_id       String COMMENT 'decimal; of shares of a pool the pool''s address' CODEC(ZSTD(1)),
    outcome_index  Int16 COMMENT 'from 0; -1 for shares of a pool and for sets of outcomes',
    amount         Decimal(38, 6) COMMENT 'what is held: bought less sold' CODEC(ZSTD(1)),
    average_price  Decimal(38, 6) COMMENT 'paid for a share, over all that were bought' CODEC(ZSTD(1)),
    cost           Decimal(38, 6) COMMENT 'amount at the average price' CODEC(ZSTD(1)),
    bought         Decimal(38, 6) COMMENT 'shares, over all time' CODEC(ZSTD(1)),
    realized_pnl   Decimal(38, 6) CODEC(ZSTD(1)),
    price          Nullable(Decimal(38,
        6)) COMMENT 'the payout once the condition is resolved, before that the last fill''s; NULL if there is neither' CODEC(ZSTD(1)),
    resolved       Bool COMMENT 'the price is the payout',
    unrealized_pnl Nullable(Decimal(38, 6)) COMMENT 'amount at the price less its cost' CODEC(ZSTD(1)),
    last_block     UInt64 COMMENT 'of the last change' CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (wallet, condition_id, token_id);

-- The same for each wallet and condition, with what the wallet traded there.
CREATE TABLE IF NOT EXISTS default.wallet_pnl
(
    wallet         String CODEC(ZSTD(1)),
    condition_id   String COMMENT 'empty for tokens that no source knows: a row for each of them' CODEC(ZSTD(1)),
    cost           Decimal(38, 6) COMMENT 'of what is held' CODEC(ZSTD(1)),
    realized_pnl   Decimal(38, 6) CODEC(ZSTD(1)),
    unrealized_pnl Decimal(38, 6) COMMENT 'of positions with a price' CODEC(ZSTD(1)),
    resolved       Bool,
    trades         UInt64 COMMENT 'fills of own orders, and trades with pools',
    volume         Decimal(38, 6) COMMENT 'collateral of these' CODEC(ZSTD(1)),
    taker_volume   Decimal(38, 6) COMMENT 'of the rows that sums of volume take: as a taker, alone, or with a pool' CODEC(ZSTD(1)),
    fees           Decimal(38, 6) COMMENT 'of these trades; fees in shares at the fill''s price. No profit is less by them' CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (wallet, condition_id);
