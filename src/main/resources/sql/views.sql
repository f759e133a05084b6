-- The views over the jobs' tables, in the order in which they are created.

-- @view cascadian_clean.vw_resolutions_truth
-- One payout vector per condition: market_resolutions_final first, then chain, Data API, Goldsky.
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
        lower(replaceRegexpOne(condition_id, '^0[xX]', '')),
        payout_numerators,
        payout_denominator,
        winning_index,
        resolved_at,
        toString(source),
        -- the newest of a source's rows that are not merged yet
        (transform(toString(source), ['chain', 'data-api', 'goldsky-api'], [1, 2, 3], 4), -toUnixTimestamp64Milli(fetched_at)) AS rank
    FROM default.resolutions_external_ingest
    WHERE payout_denominator > 0 AND arraySum(payout_numerators) > 0
    UNION ALL
    SELECT
        condition_id,
        arrayMap(n -> intDiv(n, arrayFold((a, m) -> if(m = 0, a, gcd(a, greatest(m, 1))), payout_numerators, arrayMax(payout_numerators))),
            payout_numerators) AS own,
        arraySum(own),
        toInt16(if(countEqual(own, arrayMax(own)) = 1, indexOf(own, arrayMax(own)) - 1, -1)),
        resolved_at,
        'chain',
        (1, -toUnixTimestamp64Milli(fetched_at))
    FROM default.rpc_resolutions
    WHERE arraySum(payout_numerators) > 0
)
GROUP BY condition_id;

-- @view cascadian_clean.vw_resolution_conflicts
-- Payout vectors of one condition on which two sources disagree. The Data API and Goldsky have decimals, with a precision of one
-- part per million or better, so that thirds differ by up to that; the other sources' fractions are exact.
CREATE OR REPLACE VIEW cascadian_clean.vw_resolution_conflicts AS
WITH vectors AS
(
    SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS condition_id, toString(source) AS origin, payout_numerators AS numerators,
        payout_denominator AS denominator,
        if(source IN ('data-api', 'goldsky-api'), 1.5e-6, 1e-12) AS rounding
    FROM default.resolutions_external_ingest FINAL
    UNION ALL
    SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')), 'market_resolutions_final', CAST(payout_numerators AS Array(UInt256)),
        CAST(payout_denominator AS UInt256), 1e-12
    FROM default.market_resolutions_final{final_of_resolutions}
    WHERE payout_denominator > 0 AND arraySum(payout_numerators) > 0
    UNION ALL
    SELECT condition_id, 'chain', payout_numerators, arraySum(payout_numerators), 1e-12
    FROM default.rpc_resolutions FINAL
    WHERE arraySum(payout_numerators) > 0
)
SELECT DISTINCT
    a.condition_id AS condition_id,
    a.origin AS one,
    b.origin AS other,
    concat(toString(a.numerators), ' of ', toString(a.denominator)) AS one_says,
    concat(toString(b.numerators), ' of ', toString(b.denominator)) AS other_says
FROM vectors AS a
INNER JOIN vectors AS b ON a.condition_id = b.condition_id
WHERE a.origin < b.origin
    AND if(length(a.numerators) != length(b.numerators), 1, arrayExists(
        (x, y) -> abs(toFloat64(x) / toFloat64(a.denominator) - toFloat64(y) / toFloat64(b.denominator)) > greatest(a.rounding, b.rounding),
        a.numerators, arrayResize(b.numerators, length(a.numerators))));

-- @view cascadian_clean.vw_markets
-- Every market once, with its payouts and the winning outcome by them (none if they are equal or not known): Gamma names no
-- winner, and the prices of a closed market are not payouts.
CREATE OR REPLACE VIEW cascadian_clean.vw_markets AS
SELECT
    market.* EXCEPT (resolved, winning_outcome),
    market.resolved OR truth.payout_denominator > 0 AS resolved,
    if(truth.payout_denominator > 0 AND truth.winning_index >= 0, market.outcomes[truth.winning_index + 1],
        market.winning_outcome) AS winning_outcome,
    truth.payout_numerators AS payout_numerators,
    truth.payout_denominator AS payout_denominator,
    truth.source AS payout_source
