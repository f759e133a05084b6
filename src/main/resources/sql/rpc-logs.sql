-- Logs of the Conditional Tokens contract: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).
-- The target tables are default.rpc_conditions, rpc_resolutions, rpc_transfers and rpc_transfer_mapping, in
-- mapping-tables.sql; cascadian_clean.vw_resolutions_truth reads rpc_resolutions.

-- @setup after=mapping-tables
-- The logs as decoded rows (polymarket.backfill.polymarket.Chain). This table stores nothing: the views below write the rows
-- to the tables.
CREATE TABLE IF NOT EXISTS default.rpc_logs_landing
(
    kind               String COMMENT 'condition, resolution, transfer, or bad for a log that is none of them',
    range              String COMMENT 'the requested blocks',
    condition_id       String,
    oracle             String,
    question_id        String,
    outcome_slot_count String,
    payout_numerators  String COMMENT 'a JSON array of decimal strings',
    usdc_token_ids     String COMMENT 'a JSON array of decimal strings, computed',
    wrapped_token_ids  String COMMENT 'a JSON array of decimal strings, computed',
    other_token_ids    String COMMENT 'a JSON array of decimal strings, computed',
    token_id           String,
    transfers          String,
    block_number       String,
    block_time         String COMMENT 'seconds since 1970; empty if the node sends none; an impossible value unchanged',
    transaction_hash   String,
    log_index          String,
    reason             String,
    log                String,
    batch              String,
    fetched_at         DateTime64(3, 'UTC'),

    block  UInt64 MATERIALIZED toUInt64OrZero(block_number),
    time   Nullable(DateTime64(3, 'UTC')) MATERIALIZED $past(block_time),
    unread Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', map('block_time', $unread(block_time, time)))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_conditions TO default.rpc_conditions AS
SELECT condition_id, oracle, question_id, toUInt16(outcome_slot_count) AS outcome_slot_count, block AS block_number, time AS block_time,
    transaction_hash, toUInt32(log_index) AS log_index, unread, fetched_at, batch
FROM default.rpc_logs_landing WHERE kind = 'condition';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_resolutions TO default.rpc_resolutions AS
SELECT condition_id, oracle, question_id, toUInt16(outcome_slot_count) AS outcome_slot_count,
    arrayMap(n -> toUInt256(n), JSONExtract(payout_numerators, 'Array(String)')) AS payout_numerators, block AS block_number,
        time AS resolved_at,
    transaction_hash, toUInt32(log_index) AS log_index, unread, fetched_at, batch
FROM default.rpc_logs_landing WHERE kind = 'resolution';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_transfers TO default.rpc_transfers AS
SELECT transaction_hash, token_id, block AS block_number, time AS block_time, toUInt32(transfers) AS transfers, unread, fetched_at, batch
FROM default.rpc_logs_landing WHERE kind = 'transfer';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_computed TO default.computed_token_ids AS
SELECT condition_id, toUInt16(outcome_slot_count) AS outcomes, JSONExtract(usdc_token_ids, 'Array(String)') AS usdc_token_ids,
    JSONExtract(wrapped_token_ids, 'Array(String)') AS wrapped_token_ids,
        JSONExtract(landing.other_token_ids, 'Array(String)') AS other_token_ids, fetched_at AS computed_at
FROM default.rpc_logs_landing AS landing WHERE kind = 'condition';

-- Logs that do not match their signature, unchanged.
CREATE TABLE IF NOT EXISTS default.rpc_logs_rejected
(
    transaction_hash String CODEC(ZSTD(1)),
    log_index        String,
    block_number     UInt64 COMMENT 'the first of the range',
    reason           String,
    row              String COMMENT 'the received row, as JSON' CODEC(ZSTD(1)),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (transaction_hash, log_index)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.rpc_logs_to_rejected TO default.rpc_logs_rejected AS
SELECT transaction_hash, log_index, block AS block_number, reason, log AS row, batch, fetched_at FROM default.rpc_logs_landing
    WHERE kind = 'bad';

-- @has-rows
-- Whether the tables have rows that another ledger stored; if so, every batch checks the tables before it stores.
SELECT count() FROM
(
    SELECT 1 FROM default.rpc_conditions WHERE NOT startsWith(batch, {ledger}) LIMIT 1
    UNION ALL SELECT 1 FROM default.rpc_transfers WHERE NOT startsWith(batch, {ledger}) LIMIT 1
);

-- @elsewhere needs=default.chain_ranges
-- The blocks whose conditions and transfers the job chain has fetched together: it fills the same tables.
SELECT min(first) AS first, max(last) AS last FROM
(
    SELECT first, last, sum(apart) OVER (ORDER BY first) AS island FROM
    (
        SELECT first, last, first > 1 + max(last) OVER (ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS apart FROM
        (
            SELECT first, last FROM default.chain_ranges FINAL WHERE dataset IN ('conditions', 'transfers')
            GROUP BY first, last HAVING uniqExact(dataset) = 2
        )
    )
)
GROUP BY island ORDER BY first;

-- @present
-- The keys of a batch whose rows are already in the tables, and whether this batch stored them.
SELECT concat('condition/', condition_id, '/', transaction_hash) AS key, max(stored.batch = {batch}) AS own
    FROM default.rpc_conditions AS stored
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12))
    AND ({redo} = 0 OR stored.batch = {batch}) GROUP BY key
UNION ALL
SELECT concat('resolution/', condition_id, '/', transaction_hash) AS key, max(stored.batch = {batch}) AS own
    FROM default.rpc_resolutions AS stored
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12))
    AND ({redo} = 0 OR stored.batch = {batch}) GROUP BY key
