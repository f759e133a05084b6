-- Resolutions from the Data API: the landing table, the stored tables, and the queries on them.
-- A section starts with "-- @name"; the program replaces placeholders in braces (see SqlFile).
-- The target table is default.resolutions_external_ingest, in tables.sql.

-- @job target=default.resolutions_external_ingest id=condition_id key=condition_id source=data-api

-- @setup after=tables,conditions
-- The rows as the Data API sends them, and the values derived from them. This table stores nothing: the two views below write
-- the rows to the tables.
CREATE TABLE IF NOT EXISTS default.resolutions_landing
(
    element          String COMMENT 'an element of the list that has no id, unchanged',
    condition_id     String COMMENT '0x and 64 hex digits',
    status           String,
    payouts          String COMMENT 'a JSON array of whole parts per million, such as [1000000,0]',
    resolved_at      String COMMENT 'RFC 3339',
    resolved_block   String,
    was_disputed     String,
    resolution_source String,
    last_update_timestamp String,
    batch            String,
    fetched_at       DateTime64(3, 'UTC'),

    id       String MATERIALIZED replaceRegexpOne(lower(condition_id), '^0x', ''),
    texts    Array(String) MATERIALIZED JSONExtractArrayRaw(payouts),
    whole    UInt8 MATERIALIZED notEmpty(texts) AND arrayAll(t -> match(t, '^[0-9]{1,9}$'), texts),
    parts    Array(UInt64) MATERIALIZED if(whole, arrayMap(t -> toUInt64OrZero(t), texts), []),
    -- each part is rounded separately, so that the sum may be off by half a part for each
    reason   String MATERIALIZED multiIf(
        element != '', 'an element of the list is not an object, or has no id',
        NOT whole, 'the payouts are not a list of parts per million',
        arraySum(parts) = 0, 'all payouts are zero',
        abs(toInt64(arraySum(parts)) - 1000000) > length(parts), 'the payouts do not add up to a million',
        ''),
    resolved Nullable(DateTime64(6, 'UTC')) MATERIALIZED $past(resolved_at),
    unread   Map(String, String) MATERIALIZED mapFilter((name, text) -> text != '', map('resolved_at', $unread(resolved_at, resolved))),
    sound    Array(UInt64) MATERIALIZED if(reason = '', parts, []),
    divisor  UInt64 MATERIALIZED arrayFold((a, n) -> if(n = 0, a, gcd(a, greatest(n, 1))), sound, arrayMax(sound)),
    numerators Array(UInt256) MATERIALIZED arrayMap(n -> toUInt256(intDiv(n, greatest(divisor, 1))), sound)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS default.resolutions_to_ingest TO default.resolutions_external_ingest AS
SELECT
    id AS condition_id,
    numerators AS payout_numerators,
    arraySum(numerators) AS payout_denominator,
    toInt16(if(countEqual(numerators, arrayMax(numerators)) = 1, indexOf(numerators, arrayMax(numerators)) - 1, -1)) AS winning_index,
    CAST(resolved AS Nullable(DateTime64(3, 'UTC'))) AS resolved_at,
    'data-api' AS source,
    unread,
    fetched_at,
    batch
FROM default.resolutions_landing
WHERE reason = '';

-- @rejected
-- Rejected rows, unchanged.
SELECT id AS condition_id,
    if(element != '', element, concat('{"condition_id":', toJSONString(landing.condition_id), ',"status":', toJSONString(status),
        ',"payouts":', payouts,
        ',"resolved_at":', toJSONString(resolved_at), ',"resolved_block":', toJSONString(resolved_block), '}')) AS row;

-- @unread default.resolutions_external_ingest
-- The fields of the rows since {since} that could not be parsed.
SELECT field, count() AS rows, any(value) AS such_as FROM default.resolutions_external_ingest ARRAY JOIN mapKeys(unread) AS field,
    mapValues(unread) AS value
WHERE source = 'data-api' AND fetched_at >= fromUnixTimestamp64Milli({since}, 'UTC') GROUP BY field ORDER BY field;

-- @ids needs=default.vw_conditions filled=markets
-- The missing ids: conditions that no source reports as open and that have no payout vector in any table.
SELECT condition_id AS id FROM default.vw_conditions
WHERE ifNull(closed, 1)
  AND id NOT IN (SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) FROM default.resolutions_external_ingest)
  AND id NOT IN (SELECT condition_id FROM default.rpc_resolutions)
  AND id NOT IN (SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) FROM default.market_resolutions_final
      WHERE payout_denominator > 0);

-- @check rows, distinct conditions and times of resolution
SELECT count() AS rows, uniqExact(condition_id) AS conditions, rows - conditions AS twice, countIf(isNull(resolved_at)) AS without_time,
    min(resolved_at) AS first_resolved, max(resolved_at) AS last_resolved, max(fetched_at) AS last_fetched
FROM default.resolutions_external_ingest WHERE source = 'data-api';

-- @check rejected rows by reason
SELECT reason, uniqExact(condition_id) AS conditions FROM default.resolutions_rejected GROUP BY reason ORDER BY conditions DESC;

-- @check samples
SELECT condition_id, toString(payout_numerators) AS numerators, toString(payout_denominator) AS denominator, winning_index, resolved_at
FROM default.resolutions_external_ingest WHERE source = 'data-api' ORDER BY cityHash64(condition_id) LIMIT 5;

-- @check coverage of the resolved truth by source
SELECT source, count() AS conditions FROM cascadian_clean.vw_resolutions_truth GROUP BY source ORDER BY conditions DESC;

-- @measure found Conditions with a payout vector from the Data API
SELECT uniqExact(condition_id) FROM default.resolutions_external_ingest WHERE source = 'data-api';

-- @measure failed unit=% Share of the ledger's ids that failed
SELECT if({total} = 0, 0, {failed} / {total});

-- @measure pending Ids that were not fetched yet
SELECT {pending};

-- @measure wrong-sums max=0 Rows whose denominator is not the sum of their numerators
SELECT count() FROM default.resolutions_external_ingest WHERE source = 'data-api'
    AND (payout_denominator != arraySum(payout_numerators) OR payout_denominator = 0);

-- @measure timeless max=0 Rows without the time of their resolution
SELECT count() FROM default.resolutions_external_ingest WHERE source = 'data-api' AND isNull(resolved_at);

-- @measure duplicates Rows beyond one per condition (--redo replaces them at the end of a run)
SELECT count() - uniqExact(condition_id) FROM default.resolutions_external_ingest WHERE source = 'data-api';

-- @measure unread Rows with a field that could not be parsed, or has an impossible value
SELECT countIf(notEmpty(unread)) FROM default.resolutions_external_ingest WHERE source = 'data-api';