FROM default.api_markets_staging AS market FINAL
LEFT JOIN cascadian_clean.vw_resolutions_truth AS truth ON truth.condition_id = lower(replaceRegexpOne(market.condition_id, '^0[xX]', ''));

-- @view cascadian_clean.vw_trades_input reads=views.trades
-- Your own trades: the setting views.trades names the table, and views.wallet-columns and similar settings its columns. Ids may
-- have any form, numbers any type; an outcome may be an index or a name. Shares are negative if the wallet sold, by the side
-- column if the table has one.
CREATE OR REPLACE VIEW cascadian_clean.vw_trades_input AS
SELECT
    wallet,
    condition,
    multiIf(match(outcome, '^-?[0-9]{1,4}$'), toInt32OrZero(outcome),
        indexOf({outcome_names}, lower(outcome)) > 0, toInt32(indexOf({outcome_names}, lower(outcome)) - 1),
        lower(outcome) = 'yes', 0, lower(outcome) = 'no', 1, -1) AS outcome_index,
    if(upper(side) IN ('SELL', 'S', 'SOLD', 'ASK'), -1, 1) * toDecimal256OrZero(shares, 18) AS shares,
    toDecimal256OrNull(price, 18) AS price,
    time,
    transaction
FROM
(
    SELECT {wallet} AS wallet, {condition} AS condition, {outcome} AS outcome, {shares} AS shares, {price} AS price, {side} AS side,
        {time} AS time, {transaction} AS transaction
    FROM {trades}
) AS trades
{join_outcome_names};

-- @join-outcome-names
-- If outcomes are names: the names of the market's outcomes.
LEFT ANY JOIN
(
    SELECT lower(replaceRegexpOne(condition_id, '^0[xX]', '')) AS id, arrayMap(o -> lower(o), outcomes) AS names
        FROM default.api_markets_staging
) AS market ON market.id = trades.condition;

-- @without cascadian_clean.vw_trades_input
-- No trades, so that the views below show only data from the APIs.
CREATE OR REPLACE VIEW cascadian_clean.vw_trades_input AS
SELECT '' AS wallet, '' AS condition, toInt32(0) AS outcome_index, toDecimal256(0, 18) AS shares, toDecimal256OrNull('', 18) AS price,
    now() AS time,
    '' AS transaction
WHERE 0;

-- @view default.vw_trades_unified
-- Trades from the chain and positions from the Data API, of any wallet, with ids in one form (wallets with 0x, conditions
-- without, lower case). A position is the sum of trades: adding up both sources counts them twice.
CREATE OR REPLACE VIEW default.vw_trades_unified AS
SELECT wallet, condition AS market_cid, outcome_index AS outcome, shares, price, 'blockchain' AS source
FROM cascadian_clean.vw_trades_input
UNION ALL
SELECT concat('0x', lower(replaceRegexpOne(wallet_address, '^0[xX]', ''))), lower(replaceRegexpOne(condition_id, '^0[xX]', '')),
    toInt32(outcome), toDecimal256(size, 18), toDecimal256(entry_price, 18), 'clob_api'
FROM default.api_positions_staging FINAL;

-- @view cascadian_clean.vw_wallet_pnl_settled
-- The profit of each wallet in each resolved condition. From its positions by the chain (wallet_positions) if it has any there;
-- else from its trades: cost is the amount paid minus the proceeds of sales; else from its positions by the Data API. For
-- positions, cost is the amount paid for the shares that are held, and realized_usd the earlier profit. Only one of the three is
-- used, so that sums count nothing twice. Outcomes that are not in the payout vector, and shares of pools, are left out.
CREATE OR REPLACE VIEW cascadian_clean.vw_wallet_pnl_settled AS
SELECT
    wallet AS wallet_address,
    condition AS condition_id,
    multiIf(countIf(origin = 'chain') > 0, 'chain', countIf(origin = 'blockchain') > 0, 'blockchain', 'clob_api') AS source,
    multiIf(source = 'chain', sumIf(cost, origin = 'chain'), source = 'blockchain', sumIf(cost, origin = 'blockchain'),
        sum(cost)) AS cost_usd,
    divideDecimal(multiIf(source = 'chain', sumIf(weighed, origin = 'chain'), source = 'blockchain', sumIf(weighed, origin = 'blockchain'),
        sum(weighed)),
        any(denominator), 18) AS payout_usd,
    multiIf(source = 'chain', sumIf(realized, origin = 'chain'), source = 'blockchain', sumIf(realized, origin = 'blockchain'),
        sum(realized)) AS realized_usd,
    payout_usd - cost_usd + realized_usd AS settled_pnl_usd,
    any(payouts_by) AS resolution_source