UNION ALL
SELECT concat('transfer/', token_id, '/', transaction_hash) AS key, max(stored.batch = {batch}) AS own FROM default.rpc_transfers AS stored
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12))
    AND ({redo} = 0 OR stored.batch = {batch}) GROUP BY key
UNION ALL
SELECT concat('bad/', log_index, '/', transaction_hash) AS key, 1 FROM default.rpc_logs_rejected
    WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch = {batch}
    GROUP BY key;

-- @stored
-- The stored rows of a batch: rows and rejected rows of each range.
SELECT [{ids}][arrayLastIndex(i -> toUInt64(substring(i, 1, 12)) <= block_number, [{ids}])] AS id, uniqExact(condition_id) AS rows,
    0 AS rejected, '' AS reason FROM default.rpc_conditions
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch = {batch} GROUP BY id
UNION ALL
SELECT [{ids}][arrayLastIndex(i -> toUInt64(substring(i, 1, 12)) <= block_number, [{ids}])] AS id, uniqExact(condition_id) AS rows,
    0 AS rejected, '' AS reason FROM default.rpc_resolutions
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch = {batch} GROUP BY id
UNION ALL
SELECT [{ids}][arrayLastIndex(i -> toUInt64(substring(i, 1, 12)) <= block_number, [{ids}])] AS id,
    uniqExact(transaction_hash, token_id) AS rows, 0 AS rejected, '' AS reason FROM default.rpc_transfers
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch = {batch} GROUP BY id
UNION ALL
SELECT [{ids}][arrayLastIndex(i -> toUInt64(substring(i, 1, 12)) <= block_number, [{ids}])] AS id, 0,
    uniqExact(transaction_hash, log_index), any(reason) FROM default.rpc_logs_rejected
WHERE block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch = {batch} GROUP BY id;

-- @redone tables=default.rpc_conditions,default.rpc_resolutions,default.rpc_transfers
-- The tables that have both old and new rows until they are merged.

-- @unread default.rpc_conditions, rpc_resolutions and rpc_transfers
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM
(
    SELECT unread FROM default.rpc_conditions WHERE fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC')
    UNION ALL SELECT unread FROM default.rpc_resolutions WHERE fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC')
    UNION ALL SELECT unread FROM default.rpc_transfers WHERE fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC')
)
ARRAY JOIN mapKeys(unread) AS field, mapValues(unread) AS value GROUP BY field ORDER BY field;

-- @unfinished
-- Whether logs were stored since the section below ran: a stopped or killed run does not execute it. Its result has the time of
-- the newest log.
SELECT greatest((SELECT max(fetched_at) FROM default.rpc_transfers), (SELECT max(fetched_at) FROM default.rpc_conditions))
    > (SELECT max(fetched_at) FROM default.rpc_transfer_mapping);

-- @finish-keys
-- About how many token ids have to be mapped.
SELECT greatest((SELECT uniq(token_id) FROM default.rpc_transfers), 4 * (SELECT uniq(condition_id) FROM default.rpc_conditions));

-- @finish
-- The moved token ids with their conditions. Recreated at the end of a run, and by `backfill reconcile` after a run that did not
-- end; a newer row replaces the older one. One range of token ids is mapped at a time; the last step records that all were.
INSERT INTO default.rpc_transfer_mapping
SELECT token_id, any(mapped.condition_id) AS condition_id, any(mapped.outcome_index) AS outcome_index,
    any(transfer_count) AS transfer_count,
    any(transactions) AS transactions, any(first_block) AS first_block, any(last_block) AS last_block,
    greatest((SELECT max(fetched_at) FROM default.rpc_transfers),
        (SELECT max(fetched_at) FROM default.rpc_conditions)) - INTERVAL 1 MILLISECOND AS fetched_at, 'rpc-logs' AS batch
