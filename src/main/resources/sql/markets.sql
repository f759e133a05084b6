-- All marketsfrom Gamma: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).

-- @job target=default.api_markets_staging key=market_id

-- @setup
-- Every market of Gamma, one row each, as of the time it was fetched; a later pass replaces it.
CREATE TABLE IF NOT EXISTS default.api_markets_staging
(
    condition_id    String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    market_slug     String CODEC(ZSTD(1)),
    question        String CODEC(ZSTD(1)),
    description     String CODEC(ZSTD(1)),
    outcomes        Array(String) CODEC(ZSTD(1)),
    active          Bool COMMENT 'also true for every closed market: see closed',
    closed          Bool,
    resolved        Bool COMMENT 'closed, and Gamma''s umaResolutionStatus is resolved; not derived from prices',
    winning_outcome String COMMENT 'the winner in Gamma, which has none today; cascadian_clean.vw_markets derives it from the payouts'
        CODEC(ZSTD(1)),
    end_date        Nullable(DateTime64(6, 'UTC')) COMMENT 'a deadline, not the close; NULL if there is none' CODEC(ZSTD(1)),
    volume          Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    liquidity       Nullable(Decimal(38, 18)) COMMENT 'NULL if Gamma has none' CODEC(ZSTD(1)),
    timestamp       DateTime64(3, 'UTC') COMMENT 'when it was fetched',
    market_id       String COMMENT 'id of Gamma' CODEC(ZSTD(1)),
    question_id     String COMMENT '64 hex digits, lower case, no 0x; empty if there is none' CODEC(ZSTD(1)),
    version         LowCardinality(String)
        COMMENT 'v1: the tokens are clob_token_ids (Conditional Tokens); v2: position_ids (PositionManager)',
    token_ids       Array(String) COMMENT 'from the list that version selects, in the order of outcomes' CODEC(ZSTD(1)),
    token_ids_unverified Bool COMMENT 'v1 with more than two outcomes: from the third on, Gamma''s token ids are not those of the outcomes',
    clob_token_ids  Array(String) COMMENT 'as sent' CODEC(ZSTD(1)),
    position_ids    Array(String) COMMENT 'as sent' CODEC(ZSTD(1)),
    outcome_prices  Array(Decimal(76, 50)) COMMENT 'last prices; those of a closed market are not payouts' CODEC(ZSTD(1)),
    resolution_status LowCardinality(String) COMMENT 'umaResolutionStatus: proposed, disputed, resolved; empty if Gamma has none',
    category        LowCardinality(String),
    neg_risk        Bool,
    start_date      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    created_at      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    closed_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'closedTime' CODEC(ZSTD(1)),
    unread          Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    chain           LowCardinality(String) COMMENT 'the filters of the list that the row is from',
    batch           LowCardinality(String) COMMENT 'the batch of the ledger that stored the row'
)
ENGINE = ReplacingMergeTree(timestamp)
ORDER BY market_id
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.api_markets_staging ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- The rows as Gamma sends them, and the values derived from them. This table stores nothing: the two views below write the rows
-- to the tables. Fields without a value are missing, not null; numbers, lists and booleans of the JSON arrive as text.
CREATE TABLE IF NOT EXISTS default.markets_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    id String, conditionId String, questionID String, slug String, question String, description String, category String,
    active String, closed String, negRisk String, version String, winningOutcome String,
    outcomes String COMMENT 'JSON in a string, as are outcomePrices and clobTokenIds', outcomePrices String, clobTokenIds String,
    positionIds String, umaResolutionStatus String,
    volume String, volumeNum String, liquidity String, liquidityNum String,
    startDate String, endDate String, createdAt String, closedTime String COMMENT 'such as 2026-01-23 20:56:36+00',
    asked      String COMMENT 'the list',
    batch      String,
    fetched_at DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(conditionId), '^0x', ''),
    names        Array(String) MATERIALIZED JSONExtract(outcomes, 'Array(String)'),
    -- parsed as text, because JSON functions would lose digits of a number that is not a string
    prices       Array(String) MATERIALIZED extractAll(if(outcomePrices = 'null', '', outcomePrices), '[^][", ]+'),
    clob_ids     Array(String) MATERIALIZED extractAll(if(clobTokenIds = 'null', '', clobTokenIds), '[^][", ]+'),
    pos_ids      Array(String) MATERIALIZED extractAll(if(positionIds = 'null', '', positionIds), '[^][", ]+'),
    amount       String MATERIALIZED if(volume != '', volume, volumeNum),
    depth        String MATERIALIZED if(liquidity != '', liquidity, liquidityNum),
    end_date     Nullable(DateTime64(6, 'UTC')) MATERIALIZED $deadline(endDate),
    start_date   Nullable(DateTime64(6, 'UTC')) MATERIALIZED $deadline(startDate),
    created_at   Nullable(DateTime64(6, 'UTC')) MATERIALIZED $past(createdAt),
    closed_at    Nullable(DateTime64(6, 'UTC')) MATERIALIZED $past(closedTime),
    sum_traded   Nullable(Decimal(38, 18)) MATERIALIZED $amount(amount),
    sum_offered  Nullable(Decimal(38, 18)) MATERIALIZED $amount(depth),
    priced       UInt8 MATERIALIZED match(outcomePrices, '^(null|[[][^][{}]*[]])?$')
        AND arrayAll(p -> match(p, '^[0-9]{1,26}([.][0-9]{1,50})?([eE]-?[0-9]{1,2})?$') AND ifNull(toDecimal256OrNull(p, 50) <= 1, 0),
            prices),
    named        UInt8 MATERIALIZED outcomes IN ('', 'null') OR JSONType(outcomes) = 'Array',
    unread       Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', map(
        'endDate', $unread(endDate, end_date), 'startDate', $unread(startDate, start_date), 'createdAt', $unread(createdAt, created_at),
        'closedTime', $unread(closedTime, closed_at), 'volume', $unread(amount, sum_traded), 'liquidity', $unread(depth, sum_offered),
        'outcomePrices', if(priced, '', outcomePrices), 'outcomes', if(named, '', outcomes),
        'active', $unread(active, $flag(active)), 'closed', $unread(closed, $flag(closed)), 'negRisk', $unread(negRisk, $flag(negRisk)))),
    reason       String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        id = '', 'no market id',
        condition_id = '', 'no condition id',
        NOT match(condition_id, '^[0-9a-f]{64}$'), 'the condition id is not 64 hex digits',
        arrayExists(list -> NOT match(list, '^(null|[[][^][{}]*[]])?$'), [clobTokenIds, positionIds]), 'the token ids are not a list',
        NOT arrayAll(t -> match(t, '^[0-9]{1,78}$'), arrayConcat(clob_ids, pos_ids)), 'a token id is not a number',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.markets_to_staging TO default.api_markets_staging AS
