-- What a ledger in PostgreSQL needs beside ledger.sql, and the statements of that file that are written otherwise here (the same
-- name). Each job has a schema, which is the connection's search path. The schema backfill is shared by all jobs: the members, and
-- the pace of the sources. All times that decide something are PostgreSQL's. A member's connection sets backfill.member to its number.

-- @cluster
-- a member lives if its lease has not ended and its session still has its lock, which PostgreSQL releases with the session
CREATE SCHEMA IF NOT EXISTS backfill;
CREATE SEQUENCE IF NOT EXISTS backfill.member AS integer;
CREATE TABLE IF NOT EXISTS backfill.members(
  member integer PRIMARY KEY,
  host text NOT NULL,
  pid bigint NOT NULL,
  jobs text NOT NULL,
  egress text NOT NULL,
  joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL
);
-- next_at: when the next request may be sent. server_started: by which server it was written
CREATE TABLE IF NOT EXISTS backfill.pace(
  source text NOT NULL,
  egress text NOT NULL,
  next_at timestamptz NOT NULL,
  step_millis double precision NOT NULL,
  requests bigint NOT NULL DEFAULT 0,
  server_started timestamptz NOT NULL,
  PRIMARY KEY(source, egress)
) WITH (fillfactor = 10);
CREATE OR REPLACE VIEW backfill.alive AS SELECT member FROM backfill.members
WHERE lease_until > clock_timestamp() AND EXISTS (
  SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = 4712 AND objid = member::oid AND objsubid = 2 AND granted);

-- @can-write
SELECT NOT current_setting('transaction_read_only')::boolean;

-- @cluster-there
SELECT to_regclass('backfill.alive') IS NOT NULL;

-- @cluster-lock
SELECT pg_advisory_xact_lock(4711, 0);

-- @member-number
SELECT nextval('backfill.member');

-- @member-lock
SELECT pg_advisory_lock(4712, ?);

-- @member-of-process
-- a member of the same process that ended without leaving
SELECT 1 FROM backfill.members WHERE host = ? AND pid = ? AND member NOT IN (SELECT member FROM backfill.alive) LIMIT 1;

-- @member-join
INSERT INTO backfill.members(member, host, pid, jobs, egress, lease_until)
VALUES(?, ?, ?, ?, ?, clock_timestamp() + ? * interval '1 ms');

-- @member-renew
UPDATE backfill.members SET lease_until = clock_timestamp() + ? * interval '1 ms' WHERE member = ?
RETURNING CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint);

-- @member-works-on
UPDATE backfill.members SET jobs = jobs || ? WHERE member = ?;

-- What one member at a time works on, such as a job whose pages depend on each other, is an advisory lock of its session.

-- @hold
SELECT pg_try_advisory_lock(4716, hashtext(?));

-- @release
SELECT pg_advisory_unlock(4716, hashtext(?));

-- @holder
-- who has that lock: its session; its member, and whether that one lives
SELECT held.pid, members.member, members.host, members.pid, members.member IN (SELECT member FROM backfill.alive)
FROM pg_locks AS held
JOIN pg_locks AS own ON own.pid = held.pid AND own.locktype = 'advisory' AND own.classid = 4712 AND own.objsubid = 2 AND own.granted
JOIN backfill.members ON members.member = CAST(own.objid AS bigint)
WHERE held.locktype = 'advisory' AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.classid = 4716 AND CAST(held.objid AS bigint) = (CAST(hashtext(?) AS bigint) & 4294967295) AND held.objsubid = 2 AND held.granted;

-- @end-session
SELECT pg_terminate_backend(?);

-- @member-leave
DELETE FROM backfill.members WHERE member = ?;

-- @members-forget
DELETE FROM backfill.members WHERE lease_until < clock_timestamp() - interval '1 day';

-- @member-set
SELECT set_config('backfill.member', ?, false);

-- @members
-- those that live, and those that ended without leaving in the last ten minutes
SELECT member, host, pid, jobs, egress, CAST(extract(epoch FROM joined_at) * 1000 AS bigint),
  member IN (SELECT member FROM backfill.alive)
FROM backfill.members
WHERE member IN (SELECT member FROM backfill.alive) OR lease_until > clock_timestamp() - interval '10 minutes' ORDER BY member;

-- @held
SELECT holder, count(*), sum(ids) FROM batches WHERE done_at IS NULL GROUP BY holder;

