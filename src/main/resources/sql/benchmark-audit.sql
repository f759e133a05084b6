-- The data and queries of `backfill benchmark audit`: binary conditions, and stories of each of them. In a story a wallet splits
-- collateral, sells the YES to twelve takers in twelve matches, and one of these gives half of what it has to another; where the
-- condition is resolved, two takers redeem. That is 52 transfers and fills a story (50.5 where it is not resolved), and every law holds.

-- @setup
-- Nothing here reads the table of token moves, and to fill it takes as long as all else.
DROP VIEW IF EXISTS default.chain_transfers_to_moved;
CREATE OR REPLACE FUNCTION benchmark_hash AS (n, salt) -> toFixedString(concat(sipHash128(toUInt64(n), salt), sipHash128(salt, toUInt64(n))), 32);
CREATE OR REPLACE FUNCTION benchmark_wallet AS n -> toFixedString(concat(sipHash128(toUInt64(n), 'wallet'), reinterpretAsFixedString(toUInt32(n))), 20);
CREATE TABLE default.benchmark_markets (m UInt32, condition FixedString(32), yes UInt256, no UInt256) ENGINE = MergeTree ORDER BY m;

-- @conditions
-- Every second one resolves to YES.
INSERT INTO default.chain_lifecycle (dataset, kind, event, contract, version, block_number, block_time, transaction_hash, log_index,
    oracle, condition_id, question_id, number, amounts, batch, fetched_at)