SELECT
    came.condition_id AS condition_id,
    came.slug AS market_slug,
    came.question AS question,
    came.description AS description,
    if(came.named, came.names, []) AS outcomes,
    ifNull($flag(came.active), false) AS active,
    ifNull($flag(came.closed), false) AS closed,
    -- umaResolutionStatuses is a history that lags behind: it is [] or ["proposed"] for resolved markets
    ifNull($flag(came.closed), false) AND came.umaResolutionStatus = 'resolved' AS resolved,
    came.winningOutcome AS winning_outcome,
    came.end_date AS end_date,
    came.sum_traded AS volume,
    came.sum_offered AS liquidity,
    came.fetched_at AS timestamp,
    came.id AS market_id,
    replaceRegexpOne(lower(came.questionID), '^0x', '') AS question_id,
    if(came.version = '', 'v1', came.version) AS version,
    if(came.version = 'v2', came.pos_ids, came.clob_ids) AS token_ids,
    came.version != 'v2' AND length(came.names) > 2 AS token_ids_unverified,
    came.clob_ids AS clob_token_ids,
    came.pos_ids AS position_ids,
    if(came.priced, arrayMap(p -> toDecimal256OrZero(p, 50), came.prices), []) AS outcome_prices,
    came.umaResolutionStatus AS resolution_status,
    came.category AS category,
    ifNull($flag(came.negRisk), false) AS neg_risk,
    came.start_date AS start_date,
    came.created_at AS created_at,
    came.closed_at AS closed_at,
    came.unread AS unread,
    came.asked AS chain,
    came.batch AS batch
FROM default.markets_landing AS came
WHERE came.reason = '';

