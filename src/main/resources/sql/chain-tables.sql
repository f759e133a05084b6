-- The chain's tables: every fill, AMM trade, transfer and event of Polymarket's contracts, decoded from their logs. Which
-- contracts and events there are stands in polymarket/chain-contracts.tsv. Sources insert into default.chain_logs and nowhere
-- else. Each log ends in one of the tables, by its block and index; one that is not what its signature promises, in
-- chain_rejected. Ids are binary here (FixedString, UInt256), as they come; vw_chain_fills and the like show them as text.
-- Amounts are whole base units, of 10^-6 for collateral and for the tokens of Polymarket's markets.

-- @setup after=mapping-tables
CREATE OR REPLACE VIEW default.chain_contracts AS
SELECT
    line[1] AS dataset, line[2] AS into_table, line[3] AS kind, line[4] AS contract, line[5] AS version,
    if(line[6] = 'any', '', lower(line[6])) AS address, toUInt64(line[7]) AS first_block, line[8] AS layout, lower(line[9]) AS topic0, line[10] AS event
FROM
(
    SELECT splitByChar('\t', arrayJoin(arrayFilter(l -> l != '' AND NOT startsWith(l, '#') AND NOT startsWith(l, 'dataset\t'),
        splitByChar('\n', $file(polymarket/chain-contracts.tsv))))) AS line
);

-- Where a log of each contract and event has which parameter: n in topic n, counted from 1 with the signature as the first; -n in
-- word n of the data; 0 nowhere.
CREATE OR REPLACE VIEW default.chain_layouts AS
WITH
    splitByString(', ', extract(event, '\\((.*)\\)$')) AS parameters,
    arrayMap(p -> splitByChar(' ', p)[1], parameters) AS types,
    arrayMap(p -> position(p, ' indexed ') > 0, parameters) AS indexed,
    arrayMap(p -> splitByChar(' ', p)[-1], parameters) AS names,
    arrayMap((i, at, in_data) -> toInt8(if(i, at + 1, -in_data)), indexed, arrayCumSum(i -> i, indexed), arrayCumSum(i -> NOT i, indexed)) AS places,
    mapFromArrays(names, arrayMap(p -> toInt8(if(layout = 'known', p, 0)), places)) AS at
SELECT
    -- zeros: any contract
    toFixedString(unhex(substring(address, 3)), 20) AS emitter,
    toFixedString(unhex(substring(topic0, 3)), 32) AS signature,
    dataset, into_table, kind, version, contract, layout = 'known' AS known, substring(event, 1, position(event, '(') - 1) AS name,
    toUInt8(1 + arraySum(indexed)) AS topic_count,
    toUInt32(32 * arraySum(i -> NOT i, indexed)) AS head_bytes,
    arrayExists(t -> endsWith(t, '[]') OR t = 'bytes', types) AS has_tail,
    -- the places of parameters that do not fill their word, with the zeros before and behind them
    arrayFilter(t -> t.2 + t.3 > 0, arrayMap((p, t) -> (p,
        toUInt8(multiIf(endsWith(t, '[]'), 0, t = 'address', 12, t = 'bool', 31, startsWith(t, 'uint'), 32 - intDiv(toUInt16OrZero(substring(t, 5)), 8), 0)),
        toUInt8(if(match(t, '^bytes[0-9]+$'), 32 - toUInt8OrZero(substring(t, 6)), 0))), places, types)) AS padded,
    arrayFilter((p, t) -> endsWith(t, '[]') OR t = 'bytes', places, types) AS tails,
    arrayMap(t -> toUInt8(if(t = 'bytes', 1, 32)), arrayFilter(t -> endsWith(t, '[]') OR t = 'bytes', types)) AS tail_units,
    at['wallet'] AS at_wallet, at['recipient'] AS at_recipient, at['other_recipient'] AS at_other_recipient, at['operator'] AS at_operator,
    at['counterparty'] AS at_counterparty, at['oracle'] AS at_oracle, at['pool'] AS at_pool, at['tokens'] AS at_tokens, at['collateral'] AS at_collateral,
    at['condition_id'] AS at_condition_id, at['market_id'] AS at_market_id, at['question_id'] AS at_question_id, at['parent_id'] AS at_parent_id,
    at['legacy_condition_id'] AS at_legacy_condition_id, at['order_hash'] AS at_order_hash, at['builder'] AS at_builder,
    at['token_id'] AS at_token_id, at['other_token_id'] AS at_other_token_id, at['amount'] AS at_amount, at['payout'] AS at_payout, at['fee'] AS at_fee,
    at['number'] AS at_number, at['numbers'] AS at_numbers, at['amounts'] AS at_amounts, at['conditions'] AS at_conditions,
    at['side'] AS at_side, at['maker_asset'] AS at_maker_asset, at['taker_asset'] AS at_taker_asset, at['maker_amount'] AS at_maker_amount,
    at['taker_amount'] AS at_taker_amount, at['collateral_amount'] AS at_collateral_amount, at['outcome_index'] AS at_outcome_index,
    at['pool_shares'] AS at_pool_shares
