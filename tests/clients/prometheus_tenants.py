"""Debian's Prometheus with the series of two organizations: by label each gets all of its own and nothing of the other."""

import http.server
import json
import sys
import threading
import urllib.parse

import harness
import oauth
import prometheus_history
import tenants
from checks import Checks, contains, equal
from processes import await_true

SHARDS = range(4)
METRICS = ("requests", "errors")
SMALL, LARGE = 1, 10**12
SCOPES = "metrics:read rules:read alerts:read"


class Exporter:
    """Constant series of every tenant."""

    def __init__(self, slugs: list[str]):
        lines = [
            f'{metric}{{tenant="{tenant}",shard="{shard}"}} {base * (number + 1) + shard}'
            for metric in METRICS
            for number, (tenant, base) in enumerate(zip(slugs, (SMALL, LARGE)))
            for shard in SHARDS
        ]
        payload = ("\n".join(lines) + "\n").encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def configuration(stack) -> str:
    """The same upstream, with organizations told apart by a label."""
    return f"""
[[upstreams]]
name = "prometheus"
endpoints = ["http://127.0.0.1:{stack.recorder.port}"]
[[apis]]
name = "prometheus"
mount = "{harness.PROMETHEUS_PATH}"
pack = "prometheus"
upstream = "prometheus"
tenant = {{ mode = "label", label = "tenant", value = "{{org.slug}}" }}
"""


def alerting(slugs: list[str]) -> str:
    """One alert that always fires for each tenant."""
    rules = [{"alert": f"Always{n}", "expr": "vector(1)", "labels": {"tenant": t}} for n, t in enumerate(slugs)]
    return json.dumps({"groups": [{"name": "all", "rules": rules}]})


class Side(tenants.Side):
    """One organization's view of Prometheus."""

    def __init__(self, stack, slug: str, other: str, organization: str):
        super().__init__(stack, harness.PROMETHEUS_PATH, slug, other, organization, SCOPES)

    def call(self, path: str, query: dict | list = (), method: str = "GET"):
        """One call; a POST carries its parameters in a form."""
        text = urllib.parse.urlencode(query)
        headers = oauth.bearer(self.token)
        if method == "POST":
            return oauth.request("POST", self.base + path, headers | {"Content-Type": "application/x-www-form-urlencoded"}, text)
        return oauth.request("GET", f"{self.base}{path}?{text}", headers)

    def data(self, path: str, query: dict | list = (), method: str = "GET"):
        """What a successful call answers; it never names the other organization."""
        answer = self.call(path, query, method)
        return self.unnamed(answer, f"{path} {query}").json()["data"]


def lists(side: Side, checks: Checks):
    """Series, labels, federation, rules, alerts."""
    own = {"tenant": side.slug}
    with checks.check(f"{side.slug}: series, labels and values are its own"):
        found = side.data("/api/v1/series", [("match[]", "requests"), ("match[]", f'errors{{tenant="{side.slug}"}}')])
        equal({s["tenant"] for s in found}, {side.slug}, "tenants of series")
        equal(len(found), len(METRICS) * len(SHARDS), "series")
        equal(side.data("/api/v1/label/tenant/values"), [side.slug], "values of tenant")
        contains(side.data("/api/v1/labels", method="POST"), "shard", "labels")
    with checks.check(f"{side.slug}: a parameter that Prometheus does not read selects nothing more"):
        for method in ("GET", "POST"):
            # `data` sees that no answer names the other organization.
            contains(side.data("/api/v1/labels", {"match": "requests"}, method), "shard", "labels")
            found = side.data("/api/v1/series", {"match": "requests"}, method)
            equal({s["tenant"] for s in found}, {side.slug}, "tenants of series")
        equal(side.data("/api/v1/label/tenant/values", {"match": "requests"}), [side.slug], "values of tenant")
        other = {"match": f'{{tenant="{side.other}"}}'}
        equal(side.call("/api/v1/label/tenant/values", other).json()["data"], [], "values of the other's")
    with checks.check(f"{side.slug}: federation gives its own"):
        answer = side.call("/federate", [("match[]", '{__name__=~".+"}')])
        lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
        equal(bool(lines) and all(f'tenant="{side.slug}"' in line for line in lines), True, answer.text[:300])
    with checks.check(f"{side.slug}: alerts and rules are its own"):
        equal([a["labels"]["tenant"] for a in side.data("/api/v1/alerts")["alerts"]], [side.slug], "alerts")
        rules = [r for g in side.data("/api/v1/rules")["groups"] for r in g["rules"]]
        equal([r["labels"] for r in rules], [own], "rules")
    for query, reason in {"up{": "selector_malformed", 'up{a="1" or b="2"}': "selector_not_enforceable"}.items():
        with checks.check(f"{side.slug}: {query} is refused"):
            answer = side.call("/api/v1/query", {"query": query})
            equal((answer.status, answer.json()["reason"]), (400, reason), "refusal")
    with checks.check(f"{side.slug}: what can't be narrowed is refused"):
        equal(side.call("/api/v1/metadata").status, 403, "metadata")
    with checks.check(f"{side.slug}: the other's series are nothing here"):
        equal(side.call("/api/v1/query", {"query": f'requests{{tenant="{side.other}"}}'}).json()["data"]["result"], [], "result")


def main() -> int:
    """Both organizations on one stack."""
    checks = Checks("prometheus tenants")
    slugs = list(tenants.SLUGS)
    exporter = Exporter(slugs)
    scraped = f"- {{job_name: both, honor_labels: true, static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]}}\n"
    with harness.Stack(everything=False, scraped=scraped, rules=alerting(slugs)) as stack:
        ids = tenants.organizations(stack)
        history = prometheus_history.History(stack.home)
        stack.restart_with(configuration(stack) + history.configuration())
        base = stack.prometheus_url
        # Old enough that every offset and range of the generated queries finds a sample.
        await_true("all series", lambda: len(oauth.request("GET", base + "/api/v1/query?query=requests+offset+5s").json()["data"]["result"]) == 8)
        await_true("both alerts", lambda: len(oauth.request("GET", base + "/api/v1/alerts").json()["data"]["alerts"]) == 2)
        for slug, other in (slugs, slugs[::-1]):
            lists(Side(stack, slug, other, ids[slug]), checks)
            past = tenants.Side(stack, prometheus_history.MOUNT, slug, other, ids[slug], "metrics:read")
            prometheus_history.check(past, history, checks)
            prometheus_history.quoted(past, checks)
        history.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
