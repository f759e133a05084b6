-- Positions and profits of all wallets from the chain's tables, for `backfill positions`: @changes says what bought and sold
-- tokens, and the program adds it up by the rules of Polymarket's pnl-subgraph. The work is cut into slices of whole markets, so
-- that a conversion, which moves several conditions' tokens, is in one. It reads what the section @begin of audit.sql makes.

-- @setup after=audit
-- Every token that was bought or sold, with its group: its neg-risk market, its condition, or itself.
CREATE TABLE IF NOT EXISTS default.positions_tokens
(
    token_id     UInt256,
    condition_id FixedString(32) COMMENT 'zeros if no source knows the token',
    collateral   FixedString(20),
    index_set    UInt256 COMMENT '0 for shares of a pool',
    outcomes     UInt16,
    payout       Nullable(Int64) COMMENT 'of a share, once resolved',
    market       FixedString(32) COMMENT 'the group',
    slice        UInt64 COMMENT 'hash of the group'
)
ENGINE = MergeTree
ORDER BY token_id;

-- What the program added up, in base units.
CREATE TABLE IF NOT EXISTS default.positions_summed
(
    wallet       String,
    token_id     UInt256,
    amount       Int256,
    average      Int256,
    bought       Int256,
    realized     Int256,
    last_block   UInt64
)
ENGINE = MergeTree
ORDER BY (token_id, wallet);

-- @known-tokens
TRUNCATE TABLE default.positions_tokens;

TRUNCATE TABLE default.positions_summed;

INSERT INTO default.positions_tokens
SELECT token.token_id, token.condition_id, token.collateral, token.index_set AS index_set, token.outcomes,
    if(empty(numerators) OR index_set = 0, NULL,
        toInt64(intDiv(1000000 * arraySum((n, i) -> if(bitAnd(index_set, bitShiftLeft(toUInt256(1), toUInt16(i - 1))) != 0, n,
            toUInt256(0)), numerators, arrayEnumerate(numerators)),
            arraySum(numerators)))),
    if(event.market_id != toFixedString('', 32), event.market_id, token.condition_id) AS grouped, cityHash64(grouped)
FROM
(
    SELECT token.token_id AS token_id, token.condition_id AS condition_id, token.collateral AS collateral, token.index_set AS index_set,
        known.outcomes AS outcomes
    FROM default.audit_tokens AS token FINAL
    INNER JOIN (SELECT toFixedString(unhex(condition_id), 32) AS condition_id, outcomes
        FROM default.computed_token_ids FINAL) AS known ON known.condition_id = token.condition_id
    UNION ALL
    -- the shares of a pool
    SELECT reinterpretAsUInt256(reverse(pool)), condition_id, collateral, 0, 0 FROM default.audit_pools FINAL
    UNION ALL
    -- of the modules: the last byte of a position's id is the outcome
    SELECT DISTINCT token AS token_id, toFixedString(reverse(reinterpretAsFixedString(bitAnd(token, bitNot(toUInt256(255))))), 32),
        toFixedString('', 20),
        bitShiftLeft(toUInt256(1), toUInt16(bitAnd(token, 255))), 2
    FROM
    (
        SELECT token_id AS token FROM default.chain_fills WHERE version = 'V3'
        UNION ALL
        SELECT arrayJoin(if(kind = 'redemption', [token_id], [reinterpretAsUInt256(reverse(condition_id)),
            reinterpretAsUInt256(reverse(condition_id)) + 1]))
        FROM default.chain_lifecycle WHERE version = 'V3' AND kind IN ('split', 'merge', 'redemption')
    )
) AS token
LEFT ANY JOIN (SELECT condition_id, market_id FROM default.audit_questions FINAL) AS event ON event.condition_id = token.condition_id
LEFT ANY JOIN
(
    SELECT condition_id, any(amounts) AS numerators FROM default.chain_lifecycle WHERE kind = 'resolution' GROUP BY condition_id
        HAVING arraySum(numerators) > 0
) AS resolution ON resolution.condition_id = token.condition_id
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

