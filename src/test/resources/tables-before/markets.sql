-- @setup
-- Every market of Gamma, one row each, as it was when it was fetched; a further pass replaces it.
CREATE TABLE IF NOT EXISTS default.api_markets_staging
(
    condition_id    String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    market_slug     String CODEC(ZSTD(1)),
    question        String CODEC(ZSTD(1)),
    description     String CODEC(ZSTD(1)),
    outcomes        Array(String) CODEC(ZSTD(1)),
    active          Bool COMMENT 'true on every closed market too: see closed',
    closed          Bool,
    resolved        Bool COMMENT 'closed, and Gamma says umaResolutionStatus resolved; not taken from prices',
    winning_outcome String COMMENT 'what Gamma names as the winner, and it names none today; cascadian_clean.vw_markets has it by the payouts' CODEC(ZSTD(1)),
    end_date        Nullable(DateTime64(6, 'UTC')) COMMENT 'a deadline, not the close; NULL where there is none' CODEC(ZSTD(1)),
    volume          Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    liquidity       Nullable(Decimal(38, 18)) COMMENT 'NULL where Gamma gives none' CODEC(ZSTD(1)),
    timestamp       DateTime64(3, 'UTC') COMMENT 'when it was fetched',
    market_id       String COMMENT 'id of Gamma' CODEC(ZSTD(1)),
    question_id     String COMMENT '64 hex digits, lower case, no 0x; empty where there is none' CODEC(ZSTD(1)),
    version         LowCardinality(String) COMMENT 'v1: the tokens are clob_token_ids (Conditional Tokens); v2: position_ids (PositionManager)',
    token_ids       Array(String) COMMENT 'those of the two lists that version means, in the order of outcomes' CODEC(ZSTD(1)),
    token_ids_unverified Bool COMMENT 'v1 with more than two outcomes: from the third on, Gamma lists other tokens than the outcomes have',
    clob_token_ids  Array(String) COMMENT 'as sent' CODEC(ZSTD(1)),
    position_ids    Array(String) COMMENT 'as sent' CODEC(ZSTD(1)),
    outcome_prices  Array(Decimal(76, 50)) COMMENT 'last prices; those of a closed market are no payouts' CODEC(ZSTD(1)),
    resolution_status LowCardinality(String) COMMENT 'umaResolutionStatus: proposed, disputed, resolved; empty where Gamma says nothing',
    category        LowCardinality(String),
    neg_risk        Bool,
    start_date      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    created_at      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    closed_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'closedTime' CODEC(ZSTD(1)),
    chain           LowCardinality(String) COMMENT 'the filters of the listing that brought it',
    batch           LowCardinality(String) COMMENT 'the batch of the ledger that brought it'
)
ENGINE = ReplacingMergeTree(timestamp)
ORDER BY market_id
SETTINGS non_replicated_deduplication_window = 10000;

