"""The life of an integration, told twice: through `/api/v1`, and by commands. The browser's part is always the person's."""

import base64
import json
import sys
import time
import urllib.parse

import harness
from checks import Checks, contains, equal
from oauth import OAuthClient, bearer, request
from person import Person
from processes import await_true
from ways import READ, Api, Commands

OTHER, PRIVATE = harness.PROMETHEUS_OTHER_SCOPE, harness.PROMETHEUS_PRIVATE_SCOPE
WRITES, MINTS = "metrics:write", "api_keys:write"
QUERY, RULES = "/api/v1/query?query=up", "/api/v1/rules"
DEFINITION = {
    "description": "Copies metrics.",
    "documentation_url": "https://sync.test/docs",
    "uninstall_instructions": "Press Uninstall.",
    "onboarding_url": "https://sync.test/start",
}


def status(stack, token: str, path: str = QUERY) -> int:
    """What the gate answers a token."""
    return request("GET", stack.url(harness.PROMETHEUS_PATH) + path, bearer(token)).status


def authorized(stack, person: Person, client_id: str, scope: str, path: str = harness.PROMETHEUS_PATH) -> OAuthClient:
    """A program of the partner that a person authorized for one API."""
    program = OAuthClient(stack.public_url, "Program", client_id=client_id)
    program.authorize(person, stack.url(path), scope)
    return program


def life(checks: Checks, stack, acts, people: dict[str, Person], second):
    """One integration from its draft to its end."""
    partner, customer = people["partner"], people["default"]
    say = acts.name
    with checks.check(f"{say}: a draft is made and says what it lacks"):
        app = acts.create("partner", f"Sync by {say}")
        missing = acts.unready("partner", app["id"])
        equal(set(missing) >= {"description", "documentation", "uninstall", "onboarding", "stable"}, True, f"missing {missing}")
    with checks.check(f"{say}: its makers try the draft"):
        draft = authorized(stack, partner, app["draft_client"], READ)
        equal(status(stack, draft.tokens["access_token"]), 200, "status")
    with checks.check(f"{say}: a member of another organization can't authorize the draft"):
        stranger = OAuthClient(stack.public_url, "Program", client_id=app["draft_client"])
        page = customer.sign_in(stranger.authorize_url(stack.url(harness.PROMETHEUS_PATH), READ))
        equal((page.status >= 400, page.location), (True, None), f"the page {page}")
    with checks.check(f"{say}: a customer's administrator installs it before anybody authorizes it"):
        acts.edit("partner", app["id"], **DEFINITION)
        first = acts.publish("partner", app["id"])
        acts.install("default", app["id"])
        equal(app["id"] in acts.installed("default"), True, "it is installed")
    with checks.check(f"{say}: published, customers authorize it, and the draft's grants stay the draft's"):
        equal((first["version"], first["client_id"] != app["draft_client"]), (1, True), "the version")
        sold = authorized(stack, customer, first["client_id"], READ)
        equal(status(stack, sold.tokens["access_token"]), 200, "status")
    with checks.check(f"{say}: the customer sees what it did"):
        await_true("the call on record", lambda: "prometheus.query" in acts.done("default", first["client_id"]))
    with checks.check(f"{say}: a second version asks for more, which old grants don't have"):
        acts.edit("partner", app["id"], scopes=[READ, OTHER])
        again = acts.publish("partner", app["id"])
        equal((again["version"], again["client_id"], again["client_secret"]), (2, first["client_id"], None), "the version")
        token = sold.refresh()["access_token"]
        equal((status(stack, token), status(stack, token, RULES)), (200, 403), "statuses")
        wider = authorized(stack, customer, first["client_id"], f"{READ} {OTHER}")
        equal(status(stack, wider.tokens["access_token"], RULES), 200, "status after authorizing again")
    customer_ends(checks, stack, acts, customer, first["client_id"])
    with checks.check(f"{say}: a third asks for less, and live tokens lose it at once"):
        wider = authorized(stack, customer, first["client_id"], f"{READ} {OTHER}")
        acts.edit("partner", app["id"], scopes=[READ])
        equal(acts.publish("partner", app["id"])["narrowed_grants"] >= 1, True, "grants that were narrowed")
        equal((status(stack, wider.tokens["access_token"]), status(stack, wider.tokens["access_token"], RULES)), (200, 403), "statuses")
    organization(checks, stack, acts, people, first["client_id"])
    with checks.check(f"{say}: the manifest makes the app at a second site, with ids of its own, and it works there"):
        site, elsewhere = second
        manifest = acts.export("partner", app["id"])
        imported = elsewhere.import_("default", manifest)
        equal((imported["created"], imported["app"]["app_uuid"]), (True, app["app_uuid"]), "what was made")
        equal(imported["app"]["id"] == app["id"], False, "the same id")
        there = authorized(site, site.person, imported["app"]["draft_client"], READ)
        equal(status(site, there.tokens["access_token"]), 200, "status there")
        equal(elsewhere.import_("default", manifest)["created"], False, "made a second time")
    keys(checks, stack, acts, people, (app["id"], first["client_id"]))
    approvals(checks, stack, acts, people)
    machine(checks, stack, acts)


