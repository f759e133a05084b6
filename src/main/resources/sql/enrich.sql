-- How the trades get their condition ids. The program inserts the column names of the table; the intermediate tables of a run
-- are in a separate database, which is dropped when the run is finished.
--
-- The join (enrich.join) is the fastest as measured on two cores by `backfill benchmark enrich --ids 8000000 --joins`, one
-- run: hash 20.6 s, direct 21.1 s, dictionary 22.1 s, while the plain copy of the same table took 11.8 s (1.74, 1.79 and
-- 1.87 times); with `--joins hash,dictionary` and 16,000,000 trades hash 41.3 s, dictionary 41.7 s, copy 23.7 s. The differences
-- are within the noise; hash needs no dictionary, which a server would read as its user default. This was measured when each slice
-- still joined with its own ids; hash joins cost less since they use all ids if these are few.

-- No step holds all ids or all trades: ids are collected slice by slice and resolved in ranges of their hashes, a slice joins
-- with its own ids if all ids are too many, and aggregation spills to disk when it uses an eighth of the query's memory limit.

-- What is known of an id or a row in one byte, a code: 0 for a condition id that was there before, 1 + 5 * source + rule for one
-- that was found, one for a transaction, one that says that a condition id that was there is disputed, and from {unknown} on the
-- reason why there is none.

-- @expression sources
-- In the order of their priority.
['clob', 'rpc', 'goldsky', 'gamma'];

-- @expression rules
['proved', 'all-agree', 'majority', 'priority', 'only-source'];

-- @expression reasons
['unknown market', 'no market id', 'zero market id', 'ambiguous market', 'unknown token', 'ambiguous transaction'];

-- @expression by_transaction
21;

-- @expression disputed
99;

-- @expression unknown
100;

-- @expression none
101;

-- @expression zero
102;

-- @expression ambiguous_market
103;

-- @expression unknown_token
104;

-- @expression ambiguous_transaction
105;

-- @expression proved
-- The codes of the first rule, of each source.
1, 6, 11, 16;

-- @expression codes
arrayConcat([0, {disputed}, {by_transaction}], range(1, {by_transaction}));

-- @expression source_of_code
transform(__codes, {codes}, arrayConcat(['original', 'original', 'rpc'],
    arrayFlatten(arrayMap(source -> arrayMap(rule -> source, {rules}), {sources}))), '');

-- @expression rule_of_code
transform(__codes, {codes}, arrayConcat(['original', 'original-disputed', 'transaction'],
    arrayFlatten(arrayMap(source -> {rules}, {sources}))), '');

-- @expression reason_of_code
transform(__codes, range({unknown}, {unknown} + length({reasons})), {reasons}, '');

-- @setup
CREATE DATABASE IF NOT EXISTS backfill_enrich;

