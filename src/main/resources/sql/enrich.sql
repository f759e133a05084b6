-- How the trades get their condition ids. The program fills in the names of the columns that the table at hand has; what
-- belongs to a run under way stands in a database of its own, which goes when the run is finished.
--
-- The join (enrich.join) is the fastest as measured on two cores by `backfill benchmark enrich --ids 8000000 --joins`, one
-- run: hash 20.6 s, direct 21.1 s, dictionary 22.1 s, where the plain copy of the same table took 11.8 s (1.74, 1.79 and
-- 1.87 times); with `--joins hash,dictionary` and 16,000,000 trades hash 41.3 s, dictionary 41.7 s, copy 23.7 s. Nothing lies
-- between them but chance; hash needs no dictionary, which a server reads as its user default.

-- @setup
CREATE DATABASE IF NOT EXISTS backfill_enrich;

-- Each slice of the trades before: rows, the sum over the hashes of whole rows, and the different market ids in it.
CREATE TABLE IF NOT EXISTS backfill_enrich.measured
(
    slice       String,
    rows        UInt64,
    content     UInt64,
    markets     Array(String) CODEC(ZSTD(1)),
    measured_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(measured_at)
ORDER BY slice;

-- Each slice that was written and compared: its rows, and the sum over its parts of the hashes of their files. Parts go into
-- the enriched table as they are, so that what was compared is what stands there in the end.
CREATE TABLE IF NOT EXISTS backfill_enrich.compared
(
    slice       String,
    rows        UInt64,
    files       UInt64,
    compared_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(compared_at)
ORDER BY slice;

-- The texts that are looked up, and the keys that each may be.
CREATE TABLE IF NOT EXISTS backfill_enrich.keys
(
    id        String CODEC(ZSTD(1)),
    otherwise UInt8 COMMENT 'the reason where none of its keys is known',
    keys      Array(Tuple(key_kind String, key String)) CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY id;

-- Every market id and every token id as it stands in the trades, and what it comes to: code is 0 for a condition id that was
-- there before, otherwise 1 + 5 * source + rule of a condition found, or 100 + reason (see Enrich.CODES).
CREATE TABLE IF NOT EXISTS backfill_enrich.markets
(
    mapped_hash      UInt64 COMMENT 'cityHash64 of the id; it was checked that no two have the same',
    mapped_id        String CODEC(ZSTD(1)),
    mapped_condition String CODEC(ZSTD(1)),
    mapped_code      UInt8
)
ENGINE = MergeTree
ORDER BY mapped_hash;

CREATE TABLE IF NOT EXISTS backfill_enrich.tokens AS backfill_enrich.markets;

-- The tokens of all trades, each with the transactions of those trades that their markets did not help.
CREATE TABLE IF NOT EXISTS backfill_enrich.lost
(
    token_id         String COMMENT 'as it stands in the trades' CODEC(ZSTD(1)),
    transaction_hash String COMMENT 'the same; empty where the market helped or no transaction is known' CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY token_id;

-- The transactions of these, and what they come to.
CREATE TABLE IF NOT EXISTS backfill_enrich.transactions
(
    mapped_transaction String CODEC(ZSTD(1)),
    mapped_condition   String CODEC(ZSTD(1)),
    mapped_code        UInt8
)
ENGINE = MergeTree
ORDER BY mapped_transaction;

-- @measure
INSERT INTO backfill_enrich.measured (slice, rows, content, markets)
SELECT {slice}, count(), sum(cityHash64(tuple({kept}))), groupUniqArray(toString({market}))
FROM {trades} WHERE {where}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads};

-- @keys
-- What the ids in the trades may be read as.
INSERT INTO backfill_enrich.keys
WITH
    ids AS
    (
        SELECT id, trimBoth(id) AS plain, match(plain, '^[0-9]+$') AS digits, trimLeft(plain, '0') AS number,
            lower(replaceRegexpOne(plain, '^0[xX]', '')) AS hex, match(hex, '^[0-9a-f]{1,64}$') AND (length(hex) < length(plain) OR length(hex) = 64) AS is_hex,
            lower(plain) IN ({no_ids}) AS none, match(hex, '^0+$') AS zero
        FROM (SELECT id FROM {ids} GROUP BY id)
    )
SELECT id, toUInt8(multiIf(none, {none}, zero, {zero}, {unknown})),
    multiIf(none OR zero, [],
        digits AND length(number) BETWEEN 19 AND 78, [('token-id', number), ('question-id', hex), ('condition-id', hex)],
        digits, [('market-id', number), ('slug', plain)],
        is_hex, [('condition-id', leftPad(hex, 64, '0')), ('question-id', leftPad(hex, 64, '0')), ('token-id', toString(reinterpretAsUInt256(reverse(unhex(leftPad(hex, 64, '0'))))))],
        [('slug', lower(plain))])
FROM ids
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, min_insert_block_size_bytes = {spill}, max_threads = 1,
    group_by_two_level_threshold = 1, group_by_two_level_threshold_bytes = 1;

-- @resolve
-- What they come to: of the keys that an id may be, the first that is known.
INSERT INTO {target}
WITH hits AS
(
    SELECT id, argMin((condition_id, code), (condition_id = '', rank)) AS best FROM
    (
        SELECT toString(key_kind) AS key_kind, key, condition_id,
            toUInt8(1 + 5 * (indexOf({sources}, toString(sources_agree[1])) - 1) + indexOf({rules}, toString(rule)) - 1) AS code
        FROM default.condition_id_merged
        UNION ALL
        SELECT toString(key_kind), key, '', toUInt8({ambiguous}) FROM default.condition_id_conflicts WHERE rule = 'undecided'
    ) AS merged
    INNER JOIN
    (
        SELECT id, entry.1 AS rank, entry.2.1 AS key_kind, entry.2.2 AS key FROM (SELECT id, arrayJoin(arrayZip(arrayEnumerate(keys), keys)) AS entry FROM backfill_enrich.keys)
    ) AS wanted ON wanted.key_kind = merged.key_kind AND wanted.key = merged.key
    GROUP BY id
)
SELECT cityHash64(keys.id), keys.id, hits.best.1, if(hits.best.2 > 0, hits.best.2, keys.otherwise)
FROM backfill_enrich.keys AS keys LEFT JOIN hits ON hits.id = keys.id
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, min_insert_block_size_bytes = {spill}, join_algorithm = 'grace_hash',
    max_bytes_in_join = {spill}, group_by_two_level_threshold = 1, group_by_two_level_threshold_bytes = 1;

-- @ids-of-markets
-- A row holds the ids of a slice: a row at a time.
(SELECT markets FROM backfill_enrich.measured SETTINGS max_block_size = 1) ARRAY JOIN markets AS id;

-- @ids-of-tokens
(SELECT token_id AS id FROM backfill_enrich.lost);

-- @lost
-- The tokens of all rows, and the transactions of those without a condition id that their markets did not help.
INSERT INTO backfill_enrich.lost
SELECT DISTINCT toString({token}),
    if({own} = '' AND cityHash64(toString({market})) NOT IN (SELECT mapped_hash FROM backfill_enrich.markets WHERE mapped_code < {unknown}), {said}, '')
FROM {trades} WHERE {where}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads};

-- @transactions
-- A transaction helps where all that it moved belongs to one condition. A token that no known condition gives may be another's.
INSERT INTO backfill_enrich.transactions
SELECT said, if(length(conditions) = 1, conditions[1], ''), toUInt8(multiIf(length(conditions) > 1, {ambiguous}, conditions[1] != '', {by_transaction}, 0)) AS code FROM
(
    SELECT said, groupUniqArray(3)(mapping.condition_id) AS conditions FROM
    (
        SELECT said, transfers.token_id AS token_id FROM default.rpc_transfers AS transfers
        INNER JOIN
        (
            SELECT DISTINCT transaction_hash AS said, concat('0x', lower(replaceRegexpOne(transaction_hash, '^0[xX]', ''))) AS own FROM backfill_enrich.lost WHERE transaction_hash != ''
        ) AS lost ON lost.own = transfers.transaction_hash
    ) AS moved
    LEFT JOIN (SELECT key AS token_id, condition_id FROM default.condition_id_merged WHERE key_kind = 'token-id') AS mapping ON mapping.token_id = moved.token_id
    GROUP BY said
)
WHERE code > 0
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, join_algorithm = 'grace_hash';

-- @write
-- The strongest evidence of what a row's condition id is: a token of its own that is proved by computation, then its market,
-- then a token that a source alone knows, then its transaction. A condition id that was there stays, and is marked where that
-- evidence (but for the transaction) says another one.
INSERT INTO {written} ({columns})
WITH
    {own} AS __own,
    {lookup}
    multiIf(__token_code IN ({proved}), 2, __market_code < {unknown}, 1, __token_code < {unknown}, 2, 0) AS __by,
    multiIf(__by = 1, __market_condition, __by = 2, __token_condition, '') AS __found,
    multiIf(
        __own != '', if(__by > 0 AND __found != __own, toUInt8({disputed}), toUInt8(0)),
        __by = 1, __market_code,
        __by = 2, __token_code,
        __moved_code > 0, __moved_code,
        -- a row with a token is not one without any id
        __market_code IN ({none}, {zero}) AND __token_code NOT IN ({none}, {zero}), toUInt8({unknown_token}),
        __market_code) AS __code,
    -- what is made of this is made once for each code, not for each row
    toLowCardinality(__code) AS __codes
SELECT {values},
    multiIf(__own != '', __own, __by > 0, __found, __moved_code = {by_transaction}, __moved_condition, {unfilled}),
    {source_of_code},
    {rule_of_code},
    {reason_of_code}
FROM {from}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_insert_threads = 1, max_partitions_per_insert_block = 0,
    min_insert_block_size_rows = 4000000, min_insert_block_size_bytes = {block}, join_algorithm = {algorithm};

-- @compare
-- The slice as it was written: rows, and the same sum as before.
SELECT count() AS rows, toString(sum(cityHash64(tuple({kept_as})))) AS content FROM {written}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads};

-- @content
-- The same of the trades, as they are now.
SELECT count() AS rows, toString(sum(cityHash64(tuple({kept})))) AS content FROM {trades}
SETTINGS max_memory_usage = {max_memory};

-- @compared
INSERT INTO backfill_enrich.compared (slice, rows, files)
SELECT {slice}, sum(rows), sum(cityHash64(hash_of_all_files)) FROM system.parts WHERE active AND database = {database} AND table = {table};

-- @stored
SELECT table, sum(rows) AS rows, toString(sum(cityHash64(hash_of_all_files))) AS files FROM system.parts WHERE active AND database = {database} GROUP BY table;

-- @view
-- The enriched trades under names that do not depend on those of their own columns.
CREATE OR REPLACE VIEW default.vw_enriched_trades AS
SELECT {trade} AS trade_id, {market} AS market_id, {token} AS token_id, {transaction} AS transaction_hash, {time} AS traded_at,
    {condition} AS condition_id, {condition} AS condition_id_norm, {original} AS condition_id_original,
    condition_id_source AS source, condition_id_rule AS rule, unfillable_reason AS reason
FROM {target};

CREATE OR REPLACE VIEW default.vw_enriched_rows AS
SELECT toInt64((SELECT count() FROM {trades})) AS rows_in_trades, toInt64((SELECT count() FROM {target})) AS rows_enriched;