FROM default.chain_contracts;

-- One row an order's part in a trade, as OrderFilled says it: a match is a row for each maker's order and one for the taker's.
CREATE TABLE IF NOT EXISTS default.chain_fills
(
    exchange         LowCardinality(FixedString(20)) COMMENT 'the contract',
    version          LowCardinality(String) COMMENT 'V1, V2 or V3',
    block_number     UInt64 CODEC(DoubleDelta, ZSTD(1)),
    block_time       Nullable(DateTime('UTC')) COMMENT 'NULL where the source gives none' CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash FixedString(32) CODEC(ZSTD(1)),
    log_index        UInt32 CODEC(Delta, ZSTD(1)),
    order_hash       FixedString(32) CODEC(ZSTD(1)),
    owner            FixedString(20) COMMENT 'the owner of the order' CODEC(ZSTD(1)),
    counterparty     FixedString(20) COMMENT 'the taker; of a taker''s own order the exchange; of an order filled alone the operator' CODEC(ZSTD(1)),
    role             Enum8('maker' = 0, 'taker' = 1) COMMENT 'taker: the counterparty is an exchange; sums of volume take these rows (and orders filled alone: see vw_fills)' CODEC(ZSTD(1)),
    side             Enum8('BUY' = 0, 'SELL' = 1) COMMENT 'what the order does with the token' CODEC(ZSTD(1)),
    token_id         UInt256 CODEC(ZSTD(1)),
    shares           UInt64 COMMENT 'base units of 10^-6' CODEC(T64, ZSTD(1)),
    collateral       UInt64 COMMENT 'base units of 10^-6, without the fee of V2 and V3, with that of V1' CODEC(T64, ZSTD(1)),
    fee              UInt64 COMMENT 'base units; of V1 in what the order receives: shares for BUY, else collateral' CODEC(T64, ZSTD(1)),
    builder          FixedString(32) COMMENT 'zeros in V1' CODEC(ZSTD(1)),
    price            Nullable(Decimal(38, 18)) ALIAS if(shares = 0, NULL, CAST(divideDecimal(toDecimal256(collateral, 0), toDecimal256(greatest(shares, 1), 0), 18) AS Decimal(38, 18))),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
PARTITION BY intDiv(block_number, 2000000)
ORDER BY (block_number, log_index)
SETTINGS non_replicated_deduplication_window = 10000;

-- Buys, sells, fundings and withdrawals of market makers. Every contract's are here: vw_chain_amm_trades has those of the pools
-- that Polymarket's factory announced.
CREATE TABLE IF NOT EXISTS default.chain_amm_trades
(
    pool             FixedString(20) COMMENT 'the contract' CODEC(ZSTD(1)),
    kind             Enum8('buy' = 0, 'sell' = 1, 'funding' = 2, 'withdrawal' = 3),
    block_number     UInt64 CODEC(DoubleDelta, ZSTD(1)),
    block_time       Nullable(DateTime('UTC')) CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash FixedString(32) CODEC(ZSTD(1)),
    log_index        UInt32 CODEC(Delta, ZSTD(1)),
    wallet           FixedString(20) COMMENT 'buyer, seller or funder' CODEC(ZSTD(1)),
    outcome_index    Int16 COMMENT '-1 for fundings and withdrawals',
    shares           UInt256 COMMENT 'outcome tokens bought or sold' CODEC(ZSTD(1)),
    collateral       UInt256 COMMENT 'paid with the fee, or received without it; 0 for fundings' CODEC(ZSTD(1)),
    fee              UInt256 COMMENT 'of a withdrawal: what it takes out of the pool''s fees' CODEC(ZSTD(1)),
    amounts          Array(UInt256) COMMENT 'tokens of each outcome that a funding added or a withdrawal removed' CODEC(ZSTD(1)),
    pool_shares      UInt256 COMMENT 'minted or burnt' CODEC(ZSTD(1)),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
PARTITION BY intDiv(block_number, 2000000)
ORDER BY (block_number, log_index)
SETTINGS non_replicated_deduplication_window = 10000;

-- Every movement of an outcome token; a TransferBatch is a row for each of its tokens.
CREATE TABLE IF NOT EXISTS default.chain_transfers
(
    contract         LowCardinality(FixedString(20)) COMMENT 'conditional tokens, or V3''s position manager',
    block_number     UInt64 CODEC(DoubleDelta, ZSTD(1)),
    block_time       Nullable(DateTime('UTC')) CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash FixedString(32) CODEC(ZSTD(1)),
    log_index        UInt32 CODEC(Delta, ZSTD(1)),
    batch_index      UInt16 COMMENT 'place in a TransferBatch, from 0; 0 for a TransferSingle' CODEC(T64, ZSTD(1)),
    operator         FixedString(20) CODEC(ZSTD(1)),
    sender           FixedString(20) COMMENT 'zeros: minted' CODEC(ZSTD(1)),
    receiver         FixedString(20) COMMENT 'zeros: burnt' CODEC(ZSTD(1)),
    token_id         UInt256 CODEC(ZSTD(1)),
    amount           UInt256 COMMENT 'base units' CODEC(ZSTD(1)),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
PARTITION BY intDiv(block_number, 2000000)
ORDER BY (block_number, log_index, batch_index)
SETTINGS non_replicated_deduplication_window = 10000;

-- Everything else that happens to conditions, markets, pools and positions. What a column holds depends on the kind; the file
-- polymarket/chain-contracts.tsv names it for each event. A column that an event does not have is 0, zeros or empty.
CREATE TABLE IF NOT EXISTS default.chain_lifecycle
(
    dataset             LowCardinality(String) COMMENT 'conditions, lifecycle, amm (pools) or fills (fee refunds)',
    kind                LowCardinality(String) COMMENT 'split, merge, redemption, conversion, preparation, resolution, registration, pool, …',
    event               LowCardinality(String) COMMENT 'its name',
    contract            LowCardinality(FixedString(20)),
    version             LowCardinality(String),
    block_number        UInt64 CODEC(DoubleDelta, ZSTD(1)),
    block_time          Nullable(DateTime('UTC')) CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash    FixedString(32) CODEC(ZSTD(1)),
    log_index           UInt32 CODEC(Delta, ZSTD(1)),
    wallet              FixedString(20) COMMENT 'stakeholder, redeemer, initiator, creator or beneficiary: often a contract that acts for the owner' CODEC(ZSTD(1)),
    recipient           FixedString(20) COMMENT 'of a module: who gets the positions or the payout' CODEC(ZSTD(1)),
    other_recipient     FixedString(20) COMMENT 'of a module''s split: who gets the second position' CODEC(ZSTD(1)),
    oracle              FixedString(20) CODEC(ZSTD(1)),
    pool                FixedString(20) CODEC(ZSTD(1)),
    tokens              FixedString(20) COMMENT 'of a pool: the contract of its outcome tokens' CODEC(ZSTD(1)),
    collateral          FixedString(20) COMMENT 'the token of the collateral' CODEC(ZSTD(1)),
    condition_id        FixedString(32) COMMENT 'of V3: 31 bytes and a zero' CODEC(ZSTD(1)),
    market_id           FixedString(32) COMMENT 'neg-risk market, or V3''s event: 29 bytes and zeros' CODEC(ZSTD(1)),
    question_id         FixedString(32) CODEC(ZSTD(1)),
    parent_id           FixedString(32) COMMENT 'parent collection' CODEC(ZSTD(1)),
    legacy_condition_id FixedString(32) CODEC(ZSTD(1)),
    order_hash          FixedString(32) CODEC(ZSTD(1)),
    token_id            UInt256 CODEC(ZSTD(1)),
    other_token_id      UInt256 CODEC(ZSTD(1)),
    amount              UInt256 COMMENT 'base units' CODEC(ZSTD(1)),
    payout              UInt256 COMMENT 'base units' CODEC(ZSTD(1)),
    fee                 UInt256 COMMENT 'of a pool: parts of 10^18; of a market: parts of 10,000; of a refund: what was charged' CODEC(ZSTD(1)),
    number              UInt256 COMMENT 'outcomes of a preparation or resolution, index set of a conversion, place of a question or condition, outcome that was reported' CODEC(ZSTD(1)),
    numbers             Array(UInt256) COMMENT 'partition of a split or merge, index sets of a redemption, legs of a combo' CODEC(ZSTD(1)),
    amounts             Array(UInt256) COMMENT 'payout numerators of a resolution, amounts of the adapter''s redemption' CODEC(ZSTD(1)),
    conditions          Array(FixedString(32)) COMMENT 'of a pool' CODEC(ZSTD(1)),
    undecoded           String COMMENT 'topics behind the first and data, of an event whose indexed parameters are not known' CODEC(ZSTD(1)),
    batch               String CODEC(ZSTD(1)),
    fetched_at          DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
PARTITION BY intDiv(block_number, 2000000)
ORDER BY (block_number, log_index)
SETTINGS non_replicated_deduplication_window = 10000;

-- Logs that do not match their signature, or of no contract and event of the list, as they came.
CREATE TABLE IF NOT EXISTS default.chain_rejected
(
    dataset          LowCardinality(String) COMMENT 'empty where the contract and event are not in the list',
    reason           LowCardinality(String),
    source           LowCardinality(String),
    block_number     UInt64,
    block_time       Nullable(DateTime('UTC')),
    transaction_hash FixedString(32) CODEC(ZSTD(1)),
    log_index        UInt32,
    address          FixedString(20) CODEC(ZSTD(1)),
    topics           Array(FixedString(32)) CODEC(ZSTD(1)),
    data             String CODEC(ZSTD(1)),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
PARTITION BY intDiv(block_number, 2000000)
ORDER BY (block_number, log_index)
SETTINGS non_replicated_deduplication_window = 10000;

-- One row a log, in binary, from whichever source. Nothing is kept here: the view below takes the logs on. All logs of a
-- transaction have to come in one insert.
CREATE TABLE IF NOT EXISTS default.chain_logs
(
    source           LowCardinality(String) COMMENT 'rpc, sqd or hypersync',
    block_number     UInt64,
    block_time       Nullable(DateTime('UTC')) COMMENT 'NULL where the source gives none',
    block_hash       String COMMENT '32 bytes, or empty',
    transaction_hash FixedString(32),
    log_index        UInt32,
    address          FixedString(20),
    topics           Array(FixedString(32)),
    data             String,
    batch            String,
    fetched_at       DateTime64(3, 'UTC')
)
ENGINE = Null;
