-- @setup
-- What each wallet holds, or held, of each outcome, one row a wallet and token. A figure that the source leaves out is NULL:
-- not available, which is not 0. Figures are exact; beyond their decimals they are cut. Products of two of them want a
-- narrower type or Float64, for which size and prices have fewer decimals: sum(size * entry_price) works.
CREATE TABLE IF NOT EXISTS default.api_positions_staging
(
    wallet_address       String COMMENT '40 hex digits, lower case, with 0x' CODEC(ZSTD(1)),
    market               String COMMENT 'the market''s slug' CODEC(ZSTD(1)),
    condition_id         String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    asset_id             String COMMENT 'the token id as a decimal number' CODEC(ZSTD(1)),
    outcome              Int16 COMMENT 'the outcome''s index, from 0; 999 where the source has none' CODEC(ZSTD(1)),
    size                 Decimal(76, 30) COMMENT 'shares held when it was asked' CODEC(ZSTD(1)),
    entry_price          Nullable(Decimal(76, 30)) COMMENT 'average price paid for a share' CODEC(ZSTD(1)),
    timestamp            DateTime64(3, 'UTC') COMMENT 'when it was asked',
    source               LowCardinality(String) COMMENT 'data-api-v2 or data-api-v1',
    status               LowCardinality(String) COMMENT 'OPEN (resolved and not redeemed ones too) or CLOSED',
    outcome_name         String CODEC(ZSTD(1)),
    title                String COMMENT 'the market''s question' CODEC(ZSTD(1)),
    event_id             String CODEC(ZSTD(1)),
    event_slug           String CODEC(ZSTD(1)),
    opposite_outcome     String CODEC(ZSTD(1)),
    opposite_asset_id    String CODEC(ZSTD(1)),
    total_size           Nullable(Decimal(76, 30)) COMMENT 'shares ever bought' CODEC(ZSTD(1)),
    current_price        Nullable(Decimal(76, 30)) CODEC(ZSTD(1)),
    current_value        Nullable(Decimal(76, 38)) CODEC(ZSTD(1)),
    entry_cost           Nullable(Decimal(76, 38)) COMMENT 'paid for what is held' CODEC(ZSTD(1)),
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
    batch                String COMMENT 'the batch of the ledger that brought the row' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(timestamp)
ORDER BY (wallet_address, asset_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- The rows as version 2 sends them (names with underscores) and version 1 (the others), and what they come to. Nothing is
-- kept here: the two views below take the rows on.
CREATE TABLE IF NOT EXISTS default.wallets_landing
(
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
    wrong  String MATERIALIZED arrayFirst(name -> NOT match(figures[name], '^-?[0-9]{1,38}([.][0-9]+)?$'), mapKeys(figures)),
    reason String MATERIALIZED multiIf(
        NOT match(wallet_address, '^0x[0-9a-f]{40}$'), 'no wallet address',
        NOT match(condition, '^[0-9a-f]{64}$'), 'no condition id',
        NOT match(asset_id, '^[0-9]{1,78}$'), 'no token id',
        held = '', 'no size',
        wrong != '', concat(wrong, ' is no number'),
        outcome_number != '' AND NOT match(outcome_number, '^[0-9]{1,4}$'), 'the outcome index is no number',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.wallets_to_positions TO default.api_positions_staging AS
SELECT
    wallet_address,
    slug AS market,
    condition AS condition_id,
    asset_id,
    if(outcome_number = '', 999, toInt16OrZero(outcome_number)) AS outcome,
    toDecimal256OrZero(held, 30) AS size,
    toDecimal256OrNull(if(v2, avg_price, avgPrice), 30) AS entry_price,
    fetched_at AS timestamp,
    if(v2, 'data-api-v2', 'data-api-v1') AS source,
    if(status = '', 'OPEN', status) AS status,
    landed.outcome AS outcome_name,
    title,
    if(v2, event_id, eventId) AS event_id,
    if(v2, event_slug, eventSlug) AS event_slug,
    if(v2, opposite_outcome, oppositeOutcome) AS opposite_outcome,
    if(v2, opposite_token_id, oppositeAsset) AS opposite_asset_id,
    toDecimal256OrNull(if(v2, total_size, totalBought), 30) AS total_size,
    toDecimal256OrNull(if(v2, current_price, curPrice), 30) AS current_price,
    toDecimal256OrNull(if(v2, current_value, currentValue), 38) AS current_value,
    toDecimal256OrNull(if(v2, entry_cost_usdc, initialValue), 38) AS entry_cost,
    toDecimal256OrNull(entry_fees_usdc, 38) AS entry_fees,
    toDecimal256OrNull(total_cost_usdc, 38) AS total_cost,
    toDecimal256OrNull(if(v2, realized_pnl, realizedPnl), 38) AS realized_pnl,
    toDecimal256OrNull(if(v2, unrealized_pnl, cashPnl), 38) AS unrealized_pnl,
    toDecimal256OrNull(total_pnl, 38) AS total_pnl,
    toDecimal256OrNull(if(v2, percent_pnl, percentPnl), 38) AS percent_pnl,
    toDecimal256OrNull(if(v2, percent_realized_pnl, percentRealizedPnl), 38) AS percent_realized_pnl,
    if(redeemable = '', NULL, redeemable = 'true') AS redeemable,
    if(mergeable = '', NULL, mergeable = 'true') AS mergeable,
    if((if(v2, negative_risk, negativeRisk) AS negative) = '', NULL, negative = 'true') AS negative_risk,
    if(archived = '', NULL, archived = 'true') AS archived,
    toDate32OrNull(if(v2, end_date, endDate)) AS end_date,
    if(toUInt32OrZero(first_entry_at) = 0, NULL, toDateTime(toUInt32OrZero(first_entry_at), 'UTC')) AS first_entry_at,
    if(toUInt32OrZero(last_event_at) = 0, NULL, toDateTime(toUInt32OrZero(last_event_at), 'UTC')) AS last_event_at,
    batch
FROM default.wallets_landing AS landed
WHERE reason = '';

-- Rows that do not qualify, as they came but for pictures and names of people.
CREATE TABLE IF NOT EXISTS default.wallets_rejected
(
    wallet_address String CODEC(ZSTD(1)),
    asset_id       String CODEC(ZSTD(1)),
    reason         LowCardinality(String),
    row            String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
    batch          String CODEC(ZSTD(1)),
    fetched_at     DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (wallet_address, asset_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.wallets_to_rejected TO default.wallets_rejected AS
SELECT
    wallet_address, asset_id, reason,
    toJSONString(mapFilter((name, text) -> text != '', mapUpdate(figures, if(v2,
        map('proxy_wallet', proxy_wallet, 'token_id', token_id, 'condition_id', condition_id, 'status', status,
            'redeemable', redeemable, 'mergeable', mergeable, 'negative_risk', negative_risk, 'archived', archived,
            'title', title, 'slug', slug, 'event_id', event_id, 'event_slug', event_slug, 'outcome', outcome,
            'outcome_index', outcome_index, 'opposite_outcome', opposite_outcome, 'opposite_token_id', opposite_token_id,
            'end_date', end_date, 'last_event_at', last_event_at, 'first_entry_at', first_entry_at),
        map('proxyWallet', proxyWallet, 'asset', asset, 'conditionId', conditionId, 'redeemable', redeemable,
            'mergeable', mergeable, 'negativeRisk', negativeRisk, 'title', title, 'slug', slug, 'eventId', eventId,
            'eventSlug', eventSlug, 'outcome', outcome, 'outcomeIndex', outcomeIndex, 'oppositeOutcome', oppositeOutcome,
            'oppositeAsset', oppositeAsset, 'endDate', endDate))))) AS row,
    batch, fetched_at
FROM default.wallets_landing
WHERE reason != '';
