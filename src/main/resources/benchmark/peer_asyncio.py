"""Fetches payouts by condition id, as a careful script does: batches of 1,000 at an even pace, several in flight, each answer
compared with its request, and the ids that answers left out asked for once more, together.

python3 peer_asyncio.py URL IDS OUT REQUESTS_PER_SECOND    (0: no limit)

Writes the rows to OUT as JSON lines, and prints what it took as one JSON object. It keeps no checkpoint."""
import asyncio
import http.client
import json
import resource
import sys
import time
from urllib.parse import urlsplit

SIZE, IN_FLIGHT, ATTEMPTS = 1000, 8, 5
QUERY = "query($ids: [ID!]!) { conditions(first: 1000, where: {id_in: $ids}) { id payouts } }"


class Peer:
    def __init__(self, url, out, pace):
        self.url, self.out, self.step = urlsplit(url), out, 1 / pace if pace else 0
        self.turn, self.requests, self.found, self.absent = 0.0, 0, 0, 0
        self.free = [http.client.HTTPConnection(self.url.netloc, timeout=30) for _ in range(IN_FLIGHT)]
        self.room = asyncio.Semaphore(IN_FLIGHT)

    def post(self, connection, body):
        connection.request("POST", self.url.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    async def ask(self, ids):
        """The answer's conditions by id."""
        body = json.dumps({"query": QUERY, "variables": {"ids": ["0x" + i for i in ids]}})
        for attempt in range(ATTEMPTS):
            now = time.monotonic()
            self.turn = max(self.turn + self.step, now)
            await asyncio.sleep(self.turn - now)
            self.requests += 1
            connection = self.free.pop()
            try:
                status, text = await asyncio.to_thread(self.post, connection, body)
                rows = json.loads(text)["data"]["conditions"] if status == 200 else None
            except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
                connection.close()
                rows = None
            finally:
                self.free.append(connection)
            if rows is not None:
                return {row["id"][2:]: row for row in rows}
            await asyncio.sleep(2 ** attempt)
        raise SystemExit("no answer after %d attempts" % ATTEMPTS)

    async def batch(self, ids, again):
        """The ids that the answer left out."""
        async with self.room:
            rows = await self.ask(ids)
        for row in rows.values():
            if row.get("payouts"):
                self.found += 1
                self.out.write(json.dumps(row) + "\n")
        missing = [i for i in ids if i not in rows]
        self.absent += len(missing) if again else 0
        return missing

    async def all(self, ids, again=False):
        parts = [ids[i:i + SIZE] for i in range(0, len(ids), SIZE)]
        return sum(await asyncio.gather(*(self.batch(part, again) for part in parts)), [])


async def main(url, ids, out, pace):
    with open(ids) as lines, open(out, "w") as rows:
        peer, begin = Peer(url, rows, float(pace)), time.monotonic()
        await peer.all(await peer.all(sorted({line.strip() for line in lines})), again=True)
        use = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": time.monotonic() - begin, "requests": peer.requests, "found": peer.found,
                      "absent": peer.absent, "cpu_seconds": use.ru_utime + use.ru_stime,
                      "peak_resident_bytes": use.ru_maxrss * (1 if sys.platform == "darwin" else 1024)}))


asyncio.run(main(*sys.argv[1:]))
