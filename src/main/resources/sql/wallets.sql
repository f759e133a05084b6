-- Positions of wallets: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).

-- @job target=default.api_positions_staging id=wallet_address key=asset_id

-- @setup
-- The current and past positions of each wallet, one row per wallet and token. A figure that the source leaves out is NULL: not
-- available, which is not 0. Figures are exact, truncated to the decimals of their columns. Products of two figures need a
-- narrower type or Float64, which is why size and prices have fewer decimals: sum(size * entry_price) works.
CREATE TABLE IF NOT EXISTS default.api_positions_staging
(
    wallet_address       String COMMENT '40 hex digits, lower case, with 0x' CODEC(ZSTD(1)),
    market               String COMMENT 'the market''s slug' CODEC(ZSTD(1)),
    condition_id         String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    asset_id             String COMMENT 'the token id as a decimal number' CODEC(ZSTD(1)),
    outcome              Int16 COMMENT 'the outcome''s index, from 0; 999 if the source has none' CODEC(ZSTD(1)),
    size                 Decimal(76, 30) COMMENT 'shares held when it was fetched' CODEC(ZSTD(1)),
    entry_price          Nullable(Decimal(76, 30)) COMMENT 'average price paid for a share' CODEC(ZSTD(1)),
    timestamp            DateTime64(3, 'UTC') COMMENT 'when it was fetched',
    source               LowCardinality(String) COMMENT 'data-api-v2 or data-api-v1',
    status               LowCardinality(String) COMMENT 'OPEN (also if resolved but not redeemed) or CLOSED',
    outcome_name         String CODEC(ZSTD(1)),
    title                String COMMENT 'the market''s question' CODEC(ZSTD(1)),
    event_id             String CODEC(ZSTD(1)),
    event_slug           String CODEC(ZSTD(1)),
    opposite_outcome     String CODEC(ZSTD(1)),
    opposite_asset_id    String CODEC(ZSTD(1)),
    total_size           Nullable(Decimal(76, 30)) COMMENT 'shares ever bought' CODEC(ZSTD(1)),
    current_price        Nullable(Decimal(76, 30)) CODEC(ZSTD(1)),
    current_value        Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    entry_cost           Nullable(Decimal(76, 38)) COMMENT 'paid for the shares that are held' CODEC(ZSTD(1)),
    entry_fees           Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    total_cost           Nullable(Decimal(76, 38)) COMMENT 'with fees' CODEC(ZSTD(1)),
    realized_pnl         Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    unrealized_pnl       Nullable(Decimal(76, 38)) COMMENT 'v1: cashPnl' CODEC(ZSTD(1)),
    total_pnl            Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    percent_pnl          Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    percent_realized_pnl Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    redeemable           Nullable(Bool),
    mergeable            Nullable(Bool),
    negative_risk        Nullable(Bool),
    archived             Nullable(Bool),
    end_date             Nullable(Date32),
    first_entry_at       Nullable(DateTime('UTC')),
    last_event_at        Nullable(DateTime('UTC')),
    unread               Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    batch                String COMMENT 'the batch of the ledger that stored the row' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(timestamp)
ORDER BY (wallet_address, asset_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- for tables of earlier versions
ALTER TABLE default.api_positions_staging ADD COLUMN IF NOT EXISTS unread Map(String, String);

-- The rows as version 2 sends them (names with underscores) and version 1 (the others), and the values derived from them. This
-- table stores nothing: the two views below write the rows to the tables.
CREATE TABLE IF NOT EXISTS default.wallets_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    proxy_wallet String, token_id String, condition_id String, current_size String, avg_price String,
    entry_cost_usdc String, entry_fees_usdc String, total_cost_usdc String, current_price String, current_value String,
    total_size String, realized_pnl String, unrealized_pnl String, total_pnl String, percent_pnl String,
    percent_realized_pnl String, status String, redeemable String, mergeable String, negative_risk String, archived String,
    title String, slug String, event_id String, event_slug String, outcome String, outcome_index String,
    opposite_outcome String, opposite_token_id String, end_date String, last_event_at String, first_entry_at String,

    proxyWallet String, asset String, conditionId String, size String, avgPrice String, initialValue String,
    currentValue String, cashPnl String, percentPnl String, totalBought String, realizedPnl String,
    percentRealizedPnl String, curPrice String, negativeRisk String, eventId String, eventSlug String, outcomeIndex String,
    oppositeOutcome String, oppositeAsset String, endDate String,

    batch      String,
    fetched_at DateTime64(3, 'UTC'),

    v2             Bool MATERIALIZED proxy_wallet != '' OR token_id != '',
    wallet_address String MATERIALIZED lower(if(v2, proxy_wallet, proxyWallet)),
    condition      String MATERIALIZED replaceRegexpOne(lower(if(v2, condition_id, conditionId)), '^0x', ''),
    asset_id       String MATERIALIZED if(v2, token_id, asset),
    outcome_number String MATERIALIZED if(v2, outcome_index, outcomeIndex),
    held           String MATERIALIZED if(v2, current_size, size),
    figures Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', if(v2,
        map('current_size', current_size, 'avg_price', avg_price, 'entry_cost_usdc', entry_cost_usdc,
            'entry_fees_usdc', entry_fees_usdc, 'total_cost_usdc', total_cost_usdc, 'current_price', current_price,
            'current_value', current_value, 'total_size', total_size, 'realized_pnl', realized_pnl,
            'unrealized_pnl', unrealized_pnl, 'total_pnl', total_pnl, 'percent_pnl', percent_pnl,
            'percent_realized_pnl', percent_realized_pnl),
        map('size', size, 'avgPrice', avgPrice, 'initialValue', initialValue, 'currentValue', currentValue,
            'cashPnl', cashPnl, 'percentPnl', percentPnl, 'totalBought', totalBought, 'realizedPnl', realizedPnl,
            'percentRealizedPnl', percentRealizedPnl, 'curPrice', curPrice))),
    prices Array(String) MATERIALIZED ['avg_price', 'current_price', 'avgPrice', 'curPrice'],
    ends   Nullable(DateTime64(6, 'UTC')) MATERIALIZED $deadline(if(v2, end_date, endDate)),
    began  Nullable(DateTime64(6, 'UTC')) MATERIALIZED $past(first_entry_at),
    latest Nullable(DateTime64(6, 'UTC')) MATERIALIZED $past(last_event_at),
    place  Nullable(Int16) MATERIALIZED if(toInt16OrNull(outcome_number) BETWEEN 0 AND 255 OR outcome_number = '999',
        toInt16OrNull(outcome_number), NULL),
    unread Map(String, String) MATERIALIZED mapUpdate(
        mapFilter((name, text) -> isNull($figure(text)) OR has(prices, name) AND isNull($share(text)), figures),
        mapFilter((name, text) -> text != '', map('end_date', $unread(if(v2, end_date, endDate), ends),
            'first_entry_at', $unread(first_entry_at, began), 'last_event_at', $unread(last_event_at, latest), 'outcome_index',
                $unread(outcome_number, place)))),
    reason String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        NOT match(wallet_address, '^0x[0-9a-f]{40}$'), 'no wallet address',
        NOT match(condition, '^[0-9a-f]{64}$'), 'no condition id',
        NOT match(asset_id, '^[0-9]{1,78}$'), 'no token id',
        held = '', 'no size',
        NOT match(held, '^-?[0-9]{1,38}([.][0-9]+)?$'), concat(if(v2, 'current_size', 'size'), ' is not a number'),
        startsWith(held, '-'), 'the size is negative',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.wallets_to_positions TO default.api_positions_staging AS