-- Each slice of the source table: rows, and the sum over the hashes of whole rows. A slice is added after its ids are collected.
CREATE TABLE IF NOT EXISTS backfill_enrich.measured
(
    slice       String,
    rows        UInt64,
    content     UInt64,
    measured_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(measured_at)
ORDER BY slice;

-- Each slice whose transactions are collected.
CREATE TABLE IF NOT EXISTS backfill_enrich.looked
(
    slice String
)
ENGINE = ReplacingMergeTree
ORDER BY slice;

-- Each slice that was written and compared, by the table that it was written to: its rows, and the sum over its parts of the hashes of their files. Parts are moved
-- into the enriched table unchanged, so that the final table has exactly the compared data.
CREATE TABLE IF NOT EXISTS backfill_enrich.compared
(
    slice       String,
    rows        UInt64,
    files       UInt64,
    compared_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(compared_at)
ORDER BY slice;

-- The ids in the trades, unchanged: all markets and tokens, and the transactions of rows that these cannot resolve.
CREATE TABLE IF NOT EXISTS backfill_enrich.ids
(
    kind LowCardinality(String) COMMENT 'market, token or transaction',
    hash UInt64 COMMENT 'cityHash64 of the id',
    id   String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, hash, id);

-- Every market id with the code of its result.
CREATE TABLE IF NOT EXISTS backfill_enrich.markets
(
    mapped_hash      UInt64 COMMENT 'cityHash64 of the id; the program has checked that no two ids have the same hash',
    mapped_id        String CODEC(ZSTD(1)),
    mapped_condition String CODEC(ZSTD(1)),
    mapped_code      UInt8
)
ENGINE = MergeTree
ORDER BY mapped_hash;

CREATE TABLE IF NOT EXISTS backfill_enrich.tokens AS backfill_enrich.markets;

-- The transactions with a result.
CREATE TABLE IF NOT EXISTS backfill_enrich.transactions AS backfill_enrich.markets;

-- @slice-rows
SELECT count() FROM {trades} WHERE {where};

-- @measured
SELECT slice, rows, toString(content) AS content FROM backfill_enrich.measured FINAL;

-- @measure
INSERT INTO backfill_enrich.measured (slice, rows, content)
SELECT {slice}, count(), sum(cityHash64(tuple({kept})))
FROM {trades} WHERE {where}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads};

-- @count-ids
SELECT count() FROM backfill_enrich.ids WHERE kind = {kind};

-- @fresh
-- A condition: the id of a row was not collected yet. It holds the hashes of all ids of its kind in memory.
{hash} NOT IN (SELECT hash FROM backfill_enrich.ids WHERE kind = {kind});

-- @collect
INSERT INTO backfill_enrich.ids (kind, hash, id)
SELECT {kind}, cityHash64(id), id FROM (SELECT {id} AS id FROM {trades} WHERE ({where}) AND {fresh} GROUP BY id)
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_bytes_before_external_group_by = {spill},
    min_insert_block_size_bytes = {block},
    group_by_two_level_threshold = 1, group_by_two_level_threshold_bytes = 1;

-- @count-unhelpful
SELECT countIf(mapped_code >= {unknown}) FROM {mapped};

-- @unhelpful
-- A condition: the market or token of a row has no result. Such ids are fewer than those with one.
{hash} IN (SELECT mapped_hash FROM {mapped} WHERE mapped_code >= {unknown});

-- @unhelpful-in-slice
-- The same, with no more in memory than the ids of the slice.
{hash} IN (SELECT mapped_hash FROM {mapped} WHERE mapped_code >= {unknown} AND mapped_hash IN (SELECT {hash} FROM {trades} WHERE {where}));

-- @collect-transactions
INSERT INTO backfill_enrich.ids (kind, hash, id)
SELECT {kind}, cityHash64(id), id FROM (SELECT {id} AS id FROM {trades} WHERE ({where}) AND {own} = '' AND {unhelpful} AND {fresh}
    GROUP BY id)
WHERE id != ''
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_bytes_before_external_group_by = {spill},
    min_insert_block_size_bytes = {block},
    group_by_two_level_threshold = 1, group_by_two_level_threshold_bytes = 1;

-- @looked
INSERT INTO backfill_enrich.looked (slice) SELECT {slice};

-- @looked-slices
SELECT DISTINCT slice FROM backfill_enrich.looked;

-- @forget
-- Slices whose trades changed meanwhile.
ALTER TABLE backfill_enrich.measured DELETE WHERE slice IN ({slices});
ALTER TABLE backfill_enrich.looked DELETE WHERE slice IN ({slices});

-- @count-distinct-ids
SELECT uniq(hash) FROM backfill_enrich.ids WHERE kind = {kind};

-- @resolve
-- The result for each id of a range: of the keys that the id may be, the first known one. The join holds the keys of the range
-- in memory and streams the keys of the sources.
INSERT INTO {mapped}
WITH
    ids AS
    (
        SELECT hash, id, trimBoth(id) AS plain, match(plain, '^[0-9]+$') AS digits, trimLeft(plain, '0') AS number,
            lower(replaceRegexpOne(plain, '^0[xX]', '')) AS hex, match(hex, '^[0-9a-f]{1,64}$')
                AND (length(hex) < length(plain) OR length(hex) = 64) AS is_hex,
            lower(plain) IN ({no_ids}) AS none, match(hex, '^0+$') AS zero
        FROM
        (
            SELECT DISTINCT hash, id FROM backfill_enrich.ids
            WHERE kind = {kind} AND hash {in_range} AND hash NOT IN (SELECT mapped_hash FROM {mapped} WHERE mapped_hash {in_range})
        )
    ),
    keys AS
    (
        SELECT hash, id, toUInt8(multiIf(none, {none}, zero, {zero}, {unknown})) AS otherwise,
            multiIf(none OR zero, [],
                digits AND length(number) BETWEEN 19 AND 78, [('token-id', number), ('question-id', hex), ('condition-id', hex)],
                digits, [('market-id', number), ('slug', plain)],
                is_hex, [('condition-id', leftPad(hex, 64, '0')), ('question-id', leftPad(hex, 64, '0')),
                    ('token-id', toString(reinterpretAsUInt256(reverse(unhex(leftPad(hex, 64, '0'))))))],
                [('slug', lower(plain))]) AS keys
        FROM ids
    )
SELECT hash, id, substring(best, 2), if(best != '', ascii(best), otherwise) FROM
(
    -- one text and one number: a tuple in their place takes several times as long
    SELECT wanted.hash AS hash, wanted.id AS id, any(wanted.otherwise) AS otherwise,
        argMinIf(concat(char(merged.code), merged.condition_id), 128 * (merged.condition_id = '') + wanted.rank, merged.code > 0) AS best
    FROM
    (
        SELECT toString(key_kind) AS key_kind, key, condition_id,
            toUInt8(1 + 5 * (indexOf({sources}, toString(sources_agree[1])) - 1) + indexOf({rules}, toString(rule)) - 1) AS code
        FROM default.condition_id_merged
        UNION ALL
        SELECT toString(key_kind), key, '', toUInt8({ambiguous_market}) FROM default.condition_id_conflicts WHERE rule = 'undecided'
    ) AS merged
    RIGHT JOIN
    (
        -- an id that cannot be any key stays in the result, too
        SELECT hash, id, otherwise, entry.1 AS rank, entry.2.1 AS key_kind, entry.2.2 AS key
        FROM (SELECT hash, id, otherwise, arrayPushBack(keys, ('', '')) AS all_keys,
            arrayJoin(arrayZip(arrayEnumerate(all_keys), all_keys)) AS entry FROM keys)
    ) AS wanted ON wanted.key_kind = merged.key_kind AND wanted.key = merged.key
    GROUP BY wanted.hash, wanted.id
)
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_bytes_before_external_group_by = {spill},
    min_insert_block_size_bytes = {block},
    join_algorithm = 'hash'{join_sides};

-- @resolve-transactions
-- A transaction gives a result if all tokens that it moved belong to one condition. A token without a known condition may belong
-- to another one. The transactions of a range and their tokens are held in memory; transfers and the mapping are streamed.
INSERT INTO {mapped}
SELECT hash, any(id), if(length(groupUniqArray(3)(condition_id) AS conditions) = 1, conditions[1], ''),
    toUInt8(multiIf(length(conditions) > 1, {ambiguous_transaction}, conditions[1] != '', {by_transaction}, 0)) AS code
FROM
(
    SELECT moved.hash AS hash, moved.id AS id, mapping.condition_id AS condition_id
    FROM (SELECT key AS token_id, condition_id FROM default.condition_id_merged WHERE key_kind = 'token-id') AS mapping
    RIGHT JOIN
    (
        SELECT wanted.hash AS hash, wanted.id AS id, transfers.token_id AS token_id FROM default.rpc_transfers AS transfers
        INNER JOIN
        (
            SELECT DISTINCT hash, id, concat('0x', lower(replaceRegexpOne(id, '^0[xX]', ''))) AS own FROM backfill_enrich.ids
            WHERE kind = {kind} AND hash {in_range} AND hash NOT IN (SELECT mapped_hash FROM {mapped} WHERE mapped_hash {in_range})
        ) AS wanted ON wanted.own = transfers.transaction_hash
    ) AS moved ON moved.token_id = mapping.token_id
)
GROUP BY hash HAVING code > 0
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_bytes_before_external_group_by = {spill},
    min_insert_block_size_bytes = {block},
    join_algorithm = 'hash'{join_sides};

-- @same-hash
-- How many ids of a range have the same hash as another id.
SELECT uniqExact(hash, id) - uniqExact(hash) FROM backfill_enrich.ids WHERE kind = {kind} AND hash {in_range}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads};

