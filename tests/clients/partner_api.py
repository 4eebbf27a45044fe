"""The life of an integration, told twice: through `/api/v1`, and by commands. The browser's part is always the person's."""

import base64
import json
import sys
import time
import urllib.parse

import harness
from checks import Checks, equal
from oauth import REDIRECT, OAuthClient, bearer, request
from person import Person
from processes import await_true

READ, OTHER = harness.PROMETHEUS_SCOPE, harness.PROMETHEUS_OTHER_SCOPE
WRITES, MINTS = "metrics:write", "api_keys:write"
QUERY, RULES = "/api/v1/query?query=up", "/api/v1/rules"
DEFINITION = {
    "description": "Copies metrics.",
    "documentation_url": "https://sync.test/docs",
    "uninstall_instructions": "Press Uninstall.",
    "onboarding_url": "https://sync.test/start",
}
API_SCOPES = "applications:read applications:write grants:read grants:write clients:read clients:write members:read members:write"


class Api:
    """Acts through `/api/v1`, each organization with a token of its own administrator."""

    name = "api"

    def __init__(self, stack, people: dict[str, Person]):
        self.stack, self.tokens = stack, {}
        for org, person in people.items():
            self.tokens[org] = stack.client(f"Scripts of {org}").authorize(person, stack.url("/api/v1"), API_SCOPES)

    def ask(self, org: str, method: str, path: str, body: dict | None = None, status: int = 200) -> dict:
        """One request; fails unless it answers as expected."""
        headers = bearer(self.tokens[org]) | ({"Content-Type": "application/json"} if body is not None else {})
        answer = request(method, self.stack.url("/api/v1") + path, headers, None if body is None else json.dumps(body))
        equal(answer.status, status, f"status of {method} {path} ({answer})")
        return answer.json() if answer.text else {}

    def create(self, org: str, name: str) -> dict:
        return self.ask(org, "POST", "/apps", {"name": name, "kind": "public", "redirect_uris": [REDIRECT], "scopes": [READ]}, 201)["app"]

    def edit(self, org: str, app: str, **change):
        return self.ask(org, "PATCH", f"/apps/{app}", change)

    def unready(self, org: str, app: str) -> list[str]:
        return [one["need"] for one in self.ask(org, "POST", f"/apps/{app}/versions", {}, 409)["missing"]]

    def publish(self, org: str, app: str) -> dict:
        self.ask(org, "PUT", f"/apps/{app}/stable", {"maturity": "stable"})
        return self.ask(org, "POST", f"/apps/{app}/versions", {}, 201)

    def export(self, org: str, app: str) -> dict:
        return self.ask(org, "GET", f"/apps/{app}/manifest")

    def import_(self, org: str, manifest: dict) -> dict:
        return self.ask(org, "POST", "/apps/import", manifest)

    def grant(self, org: str, client: str) -> str:
        live = self.ask(org, "GET", "/me/applications")["data"]
        return next(g["id"] for g in live if g["client"] == client and g["state"] == "live")

    def done(self, org: str, client: str) -> set[str]:
        """What a client did in an organization, as its user is told."""
        records = self.ask(org, "GET", f"/me/applications/{self.grant(org, client)}/activity?decision=allowed")["data"]
        return {record["operation"] for record in records}

    def narrow(self, org: str, grant: str, scopes: str):
        self.ask(org, "PATCH", f"/me/applications/{grant}", {"scopes": scopes})

    def revoke(self, org: str, grant: str):
        self.ask(org, "DELETE", f"/me/applications/{grant}", status=204)

    def decide(self, org: str, client: str, verdict: str):
        self.ask(org, "PUT", f"/policy/clients/{client}", {"verdict": verdict})

    def install(self, org: str, app: str):
        self.ask(org, "PUT", f"/installations/{app}")

    def installed(self, org: str) -> list[str]:
        return [one["app"] for one in self.ask(org, "GET", "/installations")["data"]]

    def uninstall(self, org: str, app: str) -> dict:
        return self.ask(org, "DELETE", f"/installations/{app}")

    def robot(self, org: str, name: str) -> str:
        made = self.ask(org, "POST", "/service-users", {"name": name, "roles": ["viewer"]}, 201)
        return made["user"]["email"]

    def machine(self, org: str, subject: str) -> tuple[str, str]:
        made = self.ask(org, "POST", "/clients", {"kind": "machine", "name": "Nightly", "subject": subject, "scopes": READ}, 201)
        return made["client"]["id"], made["client_secret"]

    def deactivate(self, org: str, subject: str):
        self.ask(org, "PUT", f"/service-users/{subject}/state", {"state": "disabled"})


