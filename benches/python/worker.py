"""A worker that runs the Python package and speaks the protocol of `src/protocol.rs`."""

import asyncio
import json
import random
import sys
import time

from cachefence import CacheFence
from redis.asyncio import BlockingConnectionPool, Redis

LONGEST = 30.0
PROFILE = {
    "id": 4242424242,
    "name": "Ada Lovelace",
    "email": "ada@analytical.example",
    "roles": ["reader", "editor"],
    "score": 0.625,
    "about": "",
}
TEXT = "Reads the same row as everybody else, only faster. "
TTL = {"AnHour": 3600, "ASecond": 1}


def profile(size):
    """The same value as that of `src/value.rs`, of the same size."""
    bare = len(json.dumps(PROFILE, separators=(",", ":")))
    length = max(0, size - bare)
    return PROFILE | {"about": (TEXT * (length // len(TEXT) + 1))[:length]}


class LoadFailed(Exception):
    pass


class Loader:
    def __init__(self, size, takes, fails=False, announces=False):
        self.value = profile(size)
        self.takes = takes
        self.fails = fails
        self.announces = announces
        self.loads = 0
        self.spans = []

    async def load(self):
        self.loads += 1
        begun = time.monotonic()
        if self.announces and self.loads == 1:
            say("Loading")
        if self.takes:
            await asyncio.sleep(self.takes)
        self.spans.append((begun, time.monotonic()))
        if self.fails:
            raise LoadFailed("on purpose")
        return dict(self.value)


def say(what):
    print(json.dumps(what), flush=True)


def name(keys, number):
    return f"key-{keys['bytes']}-{number}"


def percentile(values, share):
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def order(keys, choice, calls, seed):
    draw = random.Random(seed)
    count = keys["count"]
    weights = [1 / (rank + 1) for rank in range(count)] if choice == "Zipf" else None
    return [name(keys, number) for number in draw.choices(range(count), weights, k=calls)]


class Worker:
    def __init__(self, url):
        # A connection serves one command at a time, so with the default pool most of 500 callers get an error.
        pool = BlockingConnectionPool.from_url(url, max_connections=64, timeout=60)
        self.cache = CacheFence(Redis(connection_pool=pool), namespace="python:")

    def get(self, key, lives, loader):
        return self.cache.get_or_set(key, TTL[lives], loader.load)

    async def fill(self, keys):
        loader = Loader(keys["bytes"], 0)

        async def task(first):
            for number in range(first, keys["count"], 64):
                await self.get(name(keys, number), "AnHour", loader)

        await asyncio.gather(*(task(first) for first in range(min(64, keys["count"]))))
        return "Filled"

    async def hits(self, plan):
        loader = Loader(plan["keys"]["bytes"], 0)
        orders = [
            order(plan["keys"], plan["choice"], plan["calls"], task)
            for task in range(plan["tasks"])
        ]
        times = []

        async def task(keys):
            for key in keys:
                begun = time.perf_counter_ns()
                await self.get(key, "AnHour", loader)
                times.append(time.perf_counter_ns() - begun)

        await task(orders[0][:20])
        times.clear()
        begun = time.perf_counter()
        await asyncio.gather(*(task(keys) for keys in orders))
        elapsed = time.perf_counter() - begun
        times.sort()
        return {
            "Hits": {
                "p50_ns": percentile(times, 0.5),
                "p99_ns": percentile(times, 0.99),
                "per_second": len(times) / elapsed,
                "loads": loader.loads,
                "allocations": None,
                "bytes": None,
            }
        }

    async def beside(self, plan):
        loader = Loader(plan["large"]["bytes"], 0)
        rest = plan["rest_ms"] / 1000
        reading = True

        async def reader(number):
            await asyncio.sleep(rest * number / plan["readers"])
            while reading:
                await self.get(name(plan["large"], number % plan["large"]["count"]), "AnHour", loader)
                await asyncio.sleep(rest)

        readers = [asyncio.create_task(reader(number)) for number in range(plan["readers"])]
        figures = await self.hits(plan["small"])
        # The readers are not cancelled, because the client may swallow a cancellation and its reader would go on for ever.
        reading = False
        await asyncio.gather(*readers)
        return figures

    async def burst(self, plan):
        loader = Loader(200, plan["load_ms"] / 1000, plan["fails"], plan["announces"])
        cpu = time.process_time()
        last = 0.0
        errors = 0

        async def caller():
            nonlocal last, errors
            begun = time.monotonic()
            try:
                await asyncio.wait_for(self.get(plan["key"], "AnHour", loader), LONGEST)
            except Exception:
                errors += 1
            last = time.monotonic()
            return (last - begun) * 1000

        calls = await asyncio.gather(*(caller() for _ in range(plan["callers"])))
        ended = min((ended for _, ended in loader.spans), default=None)
        return {
            "Burst": {
                "loads": loader.loads,
                "load_ms": [(ended - begun) * 1000 for begun, ended in loader.spans],
                "calls_ms": sorted(calls),
                "served_ms": None if ended is None else (last - ended) * 1000,
                "errors": errors,
                "cpu_ms": (time.process_time() - cpu) * 1000,
                "bytes_per_caller": None,
            }
        }

    async def expiry(self, plan):
        load = plan["load_ms"] / 1000
        loader = Loader(200, load)
        await self.get("expiry", plan["lives"], loader)
        loads = loader.loads
        begun = time.monotonic()
        until = begun + plan["seconds"]

        async def task():
            calls = slow = 0
            longest = 0.0
            now = time.monotonic()
            while now < until:
                await self.get("expiry", plan["lives"], loader)
                took = time.monotonic() - now
                now += took
                calls += 1
                slow += took > load / 2
                longest = max(longest, took)
            return calls, slow, longest

        tasks = await asyncio.gather(*(task() for _ in range(plan["tasks"])))
        return {
            "Expiry": {
                "calls": sum(calls for calls, _, _ in tasks),
                "slow": sum(slow for _, slow, _ in tasks),
                "slow_beside_a_load": None,
                "longest_ms": max(longest for _, _, longest in tasks) * 1000,
                "loads": loader.loads - loads,
                "seconds": time.monotonic() - begun,
            }
        }


async def main():
    worker = Worker(sys.argv[2])
    does = {
        "Fill": worker.fill,
        "Hits": worker.hits,
        "Beside": worker.beside,
        "Burst": worker.burst,
        "Expiry": worker.expiry,
    }
    await worker.fill({"count": 1, "bytes": 1})
    say("Ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        ((command, plan),) = json.loads(line).items()
        say(await does[command](plan))


asyncio.run(main())
