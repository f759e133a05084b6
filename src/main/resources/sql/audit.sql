-- What must hold of the chain's tables if no log is missing, for `backfill audit`: each section @law is one law. Its title is
-- what the law says. Its statement gives one row: checked, broken, first_block and last_block of what is broken, and places:
-- up to 100 tuples of first block, last block, transaction, wallet, token and what is wrong. A law with by=blocks is asked
-- for blocks {from_block} to {to_block} at a time, of those that were fetched of all datasets in needs=; one with by=tokens
-- for a range of hashes, of tokens or whole markets; one with by=node when a node said what @held asks for; one with by=source
-- for blocks that were fetched a second time, from another source, into the tables of the database {copy}. The datasets in
-- whole= have to be fetched from their first block on without a gap. A law with glance=NAME is first looked at by the section
-- of that name, @glance-NAME: one cheap pass over the slice, which counts the cases and lists the doubtful ones in the table
-- default.audit_glances. The law reads these alone, and not at all where there are none.

-- @setup after=chain
CREATE TABLE IF NOT EXISTS default.audit_results
(
    time        DateTime64(3, 'UTC') COMMENT 'of the audit: the same for all its laws',
    law         LowCardinality(String),
    says        String COMMENT 'the law in words' CODEC(ZSTD(1)),
    state       Enum8('holds' = 0, 'broken' = 1, 'not checked' = 2, 'nothing to check' = 3),
    checked     UInt64 COMMENT 'how many cases the law was held against',
    broken      UInt64 COMMENT 'how many of them break it',
    first_block UInt64 COMMENT 'where the missing logs are: 0 where nothing is broken',
    last_block  UInt64,
    `where`     String COMMENT 'the same for people, or why nothing or not all was checked' CODEC(ZSTD(1)),
    places      Array(Tuple(first_block UInt64, last_block UInt64, transaction String, wallet String, token String,
        wrong String)) COMMENT 'the first ones' CODEC(ZSTD(1)),
    seconds     Float64
)
ENGINE = MergeTree
ORDER BY (time, law);

-- For tables of an earlier version.
ALTER TABLE default.audit_results MODIFY COLUMN state Enum8('holds' = 0, 'broken' = 1, 'not checked' = 2, 'nothing to check' = 3);

-- The contracts that act for others. Those that pass tokens on in the same transaction hold none after it.
CREATE TABLE IF NOT EXISTS default.audit_contracts
(
    address FixedString(20),
    kind    LowCardinality(String) COMMENT 'exchange, adapter, collateral adapter, auto redeemer, module, fee module or pool'
)
ENGINE = ReplacingMergeTree
ORDER BY address;

-- The tokens of the conditions that the chain's events name, computed forward.
CREATE TABLE IF NOT EXISTS default.audit_tokens
(
    condition_id FixedString(32),
    collateral   FixedString(20),
    index_set    UInt256,
    token_id     UInt256
)
ENGINE = ReplacingMergeTree
ORDER BY (condition_id, collateral, index_set);

-- The questions of neg-risk markets: place is a question's bit in the index set of a conversion.
CREATE TABLE IF NOT EXISTS default.audit_questions
(
    market_id    FixedString(32),
    place        UInt8,
    condition_id FixedString(32),
    block_number UInt64 COMMENT 'of its preparation'
)
ENGINE = ReplacingMergeTree
ORDER BY (market_id, place);

-- What a node says that the conditional tokens contract held after a block, for the audit under way.
CREATE TABLE IF NOT EXISTS default.audit_held
(
    collateral   FixedString(20),
    block_number UInt64,
    amount       UInt256
)
ENGINE = ReplacingMergeTree
ORDER BY (collateral, block_number);

