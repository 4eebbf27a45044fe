"""Silences of two organizations at one Alertmanager, for the suite of `alertmanager.py`."""

import json
import re
import subprocess
import urllib.parse

from alertmanager_server import JSON, NAMES, READING, SILENCES, Alertmanager, Side, matcher, silence
from checks import Checks, contains, equal
from processes import Recorder, await_true
from tenants import refused

EVERYTHING = matcher("alertname", ".+", is_regex=True)
# Matchers that select nothing together with ours.
NOBODYS = ("any but ours", "any but ours by regex")


def ours(side: Side) -> dict:
    """The matcher that the gate adds."""
    return matcher("tenant", side.slug)


def own(side: Side, am: Alertmanager, checks: Checks):
    """The life of a silence."""
    disk = matcher("alertname", "DiskFull")
    with checks.check(f"{side.slug}: a silence has the organization's matcher and silences its own alert only"):
        number = side.created(disk)
        equal(am.silence(number)["matchers"], [disk, ours(side)], "matchers")
        equal(am.suppressed(), {("DiskFull", side.slug)}, "silenced")
    with checks.check(f"{side.slug}: it is listed and read"):
        found = side.unnamed(side.ask("GET", SILENCES), "silences").json()
        equal([one["id"] for one in found if one["status"]["state"] == "active"], [number], "list")
        equal(side.unnamed(side.ask("GET", f"/api/v2/silence/{number}"), "silence").json(), am.silence(number), "silence")
    with checks.check(f"{side.slug}: changed as it was read it stays the same silence"):
        read = side.ask("GET", f"/api/v2/silence/{number}").json()
        answer = side.send({key: read[key] for key in ("id", "matchers", "startsAt", "endsAt", "createdBy")} | {"comment": "changed"})
        equal((answer.status, answer.json().get("silenceID")), (200, number), f"the id ({answer})")
        equal((am.silence(number)["comment"], am.silence(number)["matchers"]), ("changed", [disk, ours(side)]), "silence")
    with checks.check(f"{side.slug}: changed to match everything it is a new one, and still its own only"):
        answer = side.send(silence([matcher("tenant", ".*", is_regex=True)], id=number))
        equal(answer.status, 200, f"status: {answer}")
        number, old = answer.json()["silenceID"], number
        equal(am.silence(old)["status"]["state"], "expired", "the old one")
        equal(am.suppressed(), {(name, side.slug) for name in NAMES}, "silenced")
    with checks.check(f"{side.slug}: it is ended"):
        equal(side.ask("DELETE", f"/api/v2/silence/{number}").status, 200, "status")
        equal((am.silence(number)["status"]["state"], am.suppressed()), ("expired", set()), "state, and what is silenced")


def amtool(side: Side, am: Alertmanager, home, checks: Checks):
    """Alertmanager's own command line."""
    file = home / f"amtool-{side.slug}.yml"
    file.write_text(f"authorization: {{credentials: {side.token}}}\n")

    def run(*words: str) -> str:
        command = ["amtool", f"--http.config.file={file}", f"--alertmanager.url={side.base}", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 0, f"exit code of {words}: {done.stdout}{done.stderr}")
        return done.stdout

    with checks.check(f"{side.slug}: amtool sees and silences its own"):
        alerts = json.loads(run("alert", "query", "--output=json"))
        equal(sorted((a["labels"]["alertname"], a["labels"]["tenant"]) for a in alerts), [(n, side.slug) for n in NAMES], "alerts")
        number = run("silence", "add", "--author=suite", "--comment=planned", "alertname=~.+").strip()
        equal(am.suppressed(), {(name, side.slug) for name in NAMES}, "silenced")
        equal(run("silence", "query", "--quiet").split(), [number], "silences")
        run("silence", "expire", number)
        equal(am.suppressed(), set(), "silenced after")


def narrowed(side: Side) -> dict[str, list[dict]]:
    """Matchers that reach for the other organization, and that one more narrows."""
    unsaid = {key: value for key, value in ours(side).items() if key != "isEqual"}
    return {
        "any tenant": [matcher("tenant", ".*", is_regex=True)],
        "either tenant": [matcher("tenant", f"{side.slug}|{side.other}", is_regex=True)],
        "any but ours": [EVERYTHING, matcher("tenant", side.slug, is_equal=False)],
        "any but ours by regex": [matcher("tenant", side.slug, is_regex=True, is_equal=False), EVERYTHING],
        "all names": [EVERYTHING],
        "ours without isEqual": [EVERYTHING, unsaid],
        "ours with isEqual null": [EVERYTHING, unsaid | {"isEqual": None}],
        "none": [],
    }


def twisted(side: Side) -> dict[str, str]:
    """Bodies that two readers could read differently."""
    plain = json.dumps(silence([EVERYTHING, ours(side)]))
    hostile = json.dumps([EVERYTHING, matcher("tenant", side.other)])
    texts = {"two silences": f"{plain}{json.dumps(silence(json.loads(hostile)))}", "a list": f"[{plain}]", "nothing": "", "null": "null"}
    for key in ("matchers", "Matchers", "MATCHERS", r"matcher\u017f", "matcher\u017f", r"\u006datchers", "matchers\\u0000"):
        texts[f"{key!a} behind matchers"] = f'{plain[:-1]}, "{key}": {hostile}}}'
        texts[f"{key!a} before matchers"] = f'{{"{key}": {hostile}, {plain[1:]}'
    said = json.dumps(ours(side))
    equal(plain.count(said), 1, f"{said} in {plain}")
    members = ['"isEqual": false', '"IsEqual": false', r'"i\u017fEqual": false', r'"i\u017fRegex": true']
    for more in (*members, '"value": ".*"', f'"Value": "{side.other}"', '"name": "host"'):
        texts[f"{more} in our matcher"] = plain.replace(said, f"{said[:-1]}, {more}}}")
        texts[f"{more} before ours"] = plain.replace(said, f"{{{more}, {said[1:]}")
    return texts


