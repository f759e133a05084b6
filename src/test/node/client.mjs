// Run by NodeClientTest with CLICKHOUSE_URL and CLICKHOUSE_PASSWORD; prints "all good", or says what is not.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createReadStream, writeFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'

const url = process.env.CLICKHOUSE_URL
const password = process.env.CLICKHOUSE_PASSWORD
const client = createClient({ url, password, request_timeout: 60_000 })
const json = async (query, more = {}) => (await client.query({ query, format: 'JSONEachRow', ...more })).json()

assert.deepEqual(await client.ping(), { success: true })
await client.command({ query: 'CREATE TABLE node (a UInt64, s String) ENGINE = MergeTree ORDER BY a' })

// inserts: an array, a stream, compressed
const rows = Array.from({ length: 50_000 }, (_, a) => ({ a, s: `Straße ${a} ✓ \n\n;` }))
const inserted = await client.insert({ table: 'node', values: rows, format: 'JSONEachRow' })
assert.equal(inserted.summary.written_rows, '50000')
assert.deepEqual(await json('SELECT toString(count()) AS n, toString(sum(a)) AS sum FROM node'), [{ n: '50000', sum: '1249975000' }])
const folder = mkdtempSync(join(tmpdir(), 'node-client-'))
writeFileSync(join(folder, 'rows.csv'), '50000,"x\n\ny"\n50001,z\n')
await client.insert({ table: 'node', values: createReadStream(join(folder, 'rows.csv')), format: 'CSV' })
rmSync(folder, { recursive: true })
assert.equal((await json('SELECT s FROM node WHERE a = 50000'))[0].s, 'x\n\ny')

const packed = createClient({ url, password, compression: { request: true, response: true } })
await packed.insert({ table: 'node', values: rows.slice(0, 10).map(r => ({ ...r, a: r.a + 100_000 })), format: 'JSONEachRow' })
assert.equal((await (await packed.query({ query: 'SELECT * FROM node WHERE a >= 100000', format: 'JSONEachRow' })).json()).length, 10)
await packed.close()

// parameters, settings, formats
assert.deepEqual(await json('SELECT {s:String} AS s, {l:Array(UInt8)} AS l', { query_params: { s: `it's "\\" \t ✓`, l: [1, 2] } }), [{ s: `it's "\\" \t ✓`, l: [1, 2] }])
assert.equal((await json("SELECT toString(getSetting('max_threads')) AS n", { clickhouse_settings: { max_threads: 3 } }))[0].n, '3')
const whole = await (await client.query({ query: 'SELECT number FROM numbers(3)', format: 'JSON' })).json()
assert.equal(whole.rows, 3)
const id = randomUUID()
assert.equal((await client.query({ query: 'SELECT 1', query_id: id })).query_id, id)

// sessions
const session = createClient({ url, password, session_id: randomUUID() })
await session.command({ query: 'CREATE TEMPORARY TABLE mine (a UInt8)' })
await session.insert({ table: 'mine', values: [{ a: 1 }], format: 'JSONEachRow' })
assert.equal((await (await session.query({ query: 'SELECT * FROM mine', format: 'JSONEachRow' })).json()).length, 1)
await session.close()

// errors, before the answer and within it
await assert.rejects(json('SELECT * FROM nowhere'), { code: '60', type: 'UNKNOWN_TABLE' })
let seen = 0
await assert.rejects(async () => {
  const stream = (await client.query({ query: 'SELECT number, throwIf(number = 2000000) AS x FROM numbers(3000000)', format: 'JSONEachRow' })).stream()
  for await (const part of stream) seen += part.length
}, { code: '395' })
assert.ok(seen > 100_000, `only ${seen} rows before the error`)

// a long stream, and one that is left in the middle
let n = 0
for await (const part of (await client.query({ query: 'SELECT number FROM numbers(1000000)', format: 'JSONEachRow' })).stream()) n += part.length
assert.equal(n, 1_000_000)
const left = (await client.query({ query: 'SELECT number FROM numbers(100000000000)', format: 'JSONEachRow' })).stream()
for await (const part of left) { assert.ok(part.length > 0); break }

await client.command({ query: 'DROP TABLE node' })
await client.close()
console.log('all good')
