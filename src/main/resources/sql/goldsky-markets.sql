-- The positions subgraph's tokens: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).
-- The target table is default.goldsky_market_mapping, in mapping-tables.sql.

-- @job target=default.goldsky_market_mapping key=token_id

-- @setup after=mapping-tables
-- The rows as Goldsky sends them. This table stores nothing: the two views below write the rows to the tables.
CREATE TABLE IF NOT EXISTS default.goldsky_markets_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    id           String COMMENT 'the token id, decimal',
    outcomeIndex String COMMENT 'from 0; may be missing',
    condition    String COMMENT 'a JSON object, such as {"id":"0x…"}',
    batch        String,
    fetched_at   DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(JSONExtractString(condition, 'id')), '^0x', ''),
    outcome      Nullable(Int16) MATERIALIZED if(toInt16OrNull(outcomeIndex) BETWEEN 0 AND 255, toInt16OrNull(outcomeIndex), NULL),
    unread       Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '',
        map('outcomeIndex', $unread(outcomeIndex, outcome))),
    reason       String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        NOT match(id, '^[0-9]{1,78}$'), 'the token id is not a number',
        condition_id = '', 'no condition',
        NOT match(condition_id, '^[0-9a-f]{64}$'), 'the condition id is not 0x and 64 hex digits',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.goldsky_markets_to_mapping TO default.goldsky_market_mapping AS
SELECT id AS token_id, condition_id, ifNull(outcome, toInt16(-1)) AS outcome_index, unread, fetched_at, batch
FROM default.goldsky_markets_landing
WHERE reason = '';

-- @rejected
-- Rejected rows, unchanged.
SELECT id AS token_id,
    if(element != '', element, concat('{"id":', toJSONString(id), ',"outcomeIndex":', toJSONString(outcomeIndex), ',"condition":',
        if(condition = '', 'null', condition), '}')) AS row;

-- @unread default.goldsky_market_mapping
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.goldsky_market_mapping ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @ids
-- The only id: the whole list.
SELECT 'tokens' AS id;

-- @check token ids, conditions, and what they have
SELECT count() AS tokens, uniqExact(condition_id) AS conditions, round(tokens / conditions, 2) AS tokens_a_condition,
    countIf(outcome_index < 0) AS without_outcome, max(fetched_at) AS last_fetched
FROM default.goldsky_market_mapping FINAL;

-- @check rejected rows by reason
SELECT reason, uniqExact(token_id) AS rows FROM default.goldsky_markets_rejected GROUP BY reason ORDER BY rows DESC;

-- @check conditions with one outcome twice (at most 20)
SELECT condition_id, outcome_index, groupArray(token_id) AS tokens FROM default.goldsky_market_mapping FINAL
GROUP BY condition_id, outcome_index HAVING count() > 1 ORDER BY condition_id, outcome_index LIMIT 20;

-- @check token ids of which the CLOB says another condition (at most 20)
SELECT token_id, goldsky.condition_id AS goldsky_says, clob.condition_id AS clob_says
FROM default.goldsky_market_mapping AS goldsky FINAL
INNER JOIN (SELECT condition_id, token_id FROM default.clob_market_mapping FINAL ARRAY JOIN token_ids AS token_id) AS clob USING (token_id)
WHERE goldsky.condition_id != clob.condition_id ORDER BY token_id LIMIT 20;

-- @check samples
SELECT token_id, condition_id, outcome_index FROM default.goldsky_market_mapping ORDER BY cityHash64(token_id) LIMIT 5;

-- @measure tokens Token ids with a condition
SELECT uniqExact(token_id) FROM default.goldsky_market_mapping;

-- @measure failed max=0 Failed lists
SELECT {failed};

-- @measure pending max=0 Lists that were not read to the end
SELECT {pending};

-- @measure bad-ids max=0 Stored ids that are not normalised
SELECT count() FROM default.goldsky_market_mapping WHERE NOT match(condition_id, '^[0-9a-f]{64}$') OR NOT match(token_id, '^[0-9]+$');

-- @measure duplicates Rows beyond one per token id (the next pass replaces them at its end)
SELECT count() - uniqExact(token_id) FROM default.goldsky_market_mapping;

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.goldsky_market_mapping;
