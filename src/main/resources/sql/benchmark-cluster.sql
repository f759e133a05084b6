-- What `backfill benchmark cluster` stores, in a database of its own. A section begins with "-- @name".

-- @drop
DROP DATABASE IF EXISTS backfill_benchmark SYNC;

-- @setup
CREATE DATABASE backfill_benchmark;

CREATE TABLE backfill_benchmark.rows (id UInt64, batch UInt64, text String CODEC(ZSTD(1)))
ENGINE = ReplacingMergeTree
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000;

-- Where the cluster has several shards, each has a part of this one.
CREATE TABLE backfill_benchmark.spread (id UInt64, batch UInt64, text String CODEC(ZSTD(1)))
ENGINE = ReplacingMergeTree /* sharded */
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000;

-- As a job's rows, these go through a landing table and a view.
CREATE TABLE backfill_benchmark.landing (id UInt64, batch UInt64, text String) ENGINE = Null;

CREATE MATERIALIZED VIEW backfill_benchmark.landing_to_rows TO backfill_benchmark.rows AS
SELECT id, batch, text FROM backfill_benchmark.landing;

CREATE MATERIALIZED VIEW backfill_benchmark.landing_to_spread TO backfill_benchmark.spread AS
SELECT id, batch, text FROM backfill_benchmark.landing;

CREATE VIEW backfill_benchmark.replicas AS
SELECT hostName() AS replica, id FROM clusterAllReplicas({cluster}, backfill_benchmark.rows);

-- @parts
CREATE VIEW backfill_benchmark.parts AS
SELECT hostName() AS replica, id FROM clusterAllReplicas({cluster}, {spread});

-- @batch
-- The rows of a batch in the one table and in the other.
SELECT least((SELECT count() FROM backfill_benchmark.rows WHERE batch = {batch}),
    (SELECT count() FROM backfill_benchmark.spread WHERE batch = {batch}));

-- @shards
SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster};

-- @exchange
CREATE TABLE backfill_benchmark.rows_next AS backfill_benchmark.rows;

INSERT INTO backfill_benchmark.rows_next SELECT * FROM backfill_benchmark.rows;

EXCHANGE TABLES backfill_benchmark.rows AND backfill_benchmark.rows_next;

DROP TABLE backfill_benchmark.rows_next SYNC;
