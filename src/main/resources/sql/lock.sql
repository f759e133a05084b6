-- Which runs store rows of which job in this ClickHouse now (see JobLock). A section begins with "-- @name".

-- @setup
-- One row when a run starts, one every few seconds while it is active, and one with held = 0 when it ends.
CREATE TABLE IF NOT EXISTS default.backfill_lock
(
    job    LowCardinality(String),
    holder String COMMENT 'one value for each run and job',
    folder String COMMENT 'the runtime folder: runs of one folder exclude each other there',
    host   String,
    pid    UInt64,
    first  UInt32 COMMENT 'the share of the ids, as set by --worker and --of',
    last   UInt32,
    since  DateTime64(3, 'UTC'),
    at     DateTime64(3, 'UTC') COMMENT 'by the clock of ClickHouse',
    held   Bool
)
ENGINE = MergeTree
ORDER BY (job, holder, at)
TTL toDateTime(at) + INTERVAL 1 DAY;

-- @gate
-- Only one process at a time can create this table: the process that has it reads the holders of a job, and enters itself.
CREATE TABLE default.backfill_lock_gate (id UInt8) ENGINE = Memory COMMENT {token};

-- @gate-token
SELECT comment AS token FROM system.tables WHERE database = 'default' AND name = {name};

-- @holders
-- The runs in other folders that hold an overlapping share of the job and have sent a recent heartbeat.
SELECT of AS folder, process AS pid, toString(begun) AS since, dateDiff('millisecond', newest, now64(3)) AS silent_millis FROM
(
    SELECT holder, argMax(held, at) AS holds, max(at) AS newest, any(folder) AS of, any(pid) AS process, any(since) AS begun
    FROM default.backfill_lock
    WHERE job IN ({job}) AND first < {last} AND last > {first} AND folder != {folder}
    GROUP BY holder
)
WHERE holds AND silent_millis < {stale} ORDER BY newest DESC LIMIT 1;

-- @sign
INSERT INTO default.backfill_lock SELECT {job}, {holder}, {folder}, {host}, {pid}, {first}, {last},
    fromUnixTimestamp64Milli({since}, 'UTC'), now64(3), {held};