INSERT INTO default.positions_tokens
SELECT DISTINCT token_id, toFixedString('', 32), toFixedString('', 20), 0, 0, NULL, reinterpretAsFixedString(token_id),
    cityHash64(reinterpretAsFixedString(token_id))
FROM default.chain_fills WHERE token_id NOT IN (SELECT token_id FROM default.positions_tokens)
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @change-count
-- About how many changes there are.
SELECT (SELECT count() FROM default.chain_fills) + (SELECT count() FROM default.chain_amm_trades) + 2 * (SELECT count()
    FROM default.chain_lifecycle);

-- @changes
-- Of the markets of a slice, in the order of the chain for each market and wallet: tokens that were bought or sold at a price
-- (kind 0 and 1), conversions (2: the NO that are given, then the YES that are got; the price is how many are given), funding of a
-- pool (3: the amounts of each outcome, then the pool's shares) and its withdrawal (4: the price is what is taken of the fees).
-- Contracts that act for others have no positions; whose a split, merge or redemption by a collateral adapter or auto redeemer
-- is, the transfers to and from it say. Sets of outcomes are worth as many parts as they have outcomes.
WITH
    token AS (SELECT * FROM default.positions_tokens WHERE slice {in_range}),
    acting AS (SELECT address FROM default.audit_contracts),
    passing AS (SELECT address FROM default.audit_contracts WHERE kind IN ('collateral adapter', 'auto redeemer')),
    wrapped AS (SELECT unhex('3a3bd7bb9528e159577f7c2e685cc81a765002e2') AS address)
SELECT market, wallet, toUInt8(kind) AS kind, block_number, tokens, amounts, toInt256(price) AS price FROM
(
    SELECT token.market AS market, fill.owner AS wallet, if(fill.side = 'BUY', 0, 1) AS kind, fill.block_number AS block_number,
        fill.log_index AS log_index, 0 AS part,
        [fill.token_id] AS tokens, [toInt256(fill.shares)] AS amounts,
            toInt256(intDiv(toUInt256(fill.collateral) * 1000000, fill.shares)) AS price
    FROM (SELECT * FROM default.chain_fills FINAL WHERE token_id IN (SELECT token_id FROM token) AND shares > 0) AS fill
    INNER JOIN token ON token.token_id = fill.token_id

    UNION ALL
    -- splits and merges of the conditional tokens; those of the neg-risk adapter are its own events
    SELECT token.market, event.wallet, if(event.said > 0, 0, 1), event.block_number, event.log_index, event.part, [token.token_id],
        [toInt256(abs(event.said))],
        toInt256(intDiv(1000000 * bitCount(token.index_set), greatest(token.outcomes, 1)))
    FROM
    (
        SELECT wallet, block_number, log_index, condition_id, collateral, piece.1 AS index_set, piece.2 AS said, place AS part
        FROM default.chain_lifecycle FINAL
        ARRAY JOIN
            arrayConcat(arrayMap(s -> (s, if(kind = 'split', 1, -1) * toInt256(amount)), numbers),
                [(toUInt256(arraySum(numbers)), if(kind = 'split', -1, 1) * toInt256(amount))]) AS piece,
            arrayEnumerate(arrayResize(numbers, length(numbers) + 1)) AS place
        WHERE kind IN ('split', 'merge') AND notEmpty(numbers) AND parent_id = toFixedString('', 32) AND amount > 0
            AND amount < bitShiftLeft(toUInt256(1), 100)
            AND condition_id IN (SELECT condition_id FROM token)
    ) AS event
    INNER JOIN token ON token.condition_id = event.condition_id AND token.collateral = event.collateral
        AND token.index_set = event.index_set

    UNION ALL
    -- splits, merges and redemptions of the neg-risk adapter
    SELECT token.market, event.wallet, if(event.kind = 'split', 0, 1), event.block_number, event.log_index, toUInt32(token.index_set),
        [token.token_id],
        [if(event.kind = 'redemption', toInt256(event.amounts[toUInt8(token.index_set)]), toInt256(event.amount))],
        if(event.kind = 'redemption', ifNull(toInt256(token.payout), toInt256(0)), toInt256(500000))
    FROM
    (
        SELECT * FROM default.chain_lifecycle FINAL
        WHERE kind IN ('split', 'merge', 'redemption') AND version = 'V1' AND empty(numbers)
            AND condition_id IN (SELECT condition_id FROM token)
            AND contract IN (SELECT address FROM default.audit_contracts WHERE kind = 'adapter')
    ) AS event
    INNER JOIN token ON token.condition_id = event.condition_id
    WHERE token.collateral IN wrapped AND token.index_set IN (1, 2) AND (event.kind != 'redemption' OR isNotNull(token.payout))

    UNION ALL
    -- redemptions of the conditional tokens: what was burnt and not merged
    SELECT token.market, event.wallet, 1, event.block_number, event.log_index, toUInt32(token.index_set), [token.token_id],
        [burnt.amount - merged.amount], ifNull(toInt256(token.payout), toInt256(0))
    FROM
    (
        SELECT transaction_hash, wallet, condition_id, collateral, index_set, any(block_number) AS block_number, min(log_index) AS log_index
        FROM (SELECT *, arrayJoin(numbers) AS index_set FROM default.chain_lifecycle FINAL
            WHERE kind = 'redemption' AND notEmpty(numbers) AND parent_id = toFixedString('', 32)
                AND condition_id IN (SELECT condition_id FROM token) AND wallet NOT IN acting)
        GROUP BY transaction_hash, wallet, condition_id, collateral, index_set
    ) AS event
    INNER JOIN token ON token.condition_id = event.condition_id AND token.collateral = event.collateral
        AND token.index_set = event.index_set
    INNER JOIN
    (
        SELECT transaction_hash, sender, token_id, sum(toInt256(transfer.amount)) AS amount FROM default.chain_transfers AS transfer FINAL
        WHERE receiver = toFixedString('', 20) AND sender NOT IN acting AND token_id IN (SELECT token_id FROM token)
        GROUP BY transaction_hash, sender, token_id
    ) AS burnt ON burnt.transaction_hash = event.transaction_hash AND burnt.sender = event.wallet AND burnt.token_id = token.token_id
    LEFT JOIN
    (
        SELECT transaction_hash, wallet, condition_id, collateral, index_set, sum(toInt256(event.amount)) AS amount
        FROM (SELECT *, arrayJoin(numbers) AS index_set FROM default.chain_lifecycle FINAL
            WHERE kind = 'merge' AND notEmpty(numbers) AND condition_id IN (SELECT condition_id FROM token)
                AND wallet NOT IN acting) AS event
        GROUP BY transaction_hash, wallet, condition_id, collateral, index_set
    ) AS merged ON merged.transaction_hash = event.transaction_hash AND merged.wallet = event.wallet
        AND merged.condition_id = event.condition_id
        AND merged.collateral = event.collateral AND merged.index_set = event.index_set
    WHERE isNotNull(token.payout) AND burnt.amount > merged.amount

    UNION ALL
    -- what wallets gave to, and got from, a contract that splits, merges or redeems for them
    SELECT token.market, moved.wallet, if(moved.given > 0, 1, 0), moved.block_number, moved.log_index, 0, [token.token_id],
        [toInt256(abs(moved.given))],
        if(moved.given > 0 AND event.redeemed, ifNull(toInt256(token.payout), toInt256(0)),
            toInt256(intDiv(1000000 * bitCount(token.index_set), greatest(token.outcomes, 1))))
    FROM
    (
        SELECT transaction_hash, any(block_number) AS block_number, max(log_index) AS log_index, token_id,
            if(receiver IN passing, sender, receiver) AS wallet,
            if(receiver IN passing, receiver, sender) AS passer, sum(if(receiver IN passing, toInt256(amount), -toInt256(amount))) AS given
        FROM default.chain_transfers FINAL
        WHERE token_id IN (SELECT token_id FROM token) AND (sender IN passing) != (receiver IN passing)
        GROUP BY transaction_hash, token_id, wallet, passer
        HAVING given != 0
    ) AS moved
    INNER JOIN token ON token.token_id = moved.token_id
    INNER JOIN
    (
        SELECT transaction_hash, wallet, condition_id, max(kind = 'redemption') AS redeemed FROM default.chain_lifecycle
        WHERE kind IN ('split', 'merge', 'redemption') AND wallet IN passing AND condition_id IN (SELECT condition_id FROM token)
        GROUP BY transaction_hash, wallet, condition_id
    ) AS event ON event.transaction_hash = moved.transaction_hash AND event.wallet = moved.passer
        AND event.condition_id = token.condition_id
    WHERE token.outcomes > 0 AND (NOT event.redeemed OR isNotNull(token.payout))

    UNION ALL
    -- conversions: the last one to give tokens to a contract that converts for others is the owner
    SELECT event.market_id, if(event.wallet IN passing, owner.wallet, event.wallet) AS owning, 2, event.block_number, event.log_index, 0,
        arrayMap(t -> t.2, arraySort(groupArray((NOT is_given, token.token_id)))), [toInt256(any(event.amount))],
            toInt256(countIf(bitAnd(event.number, bitShiftLeft(toUInt256(1), question.place)) != 0 AS is_given))
    FROM
    (
        SELECT * FROM default.chain_lifecycle FINAL
        WHERE kind = 'conversion' AND version = 'V1' AND amount > 0 AND amount < bitShiftLeft(toUInt256(1), 100)
            AND market_id IN (SELECT market FROM token)
    ) AS event
    INNER JOIN (SELECT * FROM default.audit_questions FINAL) AS question ON question.market_id = event.market_id
    INNER JOIN token ON token.condition_id = question.condition_id
    LEFT JOIN
    (
        SELECT transaction_hash, receiver AS passer, argMax(sender, log_index) AS wallet FROM default.chain_transfers
        WHERE receiver IN passing AND sender NOT IN acting AND token_id IN (SELECT token_id FROM token) GROUP BY transaction_hash, receiver
    ) AS owner ON owner.transaction_hash = event.transaction_hash AND owner.passer = event.wallet
    WHERE question.block_number <= event.block_number AND token.collateral IN wrapped AND token.index_set = if(is_given, 2, 1)
    GROUP BY event.market_id, event.block_number, event.log_index, owning

    UNION ALL
    -- pools
    SELECT token.market, trade.wallet, if(trade.kind = 'buy', 0, 1), trade.block_number, trade.log_index, 0, [token.token_id],
        [toInt256(trade.shares)],
        toInt256(intDiv(trade.collateral * 1000000, trade.shares))
    FROM
    (
        SELECT * FROM default.chain_amm_trades FINAL
        WHERE kind IN ('buy', 'sell') AND shares > 0 AND greatest(shares, collateral) < bitShiftLeft(toUInt256(1), 100)
            AND pool IN (SELECT pool FROM default.audit_pools)
    ) AS trade
    INNER JOIN (SELECT * FROM default.audit_pools FINAL) AS pool ON pool.pool = trade.pool
    INNER JOIN token ON token.condition_id = pool.condition_id AND token.collateral = pool.collateral
    WHERE token.index_set = bitShiftLeft(toUInt256(1), toUInt16(trade.outcome_index))

    UNION ALL
    SELECT any(token.market), any(trade.wallet), if(any(trade.kind) = 'funding', 3, 4), trade.block_number, trade.log_index, 0,
        arrayConcat(arrayMap(t -> t.2, arraySort(groupArray((token.index_set, token.token_id)))),
            [reinterpretAsUInt256(reverse(any(trade.pool)))]),
        arrayMap(a -> toInt256(a), arrayConcat(any(trade.amounts), [any(trade.pool_shares)])), toInt256(any(trade.fee))
    FROM
    (
        SELECT * FROM default.chain_amm_trades FINAL
        WHERE kind IN ('funding', 'withdrawal') AND greatest(arrayMax(arrayConcat(amounts, [pool_shares])),
            fee) < bitShiftLeft(toUInt256(1), 100) AND arraySum(amounts) > 0
            AND pool IN (SELECT pool FROM default.audit_pools)
    ) AS trade
    INNER JOIN (SELECT * FROM default.audit_pools FINAL) AS pool ON pool.pool = trade.pool
    INNER JOIN token ON token.condition_id = pool.condition_id AND token.collateral = pool.collateral
    WHERE token.index_set != 0 AND bitCount(token.index_set) = 1
    GROUP BY trade.block_number, trade.log_index
    HAVING length(groupArray(token.token_id)) = length(any(trade.amounts))

    UNION ALL
    -- the modules
    SELECT token.market, event.owner, if(event.bought, 0, 1), event.block_number, event.log_index, event.part, [token.token_id],
        [toInt256(event.n)],
        if(event.paid < 0, toInt256(500000), ifNull(toInt256(token.payout), intDiv(event.paid * 1000000, toInt256(event.n))))
    FROM
    (
        SELECT block_number, log_index, kind = 'split' AS bought, amount AS n, piece.1 AS owner, piece.2 AS moved_token, piece.3 AS part,
            if(kind = 'redemption', toInt256(payout), toInt256(-1)) AS paid
        FROM default.chain_lifecycle FINAL
        ARRAY JOIN if(kind = 'redemption', [(recipient, token_id, toUInt8(0))],
            [(recipient, reinterpretAsUInt256(reverse(condition_id)), toUInt8(0)),
                (if(kind = 'split', other_recipient, recipient), reinterpretAsUInt256(reverse(condition_id)) + 1, toUInt8(1))]) AS piece
        WHERE version = 'V3' AND kind IN ('split', 'merge', 'redemption') AND amount > 0 AND amount < bitShiftLeft(toUInt256(1), 100)
    ) AS event
    INNER JOIN token ON token.token_id = event.moved_token
)
WHERE wallet NOT IN acting AND wallet != toFixedString('', 20)
ORDER BY market, wallet, block_number, log_index, part
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, max_bytes_before_external_sort = {spill},
    do_not_merge_across_partitions_select_final = 1;

-- @next
DROP TABLE IF EXISTS default.wallet_positions_next;

DROP TABLE IF EXISTS default.wallet_pnl_next;

CREATE TABLE default.wallet_positions_next AS default.wallet_positions;

CREATE TABLE default.wallet_pnl_next AS default.wallet_pnl;

-- @positions
INSERT INTO default.wallet_positions_next
SELECT summed.wallet, if(token.condition_id = toFixedString('', 32), '', lower(hex(token.condition_id))),
    if(token.index_set = 0 AND token.condition_id != toFixedString('', 32),
        concat('0x', lower(hex(substring(reverse(reinterpretAsFixedString(summed.token_id)), 13)))), toString(summed.token_id)),
    if(bitCount(token.index_set) = 1, toInt16(bitCount(token.index_set - 1)), -1),
    $money(summed.amount), $money(summed.average), $money(intDiv(summed.amount * summed.average, 1000000)), $money(summed.bought),
        $money(summed.realized),
    if(isNull(ifNull(toInt256(token.payout), last.price) AS worth), NULL, $money(assumeNotNull(worth))), isNotNull(token.payout),
    if(isNull(worth), NULL, $money(intDiv(summed.amount * (assumeNotNull(worth) - summed.average), 1000000))),
    summed.last_block
FROM (SELECT * FROM default.positions_summed WHERE token_id IN (SELECT token_id FROM default.positions_tokens
    WHERE slice {in_range})) AS summed
INNER JOIN (SELECT * FROM default.positions_tokens WHERE slice {in_range}) AS token ON token.token_id = summed.token_id
LEFT JOIN
(
    SELECT token_id, toNullable(argMax(toInt256(intDiv(toUInt256(collateral) * 1000000, shares)), (block_number, log_index))) AS price
        FROM default.chain_fills
    WHERE shares > 0 AND token_id IN (SELECT token_id FROM default.positions_tokens WHERE slice {in_range}) GROUP BY token_id
) AS last ON last.token_id = summed.token_id
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, max_bytes_before_external_sort = {spill};

-- @pnl
INSERT INTO default.wallet_pnl_next
SELECT wallet, condition_id, sum(cost), sum(realized_pnl), sum(unrealized_pnl), max(resolved), sum(trades), $money(sum(volume)),
    $money(sum(taker_volume)), $money(sum(fees)) FROM
(
    SELECT wallet, condition_id, if(condition_id = '', token_id, '') AS token, cost, realized_pnl,
        ifNull(unrealized_pnl, toDecimal128(0, 6)) AS unrealized_pnl, resolved,
        toUInt64(0) AS trades, toInt256(0) AS volume, toInt256(0) AS taker_volume, toInt256(0) AS fees
    FROM default.wallet_positions_next
    WHERE condition_id IN (SELECT if(condition_id = toFixedString('', 32), '', lower(hex(condition_id))) FROM default.positions_tokens
        WHERE slice {in_range})
        AND (condition_id != '' OR token_id IN (SELECT toString(token_id) FROM default.positions_tokens WHERE slice {in_range}))
    UNION ALL
    SELECT concat('0x', lower(hex(fill.owner))), if(token.condition_id = toFixedString('', 32), '', lower(hex(token.condition_id))),
        if(token.condition_id = toFixedString('', 32), toString(token.token_id), ''), 0, 0, 0, isNotNull(token.payout),
        1, fill.collateral, if(fill.taker_order, fill.collateral, 0),
        if(fill.version = 'V1' AND fill.side = 'BUY', intDiv(toInt256(fill.fee) * fill.collateral, greatest(fill.shares, 1)),
            toInt256(fill.fee))
    FROM (SELECT * FROM default.chain_fills FINAL WHERE token_id IN (SELECT token_id FROM default.positions_tokens
        WHERE slice {in_range})) AS fill
    INNER JOIN (SELECT * FROM default.positions_tokens WHERE slice {in_range}) AS token ON token.token_id = fill.token_id
    WHERE fill.owner NOT IN (SELECT address FROM default.audit_contracts)
    UNION ALL
    SELECT concat('0x', lower(hex(trade.wallet))), lower(hex(token.condition_id)), '', 0, 0, 0, isNotNull(token.payout), 1,
        toInt256(trade.collateral), toInt256(trade.collateral), toInt256(trade.fee)
    FROM (SELECT * FROM default.chain_amm_trades FINAL WHERE kind IN ('buy', 'sell') AND shares > 0
        AND greatest(shares, collateral, fee) < bitShiftLeft(toUInt256(1), 100)) AS trade
    INNER JOIN (SELECT * FROM default.positions_tokens WHERE slice {in_range}
        AND index_set = 0) AS token ON token.token_id = reinterpretAsUInt256(reverse(trade.pool))
    WHERE trade.wallet NOT IN (SELECT address FROM default.audit_contracts)
)
GROUP BY wallet, condition_id, token
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, do_not_merge_across_partitions_select_final = 1;

-- @exchange
EXCHANGE TABLES default.wallet_positions_next AND default.wallet_positions;

EXCHANGE TABLES default.wallet_pnl_next AND default.wallet_pnl;

DROP TABLE default.wallet_positions_next;

DROP TABLE default.wallet_pnl_next;

TRUNCATE TABLE default.positions_summed;

-- @sums
-- What came of it.
SELECT (SELECT count() FROM default.wallet_positions) AS positions, (SELECT uniqExact(wallet) FROM default.wallet_positions) AS owners,
    (SELECT toString(sum(realized_pnl)) FROM default.wallet_positions) AS realized_pnl;