def customer_ends(checks: Checks, stack, acts, customer: Person, client: str):
    """What the customer takes from it, bit by bit."""
    with checks.check(f"{acts.name}: the customer takes a scope, then everything"):
        token = authorized(stack, customer, client, f"{READ} {OTHER}").tokens["access_token"]
        equal((status(stack, token), status(stack, token, RULES)), (200, 200), "statuses before")
        grant = acts.grant("default", client)
        acts.narrow("default", grant, OTHER)
        equal((status(stack, token), status(stack, token, RULES)), (403, 200), "statuses after narrowing")
        early, late = (time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + days * 86_400)) for days in (2, 3))
        equal(acts.end("default", grant, early)[:10], early[:10], "its end")
        try:
            acts.end("default", grant, late)
        except AssertionError:
            pass
        else:
            raise AssertionError("it was given a longer life")
        acts.revoke("default", grant)
        equal(status(stack, token, RULES), 401, "status after revoking")


def organization(checks: Checks, stack, acts, people, client: str):
    """What an administrator of the customer's does."""
    with checks.check(f"{acts.name}: an administrator blocks it, everyone's tokens stop, and allows it again"):
        tokens = [authorized(stack, people[who], client, READ).tokens["access_token"] for who in ("default", "colleague", "partner")]
        statuses = lambda: [status(stack, token) for token in tokens]
        equal(statuses(), [200, 200, 200], "statuses before")
        acts.decide("default", client, "block")
        equal(statuses(), [401, 401, 200], "statuses while blocked there, and nowhere else")
        acts.decide("default", client, "allow")
        equal(statuses(), [200, 200, 200], "statuses after")


def refused(stack, person: Person, client: str) -> str:
    """The words of the page on which an authorization request ends."""
    try:
        authorized(stack, person, client, READ)
    except AssertionError as error:
        return str(error)
    raise AssertionError("it was authorized")


