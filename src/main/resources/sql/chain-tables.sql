-- The chain's tables: every fill, AMM trade, transfer and event of Polymarket's contracts, decoded from their logs. Which
-- contracts and events there are stands in polymarket/chain-contracts.tsv. Sources insert into default.chain_logs and nowhere
-- else. Each log ends in one of the tables, by its block and index; one that is not what its signature promises, in
-- chain_rejected. Ids are binary here (FixedString, UInt256), as they come; vw_chain_fills and the like show them as text.
-- Amounts are whole base units, of 10^-6 for collateral and for the tokens of Polymarket's markets.

-- @setup after=mapping-tables
CREATE OR REPLACE VIEW default.chain_contracts AS
SELECT
    line[1] AS dataset, line[2] AS into_table, line[3] AS kind, line[4] AS contract, line[5] AS version,
    if(line[6] = 'any', '', lower(line[6])) AS address, toUInt64(line[7]) AS first_block, line[8] AS layout, lower(line[9]) AS topic0,
        line[10] AS event
FROM
(
    SELECT splitByChar('\t', arrayJoin(arrayFilter(l -> l != '' AND NOT startsWith(l, '#') AND NOT startsWith(l, 'dataset\t'),
        splitByChar('\n', $file(polymarket/chain-contracts.tsv))))) AS line
);

-- Where a log of each contract and event has which parameter: 1 to 4 in that topic, the signature being the first; 4 + n in word n
-- of the data; 0 nowhere.
CREATE OR REPLACE VIEW default.chain_layouts AS
WITH
    splitByString(', ', extract(event, '\\((.*)\\)$')) AS parameters,
    arrayMap(p -> splitByChar(' ', p)[1], parameters) AS types,
    arrayMap(p -> position(p, ' indexed ') > 0, parameters) AS indexed,
    arrayMap(p -> splitByChar(' ', p)[-1], parameters) AS names,
    arrayMap((i, at, in_data) -> toUInt8(if(i, at + 1, 4 + in_data)), indexed, arrayCumSum(i -> i, indexed),
        arrayCumSum(i -> NOT i, indexed)) AS places,
    mapFromArrays(names, arrayMap(p -> toUInt8(if(layout = 'known', p, 0)), places)) AS at
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
        toUInt8(multiIf(endsWith(t, '[]'), 0, t = 'address', 12, t = 'bool', 31, startsWith(t, 'uint'),
            32 - intDiv(toUInt16OrZero(substring(t, 5)), 8), 0)),
        toUInt8(if(match(t, '^bytes[0-9]+$'), 32 - toUInt8OrZero(substring(t, 6)), 0))), places, types)) AS padded,
    arrayFilter((p, t) -> endsWith(t, '[]') OR t = 'bytes', places, types) AS tails,
    arrayMap(t -> toUInt8(if(t = 'bytes', 1, 32)), arrayFilter(t -> endsWith(t, '[]') OR t = 'bytes', types)) AS tail_units,
    at['wallet'] AS at_wallet, at['recipient'] AS at_recipient, at['other_recipient'] AS at_other_recipient, at['operator'] AS at_operator,
    at['counterparty'] AS at_counterparty, at['oracle'] AS at_oracle, at['pool'] AS at_pool, at['tokens'] AS at_tokens,
        at['collateral'] AS at_collateral,
    at['condition_id'] AS at_condition_id, at['market_id'] AS at_market_id, at['question_id'] AS at_question_id,
        at['parent_id'] AS at_parent_id,
    at['legacy_condition_id'] AS at_legacy_condition_id, at['order_hash'] AS at_order_hash, at['builder'] AS at_builder,
    at['token_id'] AS at_token_id, at['other_token_id'] AS at_other_token_id, at['amount'] AS at_amount, at['payout'] AS at_payout,
        at['fee'] AS at_fee,
    at['number'] AS at_number, at['numbers'] AS at_numbers, at['amounts'] AS at_amounts, at['conditions'] AS at_conditions,
    at['side'] AS at_side, at['maker_asset'] AS at_maker_asset, at['taker_asset'] AS at_taker_asset, at['maker_amount'] AS at_maker_amount,
    at['taker_amount'] AS at_taker_amount, at['collateral_amount'] AS at_collateral_amount, at['outcome_index'] AS at_outcome_index,
    at['pool_shares'] AS at_pool_shares
FROM default.chain_contracts;

