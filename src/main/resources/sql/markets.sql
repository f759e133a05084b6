-- All markets from Gamma: the landing table, the stored tables, and the queries on them.
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
    -- the list of the numbers would be a thousand characters
    replaceRegexpOne(came.asked, '&id=.*', '&id=…') AS chain,
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
    replaceRegexpOne(asked, '&id=.*', '&id=…') AS chain,
    batch,
    fetched_at
FROM default.markets_landing
WHERE reason != '';

-- @present
-- The markets of a page that are already stored (in a new pass: by this pass), whether this batch stored them, and whether another
-- list of the pass did: a list ends with a page of such markets, because another one reads on from there. A list with #until=N does
-- not: it has markets that no other list has. It stores those up to this number only, and ends with the first page that has one
-- beyond, if the page is in its order (but for a few rows that pages repeat): a server may ignore it.
SELECT key, max(own) AS own, max(met) AS met, max(beyond) AS ends
FROM
(
    SELECT market_id AS key, batch = {batch} AS own,
        {first} NOT LIKE '%#until=%' AND chain != {first} AND batch BETWEEN {pass_first} AND {pass_last} AS met, 0 AS beyond
    FROM
    (
        SELECT market_id, chain, batch FROM default.api_markets_staging WHERE market_id IN ({keys})
        UNION ALL
        SELECT market_id, chain, batch FROM default.markets_rejected WHERE market_id IN ({keys})
    )
    WHERE {redo} = 0 OR batch BETWEEN {pass_first} AND {pass_last}
    UNION ALL
    SELECT arrayJoin([{keys}]) AS key, 0, 0, ordered
    FROM
    (
        SELECT toUInt64OrNull(extract({first}, '#until=([0-9]+)')) AS bound, {first} LIKE '%ascending=true%' AS upwards,
            arrayMap(k -> toUInt64OrZero(k), [{keys}]) AS numbers,
            arrayCount((a, b) -> if(upwards, a > b, a < b), arrayPopBack(numbers), arrayPopFront(numbers)) < 5 AS ordered
    )
    WHERE if(upwards, toUInt64OrNull(key) > bound, toUInt64OrNull(key) <= bound)
)
GROUP BY key;

-- @unread default.api_markets_staging
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.api_markets_staging ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE timestamp >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @ids
-- The lists. Gamma lists either closed markets or the others, and the next page of a list is not known before the last one, so that
-- many lists at once are needed for its limit. Each has the markets of a span of start dates; the spans are as long as Gamma's
-- growth since 2020 makes them similar in pages. Markets without a start date are in none of them, which @ids-after makes good.
-- Gamma's numbers below 500,000, which it gave up to 2024, have large gaps, and many of these markets have no start date: two
-- lists by number have them.
WITH spans AS
(
    SELECT closed, arrayJoin(arrayZip(arrayConcat([''], groupArray(day)), arrayConcat(groupArray(day), ['']))) AS span
    FROM
    (
        SELECT toDate('2022-01-01') + number AS date, formatDateTime(date, '%FT00:00:00Z') AS day, closed
        FROM numbers(greatest(0, dateDiff('day', toDate('2022-01-01'), today()))) AS days
        CROSS JOIN (SELECT arrayJoin(['false', 'true']) AS closed) AS lists
        WHERE multiIf(
            closed = 'false' AND date < '2026-01-01', toDayOfYear(date) = 1 AND toYear(date) = 2025,
            closed = 'false' OR date BETWEEN '2025-01-01' AND '2026-01-01', toDayOfMonth(date) = 1,
            date < '2025-01-01', toDayOfMonth(date) = 1 AND toMonth(date) IN (1, 7),
            dateDiff('day', toDate('2026-01-01'), date) % 7 = 0)
        ORDER BY date
    )
    GROUP BY closed
),
bounds AS
(
    SELECT closed, greatest(span.1, {since}) AS first,
        -- the next span begins a microsecond later
        if(span.2 = '', '', replaceOne(toString(toDateTime64(span.2, 6, 'UTC') - INTERVAL 1 MICROSECOND), ' ', 'T') || 'Z') AS end,
        multiIf(end = '', {until}, {until} = '', end, least(end, {until})) AS last
    FROM spans
)
SELECT concat('closed=', closed, '&order=id&ascending=true', if(first = '', '', concat('&start_date_min=', first)),
    if(last = '', '', concat('&start_date_max=', last))) AS id
FROM bounds WHERE first = '' OR last = '' OR first <= last
UNION ALL
SELECT arrayJoin(['closed=false', 'closed=true']) || '&order=id&ascending=true#until=499999' WHERE {since} = '' AND {until} = '';

-- @ids-after stages=5
-- The markets that no list had. First the newest, down to the highest number of the lists. Then every number between that is
-- missing, in the lists of open markets before those of closed ones, so that a market that closes meanwhile is in one of them; and
-- what is missing still once more, because an answer can leave out rows. Then each number up to the highest was listed, or Gamma
-- has said twice that it does not exist. 99 of them go into a request, so that no answer fills a page; 98 the second time, so that
-- it is another request, which Gamma's cache has no answer for. A number that is more than a million above all others is no market's.
WITH received AS
(
    SELECT number, before, sum(number - before > 1000000) OVER (ORDER BY number) AS jumps
    FROM
    (
        SELECT number, lagInFrame(number, 1, number) OVER (ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM
        (
            SELECT DISTINCT toInt64(market_id) AS number
            FROM
            (
                SELECT market_id, batch FROM default.api_markets_staging
                UNION ALL
                SELECT market_id, batch FROM default.markets_rejected
            )
            WHERE match(market_id, '^[0-9]{1,18}$') AND ({redo} = 0 OR batch BETWEEN {pass_first} AND {pass_last})
        )
    )
)
SELECT concat('closed=', arrayJoin(['false', 'true']), '&order=id&ascending=false#until=', toString(max(number))) AS id
FROM received WHERE jumps = 0 HAVING {stage} = 1
UNION ALL
SELECT concat('closed=', if({stage} IN (2, 4), 'false', 'true'), arrayStringConcat(groupArray(concat('&id=', toString(missing)))))
FROM
(
    SELECT missing, intDiv(row_number() OVER (ORDER BY missing) - 1, if({stage} > 3, 98, 99)) AS request
    FROM
    (
        -- the first of them may have none before it
        SELECT arrayJoin(range(toUInt64(greatest(if(before = number, 0, before), 499999) + 1), toUInt64(number))) AS missing
        FROM received WHERE jumps = 0 AND number >= 500000
    )
)
WHERE {stage} BETWEEN 2 AND 5
GROUP BY request;

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

-- @measure far max=0 Market numbers that are more than a million above the one before, from which on no number was asked for
SELECT countIf(number - before > 1000000) FROM
(
    SELECT number, lagInFrame(number, 1, number) OVER (ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM
    (
        SELECT DISTINCT toInt64OrZero(market_id) AS number
        FROM (SELECT market_id FROM default.api_markets_staging UNION ALL SELECT market_id FROM default.markets_rejected)
        WHERE number > 0
    )
);

-- @measure duplicates Rows beyond one per market (the next pass replaces them at its end)
SELECT count() - uniqExact(market_id) FROM default.api_markets_staging;

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.api_markets_staging;