-- The rows as Gamma sends them, and what they come to. Nothing is kept here: the two views below take the rows on.
-- Fields without a value are left out, not null; what is a number, a list or true in JSON arrives as its text.
CREATE TABLE IF NOT EXISTS default.markets_landing
(
    id String, conditionId String, questionID String, slug String, question String, description String, category String,
    active String, closed String, negRisk String, version String, winningOutcome String,
    outcomes String COMMENT 'JSON in a string, as are outcomePrices and clobTokenIds', outcomePrices String, clobTokenIds String,
    positionIds String, umaResolutionStatus String,
    volume String, volumeNum String, liquidity String, liquidityNum String,
    startDate String, endDate String, createdAt String, closedTime String COMMENT 'such as 2026-01-23 20:56:36+00',
    asked      String COMMENT 'the chain',
    batch      String,
    fetched_at DateTime64(3, 'UTC'),

    condition_id String MATERIALIZED replaceRegexpOne(lower(conditionId), '^0x', ''),
    names        Array(String) MATERIALIZED JSONExtract(outcomes, 'Array(String)'),
    -- as text, because a number that is no string would lose digits in a JSON function
    prices       Array(String) MATERIALIZED extractAll(if(outcomePrices = 'null', '', outcomePrices), '[^][", ]+'),
    clob_ids     Array(String) MATERIALIZED extractAll(if(clobTokenIds = 'null', '', clobTokenIds), '[^][", ]+'),
    pos_ids      Array(String) MATERIALIZED extractAll(if(positionIds = 'null', '', positionIds), '[^][", ]+'),
    amount       String MATERIALIZED if(volume != '', volume, volumeNum),
    depth        String MATERIALIZED if(liquidity != '', liquidity, liquidityNum),
    reason       String MATERIALIZED multiIf(
        id = '', 'no market id',
        condition_id = '', 'no condition id',
        NOT match(condition_id, '^[0-9a-f]{64}$'), 'the condition id is not 64 hex digits',
        outcomes NOT IN ('', 'null') AND JSONType(outcomes) != 'Array', 'outcomes are no list',
        arrayExists(list -> NOT match(list, '^(null|[[][^][{}]*[]])?$'), [outcomePrices, clobTokenIds, positionIds]), 'prices or token ids are no list',
        NOT arrayAll(p -> match(p, '^[0-9]{1,26}([.][0-9]{1,50})?$'), prices), 'a price is no number, or has more than 50 decimals',
        NOT arrayAll(t -> match(t, '^[0-9]{1,78}$'), arrayConcat(clob_ids, pos_ids)), 'a token id is no number',
        arrayExists(n -> n != '' AND NOT match(n, '^-?[0-9]{1,20}([.][0-9]{1,18})?$'), [amount, depth]),
            'volume or liquidity is no number, or has more than 18 decimals',
        arrayExists(t -> t != '' AND parseDateTime64BestEffortOrNull(t, 6, 'UTC') IS NULL, [startDate, endDate, createdAt, closedTime]),
            'a date cannot be read',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.markets_to_staging TO default.api_markets_staging AS
SELECT
    came.condition_id AS condition_id,
    came.slug AS market_slug,
    came.question AS question,
    came.description AS description,
    came.names AS outcomes,
    came.active = 'true' AS active,
    came.closed = 'true' AS closed,
    -- umaResolutionStatuses is a history that lags behind: [] and ["proposed"] stand beside resolved
    came.closed = 'true' AND came.umaResolutionStatus = 'resolved' AS resolved,
    came.winningOutcome AS winning_outcome,
    parseDateTime64BestEffortOrNull(came.endDate, 6, 'UTC') AS end_date,
    toDecimal128OrNull(came.amount, 18) AS volume,
    toDecimal128OrNull(came.depth, 18) AS liquidity,
    came.fetched_at AS timestamp,
    came.id AS market_id,
    replaceRegexpOne(lower(came.questionID), '^0x', '') AS question_id,
    if(came.version = '', 'v1', came.version) AS version,
    if(came.version = 'v2', came.pos_ids, came.clob_ids) AS token_ids,
    came.version != 'v2' AND length(came.names) > 2 AS token_ids_unverified,
    came.clob_ids AS clob_token_ids,
    came.pos_ids AS position_ids,
    arrayMap(p -> toDecimal256(p, 50), came.prices) AS outcome_prices,
    came.umaResolutionStatus AS resolution_status,
    came.category AS category,
    came.negRisk = 'true' AS neg_risk,
    parseDateTime64BestEffortOrNull(came.startDate, 6, 'UTC') AS start_date,
    parseDateTime64BestEffortOrNull(came.createdAt, 6, 'UTC') AS created_at,
    parseDateTime64BestEffortOrNull(came.closedTime, 6, 'UTC') AS closed_at,
    came.asked AS chain,
    came.batch AS batch
FROM default.markets_landing AS came
WHERE came.reason = '';

-- Rows that do not qualify, as they came.
CREATE TABLE IF NOT EXISTS default.markets_rejected
(
    market_id    String CODEC(ZSTD(1)),
    condition_id String CODEC(ZSTD(1)),
    reason       LowCardinality(String),
    row          String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
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
    toJSONString(mapFilter((name, value) -> value != '', map('id', id, 'conditionId', conditionId, 'questionID', questionID, 'slug', slug,
        'question', question, 'description', description, 'category', category, 'active', active, 'closed', closed, 'negRisk', negRisk,
        'version', version, 'outcomes', outcomes, 'outcomePrices', outcomePrices, 'clobTokenIds', clobTokenIds, 'positionIds', positionIds,
        'umaResolutionStatus', umaResolutionStatus, 'volume', volume, 'volumeNum', volumeNum, 'liquidity', liquidity,
        'liquidityNum', liquidityNum, 'startDate', startDate, 'endDate', endDate, 'createdAt', createdAt, 'closedTime', closedTime))) AS row,
    asked AS chain,
    batch,
    fetched_at
FROM default.markets_landing
WHERE reason != '';