class Commands:
    """Acts by `tollgate`, as the operator."""

    name = "commands"

    def __init__(self, stack, people: dict[str, Person]):
        self.stack = stack
        self.emails = {org: person.email for org, person in people.items()}

    def run(self, *words: str) -> dict:
        """A command's JSON; its table must also work."""
        text = self.stack.administer(*words, "--json")
        return json.loads(text) if text.strip() else {}

    def create(self, org: str, name: str) -> dict:
        return self.run("app", "create", name, "--org", org, "--public", "--redirect-uri", REDIRECT, "--scopes", READ)["app"]

    def edit(self, org: str, app: str, **change):
        options = {"description": "description", "documentation_url": "documentation", "uninstall_instructions": "uninstall", "onboarding_url": "onboarding"}
        words = [word for key, value in change.items() if key in options for word in (f"--{options[key]}", value)]
        words += ["--scopes", " ".join(change["scopes"])] if "scopes" in change else []
        return self.run("app", "edit", app, *words)

    def unready(self, org: str, app: str) -> list[str]:
        return [one["need"] for one in self.run("app", "show", app)["conditions"] if not one["met"]]

    def publish(self, org: str, app: str) -> dict:
        self.run("app", "stable", app)
        return self.run("app", "publish", app)

    def export(self, org: str, app: str) -> dict:
        return json.loads(self.stack.administer("app", "export", app))

    def import_(self, org: str, manifest: dict) -> dict:
        file = self.stack.home / "manifest.json"
        file.write_text(json.dumps(manifest))
        return self.run("app", "import", "--org", org, str(file))

    def grant(self, org: str, client: str) -> str:
        live = self.run("grant", "list", "--user", self.emails[org])
        return next(g["id"] for g in live if g["client"] == client and g["state"] == "live")

    def done(self, org: str, client: str) -> set[str]:
        """What a client did in an organization, as its log has it."""
        records = self.run("audit", "search", "--org", org, "--client", client, "--decision", "allowed")["records"]
        return {record["ocsf"]["api"]["operation"] for record in records}

    def narrow(self, org: str, grant: str, scopes: str):
        self.run("grant", "narrow", grant, "--scopes", scopes)

    def revoke(self, org: str, grant: str):
        self.run("grant", "revoke", grant)

    def decide(self, org: str, client: str, verdict: str):
        self.run("org", "policy", verdict, org, client)

    def install(self, org: str, app: str):
        self.run("app", "install", "--org", org, app)

    def installed(self, org: str) -> list[str]:
        return [one["app"] for one in self.run("app", "installed", "--org", org)]

    def uninstall(self, org: str, app: str) -> dict:
        return self.run("app", "uninstall", "--org", org, app)

    def robot(self, org: str, name: str) -> str:
        self.run("user", "create", f"{name}.{org}", "--service")
        self.run("member", "set", org, f"{name}.{org}", "--role", "viewer")
        return f"{name}.{org}"

    def machine(self, org: str, subject: str) -> tuple[str, str]:
        made = self.run("client", "create", "Nightly", "--kind", "machine", "--org", org, "--subject", subject, "--scopes", READ)
        return made["client"]["id"], made["client_secret"]

    def deactivate(self, org: str, subject: str):
        self.run("user", "disable", subject)


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
    with checks.check(f"{say}: published, customers authorize it, and the draft's grants stay the draft's"):
        acts.edit("partner", app["id"], **DEFINITION)
        first = acts.publish("partner", app["id"])
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
    machine(checks, stack, acts)


