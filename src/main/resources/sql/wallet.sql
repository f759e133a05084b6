-- Everything about one wallet. {id} is its address.

-- @id wallet ledger=wallets

-- @check positions by source and status
SELECT source, status, count() AS positions, uniqExact(condition_id) AS conditions, toDecimal256(sum(size), 6) AS shares,
    toDecimal256(sum(current_value), 2) AS value, toDecimal256(sum(entry_cost), 2) AS cost,
        toDecimal256(sum(realized_pnl), 2) AS realized_pnl,
    toDecimal256(sum(unrealized_pnl), 2) AS unrealized_pnl, max(timestamp) AS last_asked
FROM default.api_positions_staging FINAL WHERE wallet_address = {id} GROUP BY source, status ORDER BY source, status;

-- @check its trades and positions in vw_trades_unified
SELECT source, count() AS rows, uniqExact(market_cid) AS conditions, toDecimal256(sum(unified.shares), 6) AS shares,
    toDecimal256(sum(unified.shares * unified.price), 2) AS cost
FROM default.vw_trades_unified AS unified WHERE wallet = {id} GROUP BY source ORDER BY source;

-- @check conditions in one source or both
SELECT multiIf(chain AND api, 'both', chain, 'blockchain only', 'clob_api only') AS seen_in, count() AS conditions FROM
(
    SELECT market_cid, countIf(source = 'blockchain') > 0 AS chain, countIf(source = 'clob_api') > 0 AS api
    FROM default.vw_trades_unified WHERE wallet = {id} GROUP BY market_cid
)
GROUP BY seen_in ORDER BY seen_in;

-- @check settled P&L needs=cascadian_clean.vw_wallet_pnl_settled
SELECT source, count() AS conditions, toDecimal256(sum(cost_usd), 2) AS cost, toDecimal256(sum(payout_usd), 2) AS payout,
    toDecimal256(sum(realized_usd), 2) AS realized, toDecimal256(sum(settled_pnl_usd), 2) AS settled_pnl
FROM cascadian_clean.vw_wallet_pnl_settled WHERE wallet_address = {id} GROUP BY source ORDER BY source;

-- @check settled P&L by condition, the largest (at most 10) needs=cascadian_clean.vw_wallet_pnl_settled
SELECT condition_id, source, toDecimal256(cost_usd, 2) AS cost, toDecimal256(payout_usd, 2) AS payout,
    toDecimal256(realized_usd, 2) AS realized, toDecimal256(settled_pnl_usd, 2) AS settled_pnl, resolution_source
FROM cascadian_clean.vw_wallet_pnl_settled WHERE wallet_address = {id} ORDER BY abs(settled_pnl_usd) DESC, condition_id LIMIT 10;

-- @check fills from the chain by version and side needs=default.chain_fills
SELECT version, side, count() AS fills, uniqExact(token_id) AS tokens,
    toDecimal256(sum(toUInt256(fill.shares)), 6) / 1000000 AS shares, toDecimal256(sum(toUInt256(fill.collateral)), 6) / 1000000 AS cost
FROM default.chain_fills AS fill FINAL WHERE owner = toFixedString(unhex(substring({id}, 3)), 20)
GROUP BY version, side ORDER BY version, side;

-- @check positions from the chain (of wallet_positions, which positions computes) needs=default.wallet_positions
SELECT if(resolved, 'resolved', 'open') AS status, count() AS positions, uniqExact(condition_id) AS conditions, sum(amount) AS shares,
    toDecimal256(sum(held.cost), 2) AS cost, toDecimal256(sum(held.realized_pnl), 2) AS realized_pnl,
    toDecimal256(sum(held.unrealized_pnl), 2) AS unrealized_pnl
FROM default.wallet_positions AS held WHERE wallet = {id} GROUP BY status ORDER BY status;

-- @check fills from Goldsky and the Data API by source and side needs=default.clob_fills
SELECT source, side, count() AS fills, uniqExact(condition_id) AS conditions, toDecimal256(sum(size), 6) AS shares
FROM default.clob_fills FINAL WHERE maker = {id} GROUP BY source, side ORDER BY source, side;

-- @check positions with the highest value (at most 10)
SELECT title, outcome_name, toDecimal256(size, 6) AS size, toDecimal256(entry_price, 6) AS entry_price,
    toDecimal256(current_price, 6) AS price, toDecimal256(current_value, 2) AS value, status
FROM default.api_positions_staging FINAL WHERE wallet_address = {id} ORDER BY current_value DESC, asset_id LIMIT 10;

-- @check rejected rows
SELECT reason, count() AS rows FROM default.wallets_rejected FINAL WHERE wallet_address = {id} GROUP BY reason ORDER BY reason;
