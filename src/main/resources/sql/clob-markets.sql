-- The CLOB's markets: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).
-- The target table is default.clob_market_mapping, in mapping-tables.sql.

-- @job target=default.clob_market_mapping key=condition_id

-- @setup after=mapping-tables
-- The rows as the CLOB sends them. This table stores nothing: the two views below write the rows to the tables.
CREATE TABLE IF NOT EXISTS default.clob_markets_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    condition_id     String COMMENT '0x and 64 hex digits; empty in drafts',
    question_id      String,
    question         String,
    market_slug      String,
    active           String,
    closed           String,
    archived         String,
    accepting_orders String,
    end_date_iso     String,
    game_start_time  String,
    is_50_50_outcome String,
    neg_risk         String,
    neg_risk_market_id String,
    tokens           String COMMENT 'a JSON array of {token_id, outcome, price, winner}',
    batch            String,
    fetched_at       DateTime64(3, 'UTC'),

    id        String MATERIALIZED replaceRegexpOne(lower(condition_id), '^0x', ''),
    key       String MATERIALIZED $spelled(multiIf(condition_id != '', condition_id, question_id != '', question_id, market_slug)),
    each      Array(String) MATERIALIZED JSONExtractArrayRaw(tokens),
    texts     Array(String) MATERIALIZED arrayMap(t -> JSONExtractString(t, 'token_id'), each),
    unread    Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', map('active', $unread(active, $flag(active)),
        'closed', $unread(closed, $flag(closed)), 'is_50_50_outcome', $unread(is_50_50_outcome, $flag(is_50_50_outcome)),
        'neg_risk', $unread(neg_risk, $flag(neg_risk)), 'question_id',
            $unread(question_id, if(match(question_id, '^(0[xX])?[0-9a-fA-F]{64}$'), toNullable(1), NULL)))),
    reason    String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        condition_id = '', 'no condition id',
        NOT match(id, '^[0-9a-f]{64}$'), 'the condition id is not 0x and 64 hex digits',
        arrayExists(t -> NOT match(t, '^[0-9]{0,78}$'), texts), 'a token id is not a number',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_markets_to_mapping TO default.clob_market_mapping AS
SELECT
    id AS condition_id,
    if(mapContains(unread, 'question_id'), '', replaceRegexpOne(lower(question_id), '^0x', '')) AS question_id,
    market_slug,
    question,
    if(has(texts, ''), [], texts) AS token_ids,
    arrayMap(t -> JSONExtractString(t, 'outcome'), each) AS outcomes,
    arrayMap(t -> JSONExtractBool(t, 'winner'), each)::Array(Bool) AS winners,
    ifNull($flag(active), false)::Bool AS active,
    ifNull($flag(closed), false)::Bool AS closed,
    ifNull($flag(is_50_50_outcome), false)::Bool AS is_50_50_outcome,
    ifNull($flag(neg_risk), false)::Bool AS neg_risk,
    unread,
    fetched_at,
    batch
FROM default.clob_markets_landing
WHERE reason = '';

-- Rejected rows: mostly drafts without ids.
CREATE TABLE IF NOT EXISTS default.clob_markets_rejected
(
    key        String COMMENT 'condition id, question id or slug: the first that the row has' CODEC(ZSTD(1)),
    reason     LowCardinality(String),
    row        String COMMENT 'the market''s fields, as JSON' CODEC(ZSTD(1)),
    batch      String CODEC(ZSTD(1)),
    fetched_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY key
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.clob_markets_to_rejected TO default.clob_markets_rejected AS
SELECT key, reason,
    if(element != '', element, concat('{"condition_id":', toJSONString(condition_id), ',"question_id":', toJSONString(question_id),
        ',"market_slug":', toJSONString(market_slug),
        ',"question":', toJSONString(question), ',"active":', active, ',"closed":', closed, ',"tokens":', tokens, '}')) AS row,
    batch, fetched_at
FROM default.clob_markets_landing
WHERE reason != '';

-- @present
-- The keys of a page whose rows are already in the tables, and whether this batch stored them.
SELECT concat('0x', condition_id) AS key, max(stored.batch = {batch}) AS own FROM default.clob_market_mapping AS stored
WHERE condition_id IN (SELECT replaceRegexpOne(lower(arrayJoin([{keys}])), '^0x', '')) AND ({redo} = 0 OR stored.batch = {batch})
GROUP BY condition_id
UNION ALL
SELECT key, 1 FROM default.clob_markets_rejected WHERE key IN ({keys}) AND batch = {batch} GROUP BY key;

-- @stored
-- The stored rows of the batch, which is the whole list so far: FINAL counts them sooner than uniqExact(condition_id).
SELECT {first} AS id, count() AS rows, 0 AS rejected, '' AS reason FROM default.clob_market_mapping FINAL WHERE batch = {batch}
UNION ALL
SELECT {first}, 0, uniqExact(key), any(reason) FROM default.clob_markets_rejected WHERE batch = {batch};

-- @unread default.clob_market_mapping
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.clob_market_mapping ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @ids
-- The only id: the whole list.
SELECT 'markets' AS id;

-- @check rows, distinct conditions, and what they have
SELECT count() AS rows, uniqExact(condition_id) AS conditions, countIf(empty(token_ids)) AS without_tokens, countIf(m.closed) AS closed,
    countIf(m.closed AND has(winners, true)) AS closed_with_winner, countIf(is_50_50_outcome) AS fifty_fifty,
        max(fetched_at) AS last_fetched
FROM default.clob_market_mapping AS m FINAL;

-- @check rejected rows by reason
SELECT reason, uniqExact(key) AS rows FROM default.clob_markets_rejected GROUP BY reason ORDER BY rows DESC;

-- @check token ids that two conditions claim (at most 20)
SELECT token_id, groupUniqArray(condition_id) AS conditions FROM default.clob_market_mapping FINAL ARRAY JOIN token_ids AS token_id
GROUP BY token_id HAVING length(conditions) > 1 ORDER BY token_id LIMIT 20;

-- @check samples
SELECT condition_id, market_slug, arrayMap(t -> concat(substring(t, 1, 8), '…'), token_ids) AS tokens, outcomes, winners, closed
FROM default.clob_market_mapping ORDER BY cityHash64(condition_id) LIMIT 5;

-- @measure conditions Conditions with a market of the CLOB
SELECT uniqExact(condition_id) FROM default.clob_market_mapping;

-- @measure without-tokens unit=% Share of the conditions without token ids
SELECT if(count() = 0, 0, countIf(empty(token_ids)) / count()) FROM default.clob_market_mapping FINAL;

-- @measure failed max=0 Failed lists
SELECT {failed};

-- @measure pending max=0 Lists that were not read to the end
SELECT {pending};

-- @measure bad-ids max=0 Stored ids that are not normalised
SELECT count() FROM default.clob_market_mapping
WHERE NOT match(condition_id, '^[0-9a-f]{64}$') OR NOT match(question_id, '^([0-9a-f]{64})?$')
    OR arrayExists(t -> NOT match(t, '^[0-9]+$'), token_ids);

-- @measure duplicates Rows beyond one per condition (the next pass replaces them at its end)
SELECT count() - uniqExact(condition_id) FROM default.clob_market_mapping;

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.clob_market_mapping;