-- The same as a table, made anew at each start: to compute it with each insert would take as long as the insert. With the contracts
-- whose fills are known, so that a taker's own order is recognised by its counterparty.
CREATE OR REPLACE TABLE default.chain_places ENGINE = MergeTree ORDER BY (signature, emitter) AS
SELECT *, (SELECT groupUniqArray(emitter) FROM default.chain_layouts WHERE into_table = 'fills') AS exchanges FROM default.chain_layouts;

-- One row an order's part in a trade, as OrderFilled says it: a match is a row for each maker's order and one for the taker's.
CREATE TABLE IF NOT EXISTS default.chain_fills
(
    exchange         LowCardinality(FixedString(20)) COMMENT 'the contract',
    version          LowCardinality(String) COMMENT 'V1, V2 or V3',
    block_number     UInt64 CODEC(DoubleDelta, ZSTD(1)),
    block_time       Nullable(DateTime('UTC')) COMMENT 'NULL if the source has none' CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash FixedString(32) CODEC(ZSTD(1)),
    log_index        UInt32 CODEC(Delta, ZSTD(1)),
    order_hash       FixedString(32) CODEC(ZSTD(1)),
    owner            FixedString(20) COMMENT 'the owner of the order' CODEC(ZSTD(1)),
    counterparty     FixedString(20) COMMENT 'the taker; of a taker''s own order the exchange; of an order filled alone the operator' CODEC(ZSTD(1)),
    role             Enum8('maker' = 0, 'taker' = 1) COMMENT 'taker: the counterparty is an exchange' CODEC(ZSTD(1)),
    taker_order      Bool COMMENT 'the taker''s own order, or one that was filled alone, so that no taker''s order repeats it: the rows that sums of volume take' CODEC(ZSTD(1)),
    side             Enum8('BUY' = 0, 'SELL' = 1) COMMENT 'what the order does with the token' CODEC(ZSTD(1)),
    token_id         UInt256 CODEC(ZSTD(1)),
    shares           UInt64 COMMENT 'base units of 10^-6' CODEC(T64, ZSTD(1)),
    collateral       UInt64 COMMENT 'base units of 10^-6, without the fee of V2 and V3, with that of V1' CODEC(T64, ZSTD(1)),
    fee              UInt64 COMMENT 'base units; of V1 in what the order receives: shares for BUY, else collateral' CODEC(T64, ZSTD(1)),
    builder          FixedString(32) COMMENT 'zeros in V1' CODEC(ZSTD(1)),
    price            Nullable(Decimal(38, 18)) ALIAS if(shares = 0, NULL,
        CAST(divideDecimal(toDecimal256(collateral, 0), toDecimal256(greatest(shares, 1), 0), 18) AS Decimal(38, 18))),
    batch            String CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at) /* sharded */
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
ENGINE = ReplacingMergeTree(fetched_at) /* sharded */
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

