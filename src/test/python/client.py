"""Run by PythonClientIT with CLICKHOUSE_URL and CLICKHOUSE_PASSWORD; prints "all good", or says what is not."""

import os
from datetime import datetime, timezone
from urllib.parse import urlparse

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

url = urlparse(os.environ["CLICKHOUSE_URL"])
client = clickhouse_connect.get_client(
    host=url.hostname, port=url.port, password=os.environ["CLICKHOUSE_PASSWORD"]
)
client.command("CREATE TABLE python (a UInt64, s String, t DateTime('UTC')) ENGINE = MergeTree ORDER BY a")

# large enough for several LZ4 blocks, which refer to each other
rows = [[a, f"Straße {a} ✓ " + "x" * 100, datetime(2026, 1, 1, tzinfo=timezone.utc)] for a in range(100_000)]
client.insert("python", rows, column_names=["a", "s", "t"])
assert client.query("SELECT count(), sum(a) FROM python").result_rows == [(100_000, 4_999_950_000)]
read = client.query("SELECT * FROM python ORDER BY a")
assert read.row_count == 100_000
assert read.result_rows[99_999][:2] == (99_999, rows[99_999][1])

client.raw_insert("python", column_names=["a", "s"], insert_block=b"100000,x\n", fmt="CSV")
assert client.query("SELECT s FROM python WHERE a = {a:UInt64}", parameters={"a": 100_000}).first_row == ("x",)
assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).first_row == (3,)

with client.query_row_block_stream("SELECT number FROM numbers(1000000)") as stream:
    assert sum(len(block) for block in stream) == 1_000_000

try:
    client.query("SELECT * FROM nowhere")
    raise AssertionError("no error")
except DatabaseError as error:
    assert "UNKNOWN_TABLE" in str(error), error
try:
    clickhouse_connect.get_client(host=url.hostname, port=url.port, password="wrong")
    raise AssertionError("a wrong password was taken")
except DatabaseError as error:
    assert "516" in str(error), error

client.command("DROP TABLE python")
print("all good")
