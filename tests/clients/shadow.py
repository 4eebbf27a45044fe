"""A gate that is put before a live Prometheus in shadow mode: nobody is cut, the report says who would be, and then exactly they are."""

import json
import subprocess
import sys

import harness
import oauth
from checks import Checks, equal
from processes import await_true

QUERY = "/api/v1/query?query=up"
ROUNDS = 3


def configuration(stack, enforce: str) -> str:
    """The upstream as it is, gated in this way."""
    return f"""
[[upstreams]]
name = "prometheus"
endpoints = ["http://127.0.0.1:{stack.recorder.port}"]
[[apis]]
name = "prometheus"
mount = "{harness.PROMETHEUS_PATH}"
pack = "prometheus"
upstream = "prometheus"
enforce = "{enforce}"
"""


class Callers:
    """Everybody who uses this Prometheus, some of them known to the gate."""

    def __init__(self, stack):
        self.stack = stack
        self.base = stack.url(harness.PROMETHEUS_PATH)
        self.known = stack.client("dashboards")
        self.known.authorize(stack.person, self.base, harness.PROMETHEUS_SCOPE)
        self.narrow = stack.client("rule watcher")
        self.narrow.authorize(stack.person, self.base, harness.PROMETHEUS_OTHER_SCOPE)

    def _status(self, path: str, agent: str, client=None) -> int:
        token = client.tokens["access_token"] if client else None
        return oauth.request("GET", self.base + path, oauth.bearer(token) | {"User-Agent": agent}).status

    def promtool(self) -> int:
        """Prometheus' own command line, which knows nothing of a gate."""
        command = ["promtool", "query", "instant", self.base, "up"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return 200 if done.returncode == 0 and "=> 1" in done.stdout else 401

    def ask(self) -> dict[str, int]:
        """One request of each: who, and what they were answered."""
        return {
            "dashboards": self._status(QUERY, "dash/1", self.known),
            "rule watcher": self._status(QUERY, "rules/1", self.narrow),
            "Grafana/12": self._status(QUERY, "Grafana/12"),
            "curl/8": self._status("/metrics", "curl/8"),
            "promtool": self.promtool(),
        }


def report(stack) -> dict:
    """What the command says of the last day."""
    return json.loads(stack.administer("audit", "shadow", "--json", "--config", str(stack.home / "gateway.toml")))


def name(entry: dict) -> str:
    """How the checks call a caller of the report."""
    given = entry["client_name"] or entry["user_agent"] or ""
    return "promtool" if given.lower().startswith(("promtool", "go-http-client")) else given


def enforce(stack):
    """Takes the shadow away while everything runs."""
    file = stack.home / "gateway.toml"
    beside = file.with_suffix(".new")
    beside.write_text(file.read_text().replace('enforce = "shadow"', 'enforce = "on"'))
    beside.rename(file)
    ready = f"http://127.0.0.1:{stack.admin_port}/readyz"
    await_true("the changed file", lambda: oauth.request("GET", ready).json()["configuration"]["generation"] > 1)


def run(stack, checks: Checks):
    """The whole story on one stack."""
    callers = Callers(stack)
    answers = [callers.ask() for _ in range(ROUNDS)]
    with checks.check("nobody is refused"):
        for answer in answers:
            equal(set(answer.values()), {200}, str(answer))
    with checks.check("what passes reaches Prometheus as it was sent"):
        arrived = [{name.lower(): value for name, value in headers} for _, _, headers in stack.recorder.requests]
        agents = {headers.get("user-agent") for headers in arrived}
        equal({"Grafana/12", "curl/8", "dash/1"} <= agents, True, str(agents))
        equal([headers for headers in arrived if "authorization" in headers], [], "requests with a credential")
    found = report(stack)
    named = {name(entry): entry for entry in found["entries"]}
    with checks.check("the report names everybody who would be cut"):
        equal(sorted(named), ["Grafana/12", "curl/8", "promtool", "rule watcher"], "callers")
    with checks.check("it counts and says why"):
        reasons = {who: entry["reason"] for who, entry in named.items()}
        anonymous = dict.fromkeys(("Grafana/12", "curl/8", "promtool"), "no_token")
        equal(reasons, anonymous | {"rule watcher": "insufficient_scope"}, "reasons")
        equal(named["rule watcher"]["missing"], [harness.PROMETHEUS_SCOPE], "missing scopes")
        equal(named["rule watcher"]["email"], stack.person.email, "user")
        equal({entry["count"] for who, entry in named.items() if who != "promtool"}, {ROUNDS}, "counts")
    with checks.check("the metric counts them too"):
        text = oauth.request("GET", f"http://127.0.0.1:{stack.admin_port}/metrics").text
        lines = [line for line in text.splitlines() if 'decision="would_deny"' in line and line.startswith("tollgate_requests_total")]
        equal(sum(int(line.rsplit(" ", 1)[1]) for line in lines), found["requests"], "requests")
    enforce(stack)
    with checks.check("enforcing cuts exactly those"):
        cut = {who for who, status in callers.ask().items() if status != 200}
        equal(cut, set(named), "callers")


def main() -> int:
    """One stack, from the shadow to enforcement."""
    checks = Checks("shadow")
    with harness.Stack(everything=False) as stack:
        stack.restart_with(configuration(stack, "shadow"))
        run(stack, checks)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