-- Logs that do not match their signature, or whose contract and event are not in the list, unchanged.
CREATE TABLE IF NOT EXISTS default.chain_rejected
(
    dataset          LowCardinality(String) COMMENT 'empty if the contract and event are not in the list',
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
    block_time       Nullable(DateTime('UTC')) COMMENT 'NULL if the source has none',
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

-- The same logs, each with what its event is, its words (four topics, then those of the data that hold parameters), and where among
-- them its parameters are.
CREATE TABLE IF NOT EXISTS default.chain_known
(
    source LowCardinality(String), block_number UInt64, block_time Nullable(DateTime('UTC')), transaction_hash FixedString(32),
        log_index UInt32,
    address FixedString(20), topics Array(FixedString(32)), data String, words Array(FixedString(32)), batch String,
        fetched_at DateTime64(3, 'UTC'),
    dataset String, into_table String, kind String, version String, event String, known Bool,
        by_exchange Bool COMMENT 'the counterparty is an exchange',
    reason String COMMENT 'why it is not what its signature promises; empty for one that is',
    at_wallet UInt8, at_recipient UInt8, at_other_recipient UInt8, at_operator UInt8, at_counterparty UInt8, at_oracle UInt8, at_pool UInt8,
        at_tokens UInt8,
    at_collateral UInt8, at_condition_id UInt8, at_market_id UInt8, at_question_id UInt8, at_parent_id UInt8, at_legacy_condition_id UInt8,
        at_order_hash UInt8, at_builder UInt8,
    at_token_id UInt8, at_other_token_id UInt8, at_amount UInt8, at_payout UInt8, at_fee UInt8, at_number UInt8, at_numbers UInt8,
        at_amounts UInt8,
    at_conditions UInt8, at_side UInt8, at_maker_asset UInt8, at_taker_asset UInt8, at_maker_amount UInt8, at_taker_amount UInt8,
        at_collateral_amount UInt8, at_outcome_index UInt8,
    at_pool_shares UInt8
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_logs_to_known TO default.chain_known AS
WITH arrayConcat(arrayResize(topics, 4), arrayMap(i -> toFixedString(substring(data, 32 * i + 1, 32), 32),
    range(intDiv(layout.head_bytes, 32)))) AS words
SELECT
    source, block_number, block_time, transaction_hash, log_index, address, topics, data, words, batch, fetched_at,
    layout.dataset AS dataset, layout.into_table AS into_table, layout.kind AS kind, layout.version AS version, layout.name AS event,
        layout.known AS known,
    layout.into_table = 'fills' AND has(layout.exchanges, $address(layout.at_counterparty)) AS by_exchange,
    multiIf(
        layout.name = '', 'its contract and event are not in the list of contracts',
        NOT layout.known, '',
        length(topics) != layout.topic_count, 'the event has another number of topics',
        length(data) < layout.head_bytes OR NOT layout.has_tail AND length(data) > layout.head_bytes,
            'the data is shorter or longer than the event''s parameters',
        arrayExists(p -> substring($word(p.1), 1, p.2) != substring(toFixedString('', 32), 1, p.2)
            OR substring($word(p.1), 33 - p.3, p.3) != substring(toFixedString('', 32), 1, p.3), layout.padded),
                'a parameter is wider than its type',
        arrayExists((p, unit) -> $number(p) > length(data) OR reinterpretAsUInt256(reverse(substring(data, toUInt32($number(p)) + 1,
            32))) > length(data)
            OR toUInt32($number(p)) + 32 + unit * toUInt32(reinterpretAsUInt256(reverse(substring(data, toUInt32($number(p)) + 1,
                32)))) > length(data),
            layout.tails, layout.tail_units), 'an array goes beyond the data',
        layout.into_table = 'fills' AND layout.kind = 'assets'
            AND ($number(layout.at_maker_asset) = 0) = ($number(layout.at_taker_asset) = 0),
            'neither side is collateral, or both are',
        layout.into_table = 'fills' AND $number(layout.at_side) > 1, 'the side is neither BUY nor SELL',
        layout.into_table = 'fills' AND greatest($number(layout.at_maker_amount), $number(layout.at_taker_amount),
            $number(layout.at_fee)) > 18446744073709551615,
            'an amount has more than 64 bits',
        layout.at_outcome_index != 0 AND $number(layout.at_outcome_index) > 255, 'there is no such outcome',
        layout.into_table = 'transfers' AND layout.kind = 'batch'
            AND length($items(layout.at_numbers)) != length($items(layout.at_amounts)),
            'there are not as many ids as amounts',
        layout.into_table = 'transfers' AND layout.kind = 'batch' AND empty($items(layout.at_numbers)), 'it moves no token',
        layout.kind IN ('preparation', 'resolution') AND $number(layout.at_number) > 256, 'a condition has at most 256 outcomes',
        layout.kind = 'resolution' AND layout.at_number != 0 AND length($items(layout.at_amounts)) != $number(layout.at_number),
            'there are not as many payouts as outcomes',
        '') AS reason,
    layout.at_wallet AS at_wallet, layout.at_recipient AS at_recipient, layout.at_other_recipient AS at_other_recipient,
        layout.at_operator AS at_operator,
    layout.at_counterparty AS at_counterparty, layout.at_oracle AS at_oracle, layout.at_pool AS at_pool, layout.at_tokens AS at_tokens,
    layout.at_collateral AS at_collateral, layout.at_condition_id AS at_condition_id, layout.at_market_id AS at_market_id,
        layout.at_question_id AS at_question_id,
    layout.at_parent_id AS at_parent_id, layout.at_legacy_condition_id AS at_legacy_condition_id, layout.at_order_hash AS at_order_hash,
        layout.at_builder AS at_builder,
    layout.at_token_id AS at_token_id, layout.at_other_token_id AS at_other_token_id, layout.at_amount AS at_amount,
        layout.at_payout AS at_payout,
    layout.at_fee AS at_fee, layout.at_number AS at_number, layout.at_numbers AS at_numbers, layout.at_amounts AS at_amounts,
    layout.at_conditions AS at_conditions, layout.at_side AS at_side, layout.at_maker_asset AS at_maker_asset,
        layout.at_taker_asset AS at_taker_asset,
    layout.at_maker_amount AS at_maker_amount, layout.at_taker_amount AS at_taker_amount,
        layout.at_collateral_amount AS at_collateral_amount, layout.at_outcome_index AS at_outcome_index,
    layout.at_pool_shares AS at_pool_shares
FROM default.chain_logs AS log
LEFT ANY JOIN default.chain_places AS layout ON layout.signature = log.topics[1] AND layout.emitter = if(log.topics[1] IN
    (SELECT signature FROM default.chain_places WHERE emitter = toFixedString('', 20)), toFixedString('', 20), log.address);

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_known_to_fills TO default.chain_fills AS
WITH
    if(kind = 'assets', $number(at_maker_asset) = 0, $number(at_side) = 0) AS buys,
    toUInt64($number(at_maker_amount)) AS gives,
    toUInt64($number(at_taker_amount)) AS gets
SELECT
    address AS exchange, version, block_number, block_time, transaction_hash, log_index,
    $word(at_order_hash) AS order_hash,
    $address(at_wallet) AS owner,
    $address(at_counterparty) AS counterparty,
    if(by_exchange, 'taker', 'maker') AS role,
    by_exchange OR max(by_exchange) OVER (PARTITION BY transaction_hash, if(by_exchange, owner, counterparty)) = 0 AS taker_order,
    if(buys, 'BUY', 'SELL') AS side,
    multiIf(kind != 'assets', $number(at_token_id), buys, $number(at_taker_asset), $number(at_maker_asset)) AS token_id,
    if(buys, gets, gives) AS shares,
    if(buys, gives, gets) AS collateral,
    toUInt64($number(at_fee)) AS fee,
    $word(at_builder) AS builder,
    batch, fetched_at
FROM default.chain_known WHERE reason = '' AND into_table = 'fills';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_known_to_amm_trades TO default.chain_amm_trades AS
SELECT
    address AS pool, kind, block_number, block_time, transaction_hash, log_index, $address(at_wallet) AS wallet,
    if(at_outcome_index = 0, -1, toInt16($number(at_outcome_index))) AS outcome_index, $number(at_amount) AS shares,
    $number(at_collateral_amount) AS collateral, $number(at_fee) AS fee, $numbers(at_amounts) AS amounts,
        $number(at_pool_shares) AS pool_shares,
    batch, fetched_at
FROM default.chain_known WHERE reason = '' AND into_table = 'amm';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_known_to_transfers TO default.chain_transfers AS
SELECT
    address AS contract, block_number, block_time, transaction_hash, log_index, toUInt16(place - 1) AS batch_index,
        $address(at_operator) AS operator,
    $address(at_wallet) AS sender, $address(at_recipient) AS receiver, token_id, amount, batch, fetched_at
FROM default.chain_known
ARRAY JOIN if(kind = 'single', [$number(at_token_id)], $numbers(at_numbers)) AS token_id,
    if(kind = 'single', [$number(at_amount)], $numbers(at_amounts)) AS amount,
        arrayEnumerate(if(kind = 'single', [words[1]], $items(at_numbers))) AS place
WHERE reason = '' AND into_table = 'transfers';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_known_to_lifecycle TO default.chain_lifecycle AS
SELECT
    dataset, kind, event, address AS contract, version, block_number, block_time, transaction_hash, log_index,
    $address(at_wallet) AS wallet, $address(at_recipient) AS recipient, $address(at_other_recipient) AS other_recipient,
        $address(at_oracle) AS oracle,
    $address(at_pool) AS pool, $address(at_tokens) AS tokens, $address(at_collateral) AS collateral,
    $word(at_condition_id) AS condition_id, $word(at_market_id) AS market_id, $word(at_question_id) AS question_id,
        $word(at_parent_id) AS parent_id,
    $word(at_legacy_condition_id) AS legacy_condition_id, $word(at_order_hash) AS order_hash,
    $number(at_token_id) AS token_id, $number(at_other_token_id) AS other_token_id, $number(at_amount) AS amount,
        $number(at_payout) AS payout,
    $number(at_fee) AS fee, $number(at_number) AS number, $numbers(at_numbers) AS numbers, $numbers(at_amounts) AS amounts,
    $items(at_conditions) AS conditions,
    if(known, '', concat(arrayStringConcat(arrayMap(t -> toString(t), arraySlice(topics, 2))), data)) AS undecoded,
    batch, fetched_at
FROM default.chain_known WHERE reason = '' AND into_table = 'lifecycle';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_known_to_rejected TO default.chain_rejected AS
SELECT dataset, reason, source, block_number, block_time, transaction_hash, log_index, address, topics, data, batch, fetched_at
FROM default.chain_known WHERE reason != '';

-- The tables that the mapping reads, from the rows that the views above have decoded.
CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_lifecycle_to_conditions TO default.rpc_conditions AS
SELECT
    lower(hex(condition_id)) AS condition_id, concat('0x', lower(hex(oracle))) AS oracle, lower(hex(question_id)) AS question_id,
    toUInt16(number) AS outcome_slot_count, block_number, CAST(block_time AS Nullable(DateTime64(3, 'UTC'))) AS block_time,
    concat('0x', lower(hex(transaction_hash))) AS transaction_hash, log_index, fetched_at, batch
FROM default.chain_lifecycle WHERE kind = 'preparation';

-- Not those of V3, which do not say how many outcomes there are.
CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_lifecycle_to_resolutions TO default.rpc_resolutions AS
SELECT
    lower(hex(condition_id)) AS condition_id, concat('0x', lower(hex(oracle))) AS oracle, lower(hex(question_id)) AS question_id,
    toUInt16(number) AS outcome_slot_count, amounts AS payout_numerators, block_number,
    CAST(block_time AS Nullable(DateTime64(3, 'UTC'))) AS resolved_at,
    concat('0x', lower(hex(transaction_hash))) AS transaction_hash, log_index, fetched_at, batch
FROM default.chain_lifecycle WHERE kind = 'resolution' AND version = 'V1';

CREATE MATERIALIZED VIEW IF NOT EXISTS default.chain_transfers_to_moved TO default.rpc_transfers AS
SELECT
    concat('0x', lower(hex(transaction_hash))) AS transaction_hash, toString(token_id) AS token_id, block_number,
    CAST(block_time AS Nullable(DateTime64(3, 'UTC'))) AS block_time,
    toUInt32(count()) AS transfers, max(fetched_at) AS fetched_at, batch
FROM default.chain_transfers
WHERE contract IN (SELECT emitter FROM default.chain_places WHERE into_table = 'transfers' AND version = 'V1')
GROUP BY block_number, block_time, transaction_hash, token_id, batch;

-- The trades and fundings of the pools that Polymarket's factory announced, whenever it did; amounts in base units.
CREATE OR REPLACE VIEW default.vw_chain_amm_trades AS
SELECT
    concat('0x', lower(hex(trade.pool))) AS pool, pools.condition_id AS condition_id, trade.kind AS kind,
        trade.block_number AS block_number,
    trade.log_index AS log_index, trade.block_time AS timestamp, concat('0x', lower(hex(trade.transaction_hash))) AS transaction_hash,
    concat('0x', lower(hex(trade.wallet))) AS wallet, trade.outcome_index AS outcome_index,
    trade.shares AS shares, trade.collateral AS collateral,
    -- least: the creator of a pool of his own token may choose any amounts
    if(trade.shares = 0, NULL, CAST(divideDecimal(toDecimal256(least(trade.collateral, toUInt256(18446744073709551615)), 0),
        toDecimal256(least(greatest(trade.shares, toUInt256(1)), toUInt256(18446744073709551615)), 0), 18) AS Decimal(38, 18))) AS price,
    trade.fee AS fee, trade.amounts AS amounts, trade.pool_shares AS pool_shares, trade.batch AS batch
FROM default.chain_amm_trades AS trade FINAL
INNER JOIN
(
    SELECT lifecycle.pool AS pool, lower(hex(any(lifecycle.conditions)[1])) AS condition_id FROM default.chain_lifecycle AS lifecycle
    WHERE kind = 'pool' AND lifecycle.tokens IN (SELECT emitter FROM default.chain_layouts WHERE kind = 'preparation') GROUP BY pool
) AS pools ON pools.pool = trade.pool;

-- @verify needs=default.chain_fills run `backfill run chain` first

-- @check rows of the chain's tables
SELECT * EXCEPT place FROM
(
    SELECT 1 AS place, 'fills' AS what, count() AS rows, min(block_number) AS first_block, max(block_number) AS last_block,
        min(block_time) AS first, max(block_time) AS last FROM default.chain_fills FINAL
    UNION ALL SELECT 2, 'transfers', count(), min(block_number), max(block_number), min(block_time), max(block_time)
        FROM default.chain_transfers FINAL
    UNION ALL SELECT 3, 'amm trades', count(), min(block_number), max(block_number), min(block_time), max(block_time)
        FROM default.chain_amm_trades FINAL
    UNION ALL SELECT 4, 'lifecycle', count(), min(block_number), max(block_number), min(block_time), max(block_time)
        FROM default.chain_lifecycle FINAL
    UNION ALL SELECT 5, 'rejected', count(), min(block_number), max(block_number), min(block_time), max(block_time)
        FROM default.chain_rejected FINAL
)
ORDER BY place;

-- @check fills by exchange
SELECT version, concat('0x', lower(hex(toFixedString(exchange, 20)))) AS exchange, count() AS fills, countIf(taker_order) AS trades,
    toString(toDecimal128(sumIf(collateral, taker_order), 6) / 1000000) AS volume, min(block_number) AS first_block,
        max(block_number) AS last_block
FROM default.chain_fills FINAL GROUP BY version, exchange ORDER BY first_block;

-- @check events by kind
SELECT dataset, kind, event, version, count() AS logs, countIf(undecoded != '') AS kept_undecoded FROM default.chain_lifecycle FINAL GROUP BY ALL
    ORDER BY logs DESC;

-- @check rejected logs by reason
SELECT dataset, reason, source, count() AS logs, any(concat(toString(block_number), '-', toString(log_index))) AS such_as
FROM default.chain_rejected FINAL GROUP BY ALL ORDER BY logs DESC;

-- @check bytes a row on disk
-- Order hash and builder apart: they hold as much as all else of a fill, and few ask for them. Known of parts that keep each
-- column in a file of its own, as parts of more than 10 MB do.
SELECT part.table AS table, sum(part.rows) AS rows, formatReadableSize(sum(part.data_compressed_bytes)) AS on_disk,
    round(sum(part.data_compressed_bytes) / rows, 1) AS bytes_a_row, nullIf(any(wide.without), 0) AS without_order_hash_and_builder
FROM system.parts AS part
LEFT JOIN
(
    SELECT files.table AS table, round(sumIf(files.column_data_compressed_bytes, files.column NOT IN ('order_hash', 'builder'))
        / sumIf(files.rows, files.column = 'block_number'), 1) AS without
    FROM system.parts_columns AS files WHERE files.active AND files.database = 'default' AND files.part_type = 'Wide' GROUP BY files.table
) AS wide ON wide.table = part.table
WHERE part.active AND part.database = 'default' AND part.table IN ('chain_fills', 'chain_fills_shard', 'chain_transfers',
    'chain_transfers_shard', 'chain_amm_trades', 'chain_lifecycle')
GROUP BY part.table ORDER BY sum(part.data_compressed_bytes) DESC;

-- @measure rejected Logs of the list's events that are not what their signature promises
SELECT count() FROM default.chain_rejected FINAL WHERE dataset != '';

-- @measure timeless max=0 Rows without the time of their block, except those that `backfill load` stored
SELECT (SELECT countIf(isNull(block_time)) FROM default.chain_fills FINAL WHERE NOT startsWith(batch, 'load/'))
    + (SELECT countIf(isNull(block_time)) FROM default.chain_transfers FINAL)
    + (SELECT countIf(isNull(block_time)) FROM default.chain_amm_trades FINAL)
    + (SELECT countIf(isNull(block_time)) FROM default.chain_lifecycle FINAL);

-- @measure twice Rows that a later row of the same log replaces, and that ClickHouse has not merged yet: all else counts without them
SELECT (SELECT count() FROM default.chain_fills) - (SELECT count() FROM default.chain_fills FINAL)
    + (SELECT count() FROM default.chain_transfers) - (SELECT count() FROM default.chain_transfers FINAL)
    + (SELECT count() FROM default.chain_amm_trades) - (SELECT count() FROM default.chain_amm_trades FINAL)
    + (SELECT count() FROM default.chain_lifecycle) - (SELECT count() FROM default.chain_lifecycle FINAL);

-- @measure uncounted max=0 Transactions with fills of which none counts as volume
SELECT countIf(NOT counts) FROM (SELECT max(taker_order) AS counts FROM default.chain_fills GROUP BY block_number, transaction_hash)
SETTINGS optimize_aggregation_in_order = 1;
