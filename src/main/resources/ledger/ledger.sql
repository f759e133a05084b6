-- The statements of a job's ledger, each below a line "-- @name". A statement ends with a semicolon at the end of a line. A name
-- in braces stands for SQL that the program puts in its place; all values are parameters. Times are epoch milliseconds.
-- They are written for SQLite. PostgreSQL takes them too, but for those that ledger-postgresql.sql replaces.

-- @schema
-- mode: new, again (its rows may be in the table: look first) or redo (replace what is in the table)
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE ids(
  id TEXT PRIMARY KEY,
  slot INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending',
  mode TEXT NOT NULL DEFAULT 'new',
  rows INTEGER NOT NULL DEFAULT 0,
  batch INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  status INTEGER,
  reason TEXT,
  marked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX ids_in_flight ON ids(batch) WHERE state = 'pending' AND batch IS NOT NULL;
-- kind: first, half, reask, or unechoed (ids that an answer left out and that are not asked for once more yet)
CREATE TABLE batches(
  batch INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  parent INTEGER,
  mode TEXT NOT NULL,
  slot INTEGER NOT NULL,
  ids INTEGER NOT NULL,
  cursor TEXT,
  fetched INTEGER NOT NULL DEFAULT 0,
  inserted INTEGER NOT NULL DEFAULT 0,
  duplicate INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  requests INTEGER NOT NULL DEFAULT 0,
  opened_at INTEGER NOT NULL,
  done_at INTEGER
);
CREATE INDEX batches_open ON batches(batch) WHERE done_at IS NULL;

-- @schema-of-inserts
-- inserts of several batches that ClickHouse has not acknowledged yet; not in a shared ledger. A run that opens a ledger of an
-- earlier version makes the table there. batches: number:rows,number:rows
CREATE TABLE IF NOT EXISTS inserts(token TEXT PRIMARY KEY, target TEXT NOT NULL, batches TEXT NOT NULL, rows BLOB NOT NULL);

-- @meta
SELECT key, value FROM meta;

-- @set-meta
INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value;

-- @value
SELECT value FROM meta WHERE key = ?;

-- Loading a list: into a temporary table, sorted, and from there into the ledger, because keys in order are written to the tree in
-- order.

-- @create-incoming
CREATE TEMP TABLE incoming(id TEXT NOT NULL, slot INTEGER NOT NULL);

-- @add-incoming
INSERT INTO incoming(id, slot) VALUES(?, ?);

-- @sort-incoming
CREATE TEMP TABLE sorted AS SELECT DISTINCT id, slot FROM incoming ORDER BY id;
DROP TABLE incoming;

-- @count-sorted
SELECT count(*) FROM sorted;

-- @add-sorted
INSERT INTO ids(id, slot) SELECT id, slot FROM sorted WHERE NOT EXISTS (SELECT 1 FROM ids WHERE ids.id = sorted.id) ORDER BY id;

-- @statistics
-- after many ids were changed: the plans of SQLite need none

-- @drop-loaded
DROP TABLE IF EXISTS incoming;
DROP TABLE IF EXISTS sorted;

-- Ids.

-- @add-id
INSERT INTO ids(id, slot) VALUES(?, ?);

-- @add-id-in-mode
INSERT INTO ids(id, slot, mode) VALUES(?, ?, ?);

-- @follow-id
INSERT INTO ids(id, slot, mode) VALUES(?, ?, ?)
ON CONFLICT(id) DO UPDATE SET state = 'pending', mode = excluded.mode, batch = NULL;

-- @delete-done
DELETE FROM ids WHERE state <> 'pending';

-- @delete-id
DELETE FROM ids WHERE id = ?;

-- @slot-of-id
SELECT slot FROM ids WHERE id = ?;

-- @state-of-id
SELECT state FROM ids WHERE id = ?;

-- @states-of-ids
SELECT id, state FROM ids WHERE id IN (SELECT value FROM json_each(?));

-- @entry
SELECT id, state, rows, attempts, status, reason, marked_at FROM ids WHERE id = ?;

-- @all-ids
SELECT id FROM ids ORDER BY id;

-- @entries
SELECT id, state, rows, attempts, status, reason, marked_at FROM ids WHERE state = ? ORDER BY id LIMIT ?;

-- @answered-id
SELECT id FROM ids WHERE state IN ('found', 'absent', 'unresolved') LIMIT 1;

-- @mark
UPDATE ids SET state = ?, mode = 'new', rows = ?, attempts = attempts + ?, status = ?, reason = ?, marked_at = ? WHERE id = ?;

-- @redo-id
UPDATE ids SET state = 'pending', mode = 'redo', batch = NULL WHERE id = ?;

-- @again-id
UPDATE ids SET state = 'pending', mode = 'again', batch = NULL
WHERE id = ? AND marked_at < ? AND state IN ('found', 'absent');

-- Ids of some states that were marked before an instant, all of a share or the first few of them.

-- @chosen
state IN ({states}) AND marked_at < ? AND slot >= ? AND slot < ?;

-- @chosen-first
id IN (SELECT id FROM ids WHERE {chosen} ORDER BY marked_at, id LIMIT {limit});

-- @again-rejected
-- rejected rows come again with the next try, whose batch counts them then
UPDATE batches SET fetched = fetched - again.rows, rejected = rejected - again.rows
FROM (SELECT batch, sum(rows) AS rows FROM ids WHERE state = 'failed' AND rows > 0 AND {chosen} GROUP BY batch) AS again
WHERE batches.batch = again.batch;

-- @again
UPDATE ids SET state = 'pending', mode = '{mode}', batch = NULL WHERE {chosen};

-- Batches.

-- @unfinished
SELECT batch, kind, mode, cursor, fetched, inserted + rejected, rejected, 0 FROM batches
WHERE done_at IS NULL AND slot >= ? AND slot < ? ORDER BY batch;

-- @ids-of-batch
SELECT id FROM ids WHERE batch = ? AND state = 'pending' ORDER BY id;

-- @claimable
SELECT id FROM ids WHERE id > ? AND state = 'pending' AND batch IS NULL AND mode = ? AND slot >= ? AND slot < ? ORDER BY id LIMIT ?;

-- @add-batch
INSERT INTO batches(kind, parent, mode, slot, ids, opened_at) VALUES(?, ?, ?, ?, ?, ?) RETURNING batch;

-- @claim-id
UPDATE ids SET batch = ? WHERE id = ?;

-- @release-ids
UPDATE ids SET batch = NULL, mode = ? WHERE batch = ? AND state = 'pending';

-- @write-batch
UPDATE batches SET fetched = fetched + ?, inserted = inserted + ?, duplicate = duplicate + ?, rejected = rejected + ?, requests = ?,
  cursor = ?, done_at = ?
WHERE batch = ?;

-- @delete-batch
DELETE FROM batches WHERE batch = ?;

-- @close-batch
UPDATE batches SET done_at = ? WHERE batch = ?;

-- @close-batch-of-id
UPDATE batches SET done_at = ? WHERE done_at IS NULL AND batch = (SELECT batch FROM ids WHERE id = ?);

-- @next-batch
SELECT coalesce(max(batch), 0) + 1 FROM batches;

-- @replacing
SELECT coalesce(max(batch), 0) FROM batches
WHERE mode = 'redo' AND inserted > 0 AND batch > coalesce((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'merged'), 0);

-- @replaced
SELECT 1 FROM batches WHERE mode = 'redo' AND inserted > 0 LIMIT 1;

-- Inserts of several batches.

-- @begin-insert
INSERT INTO inserts(token, target, batches, rows) VALUES(?, ?, ?, ?);

-- @end-insert
DELETE FROM inserts WHERE token = ?;

-- @begun-inserts
SELECT token, target, batches, rows FROM inserts ORDER BY rowid;

-- Totals.

-- @counts
SELECT state, count(*) FROM ids GROUP BY state;

-- @counts-of-share
SELECT state, count(*) FROM ids WHERE slot >= ? AND slot < ? GROUP BY state;

-- @size
SELECT count(*) FROM ids;

-- @size-of-share
SELECT count(*) FROM ids WHERE slot >= ? AND slot < ?;

-- @left
SELECT count(*) FROM ids LEFT JOIN batches ON batches.batch = ids.batch AND batches.done_at IS NULL
WHERE ids.state = 'pending' AND coalesce(batches.slot, ids.slot) >= ? AND coalesce(batches.slot, ids.slot) < ?;

-- @numbers
-- a range is its two ends of 12 digits with a dash between
SELECT coalesce(sum(width), 0), coalesce(sum(CASE WHEN state = 'pending' THEN width END), 0), coalesce(max(last), 0)
FROM (
  SELECT state, CAST(substr(id, 14, 12) AS BIGINT) AS last, CAST(substr(id, 14, 12) AS BIGINT) - CAST(substr(id, 1, 12) AS BIGINT) + 1 AS width
  FROM ids WHERE slot >= ? AND slot < ?
) AS ranges;

-- @sums
SELECT count(*), coalesce(sum(fetched), 0), coalesce(sum(inserted), 0), coalesce(sum(duplicate), 0), coalesce(sum(rejected), 0),
  coalesce(sum(requests), 0)
FROM batches WHERE done_at IS NOT NULL;

-- @held-rows
-- an id that is pending again keeps the rows and the time of its last mark
SELECT count(*), coalesce(sum(rows), 0) FROM ids WHERE marked_at IS NOT NULL;

-- @held-rows-in-ranges
SELECT coalesce(sum(CAST(substr(id, 14, 12) AS BIGINT) - CAST(substr(id, 1, 12) AS BIGINT) + 1), 0), coalesce(sum(rows), 0)
FROM ids WHERE marked_at IS NOT NULL;

-- @effort
SELECT coalesce(sum(CASE WHEN kind = 'first' THEN ids END), 0), coalesce(sum(CASE WHEN kind = 'first' THEN 1 END), 0), count(*),
  coalesce(sum(requests), 0)
FROM batches WHERE done_at IS NOT NULL;

-- @copy-id
INSERT INTO ids(id, slot, state, mode, rows, batch, attempts, status, reason, marked_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- @copy-batch
INSERT INTO batches(batch, kind, parent, mode, slot, ids, cursor, fetched, inserted, duplicate, rejected, requests, opened_at, done_at)
VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- @copy
VACUUM INTO ?;
