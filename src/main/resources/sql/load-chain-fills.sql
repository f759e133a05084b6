-- Fills of the first exchanges from a published archive of OrderFilled events, for `backfill load chain-fills FILE…`.
-- The rows become logs again, so that they go the way of all logs: see chain-tables.sql. What was fetched from a source wins.

-- @setup after=chain-tables

-- What a column may be called, the first name that the file has; the statement stands for it where the file has none of them.
-- @column block block_number,blockNumber,block,block_num,blocknumber
-- @column log log_index,logIndex,log_idx,logindex
-- @column transaction transaction_hash,transactionHash,tx_hash,txHash,hash,tx
-- @column exchange contract,exchange,contract_address,address,contractAddress,exchange_address
-- @column order_hash order_hash,orderHash,orderhash
-- @column maker maker,maker_address,makerAddress
-- @column taker taker,taker_address,takerAddress
-- @column maker_asset maker_asset_id,makerAssetId,maker_asset,makerAsset
-- @column taker_asset taker_asset_id,takerAssetId,taker_asset,takerAsset
-- @column maker_amount maker_amount_filled,makerAmountFilled,maker_amount,makerAmount
-- @column taker_amount taker_amount_filled,takerAmountFilled,taker_amount,takerAmount
-- @column fee fee,fee_amount,feeAmount
-- @column time block_timestamp,timestamp,blockTimestamp,block_time,time
NULL;

-- @columns
DESCRIBE TABLE file({path}, 'Parquet');

-- @slices
-- How many rows there are in steps of blocks, and the first and last block of each.
SELECT intDiv(toUInt64({block}), 1000) AS step, min(toUInt64({block})) AS first, max(toUInt64({block})) AS last, count() AS rows,
    uniqExact(toUInt64({block}), toUInt32({log})) AS fills
FROM file({path}, 'Parquet') GROUP BY step ORDER BY step;

-- @held
-- How many fills of a slice are stored or rejected in total, how many of them from elsewhere, and how many from this file were rejected.
SELECT count() AS held, countIf(others) AS elsewhere, countIf(refused AND NOT others) AS rejected FROM
(
    SELECT key, max(of != {batch}) AS others, max(came.refused) AS refused FROM
    (
        SELECT (block_number, log_index) AS key, batch AS of, 0 AS refused FROM default.chain_fills
            WHERE block_number BETWEEN {first} AND {last}
        UNION ALL
        SELECT (block_number, log_index), batch, 1 FROM default.chain_rejected
            WHERE block_number BETWEEN {first} AND {last} AND batch = {batch}
    ) AS came
    WHERE key IN (SELECT (toUInt64({block}), toUInt32({log})) FROM file({path}, 'Parquet') WHERE toUInt64({block}) BETWEEN {first} AND {last})
    GROUP BY key
);

-- @load
INSERT INTO default.chain_logs
WITH (SELECT any(signature) FROM default.chain_layouts WHERE into_table = 'fills' AND kind = 'assets') AS signature,
    x -> toFixedString(concat(unhex(repeat('00', 12)), x), 32) AS padded,
    x -> reverse(reinterpretAsFixedString(toUInt256OrZero(x))) AS word
SELECT 'parquet', at_block, at_time, '', toFixedString($bytes(hash, 32), 32), at_log, toFixedString($bytes(contract, 20), 20),
    [signature, toFixedString($bytes(hash_of_order, 32), 32), padded($bytes(owner, 20)), padded($bytes(other, 20))],
    concat(word(gives), word(gets), word(given), word(got), word(charged)), {batch}, toDateTime64('2000-01-01 00:00:00', 3, 'UTC')
FROM
(
    SELECT toUInt64({block}) AS at_block, toUInt32({log}) AS at_log, toDateTime({time}, 'UTC') AS at_time, toString({transaction}) AS hash,
        toString({exchange}) AS contract, toString({order_hash}) AS hash_of_order, toString({maker}) AS owner, toString({taker}) AS other,
        toString({maker_asset}) AS gives, toString({taker_asset}) AS gets, toString({maker_amount}) AS given,
            toString({taker_amount}) AS got, toString({fee}) AS charged
    FROM file({path}, 'Parquet') WHERE at_block BETWEEN {first} AND {last} ORDER BY at_block, at_log LIMIT 1 BY at_block, at_log
)
WHERE (at_block, at_log) NOT IN (SELECT block_number, log_index FROM default.chain_fills WHERE block_number BETWEEN {first} AND {last})
SETTINGS max_block_size = 10000000, preferred_block_size_bytes = 0, max_insert_block_size = 10000000, min_insert_block_size_rows = 10000000,
    min_insert_block_size_bytes = 0, max_joined_block_size_rows = 10000000, max_insert_threads = 1;

-- @sum
-- What the fills of some blocks are, as one number.
SELECT count() AS fills, toString(sum(cityHash64(block_number, log_index, transaction_hash, order_hash, owner, counterparty, side, token_id,
    shares, collateral, fee))) AS sum
FROM default.chain_fills FINAL WHERE block_number BETWEEN {first} AND {last};
