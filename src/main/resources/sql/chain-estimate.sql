-- What the whole of the real chain takes: requests, time at the sources' limits, bytes on the wire and on disk. Volumes stand in
-- polymarket/chain-volumes.tsv; `backfill verify chain-estimate` prints the tables of the docs.

-- @verify

-- @check logs of the real chain, by dataset and era
SELECT line[1] AS dataset, line[2] AS era, toUInt64(line[3]) AS blocks, toUInt64(line[4]) AS logs, round(logs / blocks, 1) AS a_block,
    line[5] AS basis
FROM (SELECT splitByChar('\t', arrayJoin(arrayFilter(l -> l != '' AND NOT startsWith(l, '#') AND NOT startsWith(l, 'part'),
    splitByChar('\n', $file(polymarket/chain-volumes.tsv))))) AS line);

-- @check requests and time at the limits
-- A portal gives 20 requests in 10 s without a key. A paid node is taken at 25 requests a second. An answer is taken to hold
-- 10,000 logs, which is what nodes cut at and a small answer of a portal; a JSON-RPC log is 1.1 kB, and one of a portal 0.75
-- kB.
WITH
    (SELECT (sum(n), sumIf(n, NOT (part = 'fills' AND era = 'V1'))) FROM
    (
        SELECT line[1] AS part, line[2] AS era, toUInt64(line[4]) AS n
        FROM (SELECT splitByChar('\t', arrayJoin(arrayFilter(l -> l != '' AND NOT startsWith(l, '#') AND NOT startsWith(l, 'part'),
            splitByChar('\n', $file(polymarket/chain-volumes.tsv))))) AS line)
    )) AS volumes,
    [
        ('SQD, no key', volumes.1, 2.0, 0.75),
        ('a paid node', volumes.1, 25.0, 1.1),
        ('SQD and a paid node', volumes.1, 27.0, (2.0 * 0.75 + 25.0 * 1.1) / 27.0),
        ('SQD, V1''s fills from an archive', volumes.2, 2.0, 0.75)
    ] AS plans
SELECT plan.1 AS source, plan.2 AS logs, intDiv(plan.2, 10000) AS requests, round(requests / plan.3 / 3600, 1) AS hours_at_the_limit,
    formatReadableSize(plan.2 * plan.4 * 1000) AS on_the_wire
FROM (SELECT arrayJoin(plans) AS plan);

-- @check disk
-- Bytes a row as `backfill verify chain-tables` measures them, here on the sandbox's chain: 35 a fill, order hash and
-- builder 32 more, 20 a transfer, 44 an event.
SELECT line[1] AS dataset, sum(toUInt64(line[4])) AS logs, transform(dataset, ['fills', 'transfers', 'lifecycle'], [67, 20, 44],
    60) AS bytes_a_row,
    formatReadableSize(logs * bytes_a_row) AS on_disk
FROM (SELECT splitByChar('\t', arrayJoin(arrayFilter(l -> l != '' AND NOT startsWith(l, '#') AND NOT startsWith(l, 'part'),
    splitByChar('\n', $file(polymarket/chain-volumes.tsv))))) AS line)
GROUP BY dataset ORDER BY logs DESC;
