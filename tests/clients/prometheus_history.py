"""Random queries of two tenants' history: through the gate each gets, what a Prometheus with nothing but its own series gives."""

import json
import math
import os
import random
import secrets
import subprocess
import time
import urllib.parse

import oauth
import promql
from checks import Checks, equal
from processes import Process, await_true, free_port

MOUNT = "/history"
STEP, SAMPLES = 15, 240
# Of each tenant: instant queries, ranges, lists.
COUNTS = (110, 60, 40)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def series(tenant: str, number: int):
    """Names, labels and values of one tenant: the same names in both, and some that only one has."""
    own, base = f"only_{tenant.replace('-', '_')}", (3, 1009)[number]
    for shard in range(4 - number):
        for metric in ("requests", "errors", own):
            yield metric, f'tenant="{tenant}",shard="{shard}"', lambda n, s=shard, m=metric: base * (n % 97) + s + len(m) * (n % (s + 2))
        for bound in ("0.1", "1", "+Inf"):
            yield "latency_bucket", f'tenant="{tenant}",shard="{shard}",le="{bound}"', lambda n, b=float(bound): base * n * min(b + 1, 3)


class Server(Process):
    """A Prometheus with the history of these tenants, imported before it starts."""

    def __init__(self, home, name: str, tenants: list[str], newest: int):
        folder, self.port = home / name, free_port()
        folder.mkdir()
        lines = [
            f"{metric}{{{labels}}} {value(n)} {newest - (SAMPLES - n) * STEP}"
            for number, tenant in enumerate(promql.TENANTS)
            if tenant in tenants
            for metric, labels, value in series(tenant, number)
            for n in range(SAMPLES)
        ]
        # The exposition format wants the lines of a metric in one place.
        (folder / "history").write_text("\n".join(sorted(lines, key=lambda line: line.split("{")[0])) + "\n# EOF\n")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "history", "tsdb"], cwd=folder, check=True, capture_output=True)
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", "--storage.tsdb.retention.time=1y"]
        super().__init__(name, [*command, f"--web.listen-address=127.0.0.1:{self.port}"], folder)
        await_true(name, lambda: oauth.request("GET", f"http://127.0.0.1:{self.port}/-/ready").status == 200)

    def ask(self, path: str, text: str) -> oauth.Answer:
        """One call."""
        return oauth.request("GET", f"http://127.0.0.1:{self.port}{path}?{text}")


class History:
    """Both tenants' Prometheus, and one of each tenant's own to compare with."""

    def __init__(self, home):
        self.newest = int(time.time()) - 60
        self.seed = os.environ.get("SEED") or secrets.token_hex(4)
        self.both = Server(home, "both", list(promql.TENANTS), self.newest)
        self.own = {tenant: Server(home, f"only-{tenant}", [tenant], self.newest) for tenant in promql.TENANTS}

    def configuration(self) -> str:
        """The gate before what both share."""
        return f"""
[[upstreams]]
name = "history"
endpoints = ["http://127.0.0.1:{self.both.port}"]
[[apis]]
name = "history"
mount = "{MOUNT}"
pack = "prometheus"
upstream = "history"
tenant = {{ mode = "label", label = "tenant", value = "{{org.slug}}" }}
"""

    def stop(self):
        """Ends them."""
        for server in (self.both, *self.own.values()):
            server.stop()


def _urlencoded(pairs: list[tuple[str, str]]) -> str:
    return urllib.parse.urlencode(pairs)


def _through(side, path: str, pairs: list[tuple[str, str]], chance: random.Random) -> oauth.Answer:
    """One call through the gate: by URL, by form, or the parameters shared out among both."""
    inside = [chance.random() < share for share in [chance.choice([0, 1, 0.5])] for _ in pairs]
    url, form = ([pair for pair, is_in in zip(pairs, inside) if is_in == wanted] for wanted in (False, True))
    target = f"{path}?{_urlencoded(url)}" if url else path
    return side.ask("POST", target, _urlencoded(form), FORM) if form else side.ask("GET", target)


def _comparable(data, absent: bool) -> dict[str, list]:
    """What an answer gives: label sets with their samples, or a list's entries. Labels of `absent` come from the matchers of its selector, where
    ours stands too and all of them in an order of their own."""
    if isinstance(data, list):
        return {json.dumps(entry, sort_keys=True): [] for entry in data}
    if data["resultType"] == "scalar":
        return {"": [data["result"]]}
    kept = lambda metric: {name: value for name, value in metric.items() if not absent or name not in ("tenant", "shard")}  # noqa: E731
    return {json.dumps(kept(entry["metric"]), sort_keys=True): entry.get("values") or [entry["value"]] for entry in data["result"]}