-- Rejected rows, unchanged.
CREATE TABLE IF NOT EXISTS default.markets_rejected
(
    market_id    String CODEC(ZSTD(1)),
    condition_id String CODEC(ZSTD(1)),
    reason       LowCardinality(String),
    row          String COMMENT 'the received row, as JSON' CODEC(ZSTD(1)),
    chain        LowCardinality(String),
    batch        LowCardinality(String),
    fetched_at   DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY market_id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.markets_to_rejected TO default.markets_rejected AS
SELECT
    id AS market_id,
    condition_id,
    reason,
    if(element != '', element, toJSONString(mapFilter((name, value) -> value != '',
        map('id', id, 'conditionId', conditionId, 'questionID', questionID, 'slug', slug,
        'question', question, 'description', description, 'category', category, 'active', active, 'closed', closed, 'negRisk', negRisk,
        'version', version, 'outcomes', outcomes, 'outcomePrices', outcomePrices, 'clobTokenIds', clobTokenIds, 'positionIds', positionIds,
        'umaResolutionStatus', umaResolutionStatus, 'volume', volume, 'volumeNum', volumeNum, 'liquidity', liquidity,
        'liquidityNum', liquidityNum, 'startDate', startDate, 'endDate', endDate, 'createdAt', createdAt, 'closedTime',
            closedTime)))) AS row,
    asked AS chain,
    batch,
    fetched_at
FROM default.markets_landing
WHERE reason != '';

-- @present
-- The markets of a page that are already stored (in a new pass: by this pass), whether this batch stored them, and whether the
-- batch did that reads the same list from the other end: if that is true for a whole page, the two have met.
SELECT market_id AS key, max(batch = {batch}) AS own,
    max(chain != {first} AND batch BETWEEN {pass_first} AND {pass_last}
        AND chain = transform(extract({first}, 'ascending=(true|false)'),
            ['true', 'false'], [replaceOne({first}, 'ascending=true', 'ascending=false'),
                replaceOne({first}, 'ascending=false', 'ascending=true')], '')) AS met
FROM
(
    SELECT market_id, chain, batch FROM default.api_markets_staging WHERE market_id IN ({keys})
    UNION ALL
    SELECT market_id, chain, batch FROM default.markets_rejected WHERE market_id IN ({keys})
)
WHERE {redo} = 0 OR batch BETWEEN {pass_first} AND {pass_last}
GROUP BY market_id;

-- @unread default.api_markets_staging
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.api_markets_staging ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE timestamp >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @ids
-- The lists. Gamma lists either closed markets or the others, and every market is one or the other, so this split loses none. A
-- split by dates or by volume would: those filters leave out the markets that have no date or no volume. Each list is read from
-- both ends until the two readers meet. Open markets come first, so that a market that closes meanwhile is in the second list.
SELECT concat('closed=', closed, '&order=id&ascending=', ascending,
    if({since} = '', '', concat('&start_date_min=', {since})), if({until} = '', '', concat('&start_date_max=', {until}))) AS id
FROM (SELECT arrayJoin(['false', 'true']) AS closed) AS lists
CROSS JOIN (SELECT arrayJoin(['true', 'false']) AS ascending) AS ends;

-- @check markets by state
SELECT closed, resolved, resolution_status, version, count() AS markets, uniqExact(condition_id) AS conditions,
    countIf(end_date IS NULL) AS without_end_date,
    countIf(start_date IS NULL) AS without_start_date, min(timestamp) AS first_fetched, max(timestamp) AS last_fetched
FROM default.api_markets_staging FINAL GROUP BY closed, resolved, resolution_status, version ORDER BY markets DESC LIMIT 20;

-- @check outcomes and token ids
SELECT length(outcomes) AS outcomes_a_market, count() AS markets, countIf(empty(token_ids)) AS without_token_ids,
    countIf(token_ids_unverified) AS unverified,
    countIf(notEmpty(token_ids) AND length(token_ids) != length(outcomes)) AS other_number_of_tokens
FROM default.api_markets_staging FINAL GROUP BY outcomes_a_market ORDER BY markets DESC LIMIT 10;

-- @check rejected rows
SELECT reason, count() AS rows, any(market_id) AS such_as FROM default.markets_rejected FINAL GROUP BY reason ORDER BY rows DESC;

-- @check condition ids that several markets have (at most 10)
SELECT condition_id, groupArray(10)(market_id) AS markets FROM default.api_markets_staging FINAL
GROUP BY condition_id HAVING uniqExact(market_id) > 1 ORDER BY condition_id LIMIT 10;

-- @check samples
SELECT market_id, condition_id, question, closed, resolved, outcomes, arrayMap(p -> toString(p), outcome_prices) AS prices, end_date
    FROM default.api_markets_staging
ORDER BY cityHash64(market_id) LIMIT 5;

-- @measure rows min=150000 Markets
SELECT uniqExact(market_id) FROM default.api_markets_staging;

-- @measure conditions min=150000 Distinct condition ids
SELECT uniqExact(condition_id) FROM default.api_markets_staging;

-- @measure malformed max=0 Condition ids that are not 64 hex digits
SELECT countIf(NOT match(condition_id, '^[0-9a-f]{64}$')) FROM default.api_markets_staging;

-- @measure open min=1 Markets that are not closed
SELECT uniqExactIf(market_id, NOT closed) FROM default.api_markets_staging;

-- @measure closed min=1 Closed markets
SELECT uniqExactIf(market_id, closed) FROM default.api_markets_staging;

-- @measure running max=0 Active runs
SELECT {running};

-- @measure pending max=0 Lists that were not read to the end
SELECT {pending};

-- @measure failed max=0 Failed lists
SELECT {failed};

-- @measure rejected unit=% max=2% Share of rejected rows
SELECT if(rejected + stored = 0, 0, rejected / (rejected + stored)) FROM
(
    SELECT (SELECT uniqExact(market_id) FROM default.markets_rejected) AS rejected,
        (SELECT uniqExact(market_id) FROM default.api_markets_staging) AS stored
);

-- @measure age-hours max=48 unit=h Time since the last row was fetched
SELECT if(count() = 0, NULL, dateDiff('minute', max(timestamp), now64(3)) / 60) FROM default.api_markets_staging;

-- @measure duplicates Rows beyond one per market (the next pass replaces them at its end)
SELECT count() - uniqExact(market_id) FROM default.api_markets_staging;

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.api_markets_staging;
