"""The two ways to act beside the pages: through `/api/v1`, and by commands."""

import json

import harness
from checks import equal
from logins import Machine
from oauth import REDIRECT, bearer, request
from person import Person

READ = harness.PROMETHEUS_SCOPE
REASON = "Hosts push where nobody can sign in."
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

    def end(self, org: str, grant: str, at: str) -> str:
        return self.ask(org, "PATCH", f"/me/applications/{grant}", {"expires_at": at})["expires_at"]

    def new_clients(self, org: str, to: str):
        self.ask(org, "PUT", "/policy", {"new_clients": to})

    def keys_of(self, org: str, client: str) -> list[str]:
        """The API keys of a client that work in an organization, by its list of clients."""
        known = self.ask(org, "GET", "/policy/clients")["data"]
        return [key["id"] for one in known if one["client"] == client for key in one["keys"]]

    def waiting(self, org: str) -> list[str]:
        """The clients that wait for the organization's administrator."""
        return [one["client"] for one in self.ask(org, "GET", "/policy/clients?stance=pending")["data"]]

    def decide(self, org: str, client: str, verdict: str):
        self.ask(org, "PUT", f"/policy/clients/{client}", {"verdict": verdict})

    def ask_for(self, org: str, app: str, scope: str):
        self.ask(org, "POST", f"/apps/{app}/scope_requests", {"scope": scope, "reason": REASON}, 201)

    def asked(self, org: str, app: str, scope: str) -> dict:
        """What became of a request for a private scope, as the app's makers see it."""
        return next(r for r in self.ask(org, "GET", f"/apps/{app}/scope_requests")["data"] if r["scope"] == scope)

    def take_back(self, org: str, app: str, scope: str):
        self.ask(org, "DELETE", f"/apps/{app}/scope_requests/{scope}")

    def rejected(self, org: str, app: str, scopes: list[str]) -> bool:
        """Whether the draft may not ask for these."""
        self.ask(org, "PATCH", f"/apps/{app}", {"scopes": scopes}, 400)
        return True

    def operator(self, method: str, path: str, body: dict | None = None) -> dict:
        """What the operator does, through the administration's own API."""
        secret = (self.stack.home / "data/admin.token").read_text().strip()
        headers = bearer(secret) | ({"Content-Type": "application/json"} if body is not None else {})
        url = f"http://127.0.0.1:{self.stack.admin_port}/admin/v1{path}"
        answer = request(method, url, headers, None if body is None else json.dumps(body))
        equal(answer.status, 200, f"status of {method} {path} ({answer})")
        return answer.json()

    def requests(self) -> list[dict]:
        return self.operator("GET", "/scope-requests?limit=1000")["data"]

    def judge(self, app: str, scope: str, verdict: str, **more):
        return self.operator("PUT", f"/scope-requests/{app}", {"scope": scope, "verdict": verdict} | more)

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
    """Acts by `tollgate`: as the operator, and as a user who logged in with a browser on the machine."""

    name = "commands"

    def __init__(self, stack, people: dict[str, Person]):
        self.stack, self.people = stack, people
        self.desks: dict[str, Machine] = {}

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

    def own(self, org: str, *words: str) -> dict:
        """What the organization's own user does with theirs: logged in once, by a browser."""
        if org not in self.desks:
            desk = self.desks[org] = Machine(self.stack, f"desk-of-{org}", browser=True, person=self.people[org])
            desk.log_in_with_browser(self.stack.url("/api/v1"), "--scope", "applications:read applications:write")
            equal(desk.code, 0, f"exit code of login ({desk.said})")
        done = self.desks[org].run("me", *words, "--json")
        equal(done.returncode, 0, f"exit code of me {words} ({done.stderr})")
        return json.loads(done.stdout)

    def grant(self, org: str, client: str) -> str:
        return next(g["id"] for g in self.own(org, "apps") if g["client"] == client and g["state"] == "live")

    def done(self, org: str, client: str) -> set[str]:
        """What a client did in an organization, as its user is told."""
        records = self.own(org, "activity", self.grant(org, client), "--decision", "allowed")["data"]
        return {record["operation"] for record in records}

    def narrow(self, org: str, grant: str, scopes: str):
        self.own(org, "narrow", grant, "--scopes", scopes)

    def end(self, org: str, grant: str, at: str) -> str:
        return self.own(org, "end", grant, "--at", at)["expires_at"]

    def revoke(self, org: str, grant: str):
        self.own(org, "revoke", grant)

    def new_clients(self, org: str, to: str):
        self.run("org", "policy", "new-clients", org, to)

    def keys_of(self, org: str, client: str) -> list[str]:
        """The API keys of a client that work in an organization, by its list of clients."""
        known = self.run("org", "policy", "show", org)["clients"]
        return [key["id"] for one in known if one["client"] == client for key in one["keys"]]

    def waiting(self, org: str) -> list[str]:
        """The clients that wait for the organization's administrator."""
        return [one["client"] for one in self.run("org", "policy", "show", org)["clients"] if one["stance"] == "pending"]

    def ask_for(self, org: str, app: str, scope: str):
        self.run("app", "scopes", "request", app, scope, "--reason", REASON)

    def asked(self, org: str, app: str, scope: str) -> dict:
        """What became of a request for a private scope, as the app's makers see it."""
        requests = self.run("app", "scopes", "list", "--org", org)
        return next(r for r in requests if r["holder"] == app and r["scope"] == scope)

    def take_back(self, org: str, app: str, scope: str):
        self.run("app", "scopes", "cancel", app, scope)

    def rejected(self, org: str, app: str, scopes: list[str]) -> bool:
        """Whether the draft may not ask for these: in the operator's hand, an approval that does not count stops the publication."""
        self.edit(org, app, scopes=scopes)
        unmet = self.unready(org, app)
        self.edit(org, app, scopes=[READ])
        return "approvals" in unmet

    def requests(self) -> list[dict]:
        return self.run("app", "scopes", "list")

    def judge(self, app: str, scope: str, verdict: str, **more):
        options = [word for key, value in more.items() for word in (f"--{key}", str(value))]
        return self.run("app", "scopes", verdict, app, scope, *options)

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
