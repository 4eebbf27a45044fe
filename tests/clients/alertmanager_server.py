"""Alertmanager itself with the alerts of two organizations and of others, and what an organization asks it through the gate."""

import datetime
import json
import urllib.parse

import oauth
import tenants
from checks import equal
from processes import Process, await_true, free_port

MOUNT = "/alertmanager"
READING = "alerts:read silences:read"
ALERTS, GROUPS, SILENCES = "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences"
NAMES = ("DiskFull", "Slow")
# Whose alerts are there: beside the two organizations', nobody's, and some whose owner is spelled much like one of them.
OWNERS = (*tenants.SLUGS, None, "default2", "Default", "my-default", "default|second-team", ".*")
JSON = {"Content-Type": "application/json"}


def matcher(name: str, value: str, is_regex: bool = False, is_equal: bool = True) -> dict:
    """A matcher as Alertmanager shows it."""
    return {"isEqual": is_equal, "isRegex": is_regex, "name": name, "value": value}


def silence(matchers: list[dict], **more) -> dict:
    """A silence of the next hour."""
    now = datetime.datetime.now(datetime.UTC)
    times = {"startsAt": now.isoformat(), "endsAt": (now + datetime.timedelta(hours=1)).isoformat()}
    return times | {"createdBy": "suite", "comment": "planned", "matchers": matchers} | more


class Alertmanager(Process):
    """Alertmanager itself, and what it says when it is asked directly."""

    def __init__(self, home):
        config = home / "alertmanager.yml"
        # Both organizations' alerts of one name are one group.
        config.write_text("route: {receiver: everyone, group_by: [alertname]}\nreceivers: [{name: everyone}]\n")
        self.port = free_port()
        command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={home / 'alertmanager'}"]
        super().__init__("alertmanager", [*command, f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="], home)
        self.base = f"http://127.0.0.1:{self.port}"
        await_true("alertmanager", lambda: oauth.request("GET", self.base + "/-/ready").status == 200)
        self._raise()

    def _raise(self):
        owners = [{"tenant": owner} if owner else {} for owner in OWNERS]
        ends = silence([])["endsAt"]
        alerts = [{"labels": {"alertname": name} | owner, "endsAt": ends} for name in NAMES for owner in owners]
        self.ask("POST", ALERTS, alerts)
        groups = lambda: [a for g in self.ask("GET", GROUPS) for a in g["alerts"]]  # noqa: E731
        await_true("all alerts in groups", lambda: len(groups()) == len(alerts))

    def ask(self, method: str, path: str, body=None):
        """What it answers; fails when it does not."""
        answer = oauth.request(method, self.base + path, JSON, None if body is None else json.dumps(body))
        equal(answer.status, 200, f"Alertmanager's own status of {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.text else None

    def create(self, *matchers: dict) -> str:
        """A silence that did not come through the gate."""
        return self.ask("POST", SILENCES, silence(list(matchers)))["silenceID"]

    def silence(self, number: str) -> dict:
        """One silence."""
        return self.ask("GET", f"/api/v2/silence/{number}")

    def live(self) -> list[dict]:
        """The silences that are not expired."""
        return [one for one in self.ask("GET", SILENCES) if one["status"]["state"] != "expired"]

    def end_all(self):
        """Ends every silence."""
        for one in self.live():
            self.ask("DELETE", f"/api/v2/silence/{one['id']}")

    def suppressed(self) -> set[tuple[str, str | None]]:
        """The alerts that are silenced, by name and owner."""
        found = {"active": set(), "suppressed": set()}
        for alert in self.ask("GET", ALERTS):
            found[alert["status"]["state"]].add((alert["labels"]["alertname"], alert["labels"].get("tenant")))
        equal(len(found["active"] | found["suppressed"]), len(NAMES) * len(OWNERS), "alerts")
        return found["suppressed"]


class Side(tenants.Side):
    """One organization's view of Alertmanager."""

    def listed(self, path: str, *query: tuple[str, str]) -> list[tuple[str, str]] | None:
        """The alerts that a list answers, by name and owner; none when Alertmanager can't read a filter, and quotes it."""
        answer = self.ask("GET", f"{path}?{urllib.parse.urlencode(query)}")
        if answer.status == 400 and isinstance(answer.json(), str):
            return None
        found = self.unnamed(answer, f"{path} {query}").json()
        alerts = found if path == ALERTS else [alert for group in found for alert in group["alerts"]]
        return sorted((a["labels"]["alertname"], a["labels"].get("tenant")) for a in alerts)

    def send(self, body, token: str | None = None):
        """Posts a silence; a text goes as it is."""
        return self.ask("POST", SILENCES, (body if isinstance(body, str) else json.dumps(body)).encode(), JSON, token)

    def created(self, *matchers: dict) -> str:
        """The id of a new silence."""
        answer = self.send(silence(list(matchers)))
        equal(answer.status, 200, f"status: {answer}")
        return answer.json()["silenceID"]