FROM (SELECT condition_id FROM default.rpc_conditions) AS known
INNER JOIN
(
    SELECT moved.token_id AS token_id, tokens.condition_id AS condition_id, tokens.outcome_index AS outcome_index,
        moved.transfer_count AS transfer_count,
        moved.transactions AS transactions, moved.first_block AS first_block, moved.last_block AS last_block
    FROM
    (
        SELECT condition_id, entry.1 AS token_id, toInt16(entry.2 - 1) AS outcome_index FROM
        (
            SELECT condition_id, arrayJoin(arrayConcat(arrayZip(usdc_token_ids, arrayEnumerate(usdc_token_ids)),
                arrayZip(wrapped_token_ids, arrayEnumerate(wrapped_token_ids)))) AS entry
            FROM default.computed_token_ids
        )
        WHERE cityHash64(token_id) {in_range}
    ) AS tokens
    INNER JOIN
    (
        SELECT token_id, sum(r.transfers) AS transfer_count, count() AS transactions, min(block_number) AS first_block,
            max(block_number) AS last_block
        FROM default.rpc_transfers AS r FINAL WHERE cityHash64(token_id) {in_range} GROUP BY token_id
    ) AS moved ON moved.token_id = tokens.token_id
) AS mapped ON mapped.condition_id = known.condition_id
GROUP BY token_id
SETTINGS max_memory_usage = {max_memory}, join_algorithm = 'hash'{join_sides}, max_bytes_before_external_group_by = {spill},
    min_insert_block_size_bytes = {spill}, max_block_size = 8192;

INSERT INTO default.rpc_transfer_mapping
SELECT * REPLACE (fetched_at + INTERVAL 1 MILLISECOND AS fetched_at) FROM default.rpc_transfer_mapping FINAL LIMIT 1;

-- @check what there is
SELECT * EXCEPT place FROM
(
    SELECT 1 AS place, 'conditions' AS what, count() AS rows, uniqExact(condition_id) AS distinct_ids, min(block_number) AS first_block,
        max(block_number) AS last_block FROM default.rpc_conditions
    UNION ALL
    SELECT 2, 'resolutions', count(), uniqExact(condition_id), min(block_number), max(block_number) FROM default.rpc_resolutions
    UNION ALL
    SELECT 3, 'transfers', count(), uniqExact(transaction_hash, token_id), min(block_number), max(block_number) FROM default.rpc_transfers
    UNION ALL
    SELECT 4, 'token ids with a condition', count(), uniqExact(token_id), min(first_block), max(last_block)
        FROM default.rpc_transfer_mapping FINAL
)
ORDER BY place;

-- @check rejected logs by reason (at most 20)
SELECT reason, count() AS logs FROM default.rpc_logs_rejected GROUP BY reason ORDER BY logs DESC LIMIT 20;

-- @check moved token ids that no known condition gives (at most 20)
SELECT token_id, sum(transfers) AS transfers, min(block_number) AS first_block FROM default.rpc_transfers
WHERE token_id NOT IN (SELECT token_id FROM default.rpc_transfer_mapping) GROUP BY token_id ORDER BY transfers DESC LIMIT 20;

-- @check resolutions on which the chain and another source disagree (at most 20)
SELECT * FROM cascadian_clean.vw_resolution_conflicts WHERE one = 'chain' OR other = 'chain' ORDER BY condition_id LIMIT 20;

-- @measure conditions Conditions that were prepared in these blocks
SELECT uniqExact(condition_id) FROM default.rpc_conditions;

-- @measure resolutions Conditions that were resolved in these blocks
SELECT uniqExact(condition_id) FROM default.rpc_resolutions;

-- @measure mapped unit=% Share of the moved token ids with a known condition
SELECT if(count() = 0, 1, countIf(token_id IN (SELECT token_id FROM default.rpc_transfer_mapping)) / count())
    FROM (SELECT DISTINCT token_id FROM default.rpc_transfers);

-- @measure failed max=0 Ranges that could not be fetched
SELECT {failed};

-- @measure pending max=0 Ranges that were not fetched yet
SELECT {pending};

-- @measure rejected max=0 Logs that do not match their signature
SELECT uniqExact(transaction_hash, log_index) FROM default.rpc_logs_rejected;

-- @measure timeless max=0 Resolutions without the time of their block
SELECT count() FROM default.rpc_resolutions WHERE isNull(resolved_at);

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT (SELECT countIf(notEmpty(unread)) FROM default.rpc_conditions) + (SELECT countIf(notEmpty(unread)) FROM default.rpc_resolutions)
    + (SELECT countIf(notEmpty(unread)) FROM default.rpc_transfers);

-- @measure duplicates Rows beyond one per key (--redo replaces them at the end of a run)
SELECT (SELECT count() - uniqExact(condition_id) FROM default.rpc_conditions) + (SELECT count() - uniqExact(condition_id)
    FROM default.rpc_resolutions)
    + (SELECT count() - uniqExact(transaction_hash, token_id) FROM default.rpc_transfers);
