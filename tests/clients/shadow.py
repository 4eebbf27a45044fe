"""A gate that is put before live services in shadow mode: nobody is cut, the report says who would be and why, and then exactly they are."""

import json
import subprocess
import sys

import harness
import oauth
from anything import Anything
from checks import Checks, equal
from processes import await_true
from shadow_callers import PROMETHEUS, Callers, configuration

ROUNDS = 3
PROMTOOL = "promtool"
# The first request of a rate is within it.
ALLOWED_FIRST = {"rate_limited": 1}


def promtool(stack) -> bool:
    """Whether Prometheus' own command line, which knows nothing of a gate, gets an answer."""
    command = ["promtool", "query", "instant", stack.url(PROMETHEUS), "up"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0 and "=> 1" in done.stdout


def report(stack) -> dict:
    """What the command says of the last day."""
    return json.loads(stack.administer("audit", "shadow", "--json", "--config", str(stack.home / "gateway.toml")))


def name(entry: dict, callers: Callers) -> str:
    """How the checks call a caller of the report."""
    if entry["client"]:
        return next(caller.name for caller in callers.all if caller.client == entry["client"])
    agent = entry["user_agent"] or ""
    return PROMTOOL if agent.lower().startswith(("promtool", "go-http-client")) else agent


def recorded(stack, answer: oauth.Answer) -> str:
    """The reason of a refusal, as the log has it."""
    found = stack.administer("audit", "search", "--json", "--request", answer.headers["X-Request-Id"], "--config", str(stack.home / "gateway.toml"))
    (record,) = json.loads(found)["records"]
    return record["ocsf"]["status_detail"]


def enforce(stack):
    """Takes the shadow away while everything runs."""
    file = stack.home / "gateway.toml"
    beside = file.with_suffix(".new")
    beside.write_text(file.read_text().replace('enforce = "shadow"', 'enforce = "on"'))
    beside.rename(file)
    ready = f"http://127.0.0.1:{stack.admin_port}/readyz"
    await_true("the changed file", lambda: oauth.request("GET", ready).json()["configuration"]["generation"] > 1)


def in_shadow(stack, checks: Checks, callers: Callers) -> dict:
    """Nobody is refused, and everybody who will be is named."""
    for _ in range(ROUNDS):
        for caller in callers.all:
            with checks.check(f"{caller.name} is answered by the upstream"):
                answer = caller.ask(stack)
                equal(answer.status, 200, f"status, {answer.text[:200]}")
        with checks.check("promtool is answered by the upstream"):
            equal(promtool(stack), True, "an answer")
    with checks.check("what passes reaches Prometheus as it was sent"):
        arrived = [{name.lower(): value for name, value in headers} for _, _, headers in stack.recorder.requests]
        agents = {headers.get("user-agent") for headers in arrived}
        equal({"Grafana-12", "curl-8", "dashboards"} <= agents, True, str(agents))
        credentials = {headers["authorization"] for headers in arrived if "authorization" in headers}
        equal(credentials, {"Basic dXNlcjpwdw==", "Bearer AAAA.BBBB"}, "credentials that arrived: nobody's but the upstream's own")
    found = report(stack)
    named = {name(entry, callers): entry for entry in found["entries"]}
    expected = {caller.name: caller.refused for caller in callers.all if caller.refused} | {PROMTOOL: "no_token"}
    with checks.check("the report names everybody who would be cut, and why"):
        told = {who: entry["reason"] for who, entry in named.items()}
        equal(sorted(told.items() - expected.items()), sorted(expected.items() - told.items()), "who was named or should have been")
        equal(len(found["entries"]), len(expected), "entries")
    with checks.check("it counts, and says what is missing and whose it is"):
        counts = {who: entry["count"] for who, entry in named.items() if who != PROMTOOL}
        wanted = {who: ROUNDS - ALLOWED_FIRST.get(reason, 0) for who, reason in expected.items() if who != PROMTOOL}
        equal(counts, wanted, "counts")
        equal(named["rule watcher"]["missing"], [harness.PROMETHEUS_SCOPE], "missing scopes")
        equal(named["rule watcher"]["email"], stack.person.email, "user")
    with checks.check("the metric counts them too"):
        text = oauth.request("GET", f"http://127.0.0.1:{stack.admin_port}/metrics").text
        lines = [line for line in text.splitlines() if 'decision="would_deny"' in line and line.startswith("tollgate_requests_total")]
        equal(sum(int(line.rsplit(" ", 1)[1]) for line in lines), found["requests"], "requests")
    return {who: entry["reason"] for who, entry in named.items()}


def enforced(stack, checks: Checks, callers: Callers, reported: dict):
    """Who was named is refused for what was named, and nobody else is."""
    enforce(stack)
    for caller in callers.all:
        with checks.check(f"{caller.name} is {'cut' if caller.refused else 'not cut'}"):
            # What a change of the file does to a rate that is used up is not the report's to say.
            answers = [caller.ask(stack) for _ in range(1 + ALLOWED_FIRST.get(caller.refused, 0))]
            reason = None if answers[-1].status == 200 else recorded(stack, answers[-1])
            equal(reason, reported.get(caller.name), "reason")
    with checks.check("promtool is cut"):
        equal((promtool(stack), PROMTOOL in reported), (False, True), "an answer, and whether it was named")


def main() -> int:
    """One stack, from the shadow to enforcement."""
    checks, anything = Checks("shadow"), Anything()
    with harness.Stack(everything=False) as stack:
        stack.restart_with(configuration(stack.recorder.port, anything.port))
        callers = Callers(stack)
        enforced(stack, checks, callers, in_shadow(stack, checks, callers))
    anything.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
