"""Debian's VictoriaMetrics, one for each of two organizations: by path each reads and writes its own and reaches nothing of the other."""

import contextlib
import itertools
import json
import sys
import time
import urllib.parse

import harness
import oauth
import tenants
from checks import Checks, equal
from processes import Process, Recorder, await_true, free_port
from tenants import refused

MOUNT = "/victoria"
SCOPES = "metrics:read metrics:export metrics:write"
ACCOUNTS = dict(zip(tenants.SLUGS, ("7", "8")))
SHARDS = range(3)
API = "/prometheus/api/v1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def configuration(port: int) -> str:
    """A cluster behind one address, as the pack says it."""
    return f"""
[[upstreams]]
name = "victoria"
endpoints = ["http://127.0.0.1:{port}"]
[[apis]]
name = "victoria"
mount = "{MOUNT}"
pack = "victoriametrics"
upstream = "victoria"
tenant = {{ mode = "path_prefix", value = "/{{operation}}/{{org.tenant}}" }}
"""


class Victoria(Process):
    """One tenant's VictoriaMetrics. A single node, so that it has one prefix for everything: the one by which a cluster is read."""

    def __init__(self, home, slug: str):
        self.slug, self.account, self.port = slug, ACCOUNTS[slug], free_port()
        self.base = f"http://127.0.0.1:{self.port}/select/{self.account}"
        command = ["victoria-metrics", f"-storageDataPath={home / f'victoria-{slug}'}", f"-httpListenAddr=127.0.0.1:{self.port}"]
        command += [f"-http.pathPrefix=/select/{self.account}", "-memory.allowedBytes=64MB", "-search.disableCache", "-search.latencyOffset=0s"]
        super().__init__(f"victoria-{slug}", command, home)
        self.await_answer(self.base + "/health")

    def ask(self, path: str, body: str | None = None) -> str:
        """What it answers, asked directly."""
        answer = oauth.request("GET" if body is None else "POST", self.base + path, FORM, body)
        equal(answer.status in (200, 204), True, f"success of {path} at {self.slug}'s own: {answer}")
        return answer.text

    def series(self) -> list[str]:
        """The names of its series, with what was written a moment ago."""
        self.ask("/internal/force_flush")
        return json.loads(self.ask(f"{API}/label/__name__/values"))["data"]

    def seed(self):
        """Series that both tenants have, and one that only this has."""
        name = self.slug.replace("-", "_")
        lines = [f'{metric}{{owner="{self.slug}",shard="{n}",of_{name}="x"}} {n}' for metric in ("requests", f"only_{name}") for n in SHARDS]
        self.ask(f"{API}/import/prometheus?timestamp={int(time.time() - 60) * 1000}", "\n".join(lines) + "\n")
        equal(self.series(), [f"only_{name}", "requests"], "series")


class Cluster(Recorder):
    """The one address of a cluster: the account in the path says whose VictoriaMetrics answers."""

    def __init__(self, servers: list[Victoria]):
        super().__init__()
        self._ports = {server.account: server.port for server in servers}

    def route(self, path: str) -> tuple[int, str]:
        """What selects is passed on as it is, what inserts or deletes below the only prefix that a single node has."""
        _, operation, account, rest = path.split("/", 3)
        equal(operation in ("select", "insert", "delete"), True, f"an operation in {path}")
        return self._ports[account], f"/select/{account}/{rest}"


class Side(tenants.Side):
    """One organization's view of VictoriaMetrics."""

    def get(self, path: str, *query: tuple[str, str]) -> str:
        """What a GET answers."""
        return self.unnamed(self.ask("GET", f"{path}?{urllib.parse.urlencode(query)}"), f"GET {path} {query}").text

    def post(self, path: str, *query: tuple[str, str]) -> str:
        """The same asked by a form."""
        return self.unnamed(self.ask("POST", path, urllib.parse.urlencode(query), FORM), f"POST {path} {query}").text

    def owners(self, text: str) -> list[str]:
        """Whose series a query's answer has."""
        return [one["metric"].get("owner") for one in json.loads(text)["data"]["result"]]


