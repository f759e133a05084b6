-- Fills from the Data API, which continues after Goldsky's subgraph stopped: the landing table, and the queries on the tables.
-- They are stored in clob_fills (see fills.sql), each with its source.

-- @job target=default.clob_fills id=condition_id key=fill_id

-- @setup after=fills
-- The rows as the Data API sends them; the route adds id, list, conditionId and outcomeIndex. This table stores nothing.
CREATE TABLE IF NOT EXISTS default.trades_landing
(
    element String COMMENT 'an element of the list that is not an object, unchanged',
    id String COMMENT 'transaction hash, _, 32 hex digits', list String COMMENT 'true: from the list of takers'' own orders',
    conditionId String, outcomeIndex String COMMENT 'empty if the token id is not computed',
    proxy_wallet String, side String, token_id String, condition_id String, size String, price String, timestamp String,
    outcome_index String COMMENT '999 if the API has no label', transaction_hash String,
    batch String, fetched_at DateTime64(3, 'UTC'),

    hash   String MATERIALIZED lower(transaction_hash),
    wallet String MATERIALIZED lower(proxy_wallet),
    traded Nullable(DateTime('UTC')) MATERIALIZED $past(timestamp),
    unread Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', map('timestamp', $unread(timestamp, traded))),
    reason String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        NOT match(hash, '^0x[0-9a-f]{64}$'), 'the transaction hash is not 0x and 64 hex digits',
        NOT match(wallet, '^0x[0-9a-f]{40}$'), 'the wallet is not an address',
        side NOT IN ('BUY', 'SELL'), 'the side is neither BUY nor SELL',
        NOT match(token_id, '^[0-9]{1,78}$'), 'the token id is not a number',
        NOT match(size, '^[0-9]{1,20}([.][0-9]{1,6})?$'), 'the size is not a number with at most 6 decimals',
        match(size, '^[0.]*$'), 'the size is zero, so there is no price',
        NOT match(price, '^[0-9]{1,18}([.][0-9]{1,18})?$'), 'the price is not a number, or has more than 18 decimals',
        toDecimal128OrZero(price, 18) > 1, 'the price is not between 0 and 1',
        '')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.trades_to_clob TO default.clob_fills AS
SELECT
    id AS fill_id,
    conditionId AS condition_id,
    token_id AS asset_id,
    toInt16(multiIf(outcomeIndex != '', toInt16OrZero(outcomeIndex),
        NOT match(landing.outcome_index, '^([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$'), -1,
        toInt16OrZero(landing.outcome_index))) AS outcome_index,
    wallet AS maker,
    '' AS taker,
    side,
    toDecimal128OrZero(landing.price, 18) AS price,
    toDecimal128OrZero(landing.size, 6) AS size,
    CAST(round(toDecimal256OrZero(landing.size, 6) * toDecimal256OrZero(landing.price, 18), 6) AS Decimal(38, 6)) AS cost,
    CAST(NULL AS Nullable(Decimal(38, 6))) AS fee,
    list = 'true' AS taker_order,
    traded AS timestamp,
    hash AS transaction_hash,
    '' AS order_hash,
    'data-api' AS source,
    unread,
    fetched_at,
    batch
FROM default.trades_landing AS landing
WHERE reason = '';

-- @rejected
-- Rejected rows, unchanged.
SELECT conditionId AS condition_id, id AS fill_id,
    if(element != '', element, toJSONString(map('proxy_wallet', proxy_wallet, 'side', side, 'token_id', token_id, 'condition_id',
        landing.condition_id, 'size', size,
        'price', price, 'timestamp', timestamp, 'outcome_index', outcome_index, 'transaction_hash', transaction_hash, 'list',
            list))) AS row;

-- @has-rows
-- Whether the table has rows that another ledger stored. (Every batch checks anyway: the list of all orders repeats the
-- takers' orders.)
SELECT count() FROM (SELECT 1 FROM default.clob_fills WHERE NOT startsWith(batch, {ledger}) LIMIT 1);

-- @query tokens
-- The known outcomes of a batch's conditions that have more than two, or whose token ids cannot be computed.
SELECT id, outcomes, listed FROM default.fills_tokens FINAL WHERE id IN ({ids});

-- @present
-- The rows of a page that are already stored, such as the takers' own orders in the list of all orders, and whether this batch
-- stored them. A transaction from the other source is stored completely, in that source's rows.
WITH [{keys}] AS keys
SELECT key, max(own) AS own FROM
(
    SELECT fill_id AS key, stored.batch = {batch} AS own FROM default.clob_fills AS stored
    WHERE condition_id IN ({ids}) AND fill_id IN (SELECT arrayJoin(keys)) AND ({redo} = 0 OR stored.batch = {batch})
    UNION ALL
    SELECT fill_id, 1 FROM default.trades_rejected WHERE condition_id IN ({ids}) AND fill_id IN (SELECT arrayJoin(keys)) AND batch = {batch}
    UNION ALL
    SELECT arrayJoin(keys) AS key, 0 WHERE substring(key, 1, 66) IN
        (SELECT transaction_hash FROM default.clob_fills WHERE condition_id IN ({ids}) AND source != 'data-api')
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
SELECT condition_id, 0, uniqExact(fill_id), any(reason), 0 FROM default.trades_rejected
WHERE condition_id IN ({ids}) AND batch = {batch} GROUP BY condition_id;

-- @unread default.clob_fills
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.clob_fills ARRAY JOIN mapKeys(unread) AS field, mapValues(unread) AS value
WHERE source = 'data-api' AND fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

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
-- The missing ids: markets that did not end before Goldsky stopped and have no fill from this source, or, with --since, all that
-- may have traded since.
SELECT id FROM default.fills_markets
WHERE ({source} = 'data-api' OR NOT ended)
  AND if({since} = '', id NOT IN (SELECT condition_id FROM default.clob_fills WHERE source = 'data-api'
      AND NOT startsWith(batch, 'trades-window')),
    coalesce(closed_at >= parseDateTimeBestEffort({since}), 1));

-- @take
-- The markets of a list that belong to this source, including those that are in no table.
SELECT arrayJoin([{list}]) AS id WHERE {source} IN ('', 'data-api') OR id NOT IN (SELECT id FROM default.fills_markets WHERE ended);

-- @check fills of the Data API
SELECT taker_order, count() AS fills, uniqExact(condition_id) AS markets, min(timestamp) AS first, max(timestamp) AS last
FROM default.clob_fills WHERE source = 'data-api' GROUP BY taker_order ORDER BY taker_order DESC;

-- @measure fills Fills from the Data API (for all checks of fills: verify fills)
SELECT count() FROM default.clob_fills WHERE source = 'data-api';
