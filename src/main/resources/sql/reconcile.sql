-- How the mappings of the four sources are merged into one: candidates, rules, conflicts. Ids are normalised before they are
-- compared. Keys are the forms that the market of a trade may have: market-id (Gamma's number), slug, question-id,
-- condition-id, token-id.

-- @reads chain
-- The file whose @finish has to have run over all that is stored.

-- @setup
-- The values of every source, one row per key, condition and source.
CREATE TABLE IF NOT EXISTS default.condition_id_candidates
(
    key_kind      LowCardinality(String),
    key           String COMMENT 'normalised: hex without 0x, lower case; decimal; slug in lower case' CODEC(ZSTD(1)),
    condition_id  String CODEC(ZSTD(1)),
    source        LowCardinality(String) COMMENT 'clob, rpc, goldsky or gamma',
    proof         LowCardinality(String) COMMENT 'proved or disproved by computing the token ids; unproved if the source has none',
    outcome_index Int16 COMMENT 'of a token id; -1 if it is not a single outcome or the key is not a token id',
    seen_at       DateTime64(3, 'UTC') COMMENT 'when the source had this value'
)
ENGINE = MergeTree
ORDER BY (key_kind, key, condition_id, source);

-- One row per key.
CREATE TABLE IF NOT EXISTS default.condition_id_merged
(
    key_kind         LowCardinality(String),
    key              String CODEC(ZSTD(1)),
    condition_id     String CODEC(ZSTD(1)),
    rule             LowCardinality(String) COMMENT 'proved, all-agree, majority, priority or only-source',
    sources_agree    Array(LowCardinality(String)) COMMENT 'in the order of their priority',
    sources_disagree Array(LowCardinality(String)),
    outcome_index    Int16,
    decided_at       DateTime64(3, 'UTC') COMMENT 'when the row last changed'
)
ENGINE = MergeTree
ORDER BY (key_kind, key);

ALTER TABLE default.condition_id_merged ADD COLUMN IF NOT EXISTS market_id String ALIAS key;

-- Every key on which the sources disagree, or that has a disproved candidate.
CREATE TABLE IF NOT EXISTS default.condition_id_conflicts
(
    key_kind     LowCardinality(String),
    key          String CODEC(ZSTD(1)),
    candidates   Array(Tuple(source String, condition_id String, proof String)) CODEC(ZSTD(1)),
    condition_id String COMMENT 'the decision; empty if undecided' CODEC(ZSTD(1)),
    rule         LowCardinality(String)
        COMMENT 'the rule that decided; undecided if a source contradicts itself, disproved if no candidate is left',
    decided_at   DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (key_kind, key);

-- @listed default.api_markets_staging
-- The rows of this table under fixed names, whatever its columns are called: markets as Gamma lists them.
(SELECT {condition} AS condition_id, lower(replaceRegexpOne({question}, '^0[xX]', '')) AS question_id, lower(trimBoth({slug})) AS slug,
    trimLeft({market}, '0') AS market_id, {tokens} AS token_ids, {version} AS version, {seen} AS seen_at FROM {table}{final});

-- @not-listed
-- The same where there is no such table.
(SELECT '' AS condition_id, '' AS question_id, '' AS slug, '' AS market_id, [] :: Array(String) AS token_ids, '' AS version,
    now64(3, 'UTC') AS seen_at WHERE 0);

-- @listed-tokens Array
arrayMap(t -> toString(t), {column});

-- @listed-tokens String
JSONExtract({column}, 'Array(String)');

-- @listed-tokens
[] :: Array(String);

-- @listed-seen DateTime
ifNull(toDateTime64({column}, 3, 'UTC'), toDateTime64(0, 3, 'UTC'));

-- @listed-seen
toDateTime64(0, 3, 'UTC');

-- @conditions
-- The conditions whose token ids are not computed yet: they prove or disprove candidates, and identify the condition of a token.
-- The number of outcomes is from the chain; without it, the highest that any source mentions.
SELECT condition_id, outcomes FROM
(
    SELECT condition_id, toUInt16(least(256, greatest(2, max(n)))) AS outcomes FROM
    (
        SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS condition_id, toInt32(length(token_ids)) AS n
            FROM default.clob_market_mapping
        UNION ALL SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')), toInt32(outcome_index + 1) FROM default.goldsky_market_mapping
        UNION ALL SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')), toInt32(outcome_index + 1) FROM default.rpc_transfer_mapping
        UNION ALL SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')), toInt32(outcome_slot_count) FROM default.rpc_conditions
        UNION ALL SELECT condition_id, toInt32(length(token_ids)) FROM {listed}
    )
    GROUP BY condition_id
) AS named
LEFT JOIN (SELECT condition_id, max(outcomes) AS done FROM default.computed_token_ids GROUP BY condition_id) AS computed USING condition_id
WHERE outcomes > done AND match(condition_id, '^[0-9a-f]{64}$') AND NOT match(condition_id, '^0+$')
SETTINGS max_memory_usage = {max_memory}, join_algorithm = 'full_sorting_merge', max_bytes_before_external_sort = {spill},
    max_bytes_before_external_group_by = {spill};

-- @count-conditions
-- About how many conditions the sources have.
SELECT uniq(condition_id) FROM
(
    SELECT condition_id FROM default.clob_market_mapping UNION ALL SELECT condition_id FROM default.goldsky_market_mapping
    UNION ALL SELECT condition_id FROM default.rpc_transfer_mapping UNION ALL SELECT condition_id FROM default.rpc_conditions
        UNION ALL SELECT condition_id FROM {listed}
)
SETTINGS max_memory_usage = {max_memory};

-- @entries
-- The sources' values for a range of conditions, by the hashes of their ids. The computed token ids of the range are held in
-- memory, and its markets whose condition is missing or disproved.
INSERT INTO {target}
WITH
    x -> lower(replaceRegexpOne(trimBoth(x), '^0[xX]', '')) AS bare,
    -- a token id is decimal; hex ones are converted
    x -> if(startsWith(lower(x), '0x'), toString(reinterpretAsUInt256(reverse(unhex(substring(x, 3))))),
        trimLeft(trimBoth(x), '0')) AS decimal,
    markets AS
    (
        SELECT * FROM
        (
            SELECT 'clob' AS source, bare(condition_id) AS condition_id, bare(question_id) AS question_id,
                lower(trimBoth(market_slug)) AS slug, '' AS market_id,
                arrayFilter(t -> t != '', arrayMap(t -> decimal(t), token_ids)) AS tokens, fetched_at AS seen_at
            FROM default.clob_market_mapping FINAL
            UNION ALL
            SELECT 'gamma', condition_id, question_id, slug, market_id, arrayFilter(t -> t != '', arrayMap(t -> decimal(t), token_ids)),
                seen_at FROM {listed}
            UNION ALL
            SELECT 'goldsky', bare(condition_id) AS c, '', '', '', groupArrayIf(decimal(token_id), decimal(token_id) != ''),
                max(fetched_at) FROM default.goldsky_market_mapping FINAL GROUP BY c
            UNION ALL
            SELECT 'rpc', bare(condition_id) AS c, '', '', '', groupArrayIf(decimal(token_id), decimal(token_id) != ''), max(fetched_at)
                FROM default.rpc_transfer_mapping FINAL GROUP BY c
            UNION ALL
            SELECT 'rpc', bare(condition_id), bare(question_id), '', '', [], fetched_at FROM default.rpc_conditions FINAL
        )
        WHERE cityHash64(condition_id) {in_range}
    ),
    proofs AS
    (
        SELECT markets.*, usdc, wrapped, other,
            match(condition_id, '^[0-9a-f]{64}$') AND NOT match(condition_id, '^0+$') AS valid,
            -- the token ids of the second protocol's markets cannot be computed from the condition id
            notEmpty(usdc) AND condition_id NOT IN (SELECT condition_id FROM {listed} WHERE version = 'v2'
                AND cityHash64(condition_id) {in_range}) AS provable,
            arrayMap(t -> toInt16(multiIf(has(usdc, t), indexOf(usdc, t) - 1, has(wrapped, t), indexOf(wrapped, t) - 1, -1)),
                tokens) AS indexes,
            arrayMap(t -> has(usdc, t) OR has(wrapped, t) OR has(other, t), tokens) AS hits,
            multiIf(empty(tokens) OR NOT provable, 'unproved', arrayAll(hit -> hit, hits), 'proved', 'disproved') AS row_proof
        FROM markets LEFT JOIN
        (
            SELECT condition_id, argMax(usdc_token_ids, outcomes) AS usdc, argMax(wrapped_token_ids, outcomes) AS wrapped,
                argMax(other_token_ids, outcomes) AS other
            FROM default.computed_token_ids WHERE cityHash64(condition_id) {in_range} GROUP BY condition_id
        ) AS computed USING condition_id
    ),
    -- markets whose condition is missing or disproved, with those of their tokens that belong to a known condition
    owned AS
    (
        SELECT source, said, names, all_tokens, max(seen_at) AS seen_at, groupUniqArray((token, owner, outcome)) AS owners FROM
        (
            SELECT condition_id AS owner, entry.1 AS token, entry.2 AS outcome FROM
            (
                SELECT condition_id, arrayJoin(arrayConcat(
                    arrayMap((t, i) -> (t, toInt16(i - 1)), usdc_token_ids, arrayEnumerate(usdc_token_ids)),
                    arrayMap((t, i) -> (t, toInt16(i - 1)), wrapped_token_ids, arrayEnumerate(wrapped_token_ids)),
                    arrayMap(t -> (t, toInt16(-1)), other_token_ids))) AS entry
                FROM default.computed_token_ids
            )
        ) AS computed
        INNER JOIN
        (
            SELECT source, condition_id AS said, seen_at, length(arrayDistinct(tokens)) AS all_tokens,
                arrayFilter(n -> n.2 NOT IN ({no_ids}) AND NOT match(n.2, '^0+$'),
                    [('question-id', if(length(question_id) = 64, question_id, '')), ('slug', slug),
                    ('market-id', market_id)]) AS names,
                arrayJoin(arrayDistinct(arrayFilter((t, hit) -> NOT hit, tokens, hits))) AS token
            FROM proofs WHERE source IN ('clob', 'gamma') AND (NOT valid OR row_proof = 'disproved')
        ) AS wrong ON wrong.token = computed.token
        GROUP BY source, said, names, all_tokens
    ),
    keys AS
    (
        SELECT source, seen_at, arrayJoin(arrayConcat(
            -- a condition id is its own key, whatever tokens a source has for it
            [('condition-id', condition_id, condition_id, if(row_proof = 'proved', 'proved', 'unproved'), toInt16(-1))],
            if(match(question_id, '^[0-9a-f]{64}$') AND NOT match(question_id, '^0+$'),
                [('question-id', question_id, condition_id, row_proof, toInt16(-1))], []),
            if(slug NOT IN ({no_ids}), [('slug', slug, condition_id, row_proof, toInt16(-1))], []),
            if(market_id NOT IN ({no_ids}), [('market-id', market_id, condition_id, row_proof, toInt16(-1))], []),
            arrayMap((t, i, hit) -> ('token-id', t, condition_id, multiIf(NOT provable, 'unproved', hit, 'proved', 'disproved'), i),
                tokens, indexes, hits))) AS entry
        FROM proofs WHERE valid
        UNION ALL
        SELECT source, seen_at, arrayJoin(arrayConcat(
            arrayMap(o -> ('token-id', o.1, o.2, 'proved', o.3), owners),
            arrayMap(o -> ('condition-id', o.2, o.2, 'proved', toInt16(-1)), owners),
            -- if all of a market's tokens belong to one condition, that is its condition
            if(length(owners) = all_tokens AND length(arrayDistinct(arrayMap(o -> o.2, owners))) = 1,
                arrayMap(n -> (n.1, n.2, owners[1].2, 'proved', toInt16(-1)), names), []))) AS entry
        FROM owned
    )
SELECT entry.1, entry.2, entry.3, source, entry.4, entry.5, seen_at FROM keys
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, join_algorithm = 'hash'{join_sides},
    max_bytes_before_external_group_by = {spill}, min_insert_block_size_bytes = {block};

-- @count-keys
SELECT uniq(key) FROM {entries};

-- @candidates
-- One row per key, condition and source; for a range of keys, which is stored in one block or not at all.
INSERT INTO {target}
SELECT key_kind, key, condition_id, source,
    multiIf(countIf(proof = 'proved') > 0, 'proved', countIf(proof = 'unproved') > 0, 'unproved', 'disproved'), max(outcome_index),
        max(entries.seen_at)
FROM {entries} AS entries WHERE cityHash64(key) {in_range} GROUP BY key_kind, key, condition_id, source
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_bytes_before_external_group_by = {spill}, max_insert_threads = 1,
    min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 0;

-- @merged condition_id_merged
-- Which keys the table has, and its columns but for the last, decided_at, as they are made of what @merge knows of a key.
decided != '';

key_kind, key, decided AS condition_id, decider AS rule,
    arrayMap(c -> toLowCardinality(priority[c.1]), arrayFilter(c -> c.2 = decided AND c.3 != 'disproved', everyone)) AS sources_agree,
    arrayDistinct(arrayMap(c -> toLowCardinality(priority[c.1]),
        arrayFilter(c -> NOT (c.2 = decided AND c.3 != 'disproved'), everyone))) AS sources_disagree,
    arrayMax(arrayConcat([toInt16(-1)], arrayMap(c -> c.4, arrayFilter(c -> c.2 = decided, live)))) AS outcome_index;

key_kind, key, condition_id, rule, sources_agree, sources_disagree, outcome_index;

-- @merged condition_id_conflicts
length(arrayDistinct(arrayMap(c -> c.2, everyone))) > 1 OR length(live) < length(everyone);

key_kind, key, arrayMap(c -> (priority[c.1], c.2, c.3), everyone)::Array(Tuple(source String, condition_id String,
    proof String)) AS candidates,
    decided AS condition_id, decider AS rule;

key_kind, key, candidates, condition_id, rule;

-- @merge
-- A range of keys, which is stored in one block or not at all.
-- The rules, in this order: a proved condition wins, a disproved one is dropped; all sources agree; the majority; in a tie, the
-- source with the highest priority. Two conditions with exactly the same sources are undecided.
INSERT INTO {target}
WITH
    ['clob', 'rpc', 'goldsky', 'gamma'] AS priority,
    fresh AS
    (
        SELECT key_kind, key,
            arraySort(groupArray((toUInt8(indexOf(priority, toString(source))), condition_id, toString(proof), outcome_index))) AS everyone,
            arrayFilter(c -> c.3 != 'disproved', everyone) AS live,
            arrayDistinct(arrayMap(c -> c.2, arrayFilter(c -> c.3 = 'proved', live))) AS proved,
            if(notEmpty(proved), proved, arrayDistinct(arrayMap(c -> c.2, live))) AS pool,
            arrayMap(p -> (p, arrayMap(c -> c.1, arrayFilter(c -> c.2 = p, live))), pool) AS backed,
            arrayFilter(b -> length(b.2) = arrayMax(o -> length(o.2), backed), backed) AS most,
            arrayFilter(b -> b.2 = arraySort(arrayMap(o -> o.2, most))[1], most) AS first,
            multiIf(empty(pool), '', length(pool) = 1, pool[1], length(first) = 1, first[1].1, '') AS decided,
            multiIf(empty(pool), 'disproved', length(pool) = 1 AND notEmpty(proved), 'proved', length(pool) = 1
                AND length(backed[1].2) > 1, 'all-agree',
                length(pool) = 1, 'only-source', length(most) = 1, 'majority', length(first) = 1, 'priority', 'undecided') AS decider
        FROM {candidates} WHERE cityHash64(key) {in_range} GROUP BY key_kind, key
    )
SELECT {content}, min(decided_at) FROM
(
    SELECT *, 0 AS now_so FROM {previous} WHERE cityHash64(key) {in_range}
    UNION ALL
    SELECT {fresh}, now64(3, 'UTC') AS decided_at, 1 FROM fresh WHERE {which}
)
GROUP BY {content} HAVING max(now_so) = 1
SETTINGS max_memory_usage = {max_memory}, max_threads = {threads}, max_bytes_before_external_group_by = {spill}, max_insert_threads = 1,
    min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 0;

-- @content
SELECT concat(toString(count()), ' ', toString(sum(cityHash64(tuple(*))))) FROM {table};

-- @conflicts
-- How many there are, and of how many nothing was decided.
SELECT count() AS conflicts, countIf(condition_id = '') AS undecided FROM default.condition_id_conflicts;

-- @same-rows
-- Pairs of sources with identical rows for every kind of key that both have: one may be a copy of the other.
SELECT a.source AS one, b.source AS other, sum(a.n) AS rows FROM
(
    SELECT source, key_kind, count() AS n, sum(cityHash64(key, condition_id)) AS content FROM default.condition_id_candidates
    WHERE key_kind != 'condition-id' GROUP BY source, key_kind
) AS a
INNER JOIN
(
    SELECT source, key_kind, count() AS n, sum(cityHash64(key, condition_id)) AS content FROM default.condition_id_candidates
    WHERE key_kind != 'condition-id' GROUP BY source, key_kind
) AS b ON a.key_kind = b.key_kind
WHERE a.source < b.source
GROUP BY one, other HAVING min(a.n = b.n AND a.content = b.content) = 1 ORDER BY one, other;

-- @summary
SELECT key_kind, count() AS keys, countIf(rule = 'proved') AS proved, countIf(rule = 'all-agree') AS all_agree,
    countIf(rule = 'majority') AS majority,
    countIf(rule = 'priority') AS priority, countIf(rule = 'only-source') AS only_source
FROM default.condition_id_merged GROUP BY key_kind ORDER BY key_kind;

-- @sources
SELECT source, sum(n) AS candidates, count() AS conditions, sum(of_these_proved) AS proved, sum(of_these_disproved) AS disproved FROM
(
    SELECT source, condition_id, count() AS n, countIf(proof = 'proved') AS of_these_proved,
        countIf(proof = 'disproved') AS of_these_disproved
    FROM default.condition_id_candidates GROUP BY source, condition_id
)
GROUP BY source ORDER BY indexOf(['clob', 'rpc', 'goldsky', 'gamma'], toString(source))
SETTINGS max_memory_usage = {max_memory}, max_threads = 1, max_block_size = 8192, max_bytes_before_external_group_by = {spill};