def reads(side: Side, checks: Checks):
    """Every way to read gives all of its own and nothing else."""
    name, count, now = side.slug.replace("-", "_"), len(SHARDS), int(time.time())
    everything = '{__name__=~".+"}'
    span = [("start", str(now - 300)), ("end", str(now)), ("step", "30")]
    for method in ("get", "post"):
        ask = getattr(side, method)
        with checks.check(f"{side.slug}: {method} of query and query_range"):
            queries = {"requests": count, everything: 2 * count, f'requests{{owner="{side.other}"}}': 0, 'requests{owner=~".*"}': count}
            for query, wanted in queries.items():
                equal(side.owners(ask(f"{API}/query", ("query", query))), [side.slug] * wanted, f"owners of {query}")
                equal(side.owners(ask(f"{API}/query_range", ("query", query), *span)), [side.slug] * wanted, f"owners of the range {query}")
        with checks.check(f"{side.slug}: {method} of series and labels"):
            found = json.loads(ask(f"{API}/series", ("match[]", everything)))["data"]
            equal([one["owner"] for one in found], [side.slug] * 2 * count, "owners of series")
            equal(json.loads(ask(f"{API}/labels"))["data"], ["__name__", f"of_{name}", "owner", "shard"], "labels")
        with checks.check(f"{side.slug}: {method} of export and federation"):
            lines = ask(f"{API}/export", ("match[]", everything)).splitlines()
            equal([json.loads(line)["metric"]["owner"] for line in lines], [side.slug] * 2 * count, "owners of exported series")
            rows = ask(f"{API}/export/csv", ("match[]", everything), ("format", "owner")).split()
            equal(rows, [side.slug] * 2 * count, "owners of exported rows")
            equal(ask("/prometheus/federate", ("match[]", everything)).count(f'owner="{side.slug}"'), 2 * count, "federated series")
    with checks.check(f"{side.slug}: label values, state and Graphite's list"):
        equal(json.loads(side.get(f"{API}/label/owner/values"))["data"], [side.slug], "values of owner")
        equal(json.loads(side.get(f"{API}/status/tsdb"))["data"]["totalSeries"], 2 * count, "series in all")
        found = json.loads(side.get("/graphite/metrics/find", ("query", "*")))
        equal([one["id"] for one in found], [f"only_{name}", "requests"], "metrics")
        equal(side.get("/graphite/tags/autoComplete/tags").count(f"of_{name}"), 1, "tags")


def paths(side: Side, cluster: Recorder, checks: Checks):
    """Paths that could lead to the other's."""
    other, query = ACCOUNTS[side.other], "?query=requests"
    climbs = ["/..", "/%2e%2e", "/.%2E", "/%2e.", "/..;", "/..%2f..", "/..%5c..", "/..\\..", "/%252e%252e", "/prometheus/..", "/./..", "/graphite/.."]
    for climb in climbs:
        for path in (f"{climb}/{other}{API}/query", f"{climb}{climb}/select/{other}{API}/query"):
            with checks.check(f"{side.slug}: {path} is refused"), cluster.unseen():
                answer = side.ask("GET", path + query)
                equal((answer.status, bool(answer.json().get("reason"))), (400, True), f"refusal {answer}")
    for path in (f"//{other}{API}/query", f"/{API}/query", "/prometheus//api/v1/query", f"/graphite//{other}/find", f"{API}/label/a%2fb/values"):
        with checks.check(f"{side.slug}: {path} is refused"), cluster.unseen():
            equal(side.ask("GET", path + query).status, 400, "status")
    for operation in ("select", "insert", "delete"):
        for account in (other, ACCOUNTS[side.slug], "multitenant", f"{other}:0"):
            with checks.check(f"{side.slug}: /{operation}/{account} is no path for clients"), cluster.unseen():
                refused(side.ask("GET", f"/{operation}/{account}{API}/query{query}"), 404, "no_route")
    for path in ("/admin/tenants", "/internal/force_flush", "/snapshot/list", "/metrics", "/-/reload", "/api/v1/query", f"/{other}{API}/query", "/"):
        with checks.check(f"{side.slug}: {path} is no route"), cluster.unseen():
            refused(side.ask("GET", path), 404, "no_route")


def claims(side: Side, cluster: Recorder, checks: Checks):
    """Parameters and headers by which a client could name a tenant."""
    other = ACCOUNTS[side.other]
    filters = {"extra_label": f"owner={side.other}", "extra_filters": f'{{owner="{side.other}"}}', "extra_filters[]": f'{{owner="{side.other}"}}'}
    for name, value in filters.items():
        text = urllib.parse.urlencode({"query": "requests", name: value})
        for spelled in (text, text.replace("extra", "%65xtra"), f"a=b&{text}"):
            with checks.check(f"{side.slug}: ?{spelled} is refused"), cluster.unseen():
                refused(side.ask("GET", f"{API}/query?{spelled}"), 403, "other_organization_query")
            with checks.check(f"{side.slug}: a form {spelled} is refused"), cluster.unseen():
                refused(side.ask("POST", f"{API}/query", spelled, FORM), 403, "other_organization_query")
    for name in ("AccountID", "accountid", "Account_ID", "ProjectID", "X-Scope-OrgID", "X-Original-URL", "X-Rewrite-URL"):
        with checks.check(f"{side.slug}: the header {name} changes nothing"):
            value = f"/select/{other}{API}/query" if name.endswith("URL") else other
            answer = side.ask("GET", f"{API}/query?query=requests", headers={name: value})
            equal(side.owners(side.unnamed(answer, name).text), [side.slug] * len(SHARDS), "owners")
            _, path, headers = cluster.requests[-1]
            equal(path, f"/select/{ACCOUNTS[side.slug]}{API}/query?query=requests", "path that arrived")
            equal([key for key, _ in headers if key.lower() in ("accountid", "projectid")], [], "headers that arrived")