SELECT 'conditions', kind, if(kind = 'preparation', 'ConditionPreparation', 'ConditionResolution'),
    toFixedString(unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045'), 20), 'V1', if(kind = 'preparation', 33700000, 84000000) + intDiv(m, 4),
    toDateTime(1640000000), benchmark_hash(m, kind), 8 * (m % 4), toFixedString(unhex('6a9d222616c90fca5754cd1333cfd9b7fb6a4f74'), 20),
    benchmark_hash(m, 'condition'), benchmark_hash(m, 'question'), 2, if(kind = 'resolution', [toUInt256(1), toUInt256(0)], []), 'benchmark',
    now64(3)
FROM (SELECT number AS m, arrayJoin(['preparation', 'resolution']) AS kind FROM numbers({markets}))
WHERE kind = 'preparation' OR m % 2 = 0
SETTINGS max_memory_usage = {max_memory};

-- @claim
-- All blocks from the contracts' first ones on, with the logs that are there.
TRUNCATE TABLE default.chain_ranges;
INSERT INTO default.chain_ranges (dataset, first, last, source, logs, last_hash, batch, fetched_at)
SELECT dataset, (SELECT min(first_block) FROM default.chain_contracts), 86000000, 'rpc', sum(n), '', 'benchmark', now64(3) FROM
(
    SELECT arrayJoin(['conditions', 'transfers', 'fills', 'amm', 'lifecycle']) AS dataset, toUInt64(0) AS n
    UNION ALL SELECT 'transfers', countIf(batch_index = 0) FROM default.chain_transfers
    UNION ALL SELECT 'fills', count() FROM default.chain_fills
    UNION ALL SELECT toString(dataset), count() FROM default.chain_lifecycle GROUP BY dataset
)
GROUP BY dataset;

-- @markets
INSERT INTO default.benchmark_markets
SELECT m, benchmark_hash(m, 'condition') AS condition, maxIf(token_id, index_set = 1), maxIf(token_id, index_set = 2)
FROM (SELECT number AS m, benchmark_hash(number, 'condition') AS condition_id FROM numbers({markets})) AS market
INNER JOIN (SELECT condition_id, index_set, token_id FROM default.audit_tokens FINAL
    WHERE collateral = unhex('2791bca1f2de4661ed88a30c99a7a9449aa84174')) AS token USING (condition_id)
GROUP BY m;

-- @transfers
-- Wallets come back in other conditions: their number times 13 is the period.
INSERT INTO default.chain_transfers (contract, block_number, block_time, transaction_hash, log_index, batch_index, operator, sender,
    receiver, token_id, amount, batch, fetched_at)
SELECT toFixedString(unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045'), 20),
    if(move.1 < 14, 34000000 + intDiv((s * 14 + move.1) * 50000000, {stories} * 14), 84100000 + intDiv((s * 2 + move.1 - 14) * 1800000,
        {stories} * 2)) AS block,
    toDateTime(1640000000 + (block - 34000000) * 2), benchmark_hash(s * 16 + move.1, 'transaction'),
    4 * ((s * 16 + move.1) % 1000) + move.2, move.3, move.4, move.5, move.6, move.7, move.8, 'benchmark', now64(3)
FROM
(
    SELECT s, toFixedString('', 20) AS nobody, toFixedString(unhex('4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e'), 20) AS exchange,
        toUInt256(1000000 + cityHash64(s, 'shares') % 500000000) AS q, arrayMap(j -> benchmark_wallet(13 * (s % {wallets}) + j), range(13)) AS w,
        yes, no,
        arrayJoin(arrayConcat(
            [(0, 0, 0, w[1], nobody, w[1], yes, 12 * q), (0, 0, 1, w[1], nobody, w[1], no, 12 * q),
                (13, 0, 0, w[2], w[2], w[3], yes, intDiv(q, 2))],
            arrayMap(j -> (j, 0, 0, exchange, w[1], exchange, yes, q), range(1, 13)),
            arrayMap(j -> (j, 1, 0, exchange, exchange, w[j + 1], yes, q), range(1, 13)),
            if(s % {markets} % 2 = 0, [(14, 0, 0, w[4], w[4], nobody, yes, q), (15, 0, 0, w[5], w[5], nobody, yes, q)], [])
        )::Array(Tuple(UInt64, UInt32, UInt16, FixedString(20), FixedString(20), FixedString(20), UInt256, UInt256))) AS move
    FROM (SELECT number AS s, toUInt32(s % {markets}) AS m FROM numbers({first}, {count})) AS story
    INNER JOIN default.benchmark_markets AS market USING (m)
)
SETTINGS max_memory_usage = {max_memory}, min_insert_block_size_rows = 1000000;

-- @fills
INSERT INTO default.chain_fills (exchange, version, block_number, block_time, transaction_hash, log_index, order_hash, owner, counterparty,
    role, taker_order, side, token_id, shares, collateral, fee, builder, batch, fetched_at)
SELECT exchange, 'V1', 34000000 + intDiv((s * 14 + j) * 50000000, {stories} * 14) AS block, toDateTime(1640000000 + (block - 34000000) * 2),
    benchmark_hash(s * 16 + j, 'transaction'), 4 * ((s * 16 + j) % 1000) + 2 + taker, benchmark_hash(s * 16 + j, if(taker, 'taker', 'maker')),
    if(taker, buyer, seller), if(taker, exchange, buyer), if(taker, 'taker', 'maker'), taker, if(taker, 'BUY', 'SELL'), yes, q,
    intDiv(q * (1 + cityHash64(s, j) % 99), 100), 0, toFixedString('', 32), 'benchmark', now64(3)
FROM
(
    SELECT s, toFixedString(unhex('4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e'), 20) AS exchange, yes,
        1000000 + cityHash64(s, 'shares') % 500000000 AS q, arrayJoin(range(1, 13)) AS j, benchmark_wallet(13 * (s % {wallets})) AS seller,
        benchmark_wallet(13 * (s % {wallets}) + j) AS buyer, arrayJoin([false, true]) AS taker
    FROM (SELECT number AS s, toUInt32(s % {markets}) AS m FROM numbers({first}, {count})) AS story
    INNER JOIN default.benchmark_markets AS market USING (m)
)
SETTINGS max_memory_usage = {max_memory}, min_insert_block_size_rows = 1000000;

-- @events
INSERT INTO default.chain_lifecycle (dataset, kind, event, contract, version, block_number, block_time, transaction_hash, log_index,
    wallet, collateral, condition_id, amount, payout, numbers, batch, fetched_at)
SELECT 'lifecycle', if(t = 0, 'split', 'redemption'), if(t = 0, 'PositionSplit', 'PayoutRedemption'),
    toFixedString(unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045'), 20), 'V1',
    if(t = 0, 34000000 + intDiv(s * 14 * 50000000, {stories} * 14), 84100000 + intDiv((s * 2 + t - 14) * 1800000, {stories} * 2)) AS block,
    toDateTime(1640000000 + (block - 34000000) * 2), benchmark_hash(s * 16 + t, 'transaction'), 4 * ((s * 16 + t) % 1000) + 1,
    benchmark_wallet(13 * (s % {wallets}) + if(t = 0, 0, t - 11)), toFixedString(unhex('2791bca1f2de4661ed88a30c99a7a9449aa84174'), 20), condition,
    if(t = 0, 12 * q, toUInt256(0)), if(t = 0, toUInt256(0), q), [toUInt256(1), toUInt256(2)], 'benchmark', now64(3)
FROM
(
    SELECT s, condition, toUInt256(1000000 + cityHash64(s, 'shares') % 500000000) AS q,
        arrayJoin(if(s % {markets} % 2 = 0, [0, 14, 15], [0])) AS t
    FROM (SELECT number AS s, toUInt32(s % {markets}) AS m FROM numbers({first}, {count})) AS story
    INNER JOIN default.benchmark_markets AS market USING (m)
)
SETTINGS max_memory_usage = {max_memory}, min_insert_block_size_rows = 1000000;

-- @rows
SELECT (SELECT count() FROM default.chain_transfers) + (SELECT count() FROM default.chain_fills);

-- @bytes-on-disk
SELECT sum(bytes_on_disk) FROM system.parts
WHERE active AND database = 'default' AND table IN ('chain_transfers', 'chain_fills', 'chain_lifecycle');

-- @scan
-- Every column of every row, as stored.
SELECT (SELECT sum(cityHash64(*)) FROM default.chain_transfers), (SELECT sum(cityHash64(*)) FROM default.chain_fills),
    (SELECT sum(cityHash64(*)) FROM default.chain_lifecycle)
SETTINGS max_memory_usage = {max_memory};