def approvals(checks: Checks, stack, acts, people):
    """Who decides about what is new: the organization's administrator about clients, the operator about private scopes."""
    say, colleague = acts.name, people["colleague"]
    acts.new_clients("default", "approval")
    unknown = [stack.client(f"{which} by {say}").client_id for which in ("Welcome", "Unwelcome")]
    with checks.check(f"{say}: a client that nobody knows waits for the organization's administrator"):
        for client in unknown:
            contains(refused(stack, colleague, client), "administrator", "what the user is told")
        equal(set(unknown) <= set(acts.waiting("default")), True, "the queue")
        equal(acts.waiting("partner"), [], "the queue of another organization")
    with checks.check(f"{say}: approved, the client is authorized; refused, it is not, and neither waits any more"):
        acts.decide("default", unknown[0], "allow")
        acts.decide("default", unknown[1], "block")
        equal(set(unknown) & set(acts.waiting("default")), set(), "the queue")
        token = authorized(stack, colleague, unknown[0], READ).tokens["access_token"]
        equal(status(stack, token), 200, "status")
        refused(stack, colleague, unknown[1])
        equal(acts.waiting("default"), [], "the queue after it was tried again")
    acts.new_clients("default", "open")
    app = acts.create("partner", f"Cleaner by {say}")
    known = lambda: acts.asked("partner", app["id"], PRIVATE)
    with checks.check(f"{say}: a private scope waits for the operator, and is nobody's before"):
        equal(acts.rejected("partner", app["id"], [READ, PRIVATE]), True, "asked for without an approval")
        acts.ask_for("partner", app["id"], PRIVATE)
        equal((known()["state"], known()["approved_until"]), ("pending", None), "what its makers see")
        waiting = [r["holder"] for r in acts.requests() if r["state"] == "pending"]
        equal(app["id"] in waiting, True, "the operator's queue")
        acts.take_back("partner", app["id"], PRIVATE)
        equal(app["id"] in [r["holder"] for r in acts.requests() if r["state"] == "pending"], False, "taken back, the queue")
    with checks.check(f"{say}: denied, its makers read why and still can't ask for it"):
        acts.ask_for("partner", app["id"], PRIVATE)
        acts.judge(app["id"], PRIVATE, "deny", comment="Not yet.")
        equal((known()["state"], known()["comment"]), ("denied", "Not yet."), "what its makers see")
        equal(acts.rejected("partner", app["id"], [READ, PRIVATE]), True, "asked for after a refusal")
    with checks.check(f"{say}: approved, it works until the approval ends"):
        acts.ask_for("partner", app["id"], PRIVATE)
        acts.judge(app["id"], PRIVATE, "approve", lives=3600)
        acts.edit("partner", app["id"], scopes=[READ, PRIVATE])
        token = authorized(stack, people["partner"], app["draft_client"], f"{READ} {PRIVATE}").tokens["access_token"]
        equal(delete_series(stack, token), 204, "status while it counts")
        acts.judge(app["id"], PRIVATE, "approve", lives=2)
        until = known()["approved_until"]
        await_true("the end of the approval", lambda: delete_series(stack, token) == 403)
        equal(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) >= until[:19], True, f"it ended at {until}")
        equal(status(stack, token), 200, "what needs no approval")
    with checks.check(f"{say}: withdrawn, what was authorized with it ends"):
        acts.judge(app["id"], PRIVATE, "approve", lives=3600)
        equal(delete_series(stack, token), 204, "status once it was renewed")
        acts.judge(app["id"], PRIVATE, "withdraw")
        equal((delete_series(stack, token), known()["state"]), (401, "withdrawn"), "status, and what its makers see")


def delete_series(stack, token: str) -> int:
    """The status of a call that only a private scope opens: it deletes what is not there."""
    path = "/api/v1/admin/tsdb/delete_series?match[]=nothing_of_the_kind"
    return request("POST", stack.url(harness.PROMETHEUS_PATH) + path, bearer(token)).status