FROM
(
    SELECT held.*, truth.source AS payouts_by, held.number * toDecimal256(truth.payout_numerators[held.outcome + 1], 0) AS weighed,
        toDecimal256(truth.payout_denominator, 0) AS denominator
    FROM
    (
        SELECT wallet, condition_id AS condition, toInt32(outcome_index) AS outcome, 'chain' AS origin, toDecimal256(amount, 18) AS number,
            toDecimal256(cost, 18) AS cost, toDecimal256(realized_pnl, 18) AS realized
        FROM default.wallet_positions
        UNION ALL
        SELECT wallet, market_cid AS condition, outcome, 'blockchain', sum(shares) AS number,
            toDecimal256(sum(shares * ifNull(price, toDecimal256(0, 18))), 18) AS cost, toDecimal256(0, 18) AS realized
        FROM default.vw_trades_unified WHERE source = 'blockchain'
        GROUP BY wallet, condition, outcome
        UNION ALL
        SELECT concat('0x', lower(replaceRegexpOne(wallet_address, '^0[xX]', ''))), lower(replaceRegexpOne(condition_id, '^0[xX]', '')),
            toInt32(outcome), 'clob_api', sum(toDecimal256(size, 18)),
            toDecimal256(sum(toDecimal256(size, 18) * toDecimal256(ifNull(entry_price, toDecimal256(0, 30)), 18)), 18),
            toDecimal256(sum(ifNull(realized_pnl, toDecimal256(0, 38))), 18)
        FROM default.api_positions_staging FINAL
        GROUP BY 1, 2, 3
    ) AS held
    INNER JOIN cascadian_clean.vw_resolutions_truth AS truth ON truth.condition_id = held.condition
    WHERE held.outcome >= 0 AND held.outcome < length(truth.payout_numerators)
)
GROUP BY wallet, condition;

-- @view default.vw_leaderboard
-- The wallets by their profit. It is before fees, which are in a column of their own. Volume is what the wallet took, so that the
-- sum over all wallets is the market's. Win rate: the part of its resolved conditions in which it has a profit. Omega ratio at
-- threshold 0: what it won in the resolved conditions with a profit, divided by what it lost in those with a loss; NULL if there is
-- no loss.
CREATE OR REPLACE VIEW default.vw_leaderboard AS
SELECT wallet, sum(pnl.realized_pnl) AS realized_pnl, sum(pnl.unrealized_pnl) AS unrealized_pnl, realized_pnl + unrealized_pnl AS total_pnl,
    sum(pnl.taker_volume) AS volume, sum(pnl.volume) AS volume_with_makers, sum(pnl.fees) AS fees, sum(pnl.trades) AS trades,
    count() AS conditions, countIf(pnl.resolved) AS resolved_conditions,
        countIf(pnl.resolved AND pnl.realized_pnl + pnl.unrealized_pnl > 0) AS won,
    if(resolved_conditions = 0, NULL, won / resolved_conditions) AS win_rate,
    sumIf(pnl.realized_pnl + pnl.unrealized_pnl, pnl.resolved AND pnl.realized_pnl + pnl.unrealized_pnl > 0) AS gains,
    -sumIf(pnl.realized_pnl + pnl.unrealized_pnl, pnl.resolved AND pnl.realized_pnl + pnl.unrealized_pnl < 0) AS losses,
    if(losses = 0, NULL, toFloat64(gains) / toFloat64(losses)) AS omega_ratio