-- What a node says that wallets had after the block before a range that was fetched. They are asked for once.
CREATE TABLE IF NOT EXISTS default.audit_openings
(
    token_id     UInt256 CODEC(ZSTD(1)),
    wallet       String CODEC(ZSTD(1)),
    block_number UInt64 COMMENT 'the balance is that after this block',
    amount       UInt256 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (token_id, wallet, block_number);

-- What a first pass over a slice found, for the audit under way.
CREATE TABLE IF NOT EXISTS default.audit_glances
(
    glance   LowCardinality(String),
    first    UInt64 COMMENT 'first block or hash of the slice',
    last     UInt64,
    checked  Map(String, UInt64) COMMENT 'number of cases of each law',
    doubtful Array(UInt64) COMMENT 'hashes of the transactions or tokens that the laws have to read',
    audit    String COMMENT 'the audit that it is of: an earlier one that was killed may still write'
)
ENGINE = MergeTree
ORDER BY (glance, first, last);

-- For tables of an earlier version.
ALTER TABLE default.audit_glances ADD COLUMN IF NOT EXISTS audit String COMMENT 'the audit that it is of: an earlier one that was killed may still write';

CREATE TABLE IF NOT EXISTS default.audit_pools
(
    pool         FixedString(20),
    condition_id FixedString(32),
    collateral   FixedString(20)
)
ENGINE = ReplacingMergeTree
ORDER BY pool;

-- Transactions with an event that the laws of a transaction cannot read: positions below other positions, collateral that is not
-- Polymarket's, and events of the modules for which no rule is known.
CREATE OR REPLACE VIEW default.audit_unread AS
SELECT DISTINCT transaction_hash, block_number FROM default.chain_lifecycle
WHERE kind IN ('event split', 'event merge', 'migration', 'bridge', 'combo surgery') OR kind = 'conversion' AND version = 'V3'
    OR kind IN ('split', 'merge', 'redemption') AND notEmpty(numbers) AND (parent_id != toFixedString('', 32)
        OR collateral NOT IN (unhex('2791bca1f2de4661ed88a30c99a7a9449aa84174'), unhex('3a3bd7bb9528e159577f7c2e685cc81a765002e2')));

-- Tokens that an exchange moved from one wallet to another at once: of orders that are filled alone.
CREATE OR REPLACE VIEW default.audit_direct AS
SELECT block_number, transaction_hash, token_id, sender, receiver FROM default.chain_transfers
WHERE operator IN (SELECT address FROM default.audit_contracts WHERE kind = 'exchange')
    AND sender NOT IN (SELECT address FROM default.audit_contracts WHERE kind != 'pool')
    AND receiver NOT IN (SELECT address FROM default.audit_contracts WHERE kind NOT IN ('pool', 'fee module'));

-- Transfers that a wallet makes of its own, no part of a trade, split, merge, conversion or redemption. Within a match the fee
-- module gives back a part of the fee, which is none.
CREATE OR REPLACE VIEW default.vw_plain_transfers AS
SELECT * FROM default.chain_transfers FINAL
WHERE sender != toFixedString('', 20) AND receiver != toFixedString('', 20)
    AND operator NOT IN (SELECT address FROM default.audit_contracts WHERE kind != 'fee module')
    AND sender NOT IN (SELECT address FROM default.audit_contracts WHERE kind != 'fee module')
    AND (sender NOT IN (SELECT address FROM default.audit_contracts WHERE kind = 'fee module') OR transaction_hash NOT IN
        (SELECT transaction_hash FROM default.chain_fills UNION ALL SELECT transaction_hash FROM default.chain_lifecycle
            WHERE kind = 'fee refund'));

-- @unknown-tokens
-- The conditions whose token ids are not computed yet, with their number of outcomes.
SELECT lower(hex(condition_id)) AS condition_id, toUInt16(least(256, greatest(2, max(n)))) AS outcomes FROM
(
    SELECT condition_id, if(kind = 'preparation', toFloat64(number),
        ceil(log2(toFloat64(arrayMax(arrayConcat([toUInt256(0)], numbers))) + 1))) AS n
    FROM default.chain_lifecycle
    WHERE version != 'V3' AND condition_id != toFixedString('', 32)
        AND kind IN ('preparation', 'split', 'merge', 'redemption', 'auto redemption')
    UNION ALL
    SELECT arrayJoin(conditions), 2 FROM default.chain_lifecycle WHERE kind = 'pool'
)
GROUP BY condition_id
HAVING (condition_id, outcomes) NOT IN (SELECT condition_id, outcomes FROM default.computed_token_ids)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @begin
-- What the laws read beside the chain's tables. The pools are listed again each time, so
-- that one whose creation is no longer stored is found.
TRUNCATE TABLE default.audit_pools;

INSERT INTO default.audit_pools
SELECT pool, conditions[1], collateral FROM default.chain_lifecycle
WHERE kind = 'pool' AND length(conditions) = 1 AND tokens IN (SELECT toFixedString(unhex(substring(address, 3)), 20)
    FROM default.chain_contracts WHERE contract = 'conditional tokens');

INSERT INTO default.audit_contracts
SELECT DISTINCT toFixedString(unhex(substring(address, 3)), 20),
    multiIf(endsWith(contract, 'exchange'), 'exchange', endsWith(contract, 'adapter'), 'adapter', endsWith(contract, 'fee module'),
        'fee module',
        endsWith(contract, 'module'), 'module', 'auto redeemer')
FROM default.chain_contracts WHERE match(contract, '(exchange|adapter|module|redeemer)$')
UNION ALL
SELECT arrayJoin([toFixedString(unhex('ada100874d00e3331d00f2007a9c336a65009718'), 20),
    toFixedString(unhex('ada2005600dec949baf300f4c6120000bdb6eaab'), 20)]), 'collateral adapter'
UNION ALL
-- of these only the beginnings of their addresses are known
SELECT DISTINCT operator, if(startsWith(hex(operator), 'A12'), 'auto redeemer', 'collateral adapter') FROM default.chain_transfers
WHERE substring(operator, 1, 4) IN (unhex('ada100db'), unhex('ada20000'), unhex('a1200000'))
UNION ALL
SELECT pool, 'pool' FROM default.audit_pools;

INSERT INTO default.audit_questions
SELECT toFixedString(concat(substring(question_id, 1, 31), unhex('00')), 32), toUInt8(reinterpretAsUInt8(substring(question_id, 32, 1))),
    condition_id, block_number
FROM default.chain_lifecycle
WHERE kind = 'preparation' AND oracle IN (SELECT toFixedString(unhex(substring(address, 3)), 20) FROM default.chain_contracts
    WHERE contract = 'neg-risk adapter');

INSERT INTO default.audit_tokens
SELECT toFixedString(unhex(condition_id), 32), toFixedString(token.1, 20), token.2, toUInt256(token.3)
FROM
(
    SELECT condition_id, arrayFilter(s -> bitCount(s) > 1, range(toUInt32(3), toUInt32(outcomes + 1))) AS sets,
        unhex('2791bca1f2de4661ed88a30c99a7a9449aa84174') AS usdc, unhex('3a3bd7bb9528e159577f7c2e685cc81a765002e2') AS wrapped,
        arrayConcat(
            arrayMap((t, i) -> (usdc, toUInt256(bitShiftLeft(toUInt256(1), toUInt16(i - 1))), t), usdc_token_ids,
                arrayEnumerate(usdc_token_ids)),
            arrayMap((t, i) -> (wrapped, toUInt256(bitShiftLeft(toUInt256(1), toUInt16(i - 1))), t), wrapped_token_ids,
                arrayEnumerate(wrapped_token_ids)),
            arrayMap((t, i) -> (if(i % 2 = 1, usdc, wrapped), toUInt256(sets[intDiv(i + 1, 2)]), t), other_token_ids,
                arrayEnumerate(other_token_ids))) AS tokens
    FROM default.computed_token_ids FINAL
    WHERE toFixedString(unhex(condition_id), 32) NOT IN (SELECT condition_id FROM default.audit_tokens)
)
ARRAY JOIN tokens AS token
SETTINGS max_memory_usage = {max_memory};

-- @fetched
-- The blocks that were fetched of each dataset.
SELECT dataset, first, last FROM default.chain_ranges FINAL ORDER BY dataset, first;

-- @first-blocks
-- From which block on the contracts of a dataset can have logs.
SELECT dataset, min(first_block) AS block FROM default.chain_contracts GROUP BY dataset;

-- @rows
-- How many rows there are, by blocks, to cut the work into slices.
SELECT intDiv(block_number, 1000) * 1000 AS block, count() AS rows FROM
(
    SELECT block_number FROM default.chain_transfers UNION ALL SELECT block_number FROM default.chain_fills
    UNION ALL SELECT block_number FROM default.chain_lifecycle UNION ALL SELECT block_number FROM default.chain_amm_trades
)
GROUP BY block ORDER BY block
SETTINGS max_memory_usage = {max_memory};

-- @token-rows
-- About how many rows the laws by tokens hold.
SELECT 2 * count() FROM default.chain_transfers;

-- @openings
-- The balances that the law balances needs and that no node was asked for yet: of those who send a token in the ranges behind
-- {openings}, or redeem its condition. Of others, what they get is enough.
SELECT concat('0x', lower(hex(holder.1))) AS contract, toString(holder.2) AS token, holder.3 AS wallet, holder.4 AS block FROM
(
    SELECT DISTINCT (toFixedString(contract, 20), token_id, concat('0x', lower(hex(wallet))), opening) AS holder FROM
    (
        SELECT contract, token_id, sender AS wallet, block_number FROM default.chain_transfers
        WHERE cityHash64(token_id) {in_range} AND sender != toFixedString('', 20)
        UNION ALL
        SELECT unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045'), token.token_id, event.wallet, event.block_number
        FROM
        (
            SELECT wallet, block_number, condition_id, collateral, arrayJoin(numbers) AS index_set FROM default.chain_lifecycle
            WHERE kind = 'redemption' AND notEmpty(numbers) AND parent_id = toFixedString('', 32)
        ) AS event
        INNER JOIN (SELECT * FROM default.audit_tokens WHERE cityHash64(token_id) {in_range}) AS token USING (condition_id, collateral,
            index_set)
    )
    ARRAY JOIN arrayMap(f -> toUInt64(f - 1), arrayFilter((f, l) -> block_number BETWEEN f AND l, [{firsts}], [{lasts}])) AS opening
    WHERE has([{openings}], opening)
)
WHERE (holder.2, holder.3, holder.4) NOT IN (SELECT token_id, wallet, block_number FROM default.audit_openings
    WHERE cityHash64(token_id) {in_range})
SETTINGS max_memory_usage = {max_memory};

-- @state
-- What was fetched, and when: an audit that was interrupted goes on where this is as it was.
SELECT concat(toString(count()), ' ', toString(sum(cityHash64(toString(dataset), first, last, source, logs, batch, fetched_at))))
FROM default.chain_ranges FINAL;

-- @refetch
-- The command that fetches a range again.
SELECT concat('./backfill run chain --redo all --from ', toString({first_block}), ' --to ', toString({last_block}));

-- @keep
INSERT INTO default.audit_results
SELECT fromUnixTimestamp64Milli(toInt64({time}), 'UTC'), {law}, {says}, {state}, {checked}, {broken}, {first_block}, {last_block}, {place},
    [{places}], {seconds};

-- @held
-- Whose balance the law collateral compares: the token and its holder.
SELECT 'USDC.e' AS name, '0x2791bca1f2de4661ed88a30c99a7a9449aa84174' AS collateral, address AS holder FROM default.chain_contracts
    WHERE contract = 'conditional tokens' LIMIT 1
UNION ALL
SELECT 'wrapped collateral', '0x3a3bd7bb9528e159577f7c2e685cc81a765002e2', address FROM default.chain_contracts
    WHERE contract = 'conditional tokens' LIMIT 1;

-- @unheld
-- Events of modules, of which it is not known where they hold their collateral.
SELECT count() FROM default.chain_lifecycle WHERE version = 'V3' AND kind IN ('split', 'merge', 'redemption');

-- @glanced
-- What the first pass over a slice found for a law; no row before it.
SELECT checked[{law}] AS checked, length(doubtful) AS doubtful FROM default.audit_glances
WHERE audit = {audit} AND glance = {glance} AND first = {first} AND last = {last};

-- @glance-balances
-- The tokens with a wallet whose balance goes below zero or is not zero after a redemption. A step is a number of 128 bits, its place
-- in the chain in the upper half and the amount in the lower one: these sort and add up in a fraction of the time that tuples take.
-- Amounts from 2^62 on are as good as below zero: the law looks at them again.
INSERT INTO default.audit_glances (audit, glance, first, last, checked, doubtful)
SELECT {audit}, 'balances', {from_hash}, {to_hash}, map('balances', count()),
    groupUniqArrayIf(token, arrayMin(balances) < 0 OR has(deltas, 0) AND arrayExists((b, d) -> b != 0 AND d = 0, balances, deltas))
FROM
(
    SELECT any(hash) AS token, arrayMap(s -> toInt64(s), arraySort(groupArray(step))) AS deltas, arrayCumSum(deltas) AS balances FROM
    (
        WITH bitShiftLeft(block_number, 36) + bitShiftLeft(toUInt64(log_index), 16) + 2 * toUInt64(batch_index) AS place
        SELECT cityHash64(token_id) AS hash, cityHash64(token_id, sender) AS holding, roundDown(block_number, [{borders}]) AS range,
            bitShiftLeft(toUInt128(place), 64) + toUInt64(-toInt64(least(amount, bitShiftLeft(toUInt256(1), 62)))) AS step
        FROM default.chain_transfers FINAL
        WHERE cityHash64(token_id) {in_range} AND amount > 0 AND amount < bitShiftLeft(toUInt256(1), 100) AND sender != toFixedString('', 20)
        UNION ALL
        WITH bitShiftLeft(block_number, 36) + bitShiftLeft(toUInt64(log_index), 16) + 2 * toUInt64(batch_index) + 1 AS place
        SELECT cityHash64(token_id), cityHash64(token_id, receiver), roundDown(block_number, [{borders}]),
            bitShiftLeft(toUInt128(place), 64) + toUInt64(if(amount < bitShiftLeft(toUInt256(1), 62), toInt64(amount),
                toInt64(-4611686018427387904)))
        FROM default.chain_transfers FINAL
        WHERE cityHash64(token_id) {in_range} AND amount > 0 AND amount < bitShiftLeft(toUInt256(1), 100) AND receiver != toFixedString('', 20)
        UNION ALL
        SELECT cityHash64(token_id), cityHash64(token_id, toFixedString(unhex(substring(wallet, 3)), 20)), block_number + 1,
            bitShiftLeft(toUInt128(bitShiftLeft(block_number + 1, 36) - 1), 64)
                + toUInt64(if(amount < bitShiftLeft(toUInt256(1), 62), toInt64(amount), toInt64(-4611686018427387904)))
        FROM default.audit_openings FINAL
        WHERE cityHash64(token_id) {in_range} AND has([{openings}], block_number) AND amount > 0
        UNION ALL
        SELECT cityHash64(token.token_id), cityHash64(token.token_id, event.wallet), roundDown(event.block_number, [{borders}]),
            bitShiftLeft(toUInt128(bitShiftLeft(block_number, 36) + bitShiftLeft(toUInt64(log_index), 16)), 64)
        FROM
        (
            SELECT wallet, block_number, log_index, condition_id, collateral, arrayJoin(numbers) AS index_set
            FROM default.chain_lifecycle FINAL
            WHERE kind = 'redemption' AND notEmpty(numbers) AND parent_id = toFixedString('', 32)
        ) AS event
        INNER JOIN (SELECT * FROM default.audit_tokens WHERE cityHash64(token_id) {in_range}) AS token USING (condition_id, collateral,
            index_set)
    )
    WHERE has([{firsts}], range)
    GROUP BY cityHash64(holding, range)
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {late_spill}, do_not_merge_across_partitions_select_final = 1;

-- @glance-moves
-- The transactions that the laws supply and transactions have to read. Each move of an amount counts as the amount times a hash of its
-- token and wallet: what the transfers say less what fills, splits and merges say, what stays with contracts that only pass tokens
-- on, and what is minted less what splits and merges say, each with a factor of its own. If all of these are as they should be, they sum
-- up to zero, modulo 2^64; if one is not, the sum is zero by a chance of about 2^-64. What a wallet burns of the tokens that it redeems
-- in the same transaction is any amount, and counts as nothing. Whatever the sum cannot tell (redemptions by contracts, conversions, pools, fees in shares, orders that are filled alone) makes its transaction a doubtful one. The flags of an address: 1, its moves have to be explained;
-- 2, it keeps none; 4, what it moves has to be explained; 8, a collateral adapter.
INSERT INTO default.audit_glances (audit, glance, first, last, checked, doubtful)
WITH
    (
        SELECT groupArray((cityHash64(address), flags)) FROM
        (
            SELECT address, max(multiIf(kind IN ('exchange', 'adapter'), 7, kind = 'collateral adapter', 14, kind = 'auto redeemer', 6, 5)) AS flags
            FROM default.audit_contracts GROUP BY address
            UNION ALL SELECT toFixedString('', 20), 4
        )
    ) AS contracts,
    x -> transform(cityHash64(x), contracts.1, contracts.2, toUInt8(1)) AS flags_of,
    7046029254386353131 AS kept, 1609587929392839161 AS supplied,
    redeemed AS
    (
        SELECT bitShiftLeft(toUInt128(reinterpretAsUInt64(event.transaction_hash)), 64) + cityHash64(event.wallet, token.token_id) FROM
        (
            SELECT transaction_hash, wallet, condition_id, collateral, arrayJoin(numbers) AS index_set FROM default.chain_lifecycle FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'redemption' AND notEmpty(numbers)
                AND parent_id = toFixedString('', 32)
        ) AS event
        INNER JOIN
        (
            SELECT condition_id, collateral, index_set, token_id FROM default.audit_tokens WHERE condition_id IN
                $redeemed({from_block}, {to_block})
        ) AS token USING (condition_id, collateral, index_set)
    )
SELECT {audit}, 'moves', {from_block}, {to_block},
    map('transactions', countIf(bitAnd(about, 1) != 0), 'supply', countIf(bitAnd(about, 2) != 0)),
    groupArrayIf(tx, left != 0)
FROM
(
    SELECT tx, groupBitOr(law) AS about, sum(more) AS left FROM
    (
        SELECT reinterpretAsUInt64(transaction_hash) AS tx, toUInt8(counts + if(minted = 0, 0, 2)) AS law,
            if(redemption, 0, toUInt64(amount)) * (cityHash64(token_id, receiver) * (asked * bitAnd(to, 1) + counts * bitAnd(to, 2) * kept)
                - cityHash64(token_id, sender) * (asked * bitAnd(from, 1) * by_event + counts * bitAnd(from, 2) * kept)
                + minted * cityHash64(token_id) * supplied) AS more
        FROM
        (
            SELECT transaction_hash, token_id, sender, receiver, amount, flags_of(sender) AS from, flags_of(receiver) AS to, flags_of(operator) AS by,
                toUInt64(bitAnd(bitOr(from, by), 4) != 0 OR to = 4) AS counts, toInt64(from = 4) - toInt64(to = 4) AS minted,
                if(bitAnd(by, 8) = 0, counts, 0) AS asked,
                if(to = 4 AND contract != toFixedString(unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045'), 20), 0, 1) AS by_event,
                to = 4 AND from = 1 AND bitAnd(by, 8) = 0 AND by_event = 1 AND bitShiftLeft(toUInt128(reinterpretAsUInt64(transaction_hash)), 64)
                    + cityHash64(sender, token_id) IN redeemed AS redemption
            FROM default.chain_transfers FINAL WHERE block_number BETWEEN {from_block} AND {to_block}
        )
        UNION ALL
        -- an order that is filled alone has its operator in the exchange's place, if the transfers say so
        SELECT reinterpretAsUInt64(transaction_hash), 1,
            if(version = 'V1' AND (side = 'BUY' AND fee > 0 OR role = 'maker' AND taker_order), toInt64(cityHash64(block_number, log_index)),
                if(side = 'BUY', 1, -1) * shares * (cityHash64(token_id, toFixedString(exchange, 20)) - cityHash64(token_id, owner)))
        FROM default.chain_fills FINAL WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL
        -- splits and merges of the conditional tokens, and the neg-risk adapter's own
        SELECT reinterpretAsUInt64(event.transaction_hash), event.law, -event.said * (cityHash64(token.token_id, event.wallet) * event.asked
            - cityHash64(token.token_id, event.other) * event.passed + cityHash64(token.token_id) * event.supplies)
        FROM
        (
            SELECT transaction_hash, condition_id, collateral, wallet, toFixedString('', 20) AS other, part.1 AS index_set, part.2 AS said,
                toInt64(bitAnd(flags_of(wallet), 1)) AS asked, toInt64(0) AS passed, toInt64(supplied) AS supplies, toUInt8(3) AS law
            FROM default.chain_lifecycle FINAL
            ARRAY JOIN arrayConcat(arrayMap(s -> (s, if(kind = 'split', toInt64(amount), -toInt64(amount))), numbers),
                [(toUInt256(arraySum(numbers)), if(kind = 'split', -toInt64(amount), toInt64(amount)))]) AS part
            WHERE block_number BETWEEN {from_block} AND {to_block} AND kind IN ('split', 'merge') AND notEmpty(numbers)
            UNION ALL
            SELECT transaction_hash, condition_id, toFixedString(unhex('3a3bd7bb9528e159577f7c2e685cc81a765002e2'), 20), wallet,
                toFixedString(contract, 20), arrayJoin([toUInt256(1), toUInt256(2)]), if(kind = 'split', toInt64(amount), -toInt64(amount)),
                toInt64(bitAnd(flags_of(wallet), 1)), toInt64(1), toInt64(0), toUInt8(1)
            FROM default.chain_lifecycle FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND version IN ('V1', 'V2') AND kind IN ('split', 'merge') AND empty(numbers)
        ) AS event
        INNER JOIN
        (
            SELECT condition_id, collateral, index_set, token_id FROM default.audit_tokens WHERE condition_id IN
                (SELECT condition_id FROM default.chain_lifecycle WHERE block_number BETWEEN {from_block} AND {to_block})
        ) AS token USING (condition_id, collateral, index_set)
        UNION ALL
        -- the modules
        SELECT reinterpretAsUInt64(transaction_hash), toUInt8(if(kind = 'split', 3, 2)),
            -part.3 * (if(kind = 'split', cityHash64(part.1, part.2) * bitAnd(flags_of(part.2), 1), 0) + cityHash64(part.1) * supplied)
        FROM default.chain_lifecycle FINAL
        ARRAY JOIN if(kind = 'redemption', [(token_id, recipient, -toInt64(amount))],
            [(reinterpretAsUInt256(reverse(condition_id)), recipient, if(kind = 'split', toInt64(amount), -toInt64(amount))),
                (reinterpretAsUInt256(reverse(condition_id)) + 1, other_recipient, if(kind = 'split', toInt64(amount), -toInt64(amount)))]) AS part
        WHERE block_number BETWEEN {from_block} AND {to_block} AND version = 'V3' AND kind IN ('split', 'merge', 'redemption')
        UNION ALL
        SELECT reinterpretAsUInt64(transaction_hash), toUInt8(if(kind = 'redemption' AND notEmpty(numbers), 3, 1)),
            if(kind = 'redemption' AND notEmpty(numbers) AND parent_id = toFixedString('', 32) AND flags_of(wallet) = 1, 0,
                toInt64(cityHash64(block_number, log_index)))
        FROM default.chain_lifecycle
        WHERE block_number BETWEEN {from_block} AND {to_block} AND (kind IN ('auto redemption', 'conversion') OR kind = 'redemption' AND version != 'V3'
            OR kind = 'fee refund' AND token_id != 0)
        UNION ALL
        SELECT reinterpretAsUInt64(transaction_hash), 1, toInt64(cityHash64(block_number, log_index))
        FROM default.chain_amm_trades WHERE block_number BETWEEN {from_block} AND {to_block} AND pool IN (SELECT pool FROM default.audit_pools)
    )
    GROUP BY tx
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @glance-redemptions
-- The transactions whose redemptions do not plainly pay what is burnt. A token that pays all or nothing is not rounded: payouts
-- less burnt tokens that pay, each times a hash of wallet, condition and collateral, sum up to zero, modulo 2^64. Tokens that pay a
-- part, and merges in the same transaction, make it a doubtful one.
INSERT INTO default.audit_glances (audit, glance, first, last, checked, doubtful)
SELECT {audit}, 'redemptions', {from_block}, {to_block}, map('redemptions', sum(redemptions)), groupArrayIf(tx, redemptions > 0 AND left != 0)
FROM
(
    SELECT tx, sum(events) AS redemptions, sum(more) AS left FROM
    (
        SELECT reinterpretAsUInt64(transaction_hash) AS tx, toUInt64(1) AS events,
            toUInt64(sum(payout)) * cityHash64(wallet, condition_id, collateral) AS more
        FROM default.chain_lifecycle FINAL
        WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'redemption' AND notEmpty(numbers)
            AND parent_id = toFixedString('', 32)
            AND lower(hex(condition_id)) IN (SELECT condition_id FROM default.rpc_resolutions WHERE condition_id IN
                (SELECT lower(hex(condition_id)) FROM $redeemed({from_block}, {to_block})))
            AND (condition_id, collateral) IN (SELECT condition_id, collateral FROM default.audit_tokens WHERE condition_id IN
                $redeemed({from_block}, {to_block}))
        GROUP BY transaction_hash, wallet, condition_id, collateral
        UNION ALL
        SELECT reinterpretAsUInt64(transfer.transaction_hash), 0,
            toUInt64(-toUInt64(transfer.amount) * token.pays
                * if(token.pays < 2, cityHash64(transfer.sender, token.condition_id, token.collateral), 1))
        FROM
        (
            SELECT transaction_hash, sender, token_id, amount FROM default.chain_transfers FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND receiver = toFixedString('', 20)
        ) AS transfer
        INNER JOIN
        (
            SELECT token_id, tokens.condition_id AS condition_id, collateral, arraySum((n, i) -> if(bitAnd(index_set,
                    bitShiftLeft(toUInt256(1), toUInt16(i - 1))) != 0, toInt256(n), 0), payout_numerators, arrayEnumerate(payout_numerators)) AS share,
                multiIf(share = 0, toUInt64(0), share = toInt256(arraySum(payout_numerators)), 1, cityHash64(token_id)) AS pays
            FROM $redeemedtokens({from_block}, {to_block}) AS tokens
            INNER JOIN $redeemedpayouts({from_block}, {to_block}) AS resolution ON resolution.condition_id = tokens.condition_id
        ) AS token ON token.token_id = transfer.token_id
        UNION ALL
        SELECT reinterpretAsUInt64(transaction_hash), 0, cityHash64(block_number, log_index) FROM default.chain_lifecycle
        WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'merge'
    )
    GROUP BY tx
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @glance-matches
-- The transactions whose fills are not plainly one match: one taker's row behind its makers', whose sums are the taker's. Shares,
-- collateral, and shares times a hash of the taker's wallet sum up to zero over the match, the taker's row being negative; each with
-- a factor of its own, modulo 2^64. Where sides are opposite, tokens are the same and so is the price; else they are the complement's.
INSERT INTO default.audit_glances (audit, glance, first, last, checked, doubtful)
WITH bitAnd(counts, 65535) AS takers, bitAnd(bitShiftRight(counts, 16), 65535) AS bought, bitAnd(bitShiftRight(counts, 32), 65535) AS sold,
    bitShiftRight(counts, 48) AS others, bitShiftLeft(toUInt64(1), 16) AS one_bought, bitShiftLeft(toUInt64(1), 32) AS one_sold,
    bitShiftLeft(toUInt64(1), 48) AS one_other
SELECT {audit}, 'matches', {from_block}, {to_block}, map('matches', sum(greatest(takers, 1))),
    groupArrayIf(tx, takers != 1 OR bought + sold = 0 OR others > 1 OR last % 2 = 0 OR left != 0
        OR if(others = 1, sold_tokens != sold * token OR bought > 0 AND bought_tokens = bought * token,
            bought_tokens != bought * token OR sold > 0 AND sold_tokens = sold * token))
FROM
(
    SELECT tx, sum(multiIf(taker, 1 + if(buys, one_other, 0), alone OR s = 0, 2 * one_other, buys, one_bought, one_sold)) AS counts,
        max(2 * log_index + taker) AS last, sum(if(taker, -1, 1) * (s + price * 7046029254386353131 + s * wallet * 1609587929392839161)) AS left,
        max(if(taker, outcome, 0)) AS token, sum(if(taker OR NOT buys, 0, outcome)) AS bought_tokens,
        sum(if(taker OR buys, 0, outcome)) AS sold_tokens
    FROM
    (
        SELECT reinterpretAsUInt64(transaction_hash) AS tx, role = 'taker' AS taker, side = 'BUY' AS buys, toUInt64(log_index) AS log_index,
            shares AS s, if(taker = buys, collateral, shares - collateral)::UInt64 AS price,
            cityHash64(if(taker, owner, counterparty)) AS wallet, cityHash64(token_id) AS outcome,
            version = 'V1' AND NOT taker AND taker_order AS alone
        FROM default.chain_fills FINAL WHERE block_number BETWEEN {from_block} AND {to_block}
    )
    GROUP BY tx
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law balances by=tokens case=balances glance=balances whole=transfers opening=transfers No balance of any wallet and token is ever negative, at any log, and a redemption leaves its redeemer none of the tokens it redeems.
-- Each range of blocks that was fetched begins with the balances before it, none at the contracts' first block. A debit stands
-- before its credit, so that a transfer to oneself needs the amount too. Amounts from 2^100 on are no
-- collateral's. A missing transfer is somewhere between the token's first one and the log that cannot be.
WITH doubtful AS (SELECT arrayJoin(doubtful) FROM default.audit_glances WHERE audit = {audit} AND glance = 'balances' AND first = {from_hash} AND last = {to_hash})
SELECT sum(held) AS checked, sum(length(bad)) AS broken, minIf(born, notEmpty(bad)) AS first_block,
    max(arrayMax(arrayConcat([toUInt64(0)], arrayMap(b -> b.1, bad)))) AS last_block,
    groupArrayArray(100)(arrayMap(b -> (if(b.3 < 0, born, b.4), b.1, '', concat('0x', lower(hex(b.2))), toString(token_id),
        if(b.3 < 0, concat('the balance is ', $units(b.3)), concat($units(b.3), ' are left after the redemption'))), bad)) AS places
FROM
(
    SELECT token_id, count() AS held, min(first) AS born, groupArrayIf((block, wallet, balance, first), at > 0) AS bad FROM
    (
        SELECT token_id, wallet, range, arraySort(groupArray((place, delta, emptied))) AS steps, arrayCumSum(s -> s.2, steps) AS balances,
            arrayFirstIndex((b, s) -> b < 0 OR s.3 AND b > 0, balances, steps) AS at,
            balances[greatest(at, 1)] AS balance, bitShiftRight(steps[greatest(at, 1)].1, 36) AS block,
                greatest(bitShiftRight(steps[1].1, 36), range) AS first
        FROM
        (
            SELECT token_id, side.1 AS wallet, bitShiftLeft(block_number, 36) + bitShiftLeft(toUInt64(log_index),
                16) + 2 * toUInt64(batch_index) + toUInt64(side.3) AS place,
                side.2 AS delta, false AS emptied, arrayLast((f, l) -> block_number BETWEEN f AND l, [{firsts}], [{lasts}]) AS range
            FROM default.chain_transfers FINAL
            ARRAY JOIN [(sender, -toInt128(amount), 0), (receiver, toInt128(amount), 1)] AS side
            WHERE cityHash64(token_id) IN doubtful AND amount < bitShiftLeft(toUInt256(1), 100) AND side.1 != toFixedString('', 20)
            UNION ALL
            SELECT token_id, toFixedString(unhex(substring(wallet, 3)), 20), toUInt64(bitShiftLeft(block_number + 1, 36) - 1),
                toInt128(least(amount, bitShiftLeft(toUInt256(1), 100))), false, block_number + 1
            FROM default.audit_openings FINAL
            WHERE cityHash64(token_id) IN doubtful AND has([{openings}], block_number)
            UNION ALL
            SELECT token.token_id, event.wallet, bitShiftLeft(block_number, 36) + bitShiftLeft(toUInt64(log_index), 16), toInt128(0), true,
                arrayLast((f, l) -> block_number BETWEEN f AND l, [{firsts}], [{lasts}])
            FROM
            (
                SELECT wallet, block_number, log_index, condition_id, collateral, arrayJoin(numbers) AS index_set
                    FROM default.chain_lifecycle FINAL
                WHERE kind = 'redemption' AND notEmpty(numbers) AND parent_id = toFixedString('', 32)
            ) AS event
            INNER JOIN (SELECT * FROM default.audit_tokens WHERE cityHash64(token_id) IN doubtful) AS token USING (condition_id, collateral,
                index_set)
        )
        WHERE range > 0
        GROUP BY token_id, wallet, range
    )
    GROUP BY token_id, range
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law supply by=blocks case=mints-or-burns glance=moves needs=transfers,lifecycle In each transaction a condition's outcomes are minted and burnt by what its splits and merges say, the same of each; beyond that they are burnt by redemptions alone.
-- Sums of these over all transactions: until a condition resolves, all its outcomes have the same supply, which is splits
-- less merges.
WITH doubtful AS (SELECT arrayJoin(doubtful) FROM default.audit_glances WHERE audit = {audit} AND glance = 'moves' AND first = {from_block} AND last = {to_block})
SELECT count() AS checked, uniqExactIf(tx, wrong) AS broken, minIf(block, wrong) AS first_block, maxIf(block, wrong) AS last_block,
    arrayMap(p -> (p.1, p.1, concat('0x', lower(hex(p.2))), '', toString(p.3),
        concat($units(abs(p.4)), if(p.4 < 0, ' burnt', ' minted'), ', by the events ', $units(abs(p.5)),
            if(p.5 < 0, ' burnt', ' minted'))),
        groupArrayIf(100)((block, tx, token, is, should), wrong)) AS places
FROM
(
    SELECT tx, token, any(block) AS block, sum(minted) AS is, sum(said) AS should,
        is != should AND NOT (max(redeemed) AND is < should) AS wrong
    FROM
    (
        SELECT transaction_hash AS tx, token_id AS token, block_number AS block,
            if(sender = toFixedString('', 20), toInt256(amount), -toInt256(amount)) AS minted, toInt256(0) AS said, false AS redeemed
        FROM default.chain_transfers FINAL
        WHERE block_number BETWEEN {from_block} AND {to_block} AND reinterpretAsUInt64(transaction_hash) IN doubtful
            AND (sender = toFixedString('', 20)) != (receiver = toFixedString('', 20))
        UNION ALL
        SELECT event.transaction_hash, token.token_id, event.block_number, toInt256(0), event.said, event.redeemed
        FROM
        (
            SELECT transaction_hash, block_number, condition_id, collateral, part.1 AS index_set, part.2 AS said,
                kind = 'redemption' AS redeemed
            FROM default.chain_lifecycle FINAL
            -- a partition that is not of all outcomes takes the token of its union, which full partitions have none of
            ARRAY JOIN multiIf(kind = 'split', arrayConcat(arrayMap(s -> (s, toInt256(amount)), numbers),
                [(toUInt256(arraySum(numbers)), -toInt256(amount))]),
                kind = 'merge', arrayConcat(arrayMap(s -> (s, -toInt256(amount)), numbers),
                    [(toUInt256(arraySum(numbers)), toInt256(amount))]),
                arrayMap(s -> (s, toInt256(0)), numbers)) AS part
            WHERE block_number BETWEEN {from_block} AND {to_block} AND kind IN ('split', 'merge', 'redemption') AND notEmpty(numbers)
                AND reinterpretAsUInt64(transaction_hash) IN doubtful
        ) AS event
        INNER JOIN
        (
            SELECT * FROM default.audit_tokens WHERE condition_id IN
                (SELECT condition_id FROM default.chain_lifecycle WHERE block_number BETWEEN {from_block} AND {to_block})
        ) AS token USING (condition_id, collateral, index_set)
        UNION ALL
        SELECT transaction_hash, part.1, block_number, toInt256(0), part.2, false
        FROM default.chain_lifecycle FINAL
        ARRAY JOIN multiIf(
            kind = 'redemption', [(token_id, -toInt256(amount))],
            arrayMap(o -> (reinterpretAsUInt256(reverse(condition_id)) + o, if(kind = 'split', toInt256(amount), -toInt256(amount))),
                [toUInt256(0), toUInt256(1)])) AS part
        WHERE block_number BETWEEN {from_block} AND {to_block} AND version = 'V3' AND kind IN ('split', 'merge', 'redemption')
            AND reinterpretAsUInt64(transaction_hash) IN doubtful
    )
    WHERE tx NOT IN (SELECT transaction_hash FROM default.audit_unread WHERE block_number BETWEEN {from_block} AND {to_block})
    GROUP BY tx, token
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law redemptions by=blocks case=redemptions-of-resolved-conditions glance=redemptions needs=transfers,lifecycle,conditions Each redemption pays what the tokens that were burnt for it are worth, rounded down for each outcome.
-- Where a wallet redeems a condition several times in a transaction, each may round on its own.
WITH doubtful AS (SELECT arrayJoin(doubtful) FROM default.audit_glances WHERE audit = {audit} AND glance = 'redemptions' AND first = {from_block} AND last = {to_block})
SELECT count() AS checked, countIf(wrong != '') AS broken, minIf(block, wrong != '') AS first_block,
    maxIf(block, wrong != '') AS last_block,
    groupArrayIf(100)((block, block, concat('0x', lower(hex(tx))), concat('0x', lower(hex(wallet))), '', wrong), wrong != '') AS places
FROM
(
    SELECT tx, wallet, block, paid, sum(intDiv(greatest(burnt, 0) * share, denominator)) AS worth, rounding,
        if(abs(paid - worth) <= rounding, '', concat('paid ', $units(paid), ' for tokens worth ', $units(worth))) AS wrong
    FROM
    (
        SELECT redeemed.tx AS tx, redeemed.wallet AS wallet, redeemed.condition_id AS condition_id, redeemed.collateral AS collateral,
            redeemed.block AS block,
            redeemed.paid AS paid, if(redeemed.times = 1, 0, redeemed.times * length(redeemed.sets)) AS rounding,
            sum(moved.amount) AS burnt, any(arraySum((n, i) -> if(bitAnd(token.index_set, bitShiftLeft(toUInt256(1), toUInt16(i - 1))) != 0,
                toInt256(n), 0), payout_numerators, arrayEnumerate(payout_numerators))) AS share,
            any(toInt256(arraySum(payout_numerators))) AS denominator
        FROM
        (
            SELECT transaction_hash AS tx, wallet, condition_id, collateral, any(block_number) AS block, toInt256(sum(payout)) AS paid,
                count() AS times,
                groupUniqArrayArray(numbers) AS sets
            FROM default.chain_lifecycle FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'redemption' AND notEmpty(numbers)
                AND parent_id = toFixedString('', 32) AND reinterpretAsUInt64(transaction_hash) IN doubtful
            GROUP BY tx, wallet, condition_id, collateral
        ) AS redeemed
        INNER JOIN $redeemedpayouts({from_block}, {to_block}) AS resolution ON resolution.condition_id = redeemed.condition_id
        INNER JOIN $redeemedtokens({from_block}, {to_block}) AS token ON token.condition_id = redeemed.condition_id AND token.collateral = redeemed.collateral
        LEFT JOIN
        (
            SELECT transaction_hash AS tx, sender AS wallet, token_id, toInt256(amount) AS amount FROM default.chain_transfers FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND receiver = toFixedString('', 20)
                AND reinterpretAsUInt64(transaction_hash) IN doubtful
            UNION ALL
            SELECT event.transaction_hash, event.wallet, merged.token_id, -toInt256(event.amount) FROM
            (
                SELECT transaction_hash, wallet, condition_id, collateral, amount, arrayJoin(numbers) AS index_set
                    FROM default.chain_lifecycle FINAL
                WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'merge' AND notEmpty(numbers)
                    AND reinterpretAsUInt64(transaction_hash) IN doubtful
            ) AS event
            INNER JOIN $redeemedtokens({from_block}, {to_block}) AS merged USING (condition_id, collateral, index_set)
        ) AS moved ON moved.tx = redeemed.tx AND moved.wallet = redeemed.wallet AND moved.token_id = token.token_id
        WHERE has(redeemed.sets, token.index_set)
        GROUP BY tx, wallet, condition_id, collateral, block, paid, rounding, token.token_id
    )
    GROUP BY tx, wallet, condition_id, collateral, block, paid, rounding
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law matches by=blocks case=fills glance=matches needs=fills,transfers Each match adds up: the taker gets what its makers give, shares for shares and collateral for collateral, and each maker has its taker.
-- A match is its makers' rows and the taker's row behind them. Its taker may offer more than is taken, and gets the rest back. An
-- order of V1 that is filled alone has no taker's row: the tokens go between its owner and the operator.
WITH doubtful AS (SELECT arrayJoin(doubtful) FROM default.audit_glances WHERE audit = {audit} AND glance = 'matches' AND first = {from_block} AND last = {to_block})
SELECT count() AS checked, countIf(wrong > 0) AS broken, minIf(block, wrong > 0) AS first_block, maxIf(block, wrong > 0) AS last_block,
    arrayMap(p -> (p.1, p.1, concat('0x', lower(hex(p.2))), concat('0x', lower(hex(p.3.2))), toString(p.3.4),
        ['a maker\'s fill has no taker\'s', 'a taker\'s fill has no maker\'s', 'a maker\'s fill names another taker',
            'a maker and the taker are on the same side',
            concat('the taker gets ', $units(if(p.3.9 = 'BUY', p.3.5, p.3.6)), ', its makers give ',
                $units(if(p.3.9 = 'BUY', p.6, p.5))),
            concat('the taker gives ', $units(if(p.3.9 = 'BUY', p.3.6, p.3.5)), ', its makers get ',
                $units(if(p.3.9 = 'BUY', p.5, p.6)))][p.4]),
        groupArrayIf(100)((block, tx, taker, wrong, collateral, shares), wrong > 0)) AS places
FROM
(
    SELECT tx, block,
        arrayFilter(f -> NOT f.8, match) AS rows,
        rows[-1] AS taker,
        arrayFilter(f -> f.7 = 'maker', rows) AS makers,
        -- the complement's maker pays for the shares that the taker does not
        arraySum(arrayMap(f -> if(f.4 = taker.4, f.6, f.5 - f.6), makers)) AS collateral,
        arraySum(arrayMap(f -> f.5, makers)) AS shares,
        multiIf(
            empty(rows), 0,
            taker.7 != 'taker', 1,
            empty(makers), 2,
            arrayExists(f -> f.3 != taker.2, makers), 3,
            arrayExists(f -> (f.4 = taker.4) = (f.9 = taker.9), makers), 4,
            if(taker.9 = 'BUY', taker.5 != shares, taker.6 != collateral), 5,
            if(taker.9 = 'BUY', taker.6 < collateral, taker.5 < shares), 6,
            0) AS wrong
    FROM
    (
        SELECT transaction_hash AS tx, any(block_number) AS block,
            arrayJoin(arrayReverseSplit((f, last) -> last, arraySort(f -> f.1, groupArray(
                (log_index, owner, counterparty, token_id, toInt64(shares), toInt64(collateral), role, alone, side))) AS fills,
                arrayMap(f -> f.7 = 'taker', fills))) AS match
        FROM
        (
            SELECT *, version = 'V1' AND role = 'maker' AND (transaction_hash, token_id, if(side = 'BUY', counterparty, owner),
                if(side = 'BUY', owner, counterparty)) IN
                (SELECT transaction_hash, token_id, sender, receiver FROM default.audit_direct
                    WHERE block_number BETWEEN {from_block} AND {to_block}) AS alone
            FROM default.chain_fills FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND reinterpretAsUInt64(transaction_hash) IN doubtful
        )
        GROUP BY tx, exchange
    )
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law transactions by=blocks case=trades-or-events glance=moves needs=transfers,fills,lifecycle,amm,conditions In each transaction, fills and events explain for each wallet and token what the exchanges, adapters, modules and pools move; and contracts that only pass tokens on keep none.
-- What is left is plain transfers: vw_plain_transfers. The wallet 'fees' stands for the receiver of the fee that an exchange of
-- V1 takes in shares. Sums wrap at 128 bits, which is as good to compare and half the work. The owner behind a collateral adapter is who the tokens go to, and no event names it.
WITH doubtful AS (SELECT arrayJoin(doubtful) FROM default.audit_glances WHERE audit = {audit} AND glance = 'moves' AND first = {from_block} AND last = {to_block})
SELECT count() AS checked, uniqExactIf(tx, wrong > 0) AS broken, minIf(block, wrong > 0) AS first_block, maxIf(block, wrong > 0) AS last_block,
    -- texts are made of what is wrong alone: of each row they take longer than all else
    arrayMap(p -> (p.1, p.1, concat('0x', lower(hex(p.2))),
        if(startsWith(p.3, 'fees'), 'the receiver of the fee', concat('0x', lower(hex(p.3)))), toString(p.4),
        if(p.5 = 1, concat('a contract that passes tokens on ', if(p.6 < 0, 'lacks ', 'keeps '), $units(abs(p.6)), ' of them'),
            concat($units(p.7), ' moved, by fills and events ', $units(p.7 - p.8)))),
        groupArrayIf(100)((block, tx, wallet, token, wrong, kept, asked_for, unexplained), wrong > 0)) AS places
FROM
(
    SELECT tx, token, wallet, any(block_number) AS block, sum(moved) AS kept, sum(asked) AS asked_for,
        asked_for - sum(said) + if(max(redeemed), sum(burnt) - sum(merged), 0) AS unexplained,
        multiIf(
            kept != 0 AND wallet IN (SELECT address FROM default.audit_contracts
                WHERE kind IN ('exchange', 'adapter', 'collateral adapter', 'auto redeemer')), 1,
            unexplained = 0 OR max(free)
                OR wallet IN (SELECT address FROM default.audit_contracts WHERE kind IN ('collateral adapter', 'auto redeemer')), 0,
            2) AS wrong
    FROM
    (
        -- what moved: a wallet's gain or loss
        SELECT tx, block_number, token_id AS token, side.1 AS wallet, side.2 AS moved, side.3 * side.2 AS asked,
            toInt128(0) AS said,
            if(side.2 < 0 AND receiver = toFixedString('', 20), -side.2, toInt128(0)) AS burnt, toInt128(0) AS merged, false AS redeemed,
                false AS free
        FROM
        (
            SELECT transfer.transaction_hash AS tx, block_number, token_id, sender, receiver, toInt128(amount) AS n,
                operator IN (SELECT address FROM default.audit_contracts WHERE kind = 'collateral adapter') AS by_adapter,
                contract != toFixedString(unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045'), 20)
                    AND receiver = toFixedString('', 20) AS burnt_by_module,
                multiIf(
                    sender IN (SELECT address FROM default.audit_contracts WHERE kind = 'exchange')
                        AND receiver NOT IN (SELECT address FROM default.audit_contracts WHERE kind != 'fee module')
                            AND receiver != toFixedString('', 20)
                        AND tx IN (SELECT transaction_hash FROM default.chain_fills
                            WHERE block_number BETWEEN {from_block} AND {to_block} AND version = 'V1' AND side = 'BUY' AND fee > 0)
                        AND (tx, receiver) NOT IN (SELECT transaction_hash, owner FROM default.chain_fills
                            WHERE block_number BETWEEN {from_block} AND {to_block} AND transaction_hash IN
                                (SELECT transaction_hash FROM default.chain_fills
                                WHERE block_number BETWEEN {from_block} AND {to_block} AND version = 'V1' AND side = 'BUY' AND fee > 0)),
                        toFixedString('fees', 20),
                    -- the vault's part of a conversion, which is the fee of its owner
                    conversion.wallet != toFixedString('', 20) AND sender IN (SELECT address FROM default.audit_contracts
                        WHERE kind = 'adapter')
                        AND receiver NOT IN (SELECT address FROM default.audit_contracts)
                            AND receiver NOT IN (toFixedString('', 20), conversion.burn), conversion.wallet,
                    receiver) AS gets
            FROM
            (
                SELECT * FROM default.chain_transfers FINAL
                WHERE block_number BETWEEN {from_block} AND {to_block} AND reinterpretAsUInt64(transaction_hash) IN doubtful
                    AND (sender = toFixedString('', 20) OR receiver = toFixedString('', 20)
                        OR operator IN (SELECT address FROM default.audit_contracts WHERE kind != 'fee module')
                        OR sender IN (SELECT address FROM default.audit_contracts WHERE kind != 'fee module')
                        OR sender IN (SELECT address FROM default.audit_contracts WHERE kind = 'fee module') AND transaction_hash IN
                            (SELECT transaction_hash FROM default.chain_fills WHERE block_number BETWEEN {from_block} AND {to_block}
                            UNION ALL SELECT transaction_hash FROM default.chain_lifecycle
                                WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'fee refund'))
            ) AS transfer
            LEFT ANY JOIN
            (
                SELECT transaction_hash, any(wallet) AS wallet, toFixedString(substring(keccak256('NO_TOKEN_BURN_ADDRESS'), 1, 20),
                    20) AS burn FROM default.chain_lifecycle
                WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'conversion' GROUP BY transaction_hash
            ) AS conversion ON conversion.transaction_hash = transfer.transaction_hash
        )
        ARRAY JOIN [(sender, -n, toInt128(NOT burnt_by_module AND NOT by_adapter)), (gets, n, toInt128(NOT by_adapter))] AS side
        WHERE side.1 != toFixedString('', 20)

        UNION ALL
        -- fills: the exchange gives what the owner gets; of an order that is filled alone, the operator
        SELECT transaction_hash, block_number, token_id, side.1, toInt128(0), toInt128(0), side.2, toInt128(0), toInt128(0), false, false
        FROM
        (
            SELECT transaction_hash, block_number, token_id, owner, counterparty, exchange, if(side = 'BUY', 1, -1) AS sign,
                if(version = 'V1' AND side = 'BUY', toInt128(fee), toInt128(0)) AS in_shares, toInt128(shares) AS n,
                version = 'V1' AND role = 'maker' AND (transaction_hash, token_id, if(side = 'BUY', counterparty, owner),
                    if(side = 'BUY', owner, counterparty)) IN
                    (SELECT transaction_hash, token_id, sender, receiver FROM default.audit_direct
                        WHERE block_number BETWEEN {from_block} AND {to_block} AND reinterpretAsUInt64(transaction_hash) IN doubtful) AS alone
            FROM default.chain_fills FINAL WHERE block_number BETWEEN {from_block} AND {to_block}
                AND reinterpretAsUInt64(transaction_hash) IN doubtful
        )
        ARRAY JOIN [(owner, sign * n - in_shares), (if(alone, counterparty, exchange), -sign * n + if(alone, in_shares, 0)),
            (toFixedString('fees', 20), if(alone, 0, in_shares))] AS side
        WHERE side.2 != 0

        UNION ALL
        -- splits and merges of the conditional tokens, and the tokens of redemptions
        SELECT event.transaction_hash, event.block_number, token.token_id, event.wallet, toInt128(0), toInt128(0), event.said, toInt128(0),
            if(event.kind = 'merge', -event.said, toInt128(0)), event.kind = 'redemption', false
        FROM
        (
            SELECT transaction_hash, block_number, wallet, kind, condition_id, collateral, part.1 AS index_set, part.2 AS said
            FROM default.chain_lifecycle FINAL
            ARRAY JOIN multiIf(kind = 'split', arrayConcat(arrayMap(s -> (s, toInt128(amount)), numbers),
                [(toUInt256(arraySum(numbers)), -toInt128(amount))]),
                kind = 'merge', arrayConcat(arrayMap(s -> (s, -toInt128(amount)), numbers),
                    [(toUInt256(arraySum(numbers)), toInt128(amount))]),
                arrayMap(s -> (s, toInt128(0)), numbers)) AS part
            WHERE block_number BETWEEN {from_block} AND {to_block} AND kind IN ('split', 'merge', 'redemption') AND notEmpty(numbers)
                AND reinterpretAsUInt64(transaction_hash) IN doubtful
        ) AS event
        INNER JOIN
        (
            SELECT * FROM default.audit_tokens WHERE condition_id IN
                (SELECT condition_id FROM default.chain_lifecycle WHERE block_number BETWEEN {from_block} AND {to_block})
        ) AS token USING (condition_id, collateral, index_set)

        UNION ALL
        -- any amount that an auto redeemer takes of the wallet it names, of each outcome
        SELECT redemption.transaction_hash, redemption.block_number, token.token_id, side, toInt128(0), toInt128(0), toInt128(0),
            toInt128(0), toInt128(0), false, true
        FROM
        (
            SELECT transaction_hash, block_number, condition_id, wallet, contract FROM default.chain_lifecycle FINAL
            WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'auto redemption'
        ) AS redemption
        INNER JOIN
        (
            SELECT * FROM default.audit_tokens WHERE condition_id IN (SELECT condition_id FROM default.chain_lifecycle
                WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'auto redemption')
        ) AS token ON token.condition_id = redemption.condition_id
        ARRAY JOIN [redemption.wallet, redemption.contract] AS side

        UNION ALL
        -- the neg-risk adapter's own splits, merges and redemptions; and conversions: the NO of each question in the index set
        -- is burnt, the adapter splits for the others and keeps their NO out of supply
        SELECT tx, block, token.token_id, side.1, toInt128(0), toInt128(0), side.2, toInt128(0), toInt128(0), false, false
        FROM
        (
            SELECT transaction_hash AS tx, block_number AS block, condition_id, toUInt256(part.1) AS index_set, part.2 AS n, wallet,
                contract AS other
            FROM default.chain_lifecycle FINAL
            ARRAY JOIN arrayMap(s -> (s, multiIf(kind = 'split', toInt128(amount), kind = 'merge', -toInt128(amount),
                -toInt128(amounts[s]))), [1, 2]) AS part
            WHERE block_number BETWEEN {from_block} AND {to_block} AND version IN ('V1', 'V2')
                AND kind IN ('split', 'merge', 'redemption') AND empty(numbers)
            UNION ALL
            SELECT conversion.transaction_hash, conversion.block_number, question.condition_id, toUInt256(part.1), part.2, part.3, part.4
            FROM
            (
                SELECT transaction_hash, block_number, log_index, wallet, contract, market_id, number, toInt128(amount) AS n,
                    toFixedString(substring(keccak256('NO_TOKEN_BURN_ADDRESS'), 1, 20), 20) AS burn
                FROM default.chain_lifecycle FINAL
                WHERE block_number BETWEEN {from_block} AND {to_block} AND kind = 'conversion' AND version = 'V1'
            ) AS conversion
            INNER JOIN (SELECT * FROM default.audit_questions FINAL) AS question ON question.market_id = conversion.market_id
            ARRAY JOIN if(bitAnd(conversion.number, bitShiftLeft(toUInt256(1), question.place)) != 0, [(2, -n, conversion.wallet, burn)],
                [(2, -n, contract, burn), (1, n, conversion.wallet, contract)]) AS part
            WHERE question.block_number <= conversion.block_number
        ) AS event
        INNER JOIN
        (
            SELECT * FROM default.audit_tokens
            WHERE condition_id IN (SELECT condition_id FROM default.chain_lifecycle WHERE block_number BETWEEN {from_block} AND {to_block})
                OR condition_id IN (SELECT condition_id FROM default.audit_questions WHERE market_id IN
                    (SELECT market_id FROM default.chain_lifecycle WHERE block_number BETWEEN {from_block} AND {to_block}
                        AND kind = 'conversion'))
        ) AS token ON token.condition_id = event.condition_id AND token.index_set = event.index_set
        ARRAY JOIN [(wallet, n), (other, -n)] AS side
        WHERE token.collateral = unhex('3a3bd7bb9528e159577f7c2e685cc81a765002e2')

        UNION ALL
        -- pools
        SELECT tx, block, token.token_id, side.1, toInt128(0), toInt128(0), side.2, toInt128(0), toInt128(0), false, false
        FROM
        (
            SELECT trade.transaction_hash AS tx, trade.block_number AS block, pool.condition_id AS condition_id,
                pool.collateral AS collateral, toUInt256(bitShiftLeft(toUInt256(1), part.1)) AS index_set,
                part.2 AS n, trade.wallet AS wallet, trade.pool AS other
            FROM (SELECT * FROM default.chain_amm_trades FINAL WHERE block_number BETWEEN {from_block} AND {to_block}) AS trade
            INNER JOIN (SELECT * FROM default.audit_pools FINAL) AS pool ON pool.pool = trade.pool
            ARRAY JOIN multiIf(trade.kind = 'buy', [(toUInt8(outcome_index), toInt128(shares))], trade.kind = 'sell',
                [(toUInt8(outcome_index), -toInt128(shares))],
                -- what a funding splits and the pool does not keep goes back: it keeps all of one outcome
                arrayMap((a, i) -> (toUInt8(i - 1), if(trade.kind = 'funding', toInt128(arrayMax(amounts)) - toInt128(a), toInt128(a))),
                    amounts, arrayEnumerate(amounts))) AS part
        ) AS event
        INNER JOIN
        (
            SELECT * FROM default.audit_tokens WHERE condition_id IN (SELECT condition_id FROM default.audit_pools)
        ) AS token USING (condition_id, collateral, index_set)
        ARRAY JOIN [(wallet, n), (other, -n)] AS side

        UNION ALL
        -- fees that are given back in shares, and splits of the modules
        SELECT transaction_hash, block_number, part.1, part.2, toInt128(0), toInt128(0), part.3, toInt128(0), toInt128(0), false, false
        FROM default.chain_lifecycle FINAL
        ARRAY JOIN if(kind = 'fee refund', [(token_id, wallet, toInt128(amount)), (token_id, contract, -toInt128(amount))],
            [(reinterpretAsUInt256(reverse(condition_id)), recipient, toInt128(amount)),
                (reinterpretAsUInt256(reverse(condition_id)) + 1, other_recipient, toInt128(amount))]) AS part
        WHERE block_number BETWEEN {from_block} AND {to_block} AND (kind = 'fee refund' AND token_id != 0 OR kind = 'split'
            AND version = 'V3')
    )
    WHERE reinterpretAsUInt64(tx) IN doubtful
        AND tx NOT IN (SELECT transaction_hash FROM default.audit_unread WHERE block_number BETWEEN {from_block} AND {to_block})
        -- a pool whose creation is missing is the law pools' case: here it would name the blocks of its trades
        AND tx NOT IN
        (
            SELECT transaction_hash FROM default.chain_amm_trades
            WHERE block_number BETWEEN {from_block} AND {to_block} AND pool NOT IN (SELECT pool FROM default.audit_pools)
                AND (transaction_hash, pool) IN
                (
                    SELECT transaction_hash, arrayJoin([sender, receiver]) FROM default.chain_transfers
                    WHERE block_number BETWEEN {from_block} AND {to_block}
                )
        )
    GROUP BY tx, token, wallet
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law collateral by=node case=collateral whole=conditions,lifecycle opening=lifecycle Of each collateral, what came into the conditional tokens contract by splits is what went out by merges and redemptions and what it holds.
-- What it holds says a node, after the last block, and after blocks between where the two differ: a difference belongs to the blocks
-- between two that were asked for. Collateral that was sent to the contract without a split is one too. Blocks in {openings} are
-- where a range begins: what it holds then is nobody's difference.
SELECT countIf(NOT opens) AS checked, countIf(more != 0) AS broken, minIf(since, more != 0) AS first_block,
    maxIf(block_number, more != 0) AS last_block,
    groupArrayIf(100)((since, block_number, '', '', '', concat('the contract has ', $units(abs(more)), if(more > 0, ' more', ' less'),
        ' of collateral 0x', lower(hex(collateral)), ' than by splits, merges and redemptions')), more != 0) AS places
FROM
(
    SELECT collateral, block_number, has([{openings}], block_number) AS opens,
        if(opens, toInt256(0), difference - lagInFrame(difference, 1, toInt256(0)) OVER in_order) AS more,
        lagInFrame(block_number, 1, toUInt64(assumeNotNull((SELECT min(first_block) FROM default.chain_contracts
            WHERE contract = 'conditional tokens')) - 1)) OVER in_order + 1 AS since
    FROM
    (
        SELECT asked.collateral AS collateral, asked.block_number AS block_number,
            any(toInt256(asked.amount)) - sumIf(flow.amount, flow.upto <= asked.block_number) AS difference
        FROM (SELECT * FROM default.audit_held FINAL) AS asked
        LEFT JOIN
        (
            SELECT event.collateral AS collateral, arrayFirst(b -> b >= event.block_number,
                (SELECT arraySort(groupUniqArray(block_number)) FROM default.audit_held)) AS upto,
                sum(multiIf(event.kind = 'redemption', -toInt256(event.payout), event.kind = 'split', toInt256(event.amount),
                    -toInt256(event.amount))) AS amount
            FROM
            (
                SELECT * FROM default.chain_lifecycle FINAL
                WHERE kind IN ('split', 'merge', 'redemption') AND notEmpty(numbers) AND parent_id = toFixedString('', 32)
                    AND block_number <= (SELECT max(block_number) FROM default.audit_held)
            ) AS event
            LEFT ANY JOIN (SELECT condition_id, toUInt16(number) AS outcomes FROM default.chain_lifecycle WHERE kind = 'preparation'
                AND number != 2) AS wide ON wide.condition_id = event.condition_id
            -- a partition of less than all outcomes takes the token of their union, and no collateral
            WHERE event.kind = 'redemption' OR arraySum(event.numbers) = bitShiftLeft(toUInt256(1),
                if(wide.outcomes = 0, toUInt16(2), wide.outcomes)) - 1
            GROUP BY event.collateral, upto
        ) AS flow ON flow.collateral = asked.collateral
        GROUP BY asked.collateral, asked.block_number
    )
    WINDOW in_order AS (PARTITION BY collateral ORDER BY block_number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law settled by=tokens case=settled-conditions whole=conditions,transfers,fills,lifecycle born=conditions What was paid for the tokens of a settled condition came back: over all wallets, collateral received less paid, with what is not redeemed yet, sums up to nothing but rounding.
-- A neg-risk market is settled with all its questions, because conversions cross them. Fills count before fees, which are somebody's
-- too; an order that is filled alone pays whom it takes from. An exchange's own splits and merges are its fills'. Each payout is
-- rounded down by less than a unit: once for each outcome of a redemption, and for each holder of what is left and pays a part. The
-- missing log may be any from the condition's preparation on; the modules' conditions have none.
WITH
    grouped AS
    (
        SELECT if(question.market_id != toFixedString('', 32), question.market_id, token.condition_id) AS market,
            token.condition_id AS condition_id,
            token.collateral AS collateral, token.index_set AS index_set, token.token_id AS token_id, numerators
        FROM
        (
            SELECT condition_id, collateral, index_set, token_id FROM default.audit_tokens FINAL
            UNION ALL
            SELECT condition_id, toFixedString('', 20), bitShiftLeft(toUInt256(1), outcome),
                reinterpretAsUInt256(reverse(condition_id)) + outcome FROM
            (
                SELECT DISTINCT condition_id, arrayJoin([toUInt16(0), toUInt16(1)]) AS outcome FROM default.chain_lifecycle
                WHERE version = 'V3' AND kind = 'resolution' AND contract IN
                    (SELECT toFixedString(unhex(substring(address, 3)), 20) FROM default.chain_contracts WHERE contract = 'binary module')
            )
        ) AS token
        LEFT ANY JOIN (SELECT condition_id, market_id
            FROM default.audit_questions FINAL) AS question ON question.condition_id = token.condition_id
        LEFT ANY JOIN (SELECT condition_id, any(amounts) AS numerators FROM default.chain_lifecycle WHERE kind = 'resolution'
            GROUP BY condition_id) AS resolution
            ON resolution.condition_id = token.condition_id
        WHERE cityHash64(market) {in_range}
    ),
    -- Where the history is not whole, what was prepared in the last range. A token that pays all or nothing is worth its supply,
    -- where the law balances found no doubtful wallet of it; of the others, each wallet's rest is rounded by itself.
    token AS (SELECT *, toInt256(arraySum((n, i) -> if(bitAnd(index_set, bitShiftLeft(toUInt256(1), toUInt16(i - 1))) != 0,
        n, toUInt256(0)), numerators, arrayEnumerate(numerators))) AS share, toInt256(arraySum(numerators)) AS whole,
        share = whole AND {from_block} = 0 AND (SELECT count() FROM default.audit_glances WHERE audit = {audit} AND glance = 'balances') > 0
            AND cityHash64(token_id) NOT IN (SELECT arrayJoin(doubtful) FROM default.audit_glances WHERE audit = {audit} AND glance = 'balances')
            AND token_id NOT IN (SELECT token_id FROM default.chain_transfers WHERE amount >= bitShiftLeft(toUInt256(1), 100)) AS by_supply
        FROM grouped WHERE market NOT IN (SELECT market FROM grouped WHERE arraySum(numerators) = 0)
        AND ({from_block} = 0 OR market IN (SELECT if(kind = 'market', market_id, condition_id) FROM default.chain_lifecycle
            WHERE version = 'V1' AND kind IN ('market', 'preparation') AND block_number >= {from_block}))),
    worth AS (SELECT token_id, market, share, whole FROM token WHERE share > 0 AND NOT by_supply),
    nobody AS (SELECT arrayJoin([toFixedString('', 20), toFixedString(substring(keccak256('NO_TOKEN_BURN_ADDRESS'), 1, 20), 20)])),
    exchanges AS (SELECT address FROM default.audit_contracts WHERE kind = 'exchange'),
    adapters AS (SELECT address FROM default.audit_contracts WHERE kind = 'adapter'),
    collaterals AS (SELECT address FROM default.audit_contracts WHERE kind = 'collateral adapter'),
    alone AS (SELECT block_number FROM default.chain_fills WHERE version = 'V1' AND role = 'maker' AND taker_order)
SELECT count() AS checked, countIf(wrong != '') AS broken, minIf(since, wrong != '') AS first_block,
    maxIf(until, wrong != '') AS last_block,
    groupArrayIf(100)((since, until, '', '', '', concat(wrong, ', condition or neg-risk market 0x', lower(hex(market)))), wrong != '') AS places
FROM
(
    SELECT flow.market AS market,
        least(min(flow.block), if(any(prepared.block) = 0, (SELECT min(first_block) FROM default.chain_contracts WHERE contract = 'binary module'),
            any(prepared.block))) AS since,
        (SELECT max(last) FROM default.chain_ranges WHERE dataset = 'lifecycle') AS until, sum(flow.cash) AS sums_to, sum(flow.rounded) AS rounding,
        if(sums_to <= 0 AND -sums_to <= rounding, '', concat('what came back less what was paid is ', $units(sums_to),
            ', and rounding takes ', $units(rounding), ' at most')) AS wrong
    FROM
    (
        SELECT token.market AS market, fill.block AS block, toInt256(fill.cash) AS cash, toUInt64(0) AS rounded
        FROM
        (
            SELECT token_id, min(block_number) AS block, sum(if(side = 'BUY', -1, 1) * toInt128(collateral)) AS cash
            FROM default.chain_fills FINAL WHERE token_id IN (SELECT token_id FROM token) GROUP BY token_id
            UNION ALL
            -- less the orders that are filled alone: few, and in few blocks
            SELECT token_id, min(block_number), sum(if(side = 'BUY', 1, -1) * toInt128(collateral))
            FROM default.chain_fills FINAL
            WHERE block_number IN alone AND token_id IN (SELECT token_id FROM token) AND version = 'V1' AND role = 'maker' AND taker_order
                AND (transaction_hash, token_id, if(side = 'BUY', counterparty, owner), if(side = 'BUY', owner, counterparty)) IN
                    (SELECT transaction_hash, token_id, sender, receiver FROM default.audit_direct WHERE block_number IN alone)
            GROUP BY token_id
        ) AS fill
        INNER JOIN token ON token.token_id = fill.token_id

        UNION ALL
        -- of the conditional tokens, the neg-risk adapter and the binary module
        SELECT known.market, event.block_number,
            multiIf(event.kind = 'redemption', toInt256(event.payout), event.kind = 'split', -toInt256(event.amount),
                toInt256(event.amount)),
            if(event.kind = 'redemption', greatest(length(event.numbers), length(event.amounts), 1), 0)
        FROM
        (
            SELECT *, if(version = 'V3' AND kind = 'redemption', toFixedString(reverse(reinterpretAsFixedString(bitAnd(token_id,
                bitNot(toUInt256(255))))), 32), condition_id) AS condition
            FROM default.chain_lifecycle FINAL
            WHERE kind IN ('split', 'merge', 'redemption') AND wallet NOT IN exchanges AND recipient NOT IN exchanges
                AND NOT (notEmpty(numbers) AND wallet IN adapters)
                AND (empty(numbers) OR parent_id = toFixedString('', 32) AND collateral IN (SELECT collateral FROM token))
        ) AS event
        INNER JOIN (SELECT condition_id, any(market) AS market, maxIf(index_set, bitCount(index_set) = 1) * 2 - 1 AS all_outcomes FROM token
            GROUP BY condition_id) AS known
            ON known.condition_id = event.condition
        WHERE event.kind = 'redemption' OR empty(event.numbers) OR arraySum(event.numbers) = known.all_outcomes

        UNION ALL
        -- what a collateral adapter splits and merges for an exchange, and what is not redeemed of tokens that pay all
        SELECT token.market, transfer.block, if(token.index_set = 1, toInt256(transfer.adapted), 0)
            + if(token.by_supply, toInt256(transfer.supply), 0), 0
        FROM
        (
            SELECT token_id, min(block_number) AS block,
                sum((toInt8(sender IN nobody) - toInt8(receiver IN nobody)) * toInt128(amount)) AS supply,
                sum(multiIf(sender IN exchanges AND receiver IN collaterals, -1, receiver IN exchanges AND sender IN collaterals, 1, 0)
                    * toInt128(amount)) AS adapted
            FROM default.chain_transfers FINAL
            WHERE token_id IN (SELECT token_id FROM token) AND (sender IN nobody OR receiver IN nobody
                OR sender IN exchanges AND receiver IN collaterals OR receiver IN exchanges AND sender IN collaterals)
            GROUP BY token_id
        ) AS transfer
        INNER JOIN token ON token.token_id = transfer.token_id

        UNION ALL
        SELECT market_id, block_number, toInt256(bitCount(number) - 1) * toInt256(amount), 0 FROM default.chain_lifecycle FINAL
        WHERE kind = 'conversion' AND version = 'V1' AND market_id IN (SELECT market FROM token)

        UNION ALL
        -- what is not redeemed of the others: a holding is a hash of token and wallet
        SELECT worth.market, holding.since, intDiv(toInt256(holding.held) * worth.share, worth.whole), toUInt64(1) FROM
        (
            SELECT any(token_id) AS token_id, min(block_number) AS since, sum(amount) AS held FROM
            (
                SELECT token_id, cityHash64(token_id, sender) AS holding, block_number, -toInt128(amount) AS amount
                FROM default.chain_transfers FINAL
                WHERE token_id IN (SELECT token_id FROM worth) AND sender NOT IN nobody
                UNION ALL
                SELECT token_id, cityHash64(token_id, receiver), block_number, toInt128(amount)
                FROM default.chain_transfers FINAL
                WHERE token_id IN (SELECT token_id FROM worth) AND receiver NOT IN nobody
            )
            GROUP BY holding
            HAVING held > 0
        ) AS holding
        INNER JOIN worth ON worth.token_id = holding.token_id
    ) AS flow
    LEFT ANY JOIN
    (
        SELECT token.market AS market, min(lifecycle.block_number) AS block FROM default.chain_lifecycle AS lifecycle
        INNER JOIN token ON token.condition_id = lifecycle.condition_id
        WHERE lifecycle.kind = 'preparation' GROUP BY token.market
    ) AS prepared ON prepared.market = flow.market
    GROUP BY flow.market
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law pools by=blocks case=trades-of-pools needs=amm,lifecycle origin=amm Each pool that splits and merges was announced by the factory, and splits and merges for its trades and fundings alone.
-- A purchase splits what is invested without the fee, a sale merges what is returned with it; a funding keeps all of one outcome.
-- Where the first blocks were not fetched, a pool without its creation may have been created in them.
SELECT count() AS checked, countIf(wrong != '') AS broken, minIf(since, wrong != '') AS first_block,
    maxIf(block, wrong != '') AS last_block,
    groupArrayIf(100)((since, block, concat('0x', lower(hex(tx))), concat('0x', lower(hex(wallet))), '', wrong), wrong != '') AS places
FROM
(
    SELECT tx, wallet, any(block) AS block, sum(traded) AS for_trades, sum(done) AS is, max(trade) AS trades,
        trades AND wallet NOT IN (SELECT pool FROM default.audit_pools) AS unknown,
        if(unknown, (SELECT min(first_block) FROM default.chain_contracts WHERE dataset = 'amm'), block) AS since,
        multiIf(unknown, 'the creation of the pool is missing', is != for_trades,
            concat('splits less merges are ', $units(is), ', by its trades ', $units(for_trades)), '') AS wrong
    FROM
    (
        SELECT transaction_hash AS tx, pool AS wallet, block_number AS block, toInt256(0) AS done, true AS trade,
            multiIf(kind = 'buy', toInt256(collateral) - toInt256(fee), kind = 'sell', -toInt256(collateral) - toInt256(fee),
                kind = 'funding', toInt256(arrayMax(arrayConcat([toUInt256(0)], amounts))), toInt256(0)) AS traded
        FROM default.chain_amm_trades FINAL WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL
        SELECT transaction_hash, wallet, block_number, if(kind = 'split', toInt256(amount), -toInt256(amount)), false, toInt256(0)
        FROM default.chain_lifecycle FINAL
        WHERE block_number BETWEEN {from_block} AND {to_block} AND kind IN ('split', 'merge') AND notEmpty(numbers)
            AND (wallet IN (SELECT pool FROM default.audit_pools)
            OR (transaction_hash, wallet) IN (SELECT transaction_hash, pool FROM default.chain_amm_trades
                WHERE block_number BETWEEN {from_block} AND {to_block}))
    )
    -- pools of other tokens than Polymarket's split none of these
    WHERE wallet IN (SELECT pool FROM default.audit_pools) OR (tx, wallet) IN
        (SELECT transaction_hash, wallet FROM default.chain_lifecycle WHERE block_number BETWEEN {from_block} AND {to_block}
            AND kind IN ('split', 'merge'))
    GROUP BY tx, wallet
)
WHERE {origin_known} OR NOT unknown
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @law conditions by=all case=events-of-conditions whole=conditions,lifecycle Each condition that is split, merged or redeemed was prepared, each that is redeemed was resolved; and each question of the neg-risk adapter has its market, its condition and, once reported, its resolution.
SELECT sum(events) AS checked, countIf(wrong != '') AS broken, minIf(since, wrong != '') AS first_block,
    maxIf(until, wrong != '') AS last_block,
    groupArrayIf(100)((since, until, '', '', '', concat(wrong, ': 0x', lower(hex(id)))), wrong != '') AS places
FROM
(
    SELECT condition_id AS id, count() AS events, multiIf(
            countIf(kind = 'preparation') = 0, 'the preparation of a condition is missing',
            countIf(kind = 'redemption' AND payout > 0) > 0 AND countIf(kind = 'resolution') = 0,
                'the resolution of a condition is missing', '') AS wrong,
        if(countIf(kind = 'preparation') = 0, (SELECT min(first_block) FROM default.chain_contracts WHERE dataset = 'conditions'),
            minIf(block_number, kind = 'preparation')) AS since,
        if(countIf(kind = 'preparation') = 0, min(block_number), minIf(block_number, kind = 'redemption')) AS until
    FROM default.chain_lifecycle
    WHERE version = 'V1' AND kind IN ('preparation', 'split', 'merge', 'redemption', 'resolution') AND condition_id != toFixedString('', 32)
    GROUP BY condition_id
    UNION ALL
    -- conditions of V3: of those of other modules than the binary one, some are resolved without an event
    SELECT condition, count(), if(countIf(kind = 'redemption' AND payout > 0) > 0 AND countIf(kind = 'resolution') = 0,
        'the resolution of a condition is missing', ''),
        min(block_number), minIf(block_number, kind = 'redemption')
    FROM
    (
        SELECT kind, payout, block_number, if(kind = 'redemption', toFixedString(reverse(reinterpretAsFixedString(bitAnd(token_id,
            bitNot(toUInt256(255))))), 32), condition_id) AS condition
        FROM default.chain_lifecycle
        WHERE kind IN ('split', 'redemption', 'resolution') AND contract IN
            (SELECT toFixedString(unhex(substring(address, 3)), 20) FROM default.chain_contracts WHERE contract = 'binary module')
    )
    GROUP BY condition
    UNION ALL
    SELECT question_id, count(), multiIf(
            countIf(kind = 'question') = 0, 'a question is missing', countIf(kind = 'preparation') = 0,
                'the condition of a question is missing',
            countIf(kind = 'outcome') > 0 AND countIf(kind = 'resolution') = 0, 'the resolution of a question is missing',
            countIf(kind = 'outcome') = 0 AND countIf(kind = 'resolution') > 0, 'the report of an outcome is missing', ''),
        if(countIf(kind IN ('question', 'preparation')) < 2, min(block_number), maxIf(block_number, kind IN ('outcome', 'resolution'))),
        if(countIf(kind IN ('question', 'preparation')) < 2, minIf(block_number, kind IN ('question', 'preparation')),
            maxIf(block_number, kind IN ('outcome', 'resolution')))
    FROM default.chain_lifecycle
    WHERE kind IN ('question', 'outcome') OR kind IN ('preparation', 'resolution')
        AND oracle IN (SELECT address FROM default.audit_contracts WHERE kind = 'adapter')
    GROUP BY question_id
    UNION ALL
    SELECT market_id, count(), if(countIf(kind = 'market') = 0, 'a market is missing', ''),
        (SELECT min(first_block) FROM default.chain_contracts WHERE contract = 'neg-risk adapter'), min(block_number)
    FROM default.chain_lifecycle WHERE kind IN ('market', 'question') AND version = 'V1'
    GROUP BY market_id
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @law ranges by=all case=ranges Each range of blocks that was fetched has as many logs in the tables as came.
-- Between two borders, the first blocks of ranges and those behind their last ones, all blocks are of the same range: that is far fewer
-- groups than blocks.
WITH (SELECT arraySort(arrayDistinct(arrayConcat([toUInt64(0)], groupArrayArray([first, last + 1])))) FROM default.chain_ranges FINAL) AS borders
SELECT count() AS checked, countIf(is != should) AS broken, minIf(first, is != should) AS first_block,
    maxIf(last, is != should) AS last_block,
    groupArrayIf(100)((first, last, '', '', '', concat(dataset, ': ', toString(should), ' logs came, ', toString(is), ' are there')),
        is != should) AS places
FROM
(
    SELECT dataset, first, any(last) AS last, sum(came) AS should, sum(there) AS is FROM
    (
        SELECT dataset, first, last, logs AS came, toUInt64(0) AS there FROM default.chain_ranges FINAL
        UNION ALL
        SELECT range.dataset, range.first, range.last, toUInt64(0), logs.n
        FROM
        (
            SELECT 'transfers' AS dataset, roundDown(block_number, borders) AS border, countIf(batch_index = 0) AS n
                FROM default.chain_transfers FINAL GROUP BY border
            UNION ALL SELECT 'fills', roundDown(block_number, borders) AS border, count() FROM default.chain_fills FINAL GROUP BY border
            UNION ALL SELECT 'amm', roundDown(block_number, borders) AS border, count() FROM default.chain_amm_trades FINAL GROUP BY border
            UNION ALL SELECT toString(dataset), roundDown(block_number, borders) AS border, sum(logs) FROM
            (
                SELECT dataset, block_number, count() AS logs FROM default.chain_lifecycle FINAL GROUP BY dataset, block_number
                UNION ALL SELECT dataset, block_number, count() FROM default.chain_rejected FINAL WHERE dataset != ''
                    GROUP BY dataset, block_number
            )
            GROUP BY dataset, border
        ) AS logs
        ASOF INNER JOIN (SELECT toString(dataset) AS dataset, first, last FROM default.chain_ranges FINAL) AS range
            ON range.dataset = logs.dataset AND logs.border >= range.first
        WHERE logs.border <= range.last
    )
    GROUP BY dataset, first
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @sample
-- Pieces of the blocks that came from other sources than {source}, chosen at random by {seed}: so many that they are {share} of
-- these blocks. Blocks behind {reach}, the last one that the source has, are left out.
SELECT first, last, datasets, total FROM
(
    SELECT first, last, datasets, sum(width) OVER (ORDER BY place, first, last) AS upto, sum(width) OVER () AS total, width
    FROM
    (
        SELECT arrayJoin(range(begin, end + 1, 1000)) AS first, least(first + 999, end) AS last, last - first + 1 AS width, datasets,
            sipHash64(first, last, toInt64({seed})) AS place
        FROM
        (
            SELECT first AS begin, last AS end, groupArray(toString(dataset)) AS datasets FROM default.chain_ranges FINAL
            WHERE source != {source} GROUP BY first, last
        )
    )
    WHERE last <= toUInt64({reach})
)
WHERE upto - width < toFloat64({share}) * total
ORDER BY first;

-- @law second by=source case=logs-in-the-sample In a random sample of the blocks, the stored logs are those that another source has.
SELECT count() AS checked, countIf(here != there) AS broken, minIf(block_number, here != there) AS first_block,
    maxIf(block_number, here != there) AS last_block,
    groupArrayIf(100)((block_number, block_number, concat('0x', lower(hex(transaction_hash))), '', '',
        concat(dataset, ': log ', toString(log_index), if(there, ' is missing; ', ' is stored; '), {source},
            if(there, ' has it', ' does not have it'))), here != there) AS places
FROM
(
    SELECT dataset, block_number, log_index, transaction_hash, max(stored) AS here, max(NOT stored) AS there FROM
    (
        SELECT 'fills' AS dataset, block_number, log_index, transaction_hash, true AS stored FROM default.chain_fills
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT 'amm', block_number, log_index, transaction_hash, true FROM default.chain_amm_trades
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT 'transfers', block_number, log_index, transaction_hash, true FROM default.chain_transfers
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT toString(dataset), block_number, log_index, transaction_hash, true FROM default.chain_lifecycle
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT toString(dataset), block_number, log_index, transaction_hash, true FROM default.chain_rejected
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT 'fills', block_number, log_index, transaction_hash, false FROM {copy}.chain_fills
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT 'amm', block_number, log_index, transaction_hash, false FROM {copy}.chain_amm_trades
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT 'transfers', block_number, log_index, transaction_hash, false FROM {copy}.chain_transfers
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT toString(dataset), block_number, log_index, transaction_hash, false FROM {copy}.chain_lifecycle
            WHERE block_number BETWEEN {from_block} AND {to_block}
        UNION ALL SELECT toString(dataset), block_number, log_index, transaction_hash, false FROM {copy}.chain_rejected
            WHERE block_number BETWEEN {from_block} AND {to_block}
    )
    WHERE dataset IN ({datasets})
    GROUP BY dataset, block_number, log_index, transaction_hash
)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @compared
-- The computed positions of wallets beside the Data API's, for `backfill audit wallets`: each difference of a position's amount and
-- realized profit with its kind. A position is not a balance: transfers and fees in shares are in the Data API's amount alone. The
-- Data API rounds prices to four decimals. What a wallet had of a token before the first block is not known, unless all datasets are
-- there from the contracts' first block on, or from the token's preparation on; and the Data API may know of events behind the last
-- block. Of the rest, where its amount is another balance than that of the stored transfers, logs are missing.
WITH
    begins AS
    (
        -- the first block behind the last gap of any dataset; 0 where there is no gap
        SELECT max(if(isNull(fetched.begin), 18446744073709551615, if(fetched.begin <= contracts.block, 0, fetched.begin))) AS begin FROM
        (SELECT dataset, min(first_block) AS block FROM default.chain_contracts GROUP BY dataset) AS contracts
        LEFT JOIN
        (
            SELECT dataset, toNullable(maxIf(first, apart)) AS begin FROM
            (
                SELECT toString(dataset) AS dataset, first, first > 1 + max(last) OVER
                    (PARTITION BY dataset ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS apart
                FROM default.chain_ranges FINAL
            )
            GROUP BY dataset
        ) AS fetched ON fetched.dataset = contracts.dataset
    ),
    (SELECT begin FROM begins) AS begin,
    whole AS
    (
        SELECT toString(token_id) AS token FROM default.positions_tokens
        WHERE condition_id IN (SELECT condition_id FROM default.chain_lifecycle WHERE kind = 'preparation' AND block_number >= begin)
            OR collateral = toFixedString('', 20) AND index_set != 0
                AND begin <= (SELECT min(first_block) FROM default.chain_contracts WHERE contract = 'binary module')
    ),
    (SELECT toUInt64(ifNull(toUnixTimestamp(max(block_time)), 0)) FROM default.chain_transfers) AS until,
    -- an open position that is not listed a day later may be closed by then
    (SELECT toUnixTimestamp(max(timestamp)) FROM default.api_positions_staging) > until + 86400 AS behind,
    sample AS (SELECT wallet_address AS wallet, toFixedString(unhex(substring(wallet, 3)), 20) AS address FROM default.api_positions_staging
        GROUP BY wallet ORDER BY cityHash64(wallet) LIMIT {sample}),
    found AS
    (
        SELECT wallet, token, max(listed) AS api, sum(api_amount) - sum(amount) AS more, sum(api_profit) - sum(profit) AS profit_more,
            sum(amount) AS held, sum(bought) AS bought,
            sum(in_fees) AS fees, sum(transferred) AS moved, sum(transfers) AS moves, max(converted) AS conversion, max(pooled) AS pool,
                max(api_average) AS one, max(average) AS other,
            api AND abs(sum(api_amount) - sum(balance)) > 1e-4 AS elsewhere, begin > 0 AND token NOT IN whole AS opened,
            max(last_event) > until OR NOT api AND behind AS later
        FROM
        (
            SELECT wallet_address AS wallet, asset_id AS token, true AS listed, toFloat64(size) AS api_amount,
                ifNull(toFloat64(realized_pnl), 0) AS api_profit, ifNull(toFloat64(entry_price), 0) AS api_average,
                0. AS amount, 0. AS profit, 0. AS average, 0. AS bought, 0. AS in_fees, 0. AS transferred, 0 AS transfers,
                    false AS converted, false AS pooled, 0. AS balance, toUInt64(ifNull(toUnixTimestamp(last_event_at), 0)) AS last_event
            FROM default.api_positions_staging FINAL WHERE wallet_address IN (SELECT wallet FROM sample)
            UNION ALL
            SELECT wallet, token_id, false, 0, 0, 0, toFloat64(amount), toFloat64(realized_pnl), toFloat64(average_price),
                toFloat64(bought), 0, 0, 0, false, false, 0, 0
            FROM default.wallet_positions WHERE wallet IN (SELECT wallet FROM sample) AND NOT startsWith(token_id, '0x')
            UNION ALL
            SELECT concat('0x', lower(hex(owner))), toString(token_id), false, 0, 0, 0, 0, 0, 0, 0, -toFloat64(fee) / 1e6, 0, 0, false,
                false, 0, 0
            FROM default.chain_fills FINAL WHERE version = 'V1' AND side = 'BUY' AND fee > 0 AND owner IN (SELECT address FROM sample)
            UNION ALL
            SELECT concat('0x', lower(hex(wallet))), toString(token_id), false, 0, 0, 0, 0, 0, 0, 0, toFloat64(amount) / 1e6, 0, 0, false,
                false, 0, 0
            FROM default.chain_lifecycle FINAL WHERE kind = 'fee refund' AND token_id != 0 AND wallet IN (SELECT address FROM sample)
            UNION ALL
            SELECT concat('0x', lower(hex(side.1))), toString(token_id), false, 0, 0, 0, 0, 0, 0, 0, 0, side.2 * toFloat64(amount) / 1e6, 1,
                false, false, 0, 0
            FROM default.vw_plain_transfers ARRAY JOIN [(sender, -1), (receiver, 1)] AS side WHERE side.1 IN (SELECT address FROM sample)
            UNION ALL
            SELECT concat('0x', lower(hex(side.1))), toString(token_id), false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, false,
                side.2 * toFloat64(amount) / 1e6, 0
            FROM default.chain_transfers FINAL ARRAY JOIN [(sender, -1), (receiver, 1)] AS side WHERE side.1 IN (SELECT address FROM sample)
            UNION ALL
            -- an order that is filled alone moves its operator's tokens, too
            SELECT concat('0x', lower(hex(counterparty))), toString(token_id), false, 0, 0, 0, 0, 0, 0, 0, 0,
                if(side = 'BUY', -1, 1) * toFloat64(shares) / 1e6, 1, false, false, 0, 0
            FROM default.chain_fills FINAL WHERE role = 'maker' AND taker_order AND counterparty IN (SELECT address FROM sample)
            UNION ALL
            SELECT concat('0x', lower(hex(event.wallet))), toString(token.token_id), false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, event.converted,
                NOT event.converted, 0, 0
            FROM
            (
                SELECT wallet, market_id AS market, true AS converted FROM default.chain_lifecycle WHERE kind = 'conversion'
                    AND wallet IN (SELECT address FROM sample)
                UNION ALL
                SELECT trade.wallet, pool.market, false FROM (SELECT * FROM default.chain_amm_trades
                    WHERE wallet IN (SELECT address FROM sample)) AS trade
                INNER JOIN (SELECT token_id, market FROM default.positions_tokens
                    WHERE index_set = 0) AS pool ON pool.token_id = reinterpretAsUInt256(reverse(trade.pool))
            ) AS event
            INNER JOIN default.positions_tokens AS token ON token.market = event.market
        )
        GROUP BY wallet, token
        HAVING api OR held > 0
    )
SELECT difference.1 AS what, difference.2 AS kind, count() AS positions, uniqExact(wallet) AS wallets,
    round(sum(abs(difference.3)), 6) AS sum,
    argMax(concat(toString(round(difference.3, 6)), ' of ', wallet, ', token ', token), abs(difference.3)) AS largest
FROM found
ARRAY JOIN
[
    ('amount', multiIf(more = 0, 'none', abs(more) <= 1e-4, 'rounding', NOT api AND held < 0.1, 'dust', opened, 'opening balance unknown',
        later, 'later blocks', elsewhere, 'another balance',
        abs(more - moved - fees) <= 1e-4, if(moves > 0, 'transfer', 'fees in shares'), conversion, 'conversion', pool, 'AMM share',
        moves > 0, 'transfer', fees != 0, 'fees in shares', 'unexplained'), more),
    ('realized profit', multiIf(NOT api, 'not listed', profit_more = 0, 'none', abs(profit_more) <= 1e-4 + 5e-5 * bought, 'rounding',
        opened, 'opening balance unknown', later, 'later blocks', elsewhere, 'another balance', moves > 0, 'transfer', fees != 0, 'fees in shares',
        conversion, 'conversion', pool, 'AMM share', abs(one - other) > 5.1e-5, 'another average price', 'unexplained'),
            if(api, profit_more, 0))
] AS difference
GROUP BY what, kind
ORDER BY what, kind != 'unexplained', positions DESC
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @check broken laws, and where chart=bars
SELECT concat(toString(law), ', ', if(first_block = last_block, concat('block ', toString(first_block)),
    concat('blocks ', toString(first_block), ' to ', toString(last_block)))) AS law, broken
FROM default.audit_results WHERE time = (SELECT max(time) FROM default.audit_results) AND broken > 0 ORDER BY broken DESC;

-- @check blocks that were fetched of each dataset (at most 1,000 ranges without a gap) chart=strip
SELECT dataset, min(first) AS first_block, max(last) AS last_block, sum(logs) AS logs FROM
(
    SELECT dataset, first, last, logs, sum(apart) OVER (PARTITION BY dataset ORDER BY first, last) AS island FROM
    (
        SELECT dataset, first, last, logs, first > 1 + max(last) OVER
            (PARTITION BY dataset ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS apart
        FROM default.chain_ranges FINAL
    )
)
GROUP BY dataset, island ORDER BY dataset, first_block LIMIT 1000;

-- @check what the laws supply and balances were held against, in thousands, and the blocks in which one is broken, by year and month chart=columns
WITH (SELECT groupUniqArray(place.first_block) FROM default.audit_results ARRAY JOIN places AS place
    WHERE time = (SELECT max(time) FROM default.audit_results) AND law IN ('supply', 'balances')) AS broken
SELECT formatDateTime(block_time, '%Y-%m') AS month,
    round(uniqIf(transaction_hash, sender = toFixedString('', 20) OR receiver = toFixedString('', 20)) / 1000, 3) AS supply,
    round(uniqIf(sender, token_id, sender != toFixedString('', 20)) / 1000, 3) AS balances,
    uniqIf(block_number, has(broken, block_number)) AS broken_blocks
FROM default.chain_transfers WHERE isNotNull(block_time) GROUP BY month ORDER BY month;

-- @check logs that the laws were held against, by year and month chart=columns
SELECT formatDateTime(block_time, '%Y-%m') AS month, countIf(what = 'transfers') AS transfers, countIf(what = 'fills') AS fills,
    countIf(what = 'events') AS events
FROM
(
    SELECT 'transfers' AS what, block_time FROM default.chain_transfers
    UNION ALL SELECT 'fills', block_time FROM default.chain_fills
    UNION ALL SELECT 'events', block_time FROM default.chain_lifecycle
)
WHERE isNotNull(block_time)
GROUP BY month ORDER BY month;

-- @check tokens that were minted and burnt, in millions, by year and month chart=columns
SELECT formatDateTime(block_time, '%Y-%m') AS month, round(sumIf(toFloat64(amount), sender = toFixedString('', 20)) / 1e12, 3) AS minted,
    round(sumIf(toFloat64(amount), receiver = toFixedString('', 20)) / 1e12, 3) AS burnt
FROM default.chain_transfers
WHERE isNotNull(block_time) AND amount < bitShiftLeft(toUInt256(1), 100)
GROUP BY month ORDER BY month;

-- @check transfers that nothing else explains, by year and month chart=columns
SELECT formatDateTime(block_time, '%Y-%m') AS month, count() AS plain_transfers FROM default.vw_plain_transfers
WHERE isNotNull(block_time) GROUP BY month ORDER BY month;
