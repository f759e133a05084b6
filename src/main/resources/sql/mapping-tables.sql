-- The tables that the mapping jobs (clob-markets, chain, goldsky-markets) fill and `backfill reconcile` reads. Each source
-- fills only its own tables. Condition and question ids: 64 hex digits, lower case, no 0x; token ids: decimal; addresses and
-- transaction hashes: lower case with 0x.

-- @setup
-- The CLOB's markets, one row per condition.
CREATE TABLE IF NOT EXISTS default.clob_market_mapping
(
    condition_id     String CODEC(ZSTD(1)),
    question_id      String COMMENT 'empty if the CLOB has none' CODEC(ZSTD(1)),
    market_slug      String CODEC(ZSTD(1)),
    question         String CODEC(ZSTD(1)),
    token_ids        Array(String) COMMENT 'in the order of the outcomes; empty if the CLOB has none' CODEC(ZSTD(1)),
    outcomes         Array(String) CODEC(ZSTD(1)),
    winners          Array(Bool) COMMENT 'the winner flag of each outcome',
    active           Bool,
    closed           Bool,
    is_50_50_outcome Bool,
    neg_risk         Bool,
    unread           Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC'),
    batch            String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY condition_id
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.clob_market_mapping ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- ConditionPreparation: every condition that the chain knows.
CREATE TABLE IF NOT EXISTS default.rpc_conditions
(
    condition_id       String CODEC(ZSTD(1)),
    oracle             String CODEC(ZSTD(1)),
    question_id        String CODEC(ZSTD(1)),
    outcome_slot_count UInt16,
    block_number       UInt64,
    block_time         Nullable(DateTime64(3, 'UTC')) COMMENT 'NULL if the node sends no time',
    transaction_hash   String CODEC(ZSTD(1)),
    log_index          UInt32,
    unread             Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at         DateTime64(3, 'UTC'),
    batch              String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY condition_id
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.rpc_conditions ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- ConditionResolution: payout numerators as on the chain.
CREATE TABLE IF NOT EXISTS default.rpc_resolutions
(
    condition_id       String CODEC(ZSTD(1)),
    oracle             String CODEC(ZSTD(1)),
    question_id        String CODEC(ZSTD(1)),
    outcome_slot_count UInt16,
    payout_numerators  Array(UInt256) CODEC(ZSTD(1)),
    block_number       UInt64,
    resolved_at        Nullable(DateTime64(3, 'UTC')) COMMENT 'the block''s time',
    transaction_hash   String CODEC(ZSTD(1)),
    log_index          UInt32,
    unread             Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at         DateTime64(3, 'UTC'),
    batch              String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY condition_id
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.rpc_resolutions ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- The transactions by which trades can be matched: one row per transaction and token id that it moved.
CREATE TABLE IF NOT EXISTS default.rpc_transfers
(
    transaction_hash String CODEC(ZSTD(1)),
    token_id         String CODEC(ZSTD(1)),
    block_number     UInt64,
    block_time       Nullable(DateTime64(3, 'UTC')),
    transfers        UInt32 COMMENT 'of this token id in this transaction',
    unread           Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC'),
    batch            String CODEC(ZSTD(1)),
    INDEX by_transaction transaction_hash TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree(fetched_at)
-- by blocks, the order in which they arrive and are queried
ORDER BY (block_number, transaction_hash, token_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.rpc_transfers ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- The token ids that were moved, with the condition that they were computed from (computed_token_ids); made from
-- rpc_transfers, rpc_conditions and the computed token ids. A token id without a known condition is not in it.
CREATE TABLE IF NOT EXISTS default.rpc_transfer_mapping
(
    token_id       String CODEC(ZSTD(1)),
    condition_id   String CODEC(ZSTD(1)),
    outcome_index  Int16,
    transfer_count UInt64,
    transactions   UInt64 COMMENT 'in which it was moved: the rows of rpc_transfers, by which trades are matched',
    first_block    UInt64,
    last_block     UInt64,
    fetched_at     DateTime64(3, 'UTC'),
    batch          String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY token_id
SETTINGS non_replicated_deduplication_window = 10000;

-- The positions subgraph's tokenIdConditions.
CREATE TABLE IF NOT EXISTS default.goldsky_market_mapping
(
    token_id      String CODEC(ZSTD(1)),
    condition_id  String CODEC(ZSTD(1)),
    outcome_index Int16 COMMENT '-1 if the subgraph has none',
    unread        Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at    DateTime64(3, 'UTC'),
    batch         String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY token_id
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.goldsky_market_mapping ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- Token ids computed forward from condition ids (polymarket.backfill.polymarket.ComputedTokenIds): no source has them.
CREATE TABLE IF NOT EXISTS default.computed_token_ids
(
    condition_id      String CODEC(ZSTD(1)),
    outcomes          UInt16 COMMENT 'how many outcomes were computed',
    usdc_token_ids    Array(String) COMMENT 'of outcome 0, 1, … with USDC.e as collateral' CODEC(ZSTD(1)),
    wrapped_token_ids Array(String) COMMENT 'the same with the neg-risk adapter''s wrapped collateral' CODEC(ZSTD(1)),
    other_token_ids   Array(String)
        COMMENT 'of the sets 3, 5, 6, 7, … up to the outcomes, both collaterals: Gamma lists them for conditions with three and more outcomes, and they are not the tokens of a single outcome' CODEC(ZSTD(1)),
    computed_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(outcomes)
ORDER BY condition_id;

-- Columns that users expect when they join the mappings: the market id of a trade, and its source. condition_id_candidates and
-- condition_id_merged have all keys of all sources.
ALTER TABLE default.clob_market_mapping
    ADD COLUMN IF NOT EXISTS market_id String ALIAS if(market_slug != '', market_slug, question_id),
    ADD COLUMN IF NOT EXISTS source String ALIAS 'CLOB';
ALTER TABLE default.rpc_transfer_mapping
    ADD COLUMN IF NOT EXISTS market_id String ALIAS token_id,
    ADD COLUMN IF NOT EXISTS source String ALIAS 'RPC';
ALTER TABLE default.goldsky_market_mapping
    ADD COLUMN IF NOT EXISTS market_id String ALIAS token_id,
    ADD COLUMN IF NOT EXISTS source String ALIAS 'GOLDSKY';
