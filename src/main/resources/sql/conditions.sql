-- Every condition that any source knows: the meaning of "all" in fills, payouts, resolutions, diagnose, monitor and coverage.
-- Gamma lists markets; the CLOB, Goldsky and the chain have conditions that it does not list.

-- @setup after=markets,mapping-tables,chain-tables
CREATE OR REPLACE VIEW default.vw_conditions AS
SELECT
    condition_id,
    arraySort(groupUniqArray(source)) AS sources,
    has(sources, 'gamma') AS in_gamma,
    -- from Gamma if it lists the market, otherwise from the CLOB; the chain has only resolutions. NULL: not known
    coalesce(minIf(known.closed, source = 'gamma'), minIf(known.closed, source = 'clob'), maxIf(known.closed, source = 'chain')) AS closed,
    coalesce(maxIf(known.closed_at, source = 'gamma'), maxIf(known.closed_at, source = 'chain')) AS closed_at,
    coalesce(minIf(known.opened_at, source = 'gamma'), minIf(known.opened_at, source = 'chain')) AS opened_at,
    if(in_gamma, maxIf(known.outcomes, source = 'gamma'), max(known.outcomes)) AS outcomes,
    anyIf(known.listed, known.listed != '') AS listed,
    max(known.volume) AS volume,
    if(in_gamma, anyIf(known.question, source = 'gamma'), max(known.question)) AS question
FROM
(
    SELECT lower(replaceRegexpOne(market.condition_id, '^0[xX]', '')) AS condition_id, 'gamma' AS source,
        toNullable(market.closed) AS closed,
        coalesce(market.closed_at, market.end_date) AS closed_at, coalesce(market.created_at, market.start_date,
            market.end_date) AS opened_at,
        toUInt64(length(market.outcomes)) AS outcomes,
        -- the token ids of the new protocol's markets cannot be computed
        if(market.version = 'v2', arrayStringConcat(market.token_ids, ','), '') AS listed, market.volume AS volume,
            market.question AS question
    FROM default.api_markets_staging AS market
    UNION ALL
    SELECT lower(replaceRegexpOne(clob.condition_id, '^0[xX]', '')), 'clob', toNullable(clob.closed), NULL, NULL,
        toUInt64(greatest(length(clob.token_ids), length(clob.outcomes))), '', NULL, clob.question
    FROM default.clob_market_mapping AS clob
    UNION ALL
    SELECT lower(replaceRegexpOne(goldsky.condition_id, '^0[xX]', '')), 'goldsky', NULL, NULL, NULL,
        toUInt64(greatest(goldsky.outcome_index + 1, 0)), '', NULL, ''
    FROM default.goldsky_market_mapping AS goldsky
    UNION ALL
    SELECT chain.condition_id, 'chain', NULL, NULL, chain.block_time, toUInt64(chain.outcome_slot_count), '', NULL, ''
    FROM default.rpc_conditions AS chain
    UNION ALL
    SELECT resolved.condition_id, 'chain', toNullable(true), resolved.resolved_at, NULL, toUInt64(resolved.outcome_slot_count), '', NULL, ''
    FROM default.rpc_resolutions AS resolved
    UNION ALL
    SELECT lower(hex(made.condition_id)), 'chain', NULL, NULL, made.opened, toUInt64(2), '', NULL, ''
    FROM
    (
        -- a scan that begins after a condition's preparation sees its exchange or its pool
        SELECT arrayJoin(if(kind = 'pool', conditions, [lifecycle.condition_id])) AS condition_id, min(block_time) AS opened
            FROM default.chain_lifecycle AS lifecycle
        WHERE kind = 'registration' OR kind = 'pool' AND tokens IN (SELECT emitter FROM default.chain_layouts WHERE kind = 'preparation')
            GROUP BY condition_id
    ) AS made
    UNION ALL
    -- combos: no API lists them; their token ids are the condition's id with the outcome as its last byte
    SELECT lower(hex(combo.condition_id)), 'chain', toNullable(combo.resolved), combo.closed_at, combo.opened, toUInt64(2),
        concat(toString($comboid(combo.condition_id)), ',', toString($comboid(combo.condition_id) + 1)), NULL, ''
    FROM
    (
        SELECT lifecycle.condition_id AS condition_id, countIf(kind = 'resolution') > 0 AS resolved,
            minIf(block_time, kind = 'resolution') AS closed_at,
            minIf(block_time, kind = 'combo') AS opened
        FROM default.chain_lifecycle AS lifecycle WHERE kind IN ('combo', 'resolution') AND version = 'V3' GROUP BY condition_id
            HAVING countIf(kind = 'combo') > 0
    ) AS combo
) AS known
WHERE match(condition_id, '^[0-9a-f]{64}$') AND NOT match(condition_id, '^0+$')
GROUP BY condition_id;

-- The condition and outcome of a token, from any source that knows it; computed ones are proved.
CREATE OR REPLACE VIEW default.vw_tokens AS
SELECT token_id, argMin(condition_id, rank) AS condition_id, argMin(outcome, rank) AS outcome_index FROM
(
    SELECT toUInt256OrZero(entry.1) AS token_id, condition_id, toInt16(entry.2 - 1) AS outcome, 0 AS rank FROM
    (
        SELECT condition_id, arrayJoin(arrayConcat(arrayZip(usdc_token_ids, arrayEnumerate(usdc_token_ids)),
            arrayZip(wrapped_token_ids, arrayEnumerate(wrapped_token_ids)))) AS entry
        FROM default.computed_token_ids
    )
    UNION ALL
    SELECT toUInt256OrZero(entry.1), id, toInt16(entry.2 - 1), 1 FROM
    (
        SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS id, arrayJoin(arrayZip(token_ids, arrayEnumerate(token_ids))) AS entry
        FROM default.api_markets_staging WHERE NOT token_ids_unverified
    )
    UNION ALL
    SELECT toUInt256OrZero(entry.1), id, toInt16(entry.2 - 1), 2 FROM
    (
        SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS id, arrayJoin(arrayZip(token_ids, arrayEnumerate(token_ids))) AS entry
        FROM default.clob_market_mapping
    )
    UNION ALL
    SELECT toUInt256OrZero(token_id), lower(replaceRegexpOne(condition_id, '^0[xX]', '')), outcome_index, 3
        FROM default.goldsky_market_mapping
    UNION ALL
    SELECT token_id, lower(hex(condition_id)), toInt16(-1), 4 FROM default.chain_lifecycle WHERE kind = 'registration'
    UNION ALL
    SELECT $comboid(combo.condition_id) + outcome, lower(hex(combo.condition_id)), toInt16(outcome), 0
    FROM default.chain_lifecycle AS combo ARRAY JOIN [0, 1] AS outcome WHERE kind = 'combo'
)
WHERE token_id != 0 GROUP BY token_id;