def writes(side: Side, servers: dict[str, Victoria], cluster: Recorder, checks: Checks):
    """What one organization writes is its own."""
    own, other, now = servers[side.slug], servers[side.other], int(time.time() - 30)
    token = side.authorized("metrics:read")
    name = f"written_{side.slug.replace('-', '_')}"
    point = {"metric": {"__name__": f"{name}_json"}, "values": [1], "timestamps": [now * 1000]}
    series = {"series": [{"metric": f"{name}_dog", "points": [[now, 1]]}]}
    ways = {
        f"{API}/import/prometheus": (f"{name}_text 1 {now}000\n", f"{name}_text"),
        f"{API}/import": (json.dumps(point) + "\n", f"{name}_json"),
        f"{API}/import/csv?format=1:label:a,2:metric:{name}_csv": ("a,1\n", f"{name}_csv"),
        "/influx/write": (f"{name} influx=1 {now}000000000\n", f"{name}_influx"),
        "/influx/api/v2/write": (f"{name} influx2=1 {now}000000000\n", f"{name}_influx2"),
        "/datadog/api/v1/series": (json.dumps(series), f"{name}_dog"),
    }
    for path, (body, metric) in ways.items():
        with checks.check(f"{side.slug}: without the scope nothing is written by {path}"), cluster.unseen():
            refused(side.ask("POST", path, body, token=token), 403, "insufficient_scope")
        with checks.check(f"{side.slug}: what is written by {path} is its own"):
            equal(metric in own.series(), False, "there before")
            answer = side.ask("POST", path, body)
            equal(answer.status in (200, 202, 204), True, f"success: {answer}")
            equal((metric in own.series(), metric in other.series()), (True, False), "written to its own and to the other's")
            text = side.get(f"{API}/series", ("match[]", metric), ("start", str(now - 60)))
            equal([one["__name__"] for one in json.loads(text)["data"]], [metric], "read through the gate")
    # Later versions and the cluster know these; this one refuses them by itself.
    for path in ("/opentelemetry/v1/metrics", "/opentsdb/api/put", "/newrelic/infra/v2/metrics/events/bulk"):
        with checks.check(f"{side.slug}: {path} arrives below its own account"):
            side.ask("POST", path, "[]")
            method, arrived, _ = cluster.requests[-1]
            equal((method, arrived), ("POST", f"/insert/{own.account}{path}"), "request that arrived")
    with checks.check(f"{side.slug}: nobody deletes by a scope that was not given"), cluster.unseen():
        paths = (f"{API}/admin/tsdb/delete_series?match[]=requests", "/graphite/tags/delSeries?path=requests")
        for method, path in itertools.product(("GET", "POST"), paths):
            answer = side.ask(method, path)
            equal((answer.status, answer.json()["reason"] in ("insufficient_scope", "permission_missing")), (403, True), f"refusal {answer}")


def main() -> int:
    """Both organizations on one stack."""
    checks = Checks("victoriametrics")
    with harness.Stack(everything=False, prometheus=False) as stack, contextlib.ExitStack() as owned:
        servers = {slug: Victoria(stack.home, slug) for slug in tenants.SLUGS}
        for server in servers.values():
            owned.callback(server.stop)
            server.seed()
        cluster = Cluster(list(servers.values()))
        owned.callback(cluster.stop)
        ids = tenants.organizations(stack)
        for slug, account in ACCOUNTS.items():
            stack.administer("org", "update", slug, "--tenant", account)
        stack.restart_with(configuration(cluster.port))
        for slug, other in (tenants.SLUGS, tenants.SLUGS[::-1]):
            before = len(cluster.requests)
            side = Side(stack, MOUNT, slug, other, ids[slug], SCOPES)
            reads(side, checks)
            paths(side, cluster, checks)
            claims(side, cluster, checks)
            writes(side, servers, cluster, checks)
            with checks.check(f"{slug}: nothing of all that arrived at another account"):
                accounts = {tuple(path.split("/")[1:3]) for _, path, _ in cluster.requests[before:]}
                equal(accounts, {("select", ACCOUNTS[slug]), ("insert", ACCOUNTS[slug])}, "accounts in paths")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
