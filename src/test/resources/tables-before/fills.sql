-- @setup after=markets
-- Every order's part in every trade, once, whichever source brought it. A trade is one row for each maker's order and one for
-- the taker's own: volume is the sum over the rows with taker_order, a wallet's trades are all its rows.
CREATE TABLE IF NOT EXISTS default.clob_fills
(
    fill_id          String COMMENT 'transaction hash, _, order hash; from the Data API, which gives no order hash, 32 hex digits of a hash of what tells the row from others of its transaction' CODEC(ZSTD(1)),
    condition_id     String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    asset_id         String COMMENT 'token id, decimal' CODEC(ZSTD(1)),
    outcome_index    Int16 COMMENT 'from 0, computed from the condition id; -1 where no formula and no table gives it',
    maker            String COMMENT 'whose order it is' CODEC(ZSTD(1)),
    taker            String COMMENT 'whom it was matched with: the taker, or the exchange for the taker''s own order; empty from the Data API, which does not say' CODEC(ZSTD(1)),
    side             LowCardinality(String) COMMENT 'BUY or SELL: what the order does with the asset',
    price            Decimal(38, 18) COMMENT 'collateral a share; from Goldsky the quotient, cut at 18 decimals' CODEC(ZSTD(1)),
    size             Decimal(38, 6) COMMENT 'shares' CODEC(ZSTD(1)),
    cost             Decimal(38, 6) COMMENT 'collateral; from the Data API size times price, rounded' CODEC(ZSTD(1)),
    fee              Nullable(Decimal(38, 6)) COMMENT 'in what the order receives: shares for BUY, collateral for SELL; NULL from the Data API, which gives none' CODEC(ZSTD(1)),
    taker_order      Bool COMMENT 'the taker''s own order: the rows that sums of volume take',
    timestamp        DateTime('UTC') COMMENT 'of the block' CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash String CODEC(ZSTD(1)),
    order_hash       String COMMENT 'empty from the Data API' CODEC(ZSTD(1)),
    source           LowCardinality(String) COMMENT 'goldsky or data-api',
    fetched_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    batch            String COMMENT 'the batch of the ledger that brought the row' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (condition_id, fill_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- Which source has all of a market's fills. Goldsky's subgraphs stopped at 2026-04-28 and the Data API serves three years, so
-- a market that was closed before goes to Goldsky, and every other one to the Data API - also where the close is not known.
CREATE OR REPLACE VIEW default.fills_markets AS
SELECT
    lower(replaceRegexpOne(market.condition_id, '^0[xX]', '')) AS id,
    min(ifNull(market.closed AND coalesce(market.closed_at, market.end_date) < toDateTime64('2026-04-28 00:00:00', 6, 'UTC'), 0)) AS ended,
    -- has trades that the Data API does not serve any more
    max(ifNull(coalesce(market.created_at, market.start_date, market.end_date) < now() - INTERVAL 3 YEAR, 0)) AS old,
    min(market.closed) AS closed,
    max(length(market.outcomes)) AS outcomes,
    -- no formula gives the token ids of the new protocol's markets
    anyIf(arrayStringConcat(market.token_ids, ','), market.version = 'v2') AS listed,
    min(coalesce(market.created_at, market.start_date, market.end_date)) AS opened_at,
    max(coalesce(market.closed_at, market.end_date)) AS closed_at,
    max(market.volume) AS volume,
    any(market.question) AS question
FROM default.api_markets_staging AS market
WHERE match(market.condition_id, '^(0[xX])?[0-9a-fA-F]{64}$')
GROUP BY id;

-- What is to be known of the outcomes of markets, where they are not just two, or no formula gives their token ids. Looked up
-- for each batch, and so kept apart; a run adds what is new.
CREATE TABLE IF NOT EXISTS default.fills_tokens
(
    id       String COMMENT 'condition id' CODEC(ZSTD(1)),
    outcomes UInt16,
    listed   String COMMENT 'token ids with commas between them, in the order of the outcomes' CODEC(ZSTD(1)),
    made_at  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(made_at)
ORDER BY id;

INSERT INTO default.fills_tokens
SELECT id, outcomes, listed, now64(3) FROM default.fills_markets
WHERE (outcomes > 2 OR listed != '') AND (id, outcomes, listed) NOT IN (SELECT id, outcomes, listed FROM default.fills_tokens FINAL);

-- The rows as Goldsky sends them, with the condition and outcome that the route computed. Nothing is kept here.
CREATE TABLE IF NOT EXISTS default.fills_landing
(
    id String, transactionHash String, timestamp String, orderHash String, maker String, taker String,
    makerAssetId String COMMENT 'what the maker gives; 0 is collateral', takerAssetId String COMMENT 'what he gets',
    makerAmountFilled String COMMENT 'whole base units of 10^-6, as all amounts', takerAmountFilled String, fee String,
    conditionId String, outcomeIndex String,
    batch String, fetched_at DateTime64(3, 'UTC'),

    buys   Bool MATERIALIZED makerAssetId = '0',
    shares String MATERIALIZED if(buys, takerAmountFilled, makerAmountFilled),
    paid   String MATERIALIZED if(buys, makerAmountFilled, takerAmountFilled),
    reason String MATERIALIZED multiIf(
        NOT match(lower(id), '^0x[0-9a-f]{64}_0x[0-9a-f]{64}$'), 'the id is not a transaction hash and an order hash',
        (makerAssetId = '0') = (takerAssetId = '0'), 'neither side is collateral, or both are',
        NOT match(shares, '^[0-9]{1,30}$') OR NOT match(paid, '^[0-9]{1,30}$') OR NOT match(fee, '^[0-9]{1,30}$'), 'an amount is no whole number of base units',
        match(shares, '^0*$'), 'no shares changed hands, so there is no price',
        NOT match(timestamp, '^[0-9]{9,10}$'), 'the time is no time',
        NOT match(lower(maker), '^0x[0-9a-f]{40}$') OR NOT match(lower(taker), '^0x[0-9a-f]{40}$'), 'maker or taker is no address',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.fills_to_clob TO default.clob_fills AS
SELECT
    lower(id) AS fill_id,
    conditionId AS condition_id,
    if(buys, takerAssetId, makerAssetId) AS asset_id,
    toInt16OrZero(outcomeIndex) AS outcome_index,
    lower(landing.maker) AS maker,
    lower(landing.taker) AS taker,
    if(buys, 'BUY', 'SELL') AS side,
    CAST(divideDecimal(toDecimal256OrZero(paid, 0), greatest(toDecimal256OrZero(shares, 0), toDecimal256(1, 0)), 18) AS Decimal(38, 18)) AS price,
    toDecimal128OrZero(shares, 0) * toDecimal128('0.000001', 6) AS size,
    toDecimal128OrZero(paid, 0) * toDecimal128('0.000001', 6) AS cost,
    toNullable(toDecimal128OrZero(landing.fee, 0) * toDecimal128('0.000001', 6)) AS fee,
    -- the exchange contracts: V1 and its neg-risk one, V2 and its neg-risk one, V3
    lower(landing.taker) IN ('0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e', '0xc5d563a36ae78145c45a50134d48a1215220f80a',
        '0xe111180000d2663c0091e4f400237545b87b996b', '0xe2222d279d744050d28e00520010520000310f59',
        '0xe3333700ca9d93003f00f0f71f8515005f6c00aa') AS taker_order,
    toDateTime(toUInt32OrZero(landing.timestamp), 'UTC') AS timestamp,
    substring(lower(id), 1, 66) AS transaction_hash,
    substring(lower(id), 68) AS order_hash,
    'goldsky' AS source,
    fetched_at,
    batch
FROM default.fills_landing AS landing
WHERE reason = '';

-- Rows that do not qualify, as they came.
CREATE TABLE IF NOT EXISTS default.fills_rejected
(
    condition_id String CODEC(ZSTD(1)),
    fill_id      String CODEC(ZSTD(1)),
    reason       LowCardinality(String),
    row          String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),
    batch        String CODEC(ZSTD(1)),
    fetched_at   DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(fetched_at)
ORDER BY (condition_id, fill_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.fills_to_rejected TO default.fills_rejected AS
SELECT
    conditionId AS condition_id,
    id AS fill_id,
    reason,
    toJSONString(map('id', id, 'transactionHash', transactionHash, 'timestamp', timestamp, 'orderHash', orderHash, 'maker', maker, 'taker', taker,
        'makerAssetId', makerAssetId, 'takerAssetId', takerAssetId, 'makerAmountFilled', makerAmountFilled,
        'takerAmountFilled', takerAmountFilled, 'fee', fee)) AS row,
    batch,
    fetched_at
FROM default.fills_landing
WHERE reason != '';