def customer_ends(checks: Checks, stack, acts, customer: Person, client: str):
    """What the customer takes from it, bit by bit."""
    with checks.check(f"{acts.name}: the customer takes a scope, then everything"):
        token = authorized(stack, customer, client, f"{READ} {OTHER}").tokens["access_token"]
        equal((status(stack, token), status(stack, token, RULES)), (200, 200), "statuses before")
        grant = acts.grant("default", client)
        acts.narrow("default", grant, OTHER)
        equal((status(stack, token), status(stack, token, RULES)), (403, 200), "statuses after narrowing")
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


def push(stack, key: str) -> int:
    """The status of a remote write of nothing: one byte of snappy."""
    headers = bearer(key) | {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    return request("POST", stack.url(harness.PROMETHEUS_PATH) + "/api/v1/write", headers, b"\0").status


def keys(checks: Checks, stack, acts, people, ids: tuple[str, str]):
    """What an app pushes with: made by itself in one organization, gone when that organization uninstalls it."""
    say, (app, client) = acts.name, ids
    with checks.check(f"{say}: given the private permission, installed and authorized, the app makes a key and pushes with it"):
        stack.administer("app", "scopes", "request", app, MINTS, "--reason", "Hosts push where nobody can sign in.")
        stack.administer("app", "scopes", "approve", app, MINTS)
        acts.edit("partner", app, scopes=[READ, WRITES, MINTS])
        acts.publish("partner", app)
        acts.install("default", app)
        equal(app in acts.installed("default"), True, "it is installed")
        # For the whole gateway: a key is good where the token is that made it.
        token = authorized(stack, people["default"], client, f"{READ} {WRITES} {MINTS}", "").tokens["access_token"]
        made = request("POST", stack.url("/api/v1/api_keys"), bearer(token) | {"Idempotency-Key": f"once-{say}"})
        equal(made.status, 201, f"making a key ({made})")
        key = made.json()["key"]
        equal((push(stack, key), status(stack, key), status(stack, token)), (204, 401, 200), "push, read with the key, read with the token")
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


def invitations(checks: Checks, stack):
    """What only commands do for the operator: invitations, sessions, the end of a grant."""
    with checks.check("commands: an invitation's link makes a member once"):
        made = json.loads(stack.administer("invitation", "create", "partner", "ivy@partner.test", "--role", "viewer", "--json"))
        equal([i["email"] for i in json.loads(stack.administer("invitation", "list", "partner", "--json"))], ["ivy@partner.test"], "open")
        stack.administer("invitation", "withdraw", "partner", made["invitation"]["id"])
        equal(request("GET", made["url"]).status >= 400, True, "the link after it was withdrawn")
        equal(json.loads(stack.administer("invitation", "list", "partner", "--json")), [], "open")
    with checks.check("commands: a session that is ended is signed out"):
        person = stack.person
        person.sign_in("/settings/sessions")
        live = json.loads(stack.administer("user", "sessions", "list", person.email, "--json"))
        equal(len(live) >= 1, True, "sessions")
        stack.administer("user", "sessions", "end", person.email, live[0]["id"])
        stack.administer("user", "sessions", "end", person.email, "--all")
        page = person.open("/settings/sessions")
        equal(page.tree.find("input", name="password") is not None, True, "asks for the password again")
    with checks.check("commands: a grant that has an end ends there, and never later"):
        program = stack.client("Ends")
        program.authorize(person, stack.url(harness.PROMETHEUS_PATH), READ)
        grants = json.loads(stack.administer("grant", "list", "--user", person.email, "--json"))
        grant = next(g["id"] for g in grants if g["client"] == program.client_id)
        early, late = (time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + days * 86_400)) for days in (2, 3))
        ended = json.loads(stack.administer("grant", "end", grant, "--at", early, "--json"))
        equal(ended["expires_at"][:10], early[:10], "its end")
        try:
            stack.administer("grant", "end", grant, "--at", late)
        except AssertionError:
            return
        raise AssertionError("it was given a longer life")


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
        invitations(checks, stack)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
