"""Debian's Alertmanager with the alerts of two organizations: by label each sees and silences its own and nothing of the other."""

import contextlib
import json
import sys
import urllib.parse

import harness
import silences
import tenants
from alertmanager_server import ALERTS, GROUPS, JSON, MOUNT, NAMES, READING, Alertmanager, Side
from checks import Checks, equal
from processes import Recorder
from tenants import refused

SCOPES = f"{READING} silences:write alerts:write"


def configuration(port: int) -> str:
    """One Alertmanager for everybody, with organizations told apart by a label."""
    return f"""
[[upstreams]]
name = "alertmanager"
endpoints = ["http://127.0.0.1:{port}"]
[[apis]]
name = "alertmanager"
mount = "{MOUNT}"
pack = "alertmanager"
upstream = "alertmanager"
tenant = {{ mode = "label", label = "tenant", value = "{{org.slug}}" }}
"""


def filters(side: Side) -> list[str]:
    """Filters that reach for the other organization."""
    own, other = side.slug, side.other
    odd = [f'tenant="{own}" or tenant="{other}"', f'tenant="{own}",tenant="{other}"', f'{{tenant="{other}"}}', f'"tenant"="{other}"']
    odd += [f"tenant='{other}'", f"tenant={other}", f"tenant=`{other}`", f'tenant="{own}\\" or tenant=\\"{other}"', f'tenant=~"{own}"|"{other}"']
    odd += [f'tenant="{other}"\n', f' tenant = "{other}" ', f'tenant="{other}"#', 'tenant=~"', "", "{}"]
    return [f'tenant="{other}"', f'tenant=~"{own}|{other}"', 'tenant=~".*"', f'tenant!="{own}"', f'tenant!~"{own}"', 'tenant=""', 'tenant!=""', *odd]


def lists(side: Side, recorder: Recorder, checks: Checks):
    """Alerts and groups."""
    own = [(name, side.slug) for name in NAMES]
    for path in (ALERTS, GROUPS):
        with checks.check(f"{side.slug}: {path} gives all of its own and nothing else"):
            equal(side.listed(path), own, "alerts")
            everything = [(state, "true") for state in ("active", "silenced", "inhibited", "unprocessed")]
            equal(side.listed(path, *everything, ("receiver", ".*")), own, "alerts in any state")
        with checks.check(f"{side.slug}: {path} keeps the filters that it is sent"):
            equal(side.listed(path, ("filter", 'alertname="Slow"')), own[1:], "alerts")
            equal(side.listed(path, ("filter", 'alertname!~"S.*"'), ("filter", f'tenant="{side.slug}"')), own[:1], "alerts")
        with checks.check(f"{side.slug}: no filter of {path} reaches the other's"):
            queries = [("filter", text) for text in filters(side)]
            for query in (*queries, *((name, filters(side)[0]) for name in ("filter[]", "Filter", "receiver"))):
                found = side.listed(path, query)
                equal(found is None or set(found) <= set(own), True, f"{query}: only its own in {found}")
            equal(side.listed(path, ("filter", f'tenant="{side.other}"')), [], "the other's by name")
    with checks.check(f"{side.slug}: what can't be narrowed is refused"), recorder.unseen():
        for path in ("/api/v2/status", "/api/v2/receivers"):
            refused(side.ask("GET", path), 403, "route_not_enforceable", path)
        alert = [{"labels": {"alertname": "Forged", "tenant": side.other}}]
        refused(side.ask("POST", ALERTS, json.dumps(alert), JSON), 403, "route_not_enforceable", "raising an alert")
        for path in ("/metrics", "/-/reload", "/debug/pprof/", "/api/v1/alerts", "/"):
            refused(side.ask("GET", path), 404, "no_route", path)


def main() -> int:
    """Both organizations on one stack."""
    checks = Checks("alertmanager")
    with harness.Stack(everything=False, prometheus=False) as stack, contextlib.ExitStack() as owned:
        am = Alertmanager(stack.home)
        owned.callback(am.stop)
        recorder = Recorder(am.port)
        owned.callback(recorder.stop)
        ids = tenants.organizations(stack)
        stack.restart_with(configuration(recorder.port))
        sides = []
        for slug, other in (tenants.SLUGS, tenants.SLUGS[::-1]):
            side = Side(stack, MOUNT, slug, other, ids[slug], SCOPES)
            lists(side, recorder, checks)
            silences.own(side, am, checks)
            silences.amtool(side, am, stack.home, checks)
            silences.foreign(side, am, recorder, stack, checks)
            silences.unscoped(side, am, recorder, checks)
            sides.append(side)
        for side in sides:
            silences.hostile(side, am, checks)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