def _same(one: dict[str, list], other: dict[str, list]) -> bool:
    """Whether both give the same. Prometheus adds in no certain order, so that the last digits are not counted."""

    def close(a, b):
        return a[0] == b[0] and (a[1] == b[1] or math.isclose(float(a[1]), float(b[1]), rel_tol=1e-9, abs_tol=1e-6))

    return one.keys() == other.keys() and all(len(one[k]) == len(other[k]) and all(map(close, one[k], other[k])) for k in one)


def _asks(chance: random.Random, writer: promql.Promql, end: int):
    """Paths and parameters."""
    instants, ranges, lists = COUNTS
    for _ in range(instants):
        yield "/api/v1/query", [("query", writer.query()), ("time", str(end - chance.randrange(600)))]
    for _ in range(ranges):
        span = [("start", str(end - chance.randrange(300, 1200))), ("end", str(end)), ("step", chance.choice(["15", "30s", "1m"]))]
        yield "/api/v1/query_range", [("query", writer.query()), *span]
    for _ in range(lists):
        matches = [("match[]", writer.selector()) for _ in range(chance.randrange(1, 3))]
        path = chance.choice(["/api/v1/series", "/api/v1/labels", "/api/v1/label/tenant/values", "/api/v1/label/shard/values", "/api/v1/label/__name__/values"])
        yield path, (matches if path == "/api/v1/series" or chance.random() < 0.7 else []) + [("start", str(end - 3600)), ("end", str(end))]


def check(side, history: History, checks: Checks):
    """Every query gives what it gives where nobody else's series are."""
    chance = random.Random(f"{history.seed} {side.slug}")
    writer = promql.Promql(chance, side.slug, side.other, history.newest - SAMPLES * STEP, history.newest)
    own, told, differs = history.own[side.slug], 0, 0
    with checks.check(f"{side.slug}: {sum(COUNTS)} random queries, SEED={history.seed}"):
        for path, pairs in _asks(chance, writer, history.newest):
            what, text = f"SEED={history.seed}: {path} {pairs}", _urlencoded(pairs)
            absent = any("absent" in value for name, value in pairs if name == "query")
            expected = own.ask(path, text)
            # Values of labels are listed by GET alone.
            answer = side.ask("GET", f"{path}?{text}") if "/label/" in path else _through(side, path, pairs, chance)
            equal(answer.status, expected.status, f"{what}: status, {answer.text[:300]}")
            if expected.status != 200:
                continue
            found, wanted = (_comparable(one.json()["data"], absent) for one in (answer, expected))
            if not _same(found, wanted):
                raise AssertionError(f"{what} gives {str(found)[:400]}, and alone {str(wanted)[:400]}")
            told += bool(wanted)
            # Whether the gate had anything to do.
            shared = history.both.ask(path, text)
            differs += shared.status != 200 or not _same(_comparable(shared.json()["data"], absent), wanted)
        equal(told > sum(COUNTS) // 3, True, f"{told} answers had something in them")
        equal(differs > sum(COUNTS) // 4, True, f"{differs} answers would have had something of the other in them")
        print(f"# {side.slug}: {told} answers with something in them, {differs} that the other's series would have changed", flush=True)


def quoted(side, checks: Checks):
    """Names in quotes are narrowed as all others: what this Prometheus understands of it gives nothing of the other's."""
    for query, is_told in promql.QUOTED.items():
        query = query.format(own=side.slug, other=side.other)
        with checks.check(f"{side.slug}: {query}"):
            answer = side.ask("GET", f"/api/v1/query?{_urlencoded([('query', query)])}")
            said = answer.json()
            equal((answer.status, "reason" in said), (200, False) if is_told else (400, False), f"answer, {answer.text[:300]}")
            tenants = {entry["metric"].get("tenant", side.slug) for entry in said.get("data", {}).get("result", [])}
            equal(tenants <= {side.slug}, True, f"tenants {tenants}")
    with checks.check(f"{side.slug}: a function that only older versions know is refused"):
        answer = side.ask("GET", f"/api/v1/query?{_urlencoded([('query', 'holt_winters(requests[5m], 0.5, 0.5)')])}")
        equal((answer.status, answer.json().get("reason")), (400, "selector_malformed"), "refusal")