-- @count-mapped
SELECT count() FROM {mapped};

-- @dictionary
CREATE OR REPLACE DICTIONARY {mapped}_dictionary (mapped_hash UInt64, mapped_condition String, mapped_code UInt8 DEFAULT {unknown})
PRIMARY KEY mapped_hash SOURCE(CLICKHOUSE(TABLE '{kind}s' DB 'backfill_enrich')) LAYOUT(HASHED_ARRAY()) LIFETIME(0);
SYSTEM RELOAD DICTIONARY {mapped}_dictionary;

-- @drop-dictionary
DROP DICTIONARY IF EXISTS {mapped}_dictionary;

-- @dictionary-bytes
SELECT coalesce(sum(bytes_allocated), 0) FROM system.dictionaries WHERE database = 'backfill_enrich';

-- @dictionaries
SELECT count() FROM system.dictionaries WHERE database = 'backfill_enrich';

-- @mapped
-- The right side of a join, which is held in memory: the results of all ids of a kind.
(SELECT mapped_hash, mapped_condition, mapped_code FROM {mapped});

-- @mapped-in-slice
-- The same of the ids of the slice.
(SELECT mapped_hash, mapped_condition, mapped_code FROM {mapped}
    WHERE mapped_hash IN (SELECT {hash} FROM {trades} WHERE ({where}) AND {needed}));

