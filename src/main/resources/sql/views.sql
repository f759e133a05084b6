-- The views over what the jobs store, in the order in which they are made.

-- @view cascadian_clean.vw_resolutions_truth
-- One payout vector a condition: market_resolutions_final first, then chain, Data API, Goldsky.
CREATE OR REPLACE VIEW cascadian_clean.vw_resolutions_truth AS
SELECT
    condition_id,
    argMin(numerators, rank) AS payout_numerators,
    argMin(denominator, rank) AS payout_denominator,
    argMin(winner, rank) AS winning_index,
    argMin(tuple(resolved), rank).1 AS resolved_at,
    argMin(origin, rank) AS source
FROM
(
    SELECT
        lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS condition_id,
        CAST(payout_numerators AS Array(UInt256)) AS numerators,
        CAST(payout_denominator AS UInt256) AS denominator,
        CAST(winning_index AS Int16) AS winner,
        CAST(resolved_at AS Nullable(DateTime64(3, 'UTC'))) AS resolved,
        'market_resolutions_final' AS origin,
        (0, toInt64(0)) AS rank
    FROM default.market_resolutions_final
    WHERE payout_denominator > 0 AND arraySum(payout_numerators) > 0
    UNION ALL
    SELECT
        condition_id,
        payout_numerators,
        payout_denominator,
        winning_index,
        resolved_at,
        toString(source),
        -- of one source's rows that are not merged yet, the newest
        (transform(toString(source), ['chain', 'data-api', 'goldsky-api'], [1, 2, 3], 4), -toUnixTimestamp64Milli(fetched_at)) AS rank
    FROM default.resolutions_external_ingest
    WHERE payout_denominator > 0 AND arraySum(payout_numerators) > 0
)
GROUP BY condition_id;