SELECT
    wallet_address,
    slug AS market,
    condition AS condition_id,
    asset_id,
    ifNull(place, 999) AS outcome,
    toDecimal256OrZero(held, 30) AS size,
    CAST($share(if(v2, avg_price, avgPrice)) AS Nullable(Decimal(76, 30))) AS entry_price,
    fetched_at AS timestamp,
    if(v2, 'data-api-v2', 'data-api-v1') AS source,
    if(status = '', 'OPEN', status) AS status,
    landed.outcome AS outcome_name,
    title,
    if(v2, event_id, eventId) AS event_id,
    if(v2, event_slug, eventSlug) AS event_slug,
    if(v2, opposite_outcome, oppositeOutcome) AS opposite_outcome,
    if(v2, opposite_token_id, oppositeAsset) AS opposite_asset_id,
    CAST($figure(if(v2, total_size, totalBought)) AS Nullable(Decimal(76, 30))) AS total_size,
    CAST($share(if(v2, current_price, curPrice)) AS Nullable(Decimal(76, 30))) AS current_price,
    $figure(if(v2, current_value, currentValue)) AS current_value,
    $figure(if(v2, entry_cost_usdc, initialValue)) AS entry_cost,
    $figure(entry_fees_usdc) AS entry_fees,
    $figure(total_cost_usdc) AS total_cost,
    $figure(if(v2, realized_pnl, realizedPnl)) AS realized_pnl,
    $figure(if(v2, unrealized_pnl, cashPnl)) AS unrealized_pnl,
    $figure(total_pnl) AS total_pnl,
    $figure(if(v2, percent_pnl, percentPnl)) AS percent_pnl,
    $figure(if(v2, percent_realized_pnl, percentRealizedPnl)) AS percent_realized_pnl,
    if(redeemable = '', NULL, redeemable = 'true') AS redeemable,
    if(mergeable = '', NULL, mergeable = 'true') AS mergeable,
    if((if(v2, negative_risk, negativeRisk) AS negative) = '', NULL, negative = 'true') AS negative_risk,
    if(archived = '', NULL, archived = 'true') AS archived,
    toDate32(ends) AS end_date,
    toDateTime(began, 'UTC') AS first_entry_at,
    toDateTime(latest, 'UTC') AS last_event_at,
    unread,
    batch
