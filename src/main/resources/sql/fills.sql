-- Fills from Goldsky's orderbook subgraph: the landing table, the stored tables, and the queries on them. The job trades stores
-- the same fills from the Data API in the same table (see trades.sql). A section starts with "-- @name"; the program replaces
-- placeholders in braces (see SqlFile).

-- @job target=default.clob_fills id=condition_id key=fill_id

-- @setup after=conditions
-- Every order's part of every trade, once, from either source. A trade is one row for each maker's order and one for the taker's
-- own, or a single row if an operator filled an order without a match: volume is the sum over the rows with taker_order, a
-- wallet's trades are all its rows.
CREATE TABLE IF NOT EXISTS default.clob_fills
(
    fill_id          String
        COMMENT 'transaction hash, _, order hash; from the Data API, which has no order hash, 32 hex digits of a hash of the fields that distinguish the row from others of its transaction' CODEC(ZSTD(1)),
    condition_id     String COMMENT '64 hex digits, lower case, no 0x' CODEC(ZSTD(1)),
    asset_id         String COMMENT 'token id, decimal' CODEC(ZSTD(1)),
    outcome_index    Int16 COMMENT 'from 0, computed from the condition id; -1 if no formula and no table gives it',
    maker            String COMMENT 'the owner of the order' CODEC(ZSTD(1)),
    taker            String
        COMMENT 'the counterparty: the taker, or the exchange for the taker''s own order; empty from the Data API, which does not have it' CODEC(ZSTD(1)),
    side             LowCardinality(String) COMMENT 'BUY or SELL: the side of the order',
    price            Decimal(38, 18) COMMENT 'collateral per share; from Goldsky the quotient, truncated to 18 decimals' CODEC(ZSTD(1)),
    size             Decimal(38, 6) COMMENT 'shares' CODEC(ZSTD(1)),
    cost             Decimal(38, 6) COMMENT 'collateral; from the Data API size times price, rounded' CODEC(ZSTD(1)),
    fee              Nullable(Decimal(38, 6))
        COMMENT 'in what the order receives: shares for BUY, collateral for SELL; NULL from the Data API, which has none'
        CODEC(ZSTD(1)),
    taker_order      Bool COMMENT 'the taker''s own order, or a fill without a match (alone): the rows that volumes are sums of',
    alone            Bool DEFAULT 0 COMMENT 'a fill without a match: no taker''s order of its transaction repeats it; set when a run ends',
    timestamp        Nullable(DateTime('UTC'))
        COMMENT 'of the block; NULL if the source has an impossible time, and no other row of the transaction has one'
        CODEC(DoubleDelta, ZSTD(1)),
    transaction_hash String CODEC(ZSTD(1)),
    order_hash       String COMMENT 'empty from the Data API' CODEC(ZSTD(1)),
    source           LowCardinality(String) COMMENT 'goldsky or data-api',
    unread           Map(String, String)
        COMMENT 'the unchanged texts of fields that cannot be parsed or have an impossible value; in their own columns they are NULL or empty' CODEC(ZSTD(1)),
    fetched_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    batch            String COMMENT 'the batch of the ledger that stored the row' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at) /* sharded */
ORDER BY (condition_id, fill_id)
SETTINGS non_replicated_deduplication_window = 10000;

ALTER TABLE default.clob_fills ADD COLUMN IF NOT EXISTS alone Bool DEFAULT 0
    COMMENT 'a fill without a match: no taker''s order of its transaction repeats it; set when a run ends' AFTER taker_order;
ALTER TABLE default.clob_fills ADD COLUMN IF NOT EXISTS unread Map(String, String),
    MODIFY COLUMN IF EXISTS timestamp Nullable(DateTime('UTC'));

-- For the section @finish: the times that it adds, the rows that it has to change, and when it ran last.
CREATE TABLE IF NOT EXISTS default.fills_times
(
    transaction String,
    time        DateTime('UTC')
)
ENGINE = MergeTree
ORDER BY transaction;

CREATE TABLE IF NOT EXISTS default.fills_alone
(
    condition_id String,
    fill_id      String,
    alone        Bool
)
ENGINE = MergeTree
ORDER BY (condition_id, fill_id);