-- @mapped-dictionary
{mapped}_dictionary;

-- @join
ANY LEFT JOIN {side} AS {kind}s ON {kind}s.mapped_hash = {key};

-- @joined
-- The result for the id of a row, from a join. An id that is not in the mapping appeared after the slice was measured; the slice is
-- done again then.
{kind}s.mapped_condition AS __{kind}_condition, if({kind}s.mapped_code = 0, {otherwise}, {kind}s.mapped_code) AS __{kind}_code;

-- @looked-up
-- The same, from a dictionary.
dictGet('{mapped}_dictionary', ('mapped_condition', 'mapped_code'), {key}) AS __{kind}, __{kind}.1 AS __{kind}_condition,
    __{kind}.2 AS __{kind}_code;

-- @not-there
-- The same if the trades have no such ids, or none of them has a result.
'' AS __{kind}_condition, toUInt8({otherwise}) AS __{kind}_code;

-- @market-key
-- A proved token decides alone: the market's result is not used then, and key 0 is the fastest to look up.
if({token_code} IN ({proved}), 0, trades.__market_hash);

-- @write
-- The strongest evidence for a row's condition id: its own token if proved by computation, then its market, then a token that
-- only a source knows, then its transaction. An existing condition id is kept, and marked if that evidence (except the
-- transaction) gives a different one.
INSERT INTO {written} ({columns})
WITH
    {own} AS __own,
    {lookup},
    multiIf(__token_code IN ({proved}), 2, __market_code < {unknown}, 1, __token_code < {unknown}, 2, 0) AS __by,
    multiIf(__by = 1, __market_condition, __by = 2, __token_condition, '') AS __found,
    multiIf(
        __own != '', if(__by > 0 AND __found != __own, toUInt8({disputed}), toUInt8(0)),
        __by = 1, __market_code,
        __by = 2, __token_code,
        __transaction_code > 0, __transaction_code,
        -- a row with a token is not a row without any id
        __market_code IN ({none}, {zero}) AND __token_code NOT IN ({none}, {zero}), toUInt8({unknown_token}),
        __market_code) AS __code,
    -- values derived from this are computed once for each code, not for each row
    toLowCardinality(__code) AS __codes
SELECT {values},
    multiIf(__own != '', __own, __by > 0, __found, __transaction_code = {by_transaction}, __transaction_condition, {unfilled}),
    {source_of_code},
    {rule_of_code},
    {reason_of_code}
FROM (SELECT {read} FROM {trades} WHERE {where}) AS trades
{joins}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_insert_threads = 1, max_partitions_per_insert_block = 0,
    min_insert_block_size_rows = 4000000, min_insert_block_size_bytes = {block}, join_algorithm = {algorithm}{join_sides};

-- @compare
-- The written slice: rows, and the same sum as for the source slice.
SELECT count() AS rows, toString(sum(cityHash64(tuple({kept_as})))) AS content FROM {written}
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads};

