-- The checks of `backfill verify enrichment`. "Before" are the condition ids that the trades had, "after" those that they have
-- now. The raw share is of all rows; the honest one is of the rows that can be filled: all except those without any id to
-- look up, or with only zeros. A row has a reason if it has no condition id (the measure `unexplained` checks that), and
-- reading reasons is faster.

-- @verify needs=default.vw_enriched_trades run `backfill enrich` first

-- @check coverage before and after
SELECT part.2 AS denominator, part.3 AS rows, before, after, round(100 * before / rows, 2) AS before_pct,
    round(100 * after / rows, 2) AS after_pct
FROM
(
    SELECT countIf(source = 'original') AS before, countIf(reason = '') AS after,
        arrayJoin([(1, 'of all rows', count()),
            (2, 'of rows that can be filled', countIf(reason NOT IN ('no market id', 'zero market id')))]) AS part
    FROM default.vw_enriched_trades
)
ORDER BY part.1;

-- @check chart=funnel from missing to filled
SELECT part.2 AS step, part.3 AS rows FROM
(
    SELECT arrayJoin([
        (1, 'without a condition id before', countIf(source != 'original')),
        (2, 'with an id to look up', countIf(source != 'original' AND reason NOT IN ('no market id', 'zero market id'))),
        (3, 'known to a source', countIf(source != 'original' AND reason NOT IN ('no market id', 'zero market id', 'unknown market',
            'unknown token'))),
        (4, 'filled', countIf(source NOT IN ('', 'original'))),
        (5, 'filled and proved', countIf(source NOT IN ('', 'original') AND rule = 'proved'))]) AS part
    FROM default.vw_enriched_trades
)
ORDER BY part.1;

-- @check chart=columns coverage by month
SELECT if(traded_at IS NULL, 'undated', formatDateTime(assumeNotNull(traded_at), '%Y-%m')) AS month, count() AS rows,
    countIf(reason != '') AS missing,
    round(100 * countIf(source = 'original') / rows, 2) AS before_pct, round(100 * countIf(reason = '') / rows, 2) AS after_pct,
    round(100 * countIf(reason = '') / greatest(1, countIf(reason NOT IN ('no market id', 'zero market id'))), 2) AS honest
FROM default.vw_enriched_trades GROUP BY month ORDER BY month;

-- @check chart=bars rows by source
SELECT if(source = '', 'none', source) AS source_of_the_id, count() AS rows, round(100 * rows / sum(rows) OVER (), 2) AS share_pct
FROM default.vw_enriched_trades GROUP BY source ORDER BY rows DESC;

-- @check chart=bars rows by rule
SELECT if(rule = '', 'none', rule) AS rule_that_decided, count() AS rows, round(100 * rows / sum(rows) OVER (), 2) AS share_pct
FROM default.vw_enriched_trades GROUP BY rule ORDER BY rows DESC;

-- @check chart=bars unfillable rows by reason
SELECT reason AS reason_why, sum(n) AS rows, count() AS markets, any(market_id) AS such_as
FROM (SELECT reason, market_id, count() AS n FROM default.vw_enriched_trades WHERE reason != '' GROUP BY reason, market_id)
GROUP BY reason ORDER BY rows DESC
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @check recent trades, counted from the newest
SELECT span.1 AS trades_of, countIf(traded_at > newest - span.2 * 86400) AS rows,
    countIf(traded_at > newest - span.2 * 86400 AND source = 'original') AS before,
    countIf(traded_at > newest - span.2 * 86400 AND reason = '') AS after, round(100 * before / greatest(1, rows), 2) AS before_pct,
        round(100 * after / greatest(1, rows), 2) AS after_pct
FROM (SELECT traded_at, source, reason, arrayJoin([('the last day', 1), ('the last 7 days', 7), ('the last 30 days', 30)]) AS span
    FROM default.vw_enriched_trades
    WHERE traded_at > (SELECT max(traded_at) FROM default.vw_enriched_trades) - 30 * 86400) AS recent,
        (SELECT max(traded_at) AS newest FROM default.vw_enriched_trades) AS latest
GROUP BY span ORDER BY span.2;

-- @check markets with the most rows still missing (at most 20)
SELECT if(market_id = '', '(none)', market_id) AS market, reason AS reason_why, sum(n) AS rows, count() AS tokens,
    min(earliest) AS first, max(latest) AS last
FROM
(
    SELECT market_id, reason, token_id, count() AS n, min(traded_at) AS earliest, max(traded_at) AS latest
    FROM default.vw_enriched_trades WHERE reason != '' GROUP BY market_id, reason, token_id
)
GROUP BY market, reason ORDER BY rows DESC, market LIMIT 20
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @check condition ids that were there and that the sources dispute, the most rows first (at most 20)
SELECT market_id AS market, condition_id_norm AS condition_id_in_the_trades, count() AS rows FROM default.vw_enriched_trades
WHERE rule = 'original-disputed' GROUP BY market, condition_id_norm ORDER BY rows DESC, market LIMIT 20
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill};

-- @check needs=default.condition_id_merged condition ids that were there and that the token of their row disputes, the most rows first (at most 20)
SELECT trades.token_id AS token, trades.condition_id_norm AS condition_id_in_the_trades,
    merged.condition_id AS condition_id_of_the_token, trades.n AS rows
FROM (SELECT token_id, condition_id_norm, count() AS n FROM default.vw_enriched_trades WHERE source = 'original' AND token_id != ''
    GROUP BY token_id, condition_id_norm) AS trades
INNER JOIN (SELECT key, condition_id FROM default.condition_id_merged WHERE key_kind = 'token-id') AS merged ON merged.key = trades.token_id
WHERE trades.condition_id_norm != merged.condition_id
ORDER BY rows DESC, token LIMIT 20
SETTINGS max_memory_usage = {max_memory}, max_bytes_before_external_group_by = {spill}, join_algorithm = 'full_sorting_merge',
    max_bytes_before_external_sort = {spill};

-- @check needs=default.condition_id_conflicts keys on which the sources disagree
SELECT key_kind, rule AS decided_by, count() AS keys, any(key) AS such_as FROM default.condition_id_conflicts GROUP BY key_kind, rule
    ORDER BY key_kind, rule;

-- @measure coverage unit=% Rows with a condition id, of all
SELECT countIf(reason = '') / greatest(1, count()) FROM default.vw_enriched_trades;

-- @measure honest-coverage unit=% Rows with a condition id, of those that can be filled
SELECT countIf(reason = '') / greatest(1, countIf(reason NOT IN ('no market id', 'zero market id'))) FROM default.vw_enriched_trades;

-- @measure recent-coverage unit=% Rows with a condition id, of the last 7 days before the newest trade
SELECT countIf(reason = '') / greatest(1, count()) FROM default.vw_enriched_trades
    WHERE traded_at > (SELECT max(traded_at) FROM default.vw_enriched_trades) - 7 * 86400;

-- @measure unexplained max=0 Rows without a condition id and without a reason, or with both
SELECT countIf((condition_id = '') != (reason != '')) FROM default.vw_enriched_trades;

-- @measure malformed max=0 Filled-in condition ids that are malformed
SELECT countIf(source NOT IN ('', 'original') AND NOT match(condition_id, '^[0-9a-f]{64}$')) FROM default.vw_enriched_trades;

-- @measure disputed Rows with an existing condition id that the sources dispute
SELECT countIf(rule = 'original-disputed') FROM default.vw_enriched_trades;

-- @measure not-yet Rows of the trades that were added since the enrichment
SELECT rows_in_trades - rows_enriched FROM default.vw_enriched_rows;
