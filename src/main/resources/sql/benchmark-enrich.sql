-- The data and queries of `backfill benchmark enrich`: a mapping of 150,000 conditions, trades with the columns and the mix of
-- ids of real ones, and the plain copy that the enrichment is compared with. The condition of market number m can be
-- computed, so that every row of the result can be checked.

-- @setup
CREATE OR REPLACE FUNCTION benchmark_condition AS m -> lower(concat(hex(sipHash128(toUInt64(m), 'c')), hex(sipHash128(toUInt64(m), 'd'))));
CREATE OR REPLACE FUNCTION benchmark_token AS m -> concat(leftPad(toString(sipHash64(toUInt64(m), 't')), 20, '7'),
    leftPad(toString(sipHash64(toUInt64(m), 'u')), 20, '1'), leftPad(toString(sipHash64(toUInt64(m), 'v')), 20, '2'),
    leftPad(toString(m), 17, '0'));

-- @wide
CREATE TABLE default.trades_raw
(
    trade_id         String CODEC(ZSTD(1)),
    wallet_address   String CODEC(ZSTD(1)),
    market_id        String CODEC(ZSTD(1)),
    condition_id     String CODEC(ZSTD(1)),
    token_id         String CODEC(ZSTD(1)),
    outcome_index    Int8,
    side             LowCardinality(String),
    trade_direction  LowCardinality(String),
    shares           Decimal(18, 8),
    entry_price      Decimal(18, 8),
    usd_value        Decimal(18, 2),
    fee              Decimal(18, 8),
    timestamp        DateTime,
    block_number     UInt64,
    log_index        UInt32,
    transaction_hash String CODEC(ZSTD(1)),
    created_at       DateTime
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (wallet_address, timestamp);

-- @narrow
-- Only the required columns, in the order in which trades arrive.
CREATE TABLE default.trades_raw
(
    trade_id         UInt64,
    market_id        String CODEC(ZSTD(1)),
    condition_id     String CODEC(ZSTD(1)),
    token_id         String CODEC(ZSTD(1)),
    timestamp        DateTime,
    transaction_hash String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY trade_id;

-- @mapping
-- Of 150,000 markets, every sixteenth is not in the mapping by its own ids; half of those are there by their token id.
INSERT INTO default.condition_id_merged (key_kind, key, condition_id, rule, sources_agree, sources_disagree, outcome_index, decided_at)
SELECT entry.1, entry.2, benchmark_condition(m), ['proved', 'proved', 'all-agree', 'only-source'][m % 4 + 1],
    [['clob', 'rpc', 'goldsky', 'gamma'], ['gamma'], ['clob', 'gamma'], ['goldsky']][m % 4 + 1]::Array(LowCardinality(String)), [], -1,
        now64(3)
FROM
(
    SELECT number AS m, arrayJoin(arrayConcat(
        if(m % 16 != 0, [('market-id', toString(500000 + m)), ('slug', concat('will-market-', toString(m), '-happen')),
            ('condition-id', benchmark_condition(m))], []),
        if(m % 32 != 0, [('token-id', benchmark_token(2 * m)), ('token-id', benchmark_token(2 * m + 1))], []))) AS entry
    FROM numbers({markets})
);

-- The transaction of every hundredth trade, so that the lookup by transactions is used.
INSERT INTO default.rpc_transfers (transaction_hash, token_id, block_number, block_time, transfers, fetched_at, batch)
SELECT concat('0x', lower(hex(sipHash128(n, 'x'))), lower(hex(sipHash128(n, 'y')))),
    benchmark_token(2 * (cityHash64(n, 'm') % {markets})), 20000000 + n, NULL, 1, now64(3), ''
FROM (SELECT number * 100 AS n FROM numbers(intDiv({rows}, 100)));

-- @trades
-- The trades of one month. About half of them have a condition id (51.47 %); the others have a number, a slug, only a token id,
-- nothing or something unknown.
INSERT INTO default.trades_raw ({columns})
SELECT {columns} FROM
(
    WITH
        cityHash64(n, 'm') % {markets} AS m,
        cityHash64(n, 'k') % 10000 AS k,
        cityHash64(n, 'w') AS w,
        2 * m + w % 2 AS t
    SELECT if({fills} = 1, lower(hex(sipHash128(n, 'i'))), toString(n)) AS trade_id,
        concat('0x', lower(hex(sipHash128(toUInt64(sqrt(w % 250000000000)), 'a'))), '00000000') AS wallet_address,
        multiIf(k < 9000, toString(500000 + m), k < 9500, concat('will-market-', toString(m), '-happen'), k < 9900, '', k < 9950,
            concat('0x', repeat('0', 64)), concat('gone-', toString(m))) AS market_id,
        if(cityHash64(n, 'c') % 10000 < 5147, benchmark_condition(m), '') AS condition_id,
        if(k < 9960, benchmark_token(t), '') AS token_id,
        toInt8(w % 2) AS outcome_index, if(w % 3 = 0, 'SELL', 'BUY') AS side, ['BUY', 'SELL', 'UNKNOWN'][w % 3 + 1] AS trade_direction,
        toDecimal64((w % 100000000) / 10000, 8) AS shares, toDecimal64((w % 999 + 1) / 1000, 8) AS entry_price,
            toDecimal64((w % 90000000) / 1000, 2) AS usd_value, toDecimal64((w % 7) / 100, 8) AS fee,
        toDateTime('2023-01-01 00:00:00') + INTERVAL {month} MONTH + INTERVAL (w % 2419200) SECOND AS timestamp,
        20000000 + n AS block_number, toUInt32(w % 500) AS log_index,
        intDiv(n, {fills}) * {fills} AS of_transaction, concat('0x', lower(hex(sipHash128(of_transaction, 'x'))),
            lower(hex(sipHash128(of_transaction, 'y')))) AS transaction_hash,
        timestamp + 60 AS created_at
    FROM (SELECT number AS n FROM numbers_mt({first}, {count}))
)
SETTINGS max_insert_threads = 2, min_insert_block_size_rows = 2000000, max_memory_usage = {max_memory};

-- @columns
SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns WHERE database = 'default' AND table = 'trades_raw';

-- @bytes-on-disk
SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'default' AND table = 'trades_raw';

-- @copy
CREATE TABLE default.trades_copy AS default.trades_raw;
INSERT INTO default.trades_copy SELECT * FROM default.trades_raw SETTINGS max_memory_usage = {max_memory};

-- @drop-copy
DROP TABLE IF EXISTS default.trades_copy SYNC;

-- @drop-enriched
DROP TABLE default.enriched_trades_final SYNC;

-- @wrong
-- Wrong rows: each row must have its market's condition if the mapping has the market's id or token, and none otherwise.
SELECT countIf(condition_id_source != if(own != '', 'original', condition_id_source)
    OR condition_id != if(m < {markets} AND (own != '' OR known), expected, condition_id)
    OR (condition_id = '') != (unfillable_reason != '') OR own = '' AND NOT known AND condition_id != ''
        AND condition_id_rule != 'transaction') AS wrong
FROM
(
    SELECT *, if(condition_id_source = 'original', condition_id, '') AS own,
        multiIf(match(market_id, '^[0-9]+$'), toUInt64(market_id) - 500000, startsWith(market_id, 'will'),
            toUInt64(extract(market_id, '([0-9]+)')),
            token_id != '', intDiv(toUInt64(right(token_id, 17)), 2), 1000000) AS m,
        multiIf(m >= {markets}, 0, match(market_id, '^([0-9]+|will.*)$'), m % 16 != 0 OR m % 32 != 0 AND token_id != '',
            m % 32 != 0) AS known, benchmark_condition(m) AS expected
    FROM default.enriched_trades_final
)
SETTINGS max_memory_usage = {max_memory};