FROM default.wallet_pnl AS pnl
GROUP BY wallet
ORDER BY total_pnl DESC;

-- @view default.vw_balances needs=default.chain_transfers
-- What each wallet holds of each token by the transfers that were fetched, in base units: where blocks are lacking it is what
-- came less what went in the others. Contracts such as pools hold tokens too.
CREATE OR REPLACE VIEW default.vw_balances AS
SELECT concat('0x', lower(hex(owner))) AS wallet, toString(token) AS token_id, sum(change) AS amount
FROM
(
    SELECT side.1 AS owner, token_id AS token, side.2 AS change FROM default.chain_transfers FINAL
    ARRAY JOIN [(sender, -toInt256(amount)), (receiver, toInt256(amount))] AS side
)
WHERE owner != toFixedString('', 20)
GROUP BY owner, token
HAVING amount != 0;

-- @view default.vw_fills needs=default.chain_fills,default.clob_fills
-- Every fill once, from the best source: a transaction's fills come from the chain where its block was fetched, else from
-- Goldsky, else from the Data API. A match is a row for each order; volume is the sum over the rows with taker_order. The
-- condition of a fill from the chain is empty if no source knows its token.
CREATE OR REPLACE VIEW default.vw_fills AS
SELECT
    'chain' AS source, concat(toString(fill.block_number), '-', toString(fill.log_index)) AS fill_id, toString(fill.version) AS version,
    fill.block_number AS block_number, fill.log_index AS log_index, fill.block_time AS timestamp,
    concat('0x', lower(hex(fill.transaction_hash))) AS transaction_hash, concat('0x', lower(hex(fill.order_hash))) AS order_hash,
    concat('0x', lower(hex(fill.owner))) AS owner, concat('0x', lower(hex(fill.counterparty))) AS counterparty, toString(fill.role) AS role,
    toString(fill.side) AS side, token.condition_id AS condition_id, toString(fill.token_id) AS asset_id,
    if(token.condition_id = '', -1, token.outcome_index) AS outcome_index, fill.price AS price,
    CAST(toDecimal128(fill.shares, 0) * toDecimal128('0.000001', 6) AS Decimal(38, 6)) AS size,
    CAST(toDecimal128(fill.collateral, 0) * toDecimal128('0.000001', 6) AS Decimal(38, 6)) AS cost,
    CAST(toDecimal128(fill.fee, 0) * toDecimal128('0.000001', 6) AS Nullable(Decimal(38, 6))) AS fee,
    concat('0x', lower(hex(fill.builder))) AS builder, fill.taker_order AS taker_order
FROM default.chain_fills AS fill FINAL
LEFT ANY JOIN default.vw_tokens AS token ON token.token_id = fill.token_id
UNION ALL
SELECT
    toString(stored.source), stored.fill_id, '', toUInt64(0), toUInt32(0), toNullable(stored.timestamp), stored.transaction_hash,
        stored.order_hash,
    stored.maker, stored.taker, if(stored.taker_order AND NOT stored.alone, 'taker', 'maker'), toString(stored.side), stored.condition_id,
        stored.asset_id,
    stored.outcome_index, toNullable(stored.price), stored.size, stored.cost, stored.fee, '', stored.taker_order
FROM default.clob_fills AS stored FINAL
WHERE toFixedString(unhex(substring(stored.transaction_hash, 3)), 32) NOT IN
        (SELECT transaction_hash FROM default.chain_fills WHERE transaction_hash IN (SELECT toFixedString(unhex(substring(transaction_hash,
            3)), 32) FROM default.clob_fills))
    AND (stored.source != 'data-api' OR (stored.condition_id, stored.transaction_hash) NOT IN
        (SELECT condition_id, transaction_hash FROM default.clob_fills WHERE source = 'goldsky'
            AND condition_id IN (SELECT condition_id FROM default.clob_fills WHERE source = 'data-api')));
