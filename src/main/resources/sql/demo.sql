-- What the demo makes up itself: a table of trades such as people bring along from a chain, taken from the stand-in's fills.

-- @setup
CREATE TABLE IF NOT EXISTS default.vw_trades_canonical
(
    wallet_address_norm String, condition_id_norm String, outcome_index Int16, trade_direction String,
    shares Decimal(38, 18), entry_price Decimal(38, 18), timestamp DateTime, transaction_hash String
)
ENGINE = MergeTree ORDER BY (wallet_address_norm, condition_id_norm);

INSERT INTO default.vw_trades_canonical
SELECT maker, concat('0x', upper(condition_id)), outcome_index, side, size, price, timestamp, transaction_hash
FROM default.clob_fills WHERE source = 'goldsky' AND outcome_index >= 0 AND cityHash64(maker) % 4 = 0
    AND (SELECT count() FROM default.vw_trades_canonical) = 0;

-- @wallet
-- The wallet with the most trades among those that the Data API has positions of.
SELECT wallet_address_norm FROM default.vw_trades_canonical
WHERE wallet_address_norm IN (SELECT wallet_address FROM default.api_positions_staging)
GROUP BY wallet_address_norm ORDER BY count() DESC, wallet_address_norm LIMIT 1;