FROM default.wallets_landing AS landed
WHERE reason = '';

-- @rejected
-- Rejected rows, unchanged.
SELECT wallet_address, asset_id,
    if(element != '', element, toJSONString(mapFilter((name, text) -> text != '', mapUpdate(figures, if(v2,
        map('proxy_wallet', proxy_wallet, 'token_id', token_id, 'condition_id', condition_id, 'status', status,
            'redeemable', redeemable, 'mergeable', mergeable, 'negative_risk', negative_risk, 'archived', archived,
            'title', title, 'slug', slug, 'event_id', event_id, 'event_slug', event_slug, 'outcome', outcome,
            'outcome_index', outcome_index, 'opposite_outcome', opposite_outcome, 'opposite_token_id', opposite_token_id,
            'end_date', end_date, 'last_event_at', last_event_at, 'first_entry_at', first_entry_at),
        map('proxyWallet', proxyWallet, 'asset', asset, 'conditionId', conditionId, 'redeemable', redeemable,
            'mergeable', mergeable, 'negativeRisk', negativeRisk, 'title', title, 'slug', slug, 'eventId', eventId,
            'eventSlug', eventSlug, 'outcome', outcome, 'outcomeIndex', outcomeIndex, 'oppositeOutcome', oppositeOutcome,
            'oppositeAsset', oppositeAsset, 'endDate', endDate)))))) AS row;

-- @unread default.api_positions_staging
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.api_positions_staging ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE timestamp >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @replaced
-- With --redo, removes positions that a wallet no longer has.
DELETE FROM default.api_positions_staging WHERE wallet_address IN ({ids}) AND batch != {batch};

-- @ids needs=cascadian_clean.vw_trades_input reads=views.trades
-- Every wallet that traded.
SELECT DISTINCT wallet AS id FROM default.vw_trades_unified WHERE source = 'blockchain' AND wallet != '';

-- @check positions by source and status
SELECT source, status, count() AS positions, uniqExact(wallet_address) AS wallets, uniqExact(condition_id) AS conditions,
    toDecimal256(sum(size), 6) AS shares, toDecimal256(sum(current_value), 2) AS value, toDecimal256(sum(realized_pnl), 2) AS realized_pnl,
    min(timestamp) AS first_asked, max(timestamp) AS last_asked
FROM default.api_positions_staging GROUP BY source, status ORDER BY source, status;

-- @check the largest wallets (at most 10)
SELECT wallet_address, count() AS positions, countIf(status = 'OPEN') AS open, toDecimal256(sum(current_value), 2) AS value
FROM default.api_positions_staging GROUP BY wallet_address ORDER BY positions DESC, wallet_address LIMIT 10;

-- @check samples
SELECT wallet_address, market, outcome_name, toDecimal256(size, 6) AS size, toDecimal256(entry_price, 6) AS entry_price,
    toDecimal256(current_value, 2) AS value, status, source
FROM default.api_positions_staging ORDER BY cityHash64(wallet_address, asset_id) LIMIT 5;

-- @check rejected rows by reason
SELECT reason, count() AS rows, uniqExact(wallet_address) AS wallets FROM default.wallets_rejected GROUP BY reason ORDER BY rows DESC;

-- @check traded wallets with and without positions needs=cascadian_clean.vw_trades_input
SELECT uniqExact(id) AS traded, uniqExactIf(id, id IN (SELECT concat('0x', lower(replaceRegexpOne(wallet_address, '^0[xX]', '')))
    FROM default.api_positions_staging)) AS with_positions,
    round(100 * with_positions / greatest(traded, 1), 2) AS percent
FROM (SELECT DISTINCT wallet AS id FROM default.vw_trades_unified WHERE source = 'blockchain' AND wallet != '');

-- @measure wallets min=10000 Wallets with positions
SELECT uniqExact(wallet_address) FROM default.api_positions_staging;

-- @measure positions min=500000 Positions stored
SELECT count() FROM default.api_positions_staging;

-- @measure pending max=0 Wallets that were not fetched yet
SELECT {pending};

-- @measure running max=0 Active runs of the job
SELECT {running};

-- @measure failed unit=% Share of the ledger's wallets that failed
SELECT if({total} = 0, 0, {failed} / {total});

-- @measure malformed max=0 Rows whose wallet, condition or token id is not well-formed
SELECT countIf(NOT match(wallet_address, '^0x[0-9a-f]{40}$') OR NOT match(condition_id, '^[0-9a-f]{64}$')
    OR NOT match(asset_id, '^[0-9]{1,78}$'))
FROM default.api_positions_staging;

-- @measure duplicates max=0 Rows beyond one per wallet and token
SELECT count() - uniqExact(wallet_address, asset_id) FROM default.api_positions_staging;

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.api_positions_staging;