-- @content
-- The same for the trades, as they are now.
SELECT count() AS rows, toString(sum(cityHash64(tuple({kept})))) AS content FROM {trades}
SETTINGS max_memory_usage = {max_memory};

-- @inputs
-- What is written depends on this, besides the rows of the trades: the mapping, what the chain knows of transactions, and what
-- was done to the trades since they were inserted.
SELECT (SELECT (count(), sum(cityHash64(tuple(*)))) FROM default.condition_id_merged) AS merged,
    (SELECT (count(), sum(cityHash64(tuple(*)))) FROM default.condition_id_conflicts) AS conflicts,
    (SELECT (count(), max(fetched_at)) FROM default.rpc_transfers) AS transfers,
    (SELECT arraySort(groupArray(mutation_id)) FROM system.mutations WHERE database = {database} AND table = {table}) AS mutations;

-- @result
SELECT multiIf(condition_id_source = 'original', 'original', unfillable_reason = '', 'filled', 'unfillable') AS what, count() AS n
    FROM {target} GROUP BY what;

-- @create
CREATE TABLE {table}
(
    {columns}
)
ENGINE = MergeTree
{keys}
SETTINGS allow_nullable_key = 1{settings}
COMMENT {comment};

-- @added-columns
-- Behind those of the trades.
condition_id {condition_type} COMMENT '64 hex digits, lower case, no 0x; none where there is a reason' CODEC(ZSTD(1)),
    condition_id_source LowCardinality(String) COMMENT 'original, clob, rpc, goldsky or gamma; empty where none was found',
    condition_id_rule LowCardinality(String)
        COMMENT 'the rule that decided (see condition_id_merged), transaction, original, or original-disputed where the sources say another one',
    unfillable_reason LowCardinality(String) COMMENT 'why there is no condition id';

-- @original-column
condition_id_original String ALIAS {condition} COMMENT 'the original condition id of the trade';

-- @partitions
SELECT partition_id, sum(rows) AS n FROM system.parts WHERE active AND database = {database} AND table = {table} GROUP BY partition_id
    ORDER BY partition_id;

-- @key-borders
-- The values of the first key column in the primary index of a slice, with the rows behind each.
SELECT toString(k) AS v, n FROM
(
    SELECT {key} AS k, sum(rows_in_granule) AS n FROM mergeTreeIndex({database}, {table})
    WHERE part_name IN (SELECT name FROM system.parts WHERE active AND database = {database} AND table = {table}
        AND partition_id IN ({partitions})) AND rows_in_granule > 0
        AND {bounds}
    GROUP BY k ORDER BY k
);

-- @compared
INSERT INTO backfill_enrich.compared (slice, rows, files)
SELECT {slice}, sum(rows), sum(cityHash64(hash_of_all_files)) FROM system.parts WHERE active AND database = {database} AND table = {table};

-- @stored
SELECT table, sum(rows) AS rows, toString(sum(cityHash64(hash_of_all_files))) AS files FROM system.parts WHERE active
    AND database = {database} GROUP BY table;

-- @free
-- The free space of the disks that a new table is stored on. The sum is a float, because object storage reports 2^64-1.
SELECT sum(toFloat64(unreserved_space)) FROM system.disks
WHERE has((SELECT groupUniqArrayArray(disks) FROM system.storage_policies
    WHERE policy_name = (SELECT value FROM system.merge_tree_settings WHERE name = 'storage_policy')), name);

-- @view
-- The enriched trades with column names that do not depend on those of the trades.
CREATE OR REPLACE VIEW default.vw_enriched_trades AS
SELECT {trade} AS trade_id, {market} AS market_id, {token} AS token_id, {transaction} AS transaction_hash, {time} AS traded_at,
    {condition} AS condition_id, {condition} AS condition_id_norm, {original} AS condition_id_original,
    condition_id_source AS source, condition_id_rule AS rule, unfillable_reason AS reason
FROM {target};

CREATE OR REPLACE VIEW default.vw_enriched_rows AS
SELECT toInt64((SELECT count() FROM {trades})) AS rows_in_trades, toInt64((SELECT count() FROM {target})) AS rows_enriched;