CREATE TABLE IF NOT EXISTS default.fills_checked
(
    id         UInt8,
    checked_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(checked_at)
ORDER BY id;

-- The source that has all fills of a market, for every condition that any source knows. Goldsky's subgraphs stopped at
-- 2026-04-28 and the Data API serves the last three years, so Goldsky is used for a market that was closed before, and the
-- Data API for every other one, also if the time of the close is not known. Both are used for a market that
-- began before those years and was not closed, and for a condition without a known start that Gamma does not list.
CREATE OR REPLACE VIEW default.fills_markets AS
SELECT
    condition_id AS id,
    in_gamma,
    sources,
    ifNull(market.closed AND market.closed_at < toDateTime64('2026-04-28 00:00:00', 6, 'UTC'), 0) AS ended,
    -- has trades that the Data API no longer serves
    if(in_gamma, ifNull(market.opened_at < now() - INTERVAL 3 YEAR, 0), ifNull(market.opened_at < now() - INTERVAL 3 YEAR, 1)) AS old,
    ifNull(market.closed, 0) AS closed,
    outcomes,
    listed,
    market.opened_at AS opened_at,
    market.closed_at AS closed_at,
    volume,
    question
FROM default.vw_conditions AS market;

-- The outcomes of markets that have more than two, or whose token ids cannot be computed. A separate table, because it is
-- queried for each batch; a run adds new markets.
CREATE TABLE IF NOT EXISTS default.fills_tokens
(
    id       String COMMENT 'condition id' CODEC(ZSTD(1)),
    outcomes UInt16,
    listed   String COMMENT 'token ids separated by commas, in the order of the outcomes' CODEC(ZSTD(1)),
    made_at  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(made_at)
ORDER BY id;

INSERT INTO default.fills_tokens
SELECT id, outcomes, listed, now64(3) FROM default.fills_markets
WHERE (outcomes > 2 OR listed != '') AND (id, outcomes, listed) NOT IN (SELECT id, outcomes, listed FROM default.fills_tokens FINAL);

-- The rows as Goldsky sends them, with the condition and outcome that the route computed. This table stores nothing.
CREATE TABLE IF NOT EXISTS default.fills_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    id String, transactionHash String, timestamp String, orderHash String, maker String, taker String,
    makerAssetId String COMMENT 'the asset that the maker gives; 0 is collateral', takerAssetId String
        COMMENT 'the asset that the maker receives',
    makerAmountFilled String COMMENT 'whole base units of 10^-6, like all amounts', takerAmountFilled String, fee String,
    conditionId String, outcomeIndex String,
    batch String, fetched_at DateTime64(3, 'UTC'),

    buys   Bool MATERIALIZED makerAssetId = '0',
    shares String MATERIALIZED if(buys, takerAmountFilled, makerAmountFilled),
    paid   String MATERIALIZED if(buys, makerAmountFilled, takerAmountFilled),
    traded Nullable(DateTime('UTC')) MATERIALIZED $past(timestamp),
    taken  Nullable(Decimal(38, 6)) MATERIALIZED if(match(fee, '^[0-9]{1,30}$'),
        toDecimal128OrNull(fee, 0) * toDecimal128('0.000001', 6), NULL),
    unread Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '',
        map('timestamp', $unread(timestamp, traded), 'fee', $unread(fee, taken))),
    reason String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        NOT match(lower(id), '^0x[0-9a-f]{64}_0x[0-9a-f]{64}$'), 'the id is not a transaction hash and an order hash',
        (makerAssetId = '0') = (takerAssetId = '0'), 'neither side is collateral, or both are',
        NOT match(shares, '^[0-9]{1,30}$') OR NOT match(paid, '^[0-9]{1,30}$'), 'an amount is not a whole number of base units',
        match(shares, '^0*$'), 'the size is zero, so there is no price',
        NOT match(lower(maker), '^0x[0-9a-f]{40}$') OR NOT match(lower(taker), '^0x[0-9a-f]{40}$'), 'maker or taker is not an address',
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
    CAST(divideDecimal(toDecimal256OrZero(paid, 0), greatest(toDecimal256OrZero(shares, 0), toDecimal256(1, 0)), 18)
        AS Decimal(38, 18)) AS price,
    toDecimal128OrZero(shares, 0) * toDecimal128('0.000001', 6) AS size,
    toDecimal128OrZero(paid, 0) * toDecimal128('0.000001', 6) AS cost,
    taken AS fee,
    -- the exchange contracts: V1, V1 neg-risk, V2, V2 neg-risk, V3
    lower(landing.taker) IN ('0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e', '0xc5d563a36ae78145c45a50134d48a1215220f80a',
        '0xe111180000d2663c0091e4f400237545b87b996b', '0xe2222d279d744050d28e00520010520000310f59',
        '0xe3333700ca9d93003f00f0f71f8515005f6c00aa') AS taker_order,
    traded AS timestamp,
    substring(lower(id), 1, 66) AS transaction_hash,
    substring(lower(id), 68) AS order_hash,
    'goldsky' AS source,
    unread,
    fetched_at,
    batch
FROM default.fills_landing AS landing
WHERE reason = '';

-- @rejected
-- Rejected rows, unchanged.
SELECT conditionId AS condition_id, id AS fill_id,
    if(element != '', element, toJSONString(map('id', id, 'transactionHash', transactionHash, 'timestamp', timestamp, 'orderHash',
        orderHash, 'maker', maker, 'taker', taker,
        'makerAssetId', makerAssetId, 'takerAssetId', takerAssetId, 'makerAmountFilled', makerAmountFilled,
        'takerAmountFilled', takerAmountFilled, 'fee', fee))) AS row;

-- @has-rows
-- Whether the table has rows of this source's markets that another ledger stored; if so, every batch checks the table before
-- it stores.
SELECT count() FROM
(
    SELECT 1 FROM default.clob_fills WHERE NOT startsWith(batch, {ledger})
        AND (source = 'goldsky' OR {source} = 'goldsky' OR condition_id IN (SELECT id FROM default.fills_markets WHERE ended OR old))
            LIMIT 1
);

-- @query tokens
-- The known outcomes of a batch's conditions that have more than two.
SELECT id, outcomes, '' AS listed FROM default.fills_tokens FINAL WHERE id IN ({ids}) AND outcomes > 2;

-- @again the sources now know more of their outcomes than were requested
-- A market that was in no list was assumed to have two outcomes.
SELECT id, toUnixTimestamp64Milli(made_at) AS since FROM default.fills_tokens FINAL;

-- @unknown of them are not known to any source yet (`./backfill run markets` fetches Gamma's list), so they are assumed to have two outcomes each; once more outcomes are known, a run requests them
-- The markets of a list whose number of outcomes is not known.
SELECT count() AS ids FROM (SELECT arrayJoin([{list}]) AS id) WHERE id NOT IN (SELECT id FROM default.fills_markets);

-- @present
-- The rows of a page that are already stored, and whether this batch stored them. A transaction from the other source is stored
-- completely, in that source's rows.
WITH [{keys}] AS keys
SELECT key, max(own) AS own FROM
(
    SELECT fill_id AS key, stored.batch = {batch} AS own FROM default.clob_fills AS stored
    WHERE condition_id IN ({ids}) AND fill_id IN (SELECT arrayJoin(keys)) AND ({redo} = 0 OR stored.batch = {batch})
    UNION ALL
    SELECT fill_id, 1 FROM default.fills_rejected WHERE condition_id IN ({ids}) AND fill_id IN (SELECT arrayJoin(keys)) AND batch = {batch}
    UNION ALL
    SELECT arrayJoin(keys) AS key, 0 WHERE substring(key, 1, 66) IN
        (SELECT transaction_hash FROM default.clob_fills WHERE condition_id IN ({ids}) AND source != 'goldsky')
)
GROUP BY key;

-- @stored
-- The stored rows of a batch: rows and rejected rows of each id. With the last page, also the id's fills of any batch, each once even
-- if --redo stored it again.
SELECT condition_id AS id, countIf(stored.batch = {batch}) AS rows, 0 AS rejected, '' AS reason, 0 AS there
FROM default.clob_fills AS stored
WHERE condition_id IN ({ids}) GROUP BY condition_id
UNION ALL
SELECT condition_id, 0, 0, '',
    uniqExactIf(fill_id, ifNull(toUnixTimestamp(timestamp) BETWEEN {window_since} AND {window_until}, stored.batch = {batch}))
FROM default.clob_fills AS stored
WHERE {last_page} AND condition_id IN ({ids}) GROUP BY condition_id
UNION ALL
SELECT condition_id, 0, uniqExact(fill_id), any(reason), 0 FROM default.fills_rejected
WHERE condition_id IN ({ids}) AND batch = {batch} GROUP BY condition_id;

-- @note
-- Lines that a run prints when it takes its ids.
SELECT concat(toString(countIf(NOT in_gamma)), ' of ', toString(count()),
    ' conditions are not in Gamma''s list and are included: the CLOB knows ',
    toString(countIf(NOT in_gamma AND has(sources, 'clob'))), ', Goldsky ', toString(countIf(NOT in_gamma AND has(sources, 'goldsky'))),
        ', the chain ',
    toString(countIf(NOT in_gamma AND has(sources, 'chain'))), ' of them') AS line
FROM default.fills_markets HAVING countIf(NOT in_gamma) > 0;

-- @unread default.clob_fills
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.clob_fills ARRAY JOIN mapKeys(unread) AS field, mapValues(unread) AS value
WHERE source = 'goldsky' AND fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @finish
-- The time of a block is the same for all rows of a transaction: if one has an impossible time, it is taken from another one,
-- or from the chain's transfers. By way of a table, because what changes clob_fills cannot read it where it is spread over shards.
TRUNCATE TABLE default.fills_times;

INSERT INTO default.fills_times $blocktimes(default.clob_fills);

ALTER TABLE default.clob_fills UPDATE
    timestamp = (SELECT mapFromArrays(groupArray(transaction), groupArray(time)) FROM default.fills_times)[transaction_hash]
WHERE isNull(timestamp) AND transaction_hash IN (SELECT transaction FROM default.fills_times)
SETTINGS allow_nondeterministic_mutations = 1;

-- Marks fills without a match (`alone`): no taker's order repeats them. This is known when all pages are stored. It checks the
-- markets with recently stored rows; for the markets of another active run, that run does it at its end.
TRUNCATE TABLE default.fills_alone;

INSERT INTO default.fills_alone
WITH arrayMap(r -> r.2, arrayFilter(r -> r.4 AND NOT r.5, rows)) AS takers
SELECT condition_id, row.1 AS fill_id, NOT (row.4 AND NOT row.5) AND (if(row.3 = '', empty(takers), NOT has(takers, row.3))) AS alone
FROM
(
    SELECT condition_id, groupArray((fill_id, maker, taker, taker_order, alone)) AS rows FROM default.clob_fills
    WHERE condition_id IN (SELECT condition_id FROM default.clob_fills
        WHERE fetched_at > (SELECT max(checked_at) FROM default.fills_checked) - INTERVAL 1 DAY)
    GROUP BY condition_id, transaction_hash
)
ARRAY JOIN rows AS row
WHERE alone != row.5
SETTINGS max_bytes_before_external_group_by = 1000000000;

ALTER TABLE default.clob_fills UPDATE alone = 1, taker_order = 1
WHERE (condition_id, fill_id) IN (SELECT condition_id, fill_id FROM default.fills_alone WHERE alone) SETTINGS
    allow_nondeterministic_mutations = 1;

ALTER TABLE default.clob_fills UPDATE alone = 0, taker_order = 0
WHERE (condition_id, fill_id) IN (SELECT condition_id, fill_id FROM default.fills_alone WHERE NOT alone) SETTINGS
    allow_nondeterministic_mutations = 1;

INSERT INTO default.fills_checked SELECT 1, now64(3);

-- @ids needs=default.fills_markets filled=markets
-- The missing ids: markets that ended before Goldsky stopped and have no fill, or, with --since, all markets that may have
-- traded since.
SELECT id FROM default.fills_markets
WHERE ({source} = 'goldsky' OR ended OR old)
  AND if({since} = '', id NOT IN (SELECT condition_id FROM default.clob_fills WHERE NOT startsWith(batch, 'fills-window')),
    coalesce(closed_at >= parseDateTimeBestEffort({since}), 1)
        AND parseDateTimeBestEffort({since}) < toDateTime('2026-04-28 12:00:00', 'UTC'));

-- @take
-- The markets of a list that belong to this source.
SELECT arrayJoin([{list}]) AS id WHERE {source} = 'goldsky' OR id IN (SELECT id FROM default.fills_markets WHERE ended OR old);

-- @coverage
-- All markets, and those with fills. Fills that were fetched only for a period do not count.
SELECT count() AS total, countIf(id IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%')) AS covered
    FROM default.fills_markets;

-- @missing
-- Markets without a fill.
SELECT id FROM default.fills_markets WHERE id NOT IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%')
    ORDER BY id;

-- @diagnosis missing markets by age and status
SELECT
    transform(least(multiIf(opened_at IS NULL, 7, days <= 7, 1, days <= 30, 2, days <= 90, 3, days <= 180, 4, days <= 365, 5, 6), 7)
        AS step,
        [1, 2, 3, 4, 5, 6, 7], ['up to 7 days', 'up to 30 days', 'up to 90 days', 'up to 180 days', 'up to 365 days', 'older',
            'undated'], '') AS opened,
    countIf(NOT is_closed) AS open, countIf(is_closed) AS closed, count() AS missing, of_all AS markets,
    concat(toString(round(100 * missing / markets, 1)), '%') AS share
FROM
(
    SELECT id, opened_at, closed AS is_closed, dateDiff('day', opened_at, now64(6)) AS days FROM default.fills_markets
    WHERE id NOT IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%')
) AS market
INNER JOIN
(
    SELECT multiIf(opened_at IS NULL, 7, days <= 7, 1, days <= 30, 2, days <= 90, 3, days <= 180, 4, days <= 365, 5, 6) AS step,
        count() AS of_all
    FROM (SELECT opened_at, dateDiff('day', opened_at, now64(6)) AS days FROM default.fills_markets)
    GROUP BY step
) AS every ON every.step = multiIf(market.opened_at IS NULL, 7, market.days <= 7, 1, market.days <= 30, 2, market.days <= 90, 3,
    market.days <= 180, 4, market.days <= 365, 5, 6)
GROUP BY step, of_all ORDER BY step;

-- @diagnosis conditions by the sources that know them
SELECT arrayStringConcat(sources, ', ') AS known_to, count() AS conditions,
    countIf(id NOT IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%')) AS missing
FROM default.fills_markets GROUP BY known_to ORDER BY conditions DESC, known_to;

-- @diagnosis twenty of the missing markets
SELECT id AS condition_id, question, if(closed, 'closed', 'open') AS status, toDate(opened_at) AS opened, toString(volume) AS volume,
    if(ended, 'goldsky', 'data-api') AS source
FROM default.fills_markets WHERE id NOT IN (SELECT condition_id FROM default.clob_fills WHERE batch NOT LIKE '%-window-%')
    ORDER BY cityHash64(id) LIMIT 20;

-- @check fills by source
SELECT source, count() AS fills, countIf(taker_order) AS trades, uniqExact(condition_id) AS markets,
    toString(sumIf(size, taker_order)) AS shares,
    toString(sumIf(cost, taker_order)) AS collateral, min(timestamp) AS first, max(timestamp) AS last
FROM default.clob_fills GROUP BY source ORDER BY source;

-- @check conditions by the sources that know them
SELECT arrayStringConcat(sources, ', ') AS known_to, count() AS conditions,
    countIf(id IN (SELECT condition_id FROM default.clob_fills)) AS with_fills,
    concat(toString(round(100 * with_fills / conditions, 1)), '%') AS share
FROM default.fills_markets GROUP BY known_to ORDER BY conditions DESC, known_to;

-- @check coverage by the year in which markets opened
SELECT if(opened_at IS NULL, 'undated', toString(toYear(opened_at))) AS opened, count() AS markets,
    countIf(id IN (SELECT condition_id FROM default.clob_fills)) AS with_fills,
        concat(toString(round(100 * with_fills / markets, 1)), '%') AS share
FROM default.fills_markets GROUP BY opened ORDER BY opened;

-- @check days of the last 30 without a fill
SELECT toString(today() - number) AS day FROM numbers(1, 30) WHERE today() - number NOT IN (SELECT toDate(timestamp)
    FROM default.clob_fills) ORDER BY day;

-- @check markets of the largest volume without fills (at most 20)
SELECT id AS condition_id, question, toString(volume) AS volume, if(closed, 'closed', 'open') AS status FROM
(
    SELECT id, question, volume, closed FROM default.fills_markets WHERE volume > 0 ORDER BY volume DESC LIMIT 100
)
WHERE id NOT IN (SELECT condition_id FROM default.clob_fills) ORDER BY volume DESC LIMIT 20;

-- @check rejected rows
SELECT source, reason, count() AS rows, any(row) AS such_as FROM
(
    SELECT 'goldsky' AS source, toString(reason) AS reason, row FROM default.fills_rejected
    UNION ALL
    SELECT 'data-api', toString(reason), row FROM default.trades_rejected
)
GROUP BY source, reason ORDER BY rows DESC;

-- @check fills of each month that one source has and the others lack needs=default.chain_fills
-- By transactions, which all sources name alike. The Data API leaves out what is less than a tenth of a share.
SELECT toStartOfMonth(toDateTime(at, 'UTC')) AS month, has, lack, multiIf(
        has = 'chain' AND condition = '', 'unknown market',
        has = 'chain' AND condition NOT IN (SELECT condition_id FROM default.clob_fills), 'market not fetched',
        has = 'chain' AND largest < 0.1, 'dust',
        has = 'chain' AND at >= toUnixTimestamp(toDateTime('2026-04-28 00:00:00', 'UTC'))
            AND condition NOT IN (SELECT condition_id FROM default.clob_fills WHERE source = 'data-api'),
            'after Goldsky stopped on 2026-04-28',
        has = 'chain' AND at < toUnixTimestamp(now() - INTERVAL 3 YEAR)
            AND condition NOT IN (SELECT condition_id FROM default.clob_fills WHERE source = 'goldsky'),
            'before the Data API''s three years',
        has = 'chain', 'not in the answers',
        'blocks not fetched, or logs missing') AS reason,
    count() AS transactions, sum(rows) AS fills, toString(sum(traded)) AS collateral, any(concat('0x', lower(hex(tx)))) AS such_as
FROM
(
    SELECT tx, min(time) AS at, max(shares) AS largest, max(market) AS condition, count() AS rows, sum(volume) AS traded,
        arrayStringConcat(arraySort(groupUniqArray(origin)), ', ') AS has, if(has = 'chain', 'goldsky, data-api', 'chain') AS lack
    FROM
    (
        SELECT fill.transaction_hash AS tx, toUnixTimestamp(ifNull(fill.block_time, toDateTime(0, 'UTC'))) AS time,
            toDecimal128(fill.shares, 6) / 1000000 AS shares,
            token.condition_id AS market, if(fill.taker_order, toDecimal128(fill.collateral, 6) / 1000000, 0) AS volume, 'chain' AS origin
        FROM default.chain_fills AS fill FINAL LEFT ANY JOIN default.vw_tokens AS token ON token.token_id = fill.token_id
        UNION ALL
        SELECT toFixedString(unhex(substring(transaction_hash, 3)), 32), toUnixTimestamp(timestamp), size, condition_id,
            if(taker_order, cost, 0), toString(source)
        FROM default.clob_fills FINAL
    )
    GROUP BY tx HAVING has = 'chain' OR position(has, 'chain') = 0
)
WHERE (SELECT count() FROM default.chain_fills) > 0
GROUP BY month, has, lack, reason ORDER BY month, has, fills DESC
SETTINGS max_bytes_before_external_group_by = 1000000000;

-- @check fills by month and source needs=default.vw_fills
SELECT toStartOfMonth(timestamp) AS month, source, count() AS fills, countIf(taker_order) AS trades,
    toString(sumIf(cost, taker_order)) AS volume
FROM default.vw_fills GROUP BY month, source ORDER BY month, source;

-- @check samples
SELECT condition_id, outcome_index, side, toString(price) AS price, toString(size) AS size, taker_order, timestamp, source
    FROM default.clob_fills
ORDER BY cityHash64(fill_id) LIMIT 5;

-- @measure coverage unit=% min=95% Markets with fills of any period from Goldsky or the Data API, except those known to have none
SELECT multiIf(count() = 0, NULL, count() <= {absent}, 1,
    least(1, countIf(id IN (SELECT condition_id FROM default.clob_fills)) / (count() - {absent})))
    FROM default.fills_markets;

-- @measure beyond-gamma Conditions that the CLOB, Goldsky or the chain know and Gamma does not list
SELECT countIf(NOT in_gamma) FROM default.fills_markets;

-- @measure last-day min=1 Fills of `run fills` in the last 24 hours
SELECT count() FROM default.clob_fills WHERE timestamp > now() - INTERVAL 24 HOUR;

-- @measure empty-days max=0 Days of the last 30 without a fill of `run fills`
SELECT 30 - uniqExact(toDate(timestamp)) FROM default.clob_fills WHERE toDate(timestamp) BETWEEN today() - 30 AND today() - 1;

-- @measure large-missing max=0 Of the 100 markets with the largest volume, those without fills of `run fills`
SELECT if(count() = 0, NULL, countIf(id NOT IN (SELECT condition_id FROM default.clob_fills)))
FROM (SELECT id FROM default.fills_markets WHERE volume > 0 ORDER BY volume DESC LIMIT 100);

-- @measure not-living max=0 Markets that traded after 2026-04-28 and have fills only from Goldsky
SELECT uniqExact(condition_id) FROM default.clob_fills WHERE source = 'goldsky'
    AND condition_id IN (SELECT id FROM default.fills_markets WHERE NOT ended)
    AND condition_id NOT IN (SELECT condition_id FROM default.clob_fills WHERE source = 'data-api');

-- @measure uncounted max=0 Transactions of a market without a row that counts in volumes (a run corrects them at its end)
SELECT uniqExact(condition_id, transaction_hash) - uniqExactIf((condition_id, transaction_hash), taker_order) FROM default.clob_fills;

-- @measure twice max=0 Transactions of a market whose rows came from both sources
SELECT count() FROM
(
    SELECT condition_id, transaction_hash FROM default.clob_fills
    WHERE condition_id IN (SELECT condition_id FROM default.clob_fills WHERE source = 'data-api')
        AND condition_id IN (SELECT condition_id FROM default.clob_fills WHERE source = 'goldsky')
    GROUP BY condition_id, transaction_hash HAVING uniqExact(source) > 1
);

-- @measure malformed max=0 Rows whose condition, asset, maker or price is not well-formed
SELECT count() FROM default.clob_fills WHERE NOT match(condition_id, '^[0-9a-f]{64}$') OR NOT match(asset_id, '^[0-9]{1,78}$')
    OR NOT match(maker, '^0x[0-9a-f]{40}$') OR size <= 0 OR price < 0;

-- @measure unlabelled unit=% max=5% Rows whose outcome is not known
SELECT if(count() = 0, 0, countIf(outcome_index < 0) / count()) FROM default.clob_fills;

-- @measure failed unit=% max=2% Share of the ledgers' markets that failed
SELECT if({total} = 0, 0, {failed} / {total});

-- @measure pending max=0 Markets that were not fetched yet
SELECT {pending};

-- @measure running max=0 Active runs of the job
SELECT {running};

-- @measure duplicates Rows beyond one per fill (--redo replaces them at the end of a run)
SELECT count() - uniqExact(condition_id, fill_id) FROM default.clob_fills;

-- @measure feeless Fills from Goldsky whose fee could not be read
SELECT countIf(isNull(fee)) FROM default.clob_fills WHERE source = 'goldsky';

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.clob_fills;

-- @measure timeless Rows without a time: the received one is impossible, and no other row of the transaction has one
SELECT countIf(isNull(timestamp)) FROM default.clob_fills;

-- @measure prices-outside Fills whose price is not between 0 and 1, by the amounts on the chain
SELECT countIf(price > 1 OR price < 0) FROM default.clob_fills;
