-- The job chain: the unchanged answers of its sources, and the queries on the tables, which are in chain-tables.sql.
-- An answer is inserted as the bytes that came; the view behind its landing table makes one row a log of it, whose batch is
-- the setting log_comment of the insert.

-- @setup after=chain-tables
-- What was asked for: a range of blocks of a dataset, and how many logs of all the range's datasets together came. Ranges without
-- logs are here too, so that "no log" and "not asked for" differ.
CREATE TABLE IF NOT EXISTS default.chain_ranges
(
    dataset    LowCardinality(String),
    first      UInt64 CODEC(Delta, ZSTD(1)),
    last       UInt64 CODEC(Delta, ZSTD(1)),
    source     LowCardinality(String) COMMENT 'rpc, sqd or hypersync',
    logs       UInt64 COMMENT 'of this dataset, stored or rejected',
    last_hash  String COMMENT 'hash of the last block, where the source gives it' CODEC(ZSTD(1)),
    parent_hash String COMMENT 'hash of the block before the first, where the source gives it' CODEC(ZSTD(1)),
    batch      String CODEC(ZSTD(1)),
    fetched_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (dataset, first, last)
SETTINGS non_replicated_deduplication_window = 10000;

-- For tables of an earlier version.
ALTER TABLE default.chain_ranges ADD COLUMN IF NOT EXISTS parent_hash String COMMENT 'hash of the block before the first, where the source gives it' CODEC(ZSTD(1)) AFTER last_hash;

-- A block a line, as a portal answers.
CREATE TABLE IF NOT EXISTS default.chain_from_sqd
(
    header Tuple(number UInt64, hash String, timestamp UInt32),
    logs   Array(Tuple(logIndex UInt32, transactionHash String, address String, data String, topics Array(String)))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_from_sqd_to_logs TO default.chain_logs AS
SELECT 'sqd' AS source, header.number AS block_number, $blockmoment(header.timestamp) AS block_time,
    unhex(substring(header.hash, 3)) AS block_hash,
    $wordbytes(log.transactionHash) AS transaction_hash, log.logIndex AS log_index,
    $addressbytes(log.address) AS address, $topicbytes(log.transactionHash, log.address, log.topics) AS topics,
    unhex(substring(log.data, 3)) AS data, getSetting('log_comment') AS batch, now64(3, 'UTC') AS fetched_at
FROM default.chain_from_sqd ARRAY JOIN logs AS log;

-- A log a line, as a node answers; the array around them is cut off. backfill_time is there where the log has no time of its own.
CREATE TABLE IF NOT EXISTS default.chain_from_polygon
(
    address String, topics Array(String), data String, blockNumber String, blockHash String, transactionHash String, logIndex String,
    blockTimestamp String, backfill_time String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_from_polygon_to_logs TO default.chain_logs AS
WITH x -> reinterpretAsUInt64(reverse(unhex(leftPad(substring(x, 3), 16, '0')))) AS number
SELECT 'rpc' AS source, number(blockNumber) AS block_number,
    $blockmoment(number(if(backfill_time != '', backfill_time, blockTimestamp))) AS block_time,
    unhex(substring(blockHash, 3)) AS block_hash, $wordbytes(transactionHash) AS transaction_hash,
    toUInt32(number(logIndex)) AS log_index, $addressbytes(t.address) AS address,
    $topicbytes(transactionHash, t.address, t.topics) AS topics, unhex(substring(t.data, 3)) AS data,
    getSetting('log_comment') AS batch, now64(3, 'UTC') AS fetched_at
FROM default.chain_from_polygon AS t;

-- A log a line, cut out of HyperSync's answer, with the time and hash of its block.
CREATE TABLE IF NOT EXISTS default.chain_from_hypersync
(
    backfill_time UInt32, backfill_hash String, block_number UInt64, log_index UInt32, transaction_hash String, address String, data String,
    topic0 Nullable(String), topic1 Nullable(String), topic2 Nullable(String), topic3 Nullable(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_from_hypersync_to_logs TO default.chain_logs AS
SELECT 'hypersync' AS source, block_number, $blockmoment(backfill_time) AS block_time, unhex(substring(backfill_hash, 3)) AS block_hash,
    $wordbytes(t.transaction_hash) AS transaction_hash, log_index, $addressbytes(t.address) AS address,
    $topicbytes(t.transaction_hash, t.address, arrayMap(x -> assumeNotNull(x), arrayFilter(x -> isNotNull(x), [topic0, topic1, topic2, topic3]))) AS topics,
    unhex(substring(t.data, 3)) AS data, getSetting('log_comment') AS batch, now64(3, 'UTC') AS fetched_at
FROM default.chain_from_hypersync AS t;

-- @has-rows
-- Whether another ledger stored rows, so that each batch replaces them.
SELECT count() FROM
(
    SELECT 1 FROM default.chain_ranges WHERE NOT startsWith(batch, {ledger}) LIMIT 1
    UNION ALL SELECT 1 FROM default.rpc_conditions WHERE NOT startsWith(batch, {ledger}) LIMIT 1
    UNION ALL SELECT 1 FROM default.rpc_transfers WHERE NOT startsWith(batch, {ledger}) LIMIT 1
);

-- @requests
-- By the logs that blocks of each era have on average, 10,000 of them an answer as in chain-estimate, and a request for each range.
SELECT sum(requests) FROM
(
    SELECT range, greatest(1, toUInt64(ceil(sumIf(density * greatest(0, toInt64(least(toUInt64(substring(range, 14, 12)), era_last))
        - toInt64(greatest(toUInt64(substring(range, 1, 12)), era_first)) + 1),
        has(splitByChar('+', substring(range, 27)), dataset)) / 10000))) AS requests
    FROM (SELECT arrayJoin([{ids}]) AS range) AS pending
    CROSS JOIN
    (
        SELECT line[1] AS dataset, toUInt64(line[4]) / toUInt64(line[3]) AS density,
            if(line[2] = 'V1', 86126998 - toUInt64(line[3]) + 1, 86126999) AS era_first,
            if(line[2] = 'V1', 86126998, 999999999999) AS era_last
        FROM (SELECT splitByChar('\t', arrayJoin(arrayFilter(l -> l != '' AND NOT startsWith(l, '#') AND NOT startsWith(l, 'part'),
            splitByChar('\n', $file(polymarket/chain-volumes.tsv))))) AS line)
    ) AS volumes
    GROUP BY range
);

-- @present
-- What the tables hold of this batch from the page's first block on.
SELECT sum(held) AS rows FROM
(
    SELECT count() AS held FROM default.chain_fills WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.chain_amm_trades WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.chain_transfers WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.chain_lifecycle WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.chain_rejected WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.rpc_conditions WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.rpc_resolutions WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.rpc_transfers WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12))
        AND batch = {batch}
    UNION ALL SELECT count() FROM default.chain_ranges WHERE first >= {page_first} AND batch = {batch}
);

-- @cleared
DELETE FROM default.chain_fills WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.chain_amm_trades WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.chain_transfers WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.chain_lifecycle WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.chain_rejected WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.rpc_conditions WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.rpc_resolutions WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.rpc_transfers WHERE block_number BETWEEN {page_first} AND toUInt64(substring({last}, 14, 12)) AND batch = {batch};
DELETE FROM default.chain_ranges WHERE first >= {page_first} AND batch = {batch};

-- @stored
-- How many logs of a page the tables hold, by dataset. Each log is in one of them.
SELECT part, sum(held) AS rows, sum(refused) AS rejected FROM
(
    SELECT 'fills' AS part, count() AS held, 0 AS refused FROM default.chain_fills WHERE block_number BETWEEN {page_first} AND {page_last}
        AND batch = {batch}
    UNION ALL SELECT 'amm', count(), 0 FROM default.chain_amm_trades WHERE block_number BETWEEN {page_first} AND {page_last}
        AND batch = {batch}
    UNION ALL SELECT 'transfers', countIf(batch_index = 0), 0 FROM default.chain_transfers
        WHERE block_number BETWEEN {page_first} AND {page_last} AND batch = {batch}
    UNION ALL SELECT toString(dataset), count(), 0 FROM default.chain_lifecycle WHERE block_number BETWEEN {page_first} AND {page_last}
        AND batch = {batch} GROUP BY dataset
    UNION ALL SELECT toString(dataset), 0, count() FROM default.chain_rejected WHERE block_number BETWEEN {page_first} AND {page_last}
        AND batch = {batch} GROUP BY dataset
)
GROUP BY part;

-- @noted
INSERT INTO default.chain_ranges (dataset, first, last, source, logs, last_hash, parent_hash, batch, fetched_at)
SELECT arrayJoin([{datasets}]) AS dataset, {page_first}, {page_last}, if({came_from} = 'polygon', 'rpc', {came_from}),
    arraySum(arrayMap((part, logs) -> if(part = dataset, logs, 0), CAST([{parts}] AS Array(String)), CAST([{part_rows}] AS Array(UInt64)))),
    unhex(substring({page_hash}, 3)), unhex(substring({page_parent}, 3)), {batch}, now64(3, 'UTC');

-- @query held
-- The number of logs of each range of a batch, including ranges without any.
SELECT range AS id, sum(logs) AS rows FROM
(
    SELECT arrayJoin([{ids}]) AS range, toUInt64(0) AS logs
    UNION ALL
    SELECT [{ids}][arrayLastIndex(i -> toUInt64(substring(i, 1, 12)) <= first, [{ids}])], logs FROM default.chain_ranges
        WHERE batch = {batch}
)
GROUP BY range;

-- @others
-- The rows of other batches for the batch's blocks and datasets.
SELECT sum(held) AS rows FROM
(
    SELECT count() AS held FROM default.chain_fills WHERE 'fills' IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.chain_amm_trades WHERE 'amm' IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.chain_transfers WHERE 'transfers' IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.chain_lifecycle WHERE dataset IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.chain_rejected WHERE (dataset IN ({datasets}) OR dataset = '')
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.rpc_conditions WHERE 'conditions' IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.rpc_resolutions WHERE 'conditions' IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.rpc_transfers WHERE 'transfers' IN ({datasets})
        AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch}
    UNION ALL SELECT count() FROM default.chain_ranges WHERE dataset IN ({datasets}) AND last >= toUInt64(substring({first}, 1, 12))
        AND first <= toUInt64(substring({last}, 14, 12)) AND batch != {batch}
);

-- @replaced
-- Of a range that reaches beyond these blocks, the blocks before and behind them stay noted, with the logs that the tables have of
-- them. They keep the time of that range: if another batch has noted the same blocks since, its row is the newer one. Where no range
-- reaches beyond, no table is read.
INSERT INTO default.chain_ranges (dataset, first, last, source, logs, last_hash, parent_hash, batch, fetched_at)
WITH toUInt64(substring({first}, 1, 12)) AS begin, toUInt64(substring({last}, 14, 12)) AS end
SELECT part.dataset, part.first, part.last, any(part.source),
    sumIf(logs.n, logs.block_number BETWEEN part.first AND part.last), any(part.last_hash), any(part.parent_hash), any(part.batch),
    any(part.fetched_at)
FROM
(
    SELECT toString(dataset) AS dataset, first, toUInt64(begin - 1) AS last, source, '' AS last_hash, parent_hash, batch, fetched_at
    FROM default.chain_ranges FINAL
    WHERE dataset IN ({datasets}) AND default.chain_ranges.first < begin AND default.chain_ranges.last >= begin AND batch != {batch}
    UNION ALL
    SELECT toString(dataset), toUInt64(end + 1) AS first, last, source, last_hash, '' AS parent_hash, batch, fetched_at
    FROM default.chain_ranges FINAL
    WHERE dataset IN ({datasets}) AND default.chain_ranges.first <= end AND default.chain_ranges.last > end AND batch != {batch}
) AS part
LEFT JOIN
(
    WITH
        (
            SELECT (min(first), max(last)) FROM default.chain_ranges
            WHERE dataset IN ({datasets}) AND last >= begin AND first <= end AND (first < begin OR last > end) AND batch != {batch}
        ) AS all
    SELECT dataset, block_number, n FROM
    (
        SELECT 'transfers' AS dataset, block_number, countIf(batch_index = 0) AS n FROM default.chain_transfers FINAL
            WHERE block_number BETWEEN all.1 AND all.2 GROUP BY block_number
        UNION ALL SELECT 'fills', block_number, count() FROM default.chain_fills FINAL
            WHERE block_number BETWEEN all.1 AND all.2 GROUP BY block_number
        UNION ALL SELECT 'amm', block_number, count() FROM default.chain_amm_trades FINAL
            WHERE block_number BETWEEN all.1 AND all.2 GROUP BY block_number
        UNION ALL SELECT toString(dataset), block_number, count() FROM default.chain_lifecycle FINAL
            WHERE block_number BETWEEN all.1 AND all.2 GROUP BY dataset, block_number
        UNION ALL SELECT toString(dataset), block_number, count() FROM default.chain_rejected FINAL
            WHERE block_number BETWEEN all.1 AND all.2 AND dataset != '' GROUP BY dataset, block_number
    )
) AS logs ON logs.dataset = part.dataset
GROUP BY part.dataset, part.first, part.last
SETTINGS insert_deduplicate = 0;
DELETE FROM default.chain_fills WHERE 'fills' IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.chain_amm_trades WHERE 'amm' IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.chain_transfers WHERE 'transfers' IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.chain_lifecycle WHERE dataset IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.chain_rejected WHERE (dataset IN ({datasets}) OR dataset = '')
    AND block_number BETWEEN toUInt64(substring({first}, 1, 12)) AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.rpc_conditions WHERE 'conditions' IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.rpc_resolutions WHERE 'conditions' IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.rpc_transfers WHERE 'transfers' IN ({datasets}) AND block_number BETWEEN toUInt64(substring({first}, 1, 12))
    AND toUInt64(substring({last}, 14, 12)) AND batch != {batch};
DELETE FROM default.chain_ranges WHERE dataset IN ({datasets}) AND last >= toUInt64(substring({first}, 1, 12))
    AND first <= toUInt64(substring({last}, 14, 12)) AND batch != {batch};

-- @ends
-- The newest pages, the newest first: first and last block, the last one's hash, and that of the block before the first, as they
-- were when the page was fetched. Reorganisations that go back further than 10,000 blocks are not looked for.
SELECT first, last, concat('0x', lower(hex(any(last_hash)))) AS mark,
    if(any(parent_hash) = '', '', concat('0x', lower(hex(any(parent_hash))))) AS parent
FROM default.chain_ranges FINAL
WHERE last_hash != '' AND last + 10000 > (SELECT max(last) FROM default.chain_ranges)
GROUP BY first, last, last_hash, parent_hash ORDER BY last DESC, first DESC;

-- @token-ids
-- The conditions whose token ids are not computed yet, with their number of outcomes. Those of V3 do not say how many they have.
SELECT condition_id, max(outcome_slot_count) AS outcomes FROM default.rpc_conditions GROUP BY condition_id
HAVING outcomes BETWEEN 2 AND 256 AND (condition_id, outcomes) NOT IN (SELECT condition_id, outcomes FROM default.computed_token_ids)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @unfinished
-- Whether logs were stored since the section below ran: a stopped or killed run does not execute it. Its last statement keeps the
-- time of the newest log.
SELECT greatest((SELECT max(fetched_at) FROM default.rpc_transfers), (SELECT max(fetched_at) FROM default.rpc_conditions))
    > (SELECT max(fetched_at) FROM default.rpc_transfer_mapping);

-- @finish-keys
-- About how many token ids have to be mapped.
WITH (SELECT max(fetched_at) FROM default.rpc_transfer_mapping WHERE batch = 'chain') - INTERVAL 1 DAY AS since
SELECT (SELECT uniq(token_id) FROM default.rpc_transfers WHERE fetched_at > since)
    + 4 * (SELECT uniq(condition_id) FROM default.rpc_conditions WHERE fetched_at > since);

-- @finish
-- The moved token ids with their conditions, brought up to date at the end of a run, and by `backfill reconcile` after a run that did
-- not end. Only the tokens that were moved, and those of the conditions that were prepared, since the last time are mapped; a day
-- more, for what was stored while that was made. A newer row replaces the older one. One range of token ids is mapped at a time; the
-- row of the last statement says that all were.
INSERT INTO default.rpc_transfer_mapping
WITH (SELECT max(fetched_at) FROM default.rpc_transfer_mapping WHERE batch = 'chain') - INTERVAL 1 DAY AS since
SELECT moved.token_id AS token_id, any(tokens.condition_id) AS condition_id, any(tokens.outcome_index) AS outcome_index,
    sum(moved.transfers) AS transfer_count, count() AS transactions, min(moved.block_number) AS first_block,
    max(moved.block_number) AS last_block, (SELECT max(fetched_at) FROM default.rpc_transfer_mapping) AS fetched_at, 'moved' AS batch
FROM
(
    SELECT token_id, r.transfers AS transfers, block_number FROM default.rpc_transfers AS r FINAL WHERE cityHash64(token_id) {in_range}
) AS moved
INNER JOIN
(
    SELECT DISTINCT token_id, condition_id, outcome_index FROM
    (
        SELECT condition_id, entry.1 AS token_id, toInt16(entry.2 - 1) AS outcome_index FROM
        (
            SELECT condition_id, arrayJoin(arrayConcat(arrayZip(usdc_token_ids, arrayEnumerate(usdc_token_ids)),
                arrayZip(wrapped_token_ids, arrayEnumerate(wrapped_token_ids)))) AS entry
            FROM default.computed_token_ids WHERE condition_id IN (SELECT condition_id FROM default.rpc_conditions)
        )
        WHERE cityHash64(token_id) {in_range}
    )
    WHERE condition_id IN (SELECT condition_id FROM default.rpc_conditions WHERE fetched_at > since)
        OR token_id IN (SELECT token_id FROM default.rpc_transfers WHERE fetched_at > since AND cityHash64(token_id) {in_range})
) AS tokens ON tokens.token_id = moved.token_id
GROUP BY token_id
SETTINGS max_memory_usage = {max_memory}, join_algorithm = 'hash'{join_sides}, max_bytes_before_external_group_by = {spill},
    min_insert_block_size_bytes = {spill}, max_block_size = 8192;

INSERT INTO default.rpc_transfer_mapping
SELECT * REPLACE (greatest((SELECT max(fetched_at) FROM default.rpc_transfers), (SELECT max(fetched_at) FROM default.rpc_conditions)) AS fetched_at,
    'chain' AS batch)
FROM default.rpc_transfer_mapping FINAL LIMIT 1;

-- @check what there is of each dataset
SELECT dataset, sum(last - first + 1) AS blocks, min(first) AS first_block, max(last) AS last_block, sum(logs) AS logs,
    groupUniqArray(source) AS sources
FROM default.chain_ranges FINAL GROUP BY dataset ORDER BY dataset;

-- @check gaps between the pages of a dataset (at most 20)
SELECT dataset, before + 1 AS first_block, first - 1 AS last_block FROM
(
    SELECT dataset, first, max(last) OVER (PARTITION BY dataset ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM default.chain_ranges FINAL
)
WHERE before > 0 AND first > before + 1 ORDER BY dataset, first LIMIT 20;

-- @check rejected logs by reason (at most 20)
SELECT reason, dataset, count() AS logs FROM default.chain_rejected GROUP BY reason, dataset ORDER BY logs DESC LIMIT 20;

-- @check conditions, resolutions and moved token ids
SELECT * EXCEPT place FROM
(
    SELECT 1 AS place, 'conditions' AS what, count() AS rows, uniqExact(condition_id) AS distinct_ids, min(block_number) AS first_block,
        max(block_number) AS last_block FROM default.rpc_conditions
    UNION ALL
    SELECT 2, 'resolutions', count(), uniqExact(condition_id), min(block_number), max(block_number) FROM default.rpc_resolutions
    UNION ALL
    SELECT 3, 'token ids with a condition', count(), uniqExact(token_id), min(first_block), max(last_block)
        FROM default.rpc_transfer_mapping FINAL
)
ORDER BY place;

-- @check moved token ids that no known condition gives (at most 20)
SELECT token_id, sum(transfers) AS transfers, min(block_number) AS first_block FROM default.rpc_transfers
WHERE token_id NOT IN (SELECT token_id FROM default.rpc_transfer_mapping) GROUP BY token_id ORDER BY transfers DESC LIMIT 20;

-- @check resolutions on which the chain and another source disagree (at most 20)
SELECT * FROM cascadian_clean.vw_resolution_conflicts WHERE one = 'chain' OR other = 'chain' ORDER BY condition_id LIMIT 20;

-- @measure mapped unit=% Share of the moved token ids with a known condition
SELECT if(count() = 0, NULL, countIf(token_id IN (SELECT token_id FROM default.rpc_transfer_mapping)) / count())
    FROM (SELECT DISTINCT token_id FROM default.rpc_transfers);

-- @measure failed max=0 Ranges that could not be fetched
SELECT {failed};

-- @measure pending max=0 Ranges that were not fetched yet
SELECT {pending};

-- @measure unlinked max=0 Pages that do not follow on the page before: the chain was reorganised between them, and the next run fetches them again
SELECT count() FROM
(
    SELECT DISTINCT first, parent_hash FROM default.chain_ranges FINAL WHERE parent_hash != ''
) AS page
INNER JOIN (SELECT DISTINCT last + 1 AS next, last_hash FROM default.chain_ranges FINAL
    WHERE last_hash != '') AS before ON before.next = page.first
WHERE before.last_hash != page.parent_hash;

-- @measure unnoted max=0 Blocks of each dataset that the ledger has done and no page has: `run chain --redo all` fetches the gaps below
SELECT greatest(0, {numbers} - sum(last - least(last, greatest(before, first - 1)))) FROM
(
    SELECT toInt64(first) AS first, toInt64(last) AS last,
        max(last) OVER (PARTITION BY dataset ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM default.chain_ranges FINAL
);

-- @measure overlapping max=0 Blocks of each dataset that two pages have: `run chain --redo all` from the first to the last of them leaves one
SELECT sum(least(last, before) - first + 1) FROM
(
    SELECT toInt64(first) AS first, toInt64(last) AS last,
        max(last) OVER (PARTITION BY dataset ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM default.chain_ranges FINAL
)
WHERE before >= first;

-- @measure rejected max=0 Logs that do not match their signature
SELECT count() FROM default.chain_rejected FINAL;