def push(stack, key: str) -> int:
    """The status of a remote write of nothing: one byte of snappy."""
    headers = bearer(key) | {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    return request("POST", stack.url(harness.PROMETHEUS_PATH) + "/api/v1/write", headers, b"\0").status


def keys(checks: Checks, stack, acts, people, ids: tuple[str, str]):
    """What an app pushes with: made by itself in one organization, gone when that organization uninstalls it."""
    say, (app, client) = acts.name, ids
    with checks.check(f"{say}: given the private permission and authorized, the app makes a key and pushes with it"):
        acts.ask_for("partner", app, MINTS)
        acts.judge(app, MINTS, "approve")
        acts.edit("partner", app, scopes=[READ, WRITES, MINTS])
        acts.publish("partner", app)
        # For the whole gateway: a key is good where the token is that made it.
        token = authorized(stack, people["default"], client, f"{READ} {WRITES} {MINTS}", "").tokens["access_token"]
        made = request("POST", stack.url("/api/v1/api_keys"), bearer(token) | {"Idempotency-Key": f"once-{say}"})
        equal(made.status, 201, f"making a key ({made})")
        key = made.json()["key"]
        equal((push(stack, key), status(stack, key), status(stack, token)), (204, 401, 200), "push, read with the key, read with the token")
    with checks.check(f"{say}: the authorizer leaves and the key goes on, named among what the organization uses"):
        acts.revoke("default", acts.grant("default", client))
        equal((push(stack, key), status(stack, token)), (204, 401), "push and call")
        equal(acts.keys_of("default", client), [made.json()["id"]], "keys of the application")
        acts.new_clients("default", "approval")
        equal(push(stack, key), 204, "push, when new applications wait")
        acts.new_clients("default", "open")
        token = authorized(stack, people["default"], client, f"{READ} {WRITES} {MINTS}", "").tokens["access_token"]
    with checks.check(f"{say}: uninstalled, the next push and the next call are refused, and it says what it ended"):
        ended = acts.uninstall("default", app)
        equal((ended["keys"], ended["grants"] >= 1, ended["instructions"]), (1, True, "Press Uninstall."), "what was ended")
        equal((push(stack, key), status(stack, token)), (401, 401), "push and call")
        equal(app in acts.installed("default"), False, "it is installed no more")


def machine(checks: Checks, stack, acts):
    """A machine client and the service user that it acts as."""
    with checks.check(f"{acts.name}: the day the service user is deactivated, its machine client stops"):
        subject = acts.robot("default", f"nightly-{acts.name}")
        client, secret = acts.machine("default", subject)
        form = {"grant_type": "client_credentials", "resource": stack.url(harness.PROMETHEUS_PATH)}

        def ask():
            headers = {"Content-Type": "application/x-www-form-urlencoded"} | basic(client, secret)
            return request("POST", stack.url("/oauth2/token"), headers, urllib.parse.urlencode(form))

        answer = ask()
        equal(answer.status, 200, f"token endpoint ({answer})")
        token = answer.json()["access_token"]
        equal(status(stack, token), 200, "status before")
        acts.deactivate("default", subject)
        equal((status(stack, token), ask().status >= 400), (401, True), "after")


def basic(client: str, secret: str) -> dict[str, str]:
    """The header of `client_secret_basic` (RFC 6749 section 2.3.1)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


def main() -> int:
    """Tells the story by both ways on one gateway, with a second site beside it."""
    checks = Checks("partner")
    with harness.Stack(everything=False) as stack, harness.Stack(everything=False) as site:
        stack.administer("org", "create", "partner", "--name", "Partner")
        made = json.loads(stack.administer("user", "create", "pat@partner.test", "--json"))
        stack.administer("member", "set", "partner", "pat@partner.test", "--role", "admin")
        people = {"default": stack.person, "partner": Person(stack.public_url, "pat@partner.test", made["one_time_password"])}
        hired = json.loads(stack.administer("user", "create", "cleo@default.test", "--json"))
        stack.administer("member", "set", "default", "cleo@default.test", "--role", "viewer")
        everybody = people | {"colleague": Person(stack.public_url, "cleo@default.test", hired["one_time_password"])}
        for way in (Api, Commands):
            acts = way(stack, people)
            there = way(site, {"default": site.person})
            life(checks, stack, acts, everybody, (site, there))
        with checks.check("what was checked in one way was checked in the other"):
            equal((checks.told(Commands.name), len(checks.told(Api.name)) >= 15), (checks.told(Api.name), True), "checks by commands")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
