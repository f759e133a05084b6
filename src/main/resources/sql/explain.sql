-- The checks of `backfill explain` for a market, a trade or a condition; {id} is the argument. @forms finds what it may be; its
-- columns are lists that the checks below use.

-- @forms
-- keys: kind and key in one text, as in the sources. conditions: the condition ids of these keys. trades: how many trades have
-- it as their own id, or as their transaction.
WITH
    trimBoth({id}) AS plain, match(plain, '^[0-9]+$') AS digits, trimLeft(plain, '0') AS number,
        lower(replaceRegexpOne(plain, '^0[xX]', '')) AS hex,
    match(hex, '^[0-9a-f]{1,64}$') AND (length(hex) < length(plain) OR length(hex) = 64) AS is_hex,
    (SELECT groupUniqArray(20)((market_id, token_id, condition_id_norm, transaction_hash)) FROM {enriched}
        WHERE trade_id = {id} OR match({id}, '^(0[xX])?[0-9a-fA-F]{64}$')
            AND transaction_hash IN ({id}, lower({id}), right(lower({id}), 64), concat('0x', right(lower({id}), 64)))) AS own,
    arrayDistinct(arrayConcat([plain], arrayMap(t -> t.1, own), arrayMap(t -> t.2, own))) AS given,
    arrayDistinct(arrayFlatten(arrayMap(x -> [
        concat('slug:', lower(trimBoth(x))), concat('market-id:', trimLeft(trimBoth(x), '0')),
            concat('token-id:', trimLeft(trimBoth(x), '0')),
        concat('question-id:', lower(replaceRegexpOne(trimBoth(x), '^0[xX]', ''))),
            concat('condition-id:', lower(replaceRegexpOne(trimBoth(x), '^0[xX]', ''))),
        if(match(x, '^0[xX][0-9a-fA-F]{1,64}$'), concat('token-id:',
            toString(reinterpretAsUInt256(reverse(unhex(leftPad(substring(x, 3), 64, '0')))))), '')], given))) AS forms
SELECT arrayFilter(f -> f NOT IN ('', 'slug:', 'market-id:', 'token-id:', 'question-id:', 'condition-id:'), forms) AS keys,
    arrayConcat([hex], arrayMap(t -> t.3, own)) AS conditions,
        arrayConcat([if(length(hex) = 64, concat('0x', hex), '')],
        arrayMap(t -> concat('0x', lower(replaceRegexpOne(t.4, '^0[xX]', ''))), own)) AS transactions,
    -- a trade may be identified only by its transaction; a dash is not a transaction
    if(length(hex) = 64 AND is_hex, [plain, lower(plain), hex, concat('0x', hex)], ['-']) AS hashes,
    arrayDistinct([plain, lower(plain), hex, concat('0x', hex), number, toString({id})]) AS texts, length(own) AS trades;

-- @check the trade itself
SELECT trade_id, traded_at, market_id, token_id, condition_id, source, rule, reason, transaction_hash FROM {enriched}
WHERE trade_id = {id} OR transaction_hash IN ({hashes}) ORDER BY trade_id LIMIT 20;

-- @check what each source says of it
SELECT key_kind, key, toString(source) AS source, condition_id, toString(proof) AS proof, outcome_index,
    nullIf(seen_at, toDateTime64(0, 3, 'UTC')) AS seen_at
    FROM default.condition_id_candidates
WHERE concat(key_kind, ':', key) IN ({keys}) ORDER BY key_kind, key, indexOf(['clob', 'rpc', 'goldsky', 'gamma'], toString(source)),
    condition_id LIMIT 100;

-- @check what was decided, and by which rule
SELECT * FROM
(
    SELECT key_kind, key, condition_id, toString(rule) AS rule, sources_agree, sources_disagree, decided_at FROM default.condition_id_merged
        WHERE concat(key_kind, ':', key) IN ({keys})
    UNION ALL
    SELECT key_kind, key, 'none', toString(rule), [], arrayMap(c -> toLowCardinality(c.1), candidates), decided_at
        FROM default.condition_id_conflicts
    WHERE condition_id = '' AND concat(key_kind, ':', key) IN ({keys})
)
ORDER BY key_kind, key LIMIT 100;

-- @check the other keys of this condition
SELECT key_kind, key, toString(rule) AS rule, sources_agree, sources_disagree, decided_at FROM default.condition_id_merged
WHERE condition_id IN ({conditions}) AND condition_id != '' AND concat(key_kind, ':', key) NOT IN ({keys}) ORDER BY key_kind, key LIMIT 50;

-- @check what its transaction moved
SELECT transfers.transaction_hash AS transaction_hash, transfers.token_id AS token_id,
    if(merged.condition_id = '', 'unknown', merged.condition_id) AS condition_id, transfers.block_number AS block_number
FROM default.rpc_transfers AS transfers LEFT JOIN (SELECT key, condition_id FROM default.condition_id_merged
    WHERE key_kind = 'token-id') AS merged ON merged.key = transfers.token_id
WHERE transfers.transaction_hash IN ({transactions}) LIMIT 50;

-- @check what became of the rows with it as market, token or condition
SELECT market_id, condition_id, source, rule, reason, count() AS rows, min(traded_at) AS first, max(traded_at) AS last,
    any(trade_id) AS such_as FROM {enriched}
WHERE market_id IN ({texts}) OR token_id IN ({texts}) OR condition_id_norm IN ({texts})
GROUP BY market_id, condition_id, source, rule, reason ORDER BY rows DESC LIMIT 50;

-- @nothing
-- Replaces the enriched trades if there are none yet.
(SELECT '' AS trade_id, '' AS market_id, '' AS token_id, '' AS transaction_hash, now() AS traded_at, '' AS condition_id,
    '' AS condition_id_norm, '' AS source, '' AS rule, '' AS reason WHERE 0);
