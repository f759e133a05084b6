-- @setup after=mapping-tables
-- The logs as decoded rows (polymarket.backfill.job.Chain). Nothing is kept here: the views below take the rows on.
CREATE TABLE IF NOT EXISTS default.rpc_logs_landing
(
    kind               String COMMENT 'condition, resolution, transfer, or bad for a log that is none of them',
    range              String COMMENT 'the blocks that were asked for',
    condition_id       String,
    oracle             String,
    question_id        String,
    outcome_slot_count String,
    payout_numerators  String COMMENT 'a JSON array of decimal strings',
    usdc_token_ids     String COMMENT 'likewise: computed',
    wrapped_token_ids  String COMMENT 'likewise',
    other_token_ids    String COMMENT 'likewise',
    token_id           String,
    transfers          String,
    block_number       String,
    block_time         String COMMENT 'seconds since 1970; empty where the node gives none',
    transaction_hash   String,
    log_index          String,
    reason             String,
    log                String,
    batch              String,
    fetched_at         DateTime64(3, 'UTC'),

    block UInt64 MATERIALIZED toUInt64OrZero(block_number),
    time  Nullable(DateTime64(3, 'UTC')) MATERIALIZED if(block_time = '', NULL, toDateTime64(toInt64OrZero(block_time), 3, 'UTC'))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_conditions TO default.rpc_conditions AS
SELECT condition_id, oracle, question_id, toUInt16(outcome_slot_count) AS outcome_slot_count, block AS block_number, time AS block_time,
    transaction_hash, toUInt32(log_index) AS log_index, fetched_at, batch
FROM default.rpc_logs_landing WHERE kind = 'condition';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_resolutions TO default.rpc_resolutions AS
SELECT condition_id, oracle, question_id, toUInt16(outcome_slot_count) AS outcome_slot_count,
    arrayMap(n -> toUInt256(n), JSONExtract(payout_numerators, 'Array(String)')) AS payout_numerators, block AS block_number, time AS resolved_at,
    transaction_hash, toUInt32(log_index) AS log_index, fetched_at, batch
FROM default.rpc_logs_landing WHERE kind = 'resolution';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_transfers TO default.rpc_transfers AS
SELECT transaction_hash, token_id, block AS block_number, time AS block_time, toUInt32(transfers) AS transfers, fetched_at, batch
FROM default.rpc_logs_landing WHERE kind = 'transfer';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_computed TO default.computed_token_ids AS
SELECT condition_id, toUInt16(outcome_slot_count) AS outcomes, JSONExtract(usdc_token_ids, 'Array(String)') AS usdc_token_ids,
    JSONExtract(wrapped_token_ids, 'Array(String)') AS wrapped_token_ids, JSONExtract(landing.other_token_ids, 'Array(String)') AS other_token_ids, fetched_at AS computed_at
FROM default.rpc_logs_landing AS landing WHERE kind = 'condition';

-- Logs that are not what their signature promises, as they came.
CREATE TABLE IF NOT EXISTS default.rpc_logs_rejected
(
    transaction_hash String CODEC(ZSTD(1)),
    log_index        String,
    block_number     UInt64 COMMENT 'the first of the range',
    reason           String,
    row              String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (transaction_hash, log_index)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_rejected TO default.rpc_logs_rejected AS
SELECT transaction_hash, log_index, block AS block_number, reason, log AS row, batch, fetched_at FROM default.rpc_logs_landing WHERE kind = 'bad';