-- @pace
SELECT source, egress, 1000 / step_millis, requests, CAST(extract(epoch FROM next_at - clock_timestamp()) * 1000 AS bigint)
FROM backfill.pace ORDER BY source, egress;

-- Turns. A turn is reserved, never polled for. Where the row was written by another server, or by this one before it was restarted,
-- the last turns may be missing in it, because it is written without waiting for the disk: a whole period passes then.

-- @pace-connection
SET synchronous_commit = off;

-- @turn
INSERT INTO backfill.pace AS p (source, egress, next_at, step_millis, requests, server_started)
VALUES(?, ?, clock_timestamp() + (? + ?) * interval '1 ms', ?, ?, pg_postmaster_start_time())
ON CONFLICT (source, egress) DO UPDATE SET
  next_at = greatest(p.next_at, clock_timestamp() + CASE WHEN p.server_started <> excluded.server_started THEN ? ELSE ? END * interval '1 ms')
    + ? * interval '1 ms',
  step_millis = excluded.step_millis, requests = p.requests + excluded.requests, server_started = excluded.server_started
RETURNING extract(epoch FROM next_at - clock_timestamp()) * 1000 - ?;

-- @turns-later
UPDATE backfill.pace SET next_at = next_at + ? * interval '1 ms'
WHERE source = ? AND egress = ? AND extract(epoch FROM next_at - clock_timestamp()) * 1000 <= ?;

-- @turns-pause
UPDATE backfill.pace SET next_at = greatest(next_at, clock_timestamp() + ? * interval '1 ms') WHERE source = ? AND egress = ?;

-- The ledger of a job.

-- @there
SELECT to_regclass(?) IS NOT NULL;

-- @schema-there
SELECT to_regnamespace(?) IS NOT NULL;

-- @version
SELECT value FROM meta WHERE key = 'version';

-- @history
-- names the server's data and its timeline: another one after a failover to a standby, or after a backup was restored
SELECT system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system();

-- @copied-ids
SELECT id, slot, state, mode, rows, batch, attempts, status, reason, marked_at FROM ids;

-- @copied-batches
SELECT batch, kind, parent, mode, slot, ids, cursor, fetched, inserted, duplicate, rejected, requests, opened_at, done_at FROM batches;

-- @history-of-ledger
SELECT value FROM meta WHERE key = 'history';

-- @skip-batches
-- the numbers of batches that were lost must not come again, because rows of them may be stored
SELECT setval('batches_batch_seq', nextval('batches_batch_seq') + 1000000);

-- @bytes
SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r';