def confined(side: Side, am: Alertmanager, body, statuses: tuple[int, ...]):
    """Sends a silence; whatever became of it has our matcher and silences nothing else."""
    am.end_all()
    answer = side.send(body)
    equal(answer.status in statuses, True, f"one of {statuses} is the answer {answer}")
    made = am.live()
    equal(len(made), int(answer.status == 200), f"new silences after {answer}")
    equal(all(ours(side) in one["matchers"] for one in made), True, f"our matcher in {made}")
    equal({owner for _, owner in am.suppressed()} <= {side.slug}, True, f"only its own in {am.suppressed()}")


def hostile(side: Side, am: Alertmanager, checks: Checks):
    """New silences that reach for the other organization."""
    for what, matchers in narrowed(side).items():
        with checks.check(f"{side.slug}: a silence with the matchers {what!r} is narrowed"):
            confined(side, am, silence(matchers), (200,))
            equal({owner for _, owner in am.suppressed()}, set() if what in NOBODYS else {side.slug}, "owners of silenced alerts")
    for what, value, is_regex in (("name", side.other, False), ("expression", f"{side.other}|x", True)):
        with checks.check(f"{side.slug}: a silence with the other's {what} as its tenant is not made"):
            am.end_all()
            refused(side.send(silence([EVERYTHING, matcher("tenant", value, is_regex=is_regex)])), 400, "silence_of_others")
            equal(am.live(), [], "silences")
    for what, text in twisted(side).items():
        with checks.check(f"{side.slug}: a silence with {what} is refused or narrowed"):
            confined(side, am, text, (200, 400))


def foreign(side: Side, am: Alertmanager, recorder: Recorder, stack, checks: Checks):
    """Silences of others, named by id."""
    either = f"{side.slug}|{side.other}"
    theirs = {
        "the other's": [EVERYTHING, matcher("tenant", side.other)],
        "everybody's": [matcher("alertname", "Maintenance")],
        "any tenant's": [matcher("alertname", "Maintenance"), matcher("tenant", ".*", is_regex=True)],
        "both tenants'": [matcher("alertname", "Maintenance"), matcher("tenant", either, is_regex=True)],
        "one that is not for ours": [matcher("alertname", "Maintenance"), matcher("tenant", side.slug, is_equal=False)],
        "one by another label": [matcher("alertname", "Maintenance"), matcher("Tenant", side.slug)],
    }
    numbers = {what: am.create(*matchers) for what, matchers in theirs.items()}
    requests = []
    for what, number in numbers.items():
        with checks.check(f"{side.slug}: {what} silence is neither read, changed nor ended by its id"):
            path, before, first = f"/api/v2/silence/{number}", am.silence(number), len(recorder.requests)
            # What names the other's tenant is refused before anybody is asked whose it is.
            echoed = [] if what == "the other's" else [before["matchers"]]
            bodies = [silence(matchers, id=number) for matchers in ([EVERYTHING, ours(side)], *echoed)]
            for answer in (side.ask("GET", path), side.ask("DELETE", path), *map(side.send, bodies)):
                refused(answer, 404, "silence_not_yours")
                requests.append(answer.headers["X-Request-Id"])
            equal([(m, p) for m, p, _ in recorder.requests[first:]], [("GET", path)] * (2 + len(bodies)), "what Alertmanager was asked")
            equal(am.silence(number), before, "the silence")
    with checks.check(f"{side.slug}: the list has only its own, whatever it is filtered by"):
        number = side.created(EVERYTHING)
        for query in ("", *("?" + urllib.parse.urlencode({"filter": f'{name}=~".*"'}) for name in ("tenant", "Tenant", "alertname"))):
            found = side.unnamed(side.ask("GET", SILENCES + query), f"list {query}").json()
            equal([one for one in found if ours(side) not in one["matchers"]], [], f"others' in list {query}")
        contains(side.ask("GET", SILENCES).text, number, "list")
    with checks.check(f"{side.slug}: each refusal is in the organization's audit log"):
        search = ("audit", "search", "--org", side.slug, "--decision", "denied", "--text", "silence_not_yours", "--limit", "1000", "--json")
        await_true("the records", lambda: set(requests) <= set(re.findall(r"req_\w+", stack.administer(*search))), 10)
        equal(len(requests), 4 * len(theirs) - 1, "refusals")
    am.end_all()


def unscoped(side: Side, am: Alertmanager, recorder: Recorder, checks: Checks):
    """What a token that may only read is refused."""
    token = side.authorized(READING)
    number = side.created(EVERYTHING)
    with checks.check(f"{side.slug}: without the scope nothing is silenced, changed or ended"), recorder.unseen():
        for body in (silence([EVERYTHING]), silence([EVERYTHING, ours(side)], id=number)):
            refused(side.send(body, token), 403, "insufficient_scope")
        refused(side.ask("DELETE", f"/api/v2/silence/{number}", token=token), 403, "insufficient_scope")
    with checks.check(f"{side.slug}: it is read with that token, and still active"):
        equal(side.ask("GET", f"/api/v2/silence/{number}", token=token).json()["status"]["state"], "active", "state")
    am.end_all()