-- @schema
CREATE TABLE meta(key text COLLATE "C" PRIMARY KEY, value text NOT NULL);
-- every id is updated twice, when it is claimed and when it is marked: room in each page, and vacuum before the table has doubled
CREATE TABLE ids(
  id text COLLATE "C" PRIMARY KEY,
  slot integer NOT NULL,
  state text NOT NULL DEFAULT 'pending',
  mode text NOT NULL DEFAULT 'new',
  rows bigint NOT NULL DEFAULT 0,
  batch bigint,
  attempts integer NOT NULL DEFAULT 0,
  status integer,
  reason text,
  marked_at bigint
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
-- neither has the column state, nor one that a mark changes: the marked row stays in its page and needs no entry in an index
CREATE INDEX ids_of_batch ON ids(batch) WHERE batch IS NOT NULL;
CREATE INDEX ids_pending ON ids(mode, id) WHERE batch IS NULL;
-- holder: the member that works on it. tenure: how often it was taken over, so that work begun before that is told from work since
CREATE TABLE batches(
  batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  parent bigint,
  mode text NOT NULL,
  slot integer NOT NULL,
  ids integer NOT NULL,
  cursor text,
  fetched bigint NOT NULL DEFAULT 0,
  inserted bigint NOT NULL DEFAULT 0,
  duplicate bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  requests bigint NOT NULL DEFAULT 0,
  opened_at bigint NOT NULL,
  done_at bigint,
  holder integer NOT NULL DEFAULT CAST(nullif(current_setting('backfill.member', true), '') AS integer),
  tenure integer NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
CREATE INDEX batches_open ON batches(batch) WHERE done_at IS NULL;

-- @create-incoming
-- sorted as the ids of the ledger are
CREATE TEMP TABLE incoming(id text COLLATE "C" NOT NULL, slot integer NOT NULL);

-- @statistics
-- without them, until autovacuum comes, each claim would read and sort all ids that wait
ANALYZE ids;

-- @lock
-- one transaction at a time, as in SQLite; the one of a member that stands still ends with its lease, so that others go on.
-- A parameter is how long it may stand still, the other how long to wait for the lock; both milliseconds
SELECT set_config('idle_in_transaction_session_timeout', ?, true), set_config('lock_timeout', ?, true),
  pg_advisory_xact_lock(4713, hashtext(current_schema())), set_config('lock_timeout', '0', true);

-- @lock-shared
-- beside others of its kind: it changes a batch of its own member, whose row it locks, and the ids in it, and adds further ones
SELECT set_config('idle_in_transaction_session_timeout', ?, true), set_config('lock_timeout', ?, true),
  pg_advisory_xact_lock_shared(4713, hashtext(current_schema())), set_config('lock_timeout', '0', true);

-- @try-alone
SELECT pg_try_advisory_lock(4714, hashtext(current_schema()));

-- @end-alone
SELECT pg_advisory_unlock(4714, hashtext(current_schema()));

-- @holds
SELECT 1 FROM batches
WHERE batch = ? AND tenure = ? AND done_at IS NULL AND holder = CAST(current_setting('backfill.member') AS integer) FOR UPDATE;

-- @holds-now
SELECT 1 FROM batches
WHERE batch = ? AND tenure = ? AND done_at IS NULL AND holder = CAST(current_setting('backfill.member') AS integer);

-- @work-of-others
-- ids that another member may still hand back, and ids that wait for a member
SELECT 1 WHERE EXISTS (
  SELECT 1 FROM batches
  WHERE done_at IS NULL AND holder <> CAST(current_setting('backfill.member') AS integer))
OR EXISTS (SELECT 1 FROM ids WHERE state = 'pending' AND batch IS NULL);

-- @unfinished
-- those of this member, and those whose member does not live any more
WITH free AS (
  SELECT batch FROM batches
  WHERE done_at IS NULL AND slot >= ? AND slot < ? AND (holder = CAST(current_setting('backfill.member') AS integer)
    OR NOT EXISTS (SELECT 1 FROM backfill.alive WHERE alive.member = batches.holder))
  ORDER BY batch LIMIT 100
),
taken AS (
  UPDATE batches SET holder = CAST(current_setting('backfill.member') AS integer), tenure = tenure
    + CASE WHEN holder = CAST(current_setting('backfill.member') AS integer) THEN 0 ELSE 1 END
  FROM free WHERE batches.batch = free.batch RETURNING batches.*
)
SELECT batch, kind, mode, cursor, fetched, inserted + rejected, rejected, tenure FROM taken ORDER BY batch;

-- @freed
WITH free AS (
  SELECT batch FROM batches
  WHERE done_at IS NULL AND slot >= ? AND slot < ?
    AND NOT EXISTS (SELECT 1 FROM backfill.alive WHERE alive.member = batches.holder)
  ORDER BY batch LIMIT 4
),
taken AS (
  UPDATE batches SET holder = CAST(current_setting('backfill.member') AS integer), tenure = tenure + 1
  FROM free WHERE batches.batch = free.batch RETURNING batches.*
)
SELECT batch, kind, mode, cursor, fetched, inserted + rejected, rejected, tenure FROM taken ORDER BY batch;

-- Sets of rows in the place of one statement for each: a parameter is an array with the values of all.

-- @states-of-ids
SELECT id, state FROM ids WHERE id IN (SELECT json_array_elements_text(CAST(? AS json)));

-- @add-id
INSERT INTO ids(id, slot) SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS integer[]));

-- @redo-id
UPDATE ids SET state = 'pending', mode = 'redo', batch = NULL FROM unnest(CAST(? AS text[])) AS chosen(id) WHERE ids.id = chosen.id;

-- @follow-id
INSERT INTO ids(id, slot, mode) SELECT DISTINCT id, slot, mode
FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS text[])) AS followers(id, slot, mode)
ON CONFLICT(id) DO UPDATE SET state = 'pending', mode = excluded.mode, batch = NULL;

-- @claim-id
UPDATE ids SET batch = claimed.batch
FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) AS claimed(batch, id) WHERE ids.id = claimed.id;

-- @mark
UPDATE ids SET state = marked.state, mode = 'new', rows = marked.rows, attempts = attempts + marked.tried, status = marked.status,
  reason = marked.reason, marked_at = marked.at
FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS integer[]), CAST(? AS integer[]), CAST(? AS text[]), CAST(? AS bigint[]),
  CAST(? AS text[])) AS marked(state, rows, tried, status, reason, at, id)
WHERE ids.id = marked.id;
