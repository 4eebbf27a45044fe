"""Every command that changes something, against a gateway that runs: what is different afterwards is looked at, not what it prints."""

import json
import sys
import time
import urllib.parse

import harness
from checks import Checks, contains, equal
from logins import Machine
from oauth import REDIRECT, bearer, claims, request
from partner_api import authorized, basic, delete_series, push, status
from person import Person
from processes import await_true
from tables import tables

READ, OTHER, PRIVATE = harness.PROMETHEUS_SCOPE, harness.PROMETHEUS_OTHER_SCOPE, harness.PROMETHEUS_PRIVATE_SCOPE
RULES = "/api/v1/rules"
MINTS, WRITES = "api_keys:write", "metrics:write"
DEFINITION = ["--description", "Copies.", "--documentation", "https://sync.test/docs", "--uninstall", "Press it.", "--onboarding", "https://sync.test/start"]


class Commands:
    """Runs commands beside the gateway, each with its JSON."""

    def __init__(self, stack):
        self.stack = stack

    def __call__(self, *words: str):
        text = self.stack.administer(*words, "--json")
        return json.loads(text) if text.strip() else {}

    def fails(self, *words: str):
        """A command that must be refused."""
        try:
            self.stack.administer(*words)
        except AssertionError:
            return
        raise AssertionError(f"tollgate {' '.join(words)} was carried out")

    def member(self, org: str, email: str, role: str) -> Person:
        """A new person in an organization."""
        made = self("user", "create", email)
        self("member", "set", org, email, "--role", role)
        return Person(self.stack.public_url, email, made["one_time_password"])

    def token(self, person: Person, client: str, scope: str = READ) -> str:
        """The access token of a program that a person authorized."""
        return authorized(self.stack, person, client, scope).tokens["access_token"]

    def grant(self, email: str, client: str) -> str:
        """The live grant of a user to a client."""
        live = self("grant", "list", "--user", email)
        return next(g["id"] for g in live if g["client"] == client and g["state"] == "live")

    def machine_token(self, client: str, secret: str):
        """What the token endpoint answers a machine client."""
        form = urllib.parse.urlencode({"grant_type": "client_credentials"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | basic(client, secret)
        return request("POST", self.stack.url("/oauth2/token"), headers, form)

    def knows(self, client: str, secret: str) -> bool:
        """Whether the token endpoint takes this for the client's secret."""
        form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": "tg_rt_nothing"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | basic(client, secret)
        return request("POST", self.stack.url("/oauth2/token"), headers, form).json()["error"] != "invalid_client"


def signed_in(person: Person) -> bool:
    """Whether a browser is signed in."""
    return person.open("/settings/sessions").tree.find("input", name="password") is None


def organizations(checks: Checks, stack, run: Commands):
    """Organizations, their members, and who is invited."""
    with checks.check("an organization is made and changed, stopped and started"):
        made = run("org", "create", "acme", "--name", "Acme", "--tenant", "t1")
        equal((made["name"], made["tenant"]), ("Acme", "t1"), "name and tenant")
        ann = run.member("acme", "ann@acme.test", "admin")
        client = stack.client("Organizations").client_id
        token = run.token(ann, client)
        equal(status(stack, token), 200, "status")
        run("org", "update", "acme", "--name", "Acme Ltd", "--tenant", "t2")
        shown = run("org", "show", "acme")
        equal((shown["name"], shown["tenant"]), ("Acme Ltd", "t2"), "name and tenant")
        run("org", "disable", "acme")
        equal(status(stack, token), 401, "status while it is stopped")
        run("org", "enable", "acme")
        equal(status(stack, token), 200, "status after")
    with checks.check("a member has a role, another, none, and is a member no more"):
        bea = run.member("acme", "bea@acme.test", "viewer")
        token = run.token(bea, client)
        equal(status(stack, token), 200, "status of a viewer")
        run("member", "set", "acme", bea.email)
        equal(status(stack, token), 403, "status without a role")
        run("member", "set", "acme", bea.email, "--role", "viewer")
        equal(status(stack, token), 200, "status with it again")
        run("member", "remove", "acme", bea.email)
        equal(status(stack, token), 401, "status of a stranger")
        equal([m["user"]["email"] for m in run("member", "list", "acme")], [ann.email], "members")
    with checks.check("an invitation's link makes a member, and none once it is withdrawn"):
        made = run("invitation", "create", "acme", "ivy@acme.test", "--role", "viewer")
        equal([i["email"] for i in run("invitation", "list", "acme")], ["ivy@acme.test"], "open")
        equal(request("GET", made["url"]).status, 200, "the link")
        run("invitation", "withdraw", "acme", made["invitation"]["id"])
        equal(request("GET", made["url"]).status >= 400, True, "the link after it was withdrawn")
        equal(run("invitation", "list", "acme"), [], "open")
    return ann


def users(checks: Checks, stack, run: Commands):
    """Users, their passwords and sessions, and what operators may."""
    cleo = run.member("acme", "cleo@acme.test", "viewer")
    token = run.token(cleo, stack.client("Users").client_id)
    with checks.check("a new password ends the sessions of the old one"):
        equal(signed_in(cleo), True, "before")
        made = run("user", "password", cleo.email)
        equal(signed_in(cleo), False, "after")
        before, cleo.password = cleo.password, made["one_time_password"]
        page = Person(stack.public_url, cleo.email, before)
        answer = page.press(page.open("/login"), "sign-in", email=cleo.email, password=before)
        equal(answer.location, None, "the old password leads nowhere")
        cleo.sign_in()
        equal(signed_in(cleo), True, "with the new one")
    with checks.check("one session is ended, then all"):
        other = Person(stack.public_url, cleo.email, cleo.password)
        other.sign_in()
        both = {s["id"] for s in run("user", "sessions", "list", cleo.email)}
        last = run("user", "sessions", "list", cleo.email)[0]["id"]
        run("user", "sessions", "end", cleo.email, last)
        equal(({s["id"] for s in run("user", "sessions", "list", cleo.email)}, signed_in(cleo) + signed_in(other)), (both - {last}, len(both) - 1), "sessions")
        run("user", "sessions", "end", cleo.email, "--all")
        equal((signed_in(cleo), signed_in(other)), (False, False), "signed in")
        equal(status(stack, token), 200, "what was authorized goes on")
    with checks.check("a person finds the operator's pages while they are an operator"):
        cleo.sign_in()
        at = lambda: cleo.open("/operator/organizations").status
        equal(at(), 404, "before")
        run("user", "operator", "add", cleo.email)
        equal((at(), [u["email"] for u in run("user", "operator", "list")]), (200, [cleo.email]), "an operator")
        run("user", "operator", "remove", cleo.email)
        equal((at(), run("user", "operator", "list")), (404, []), "after")
    with checks.check("a frozen user has everything again, a stopped one nothing"):
        run("user", "freeze", cleo.email)
        equal((status(stack, token), signed_in(cleo)), (401, False), "frozen")
        run("user", "enable", cleo.email)
        equal(status(stack, token), 200, "thawed")
        run("user", "disable", cleo.email)
        equal(status(stack, token), 401, "stopped")
        run("user", "enable", cleo.email)
        equal(status(stack, token), 401, "its grants were revoked")


def clients(checks: Checks, stack, run: Commands):
    """Clients of an organization, their secrets, scopes and terms."""
    run("user", "create", "robot", "--service")
    run("member", "set", "acme", "robot", "--role", "admin")
    made = run("client", "create", "Nightly", "--kind", "machine", "--org", "acme", "--subject", "robot", "--scopes", f"{READ} {OTHER}")
    client, secret = made["client"]["id"], made["client_secret"]
    token = run.machine_token(client, secret).json()["access_token"]
    with checks.check("a client is stopped by its organization's hand or the operator's, and started"):
        for stop in (["client", "disable"], ["client", "freeze"]):
            equal(status(stack, token), 200, "status before")
            run(*stop, client)
            equal((status(stack, token), run.machine_token(client, secret).status >= 400), (401, True), f"after {stop}")
            run("client", "enable", client)
        equal(status(stack, token), 200, "status after")
    with checks.check("a client's scopes narrow its tokens at once"):
        equal(status(stack, token, RULES), 200, "status before")
        run("client", "scopes", client, READ)
        equal((status(stack, token), status(stack, token, RULES)), (200, 403), "statuses after")
    with checks.check("a client's tokens live as long as it is told, and again as the configuration says"):
        usual = run.machine_token(client, secret).json()["expires_in"]
        run("client", "change", client, "--access-token-ttl", "60")
        equal(run.machine_token(client, secret).json()["expires_in"], 60, "expires_in")
        run("client", "change", client, "--default-token-ttl")
        equal(run.machine_token(client, secret).json()["expires_in"], usual, "expires_in")
    with checks.check("secrets overlap, take each other's place, and are removed"):
        second = run("client", "secret", "add", client)["client_secret"]
        equal((run.knows(client, secret), run.knows(client, second)), (True, True), "both are good")
        third = run("client", "secret", "rotate", client, "--overlap", "0")["client_secret"]
        equal([run.knows(client, s) for s in (secret, second, third)], [False, False, True], "which are good")
        fourth = run("client", "secret", "add", client)["client_secret"]
        run("client", "secret", "remove", client, third[-4:])
        equal([run.knows(client, s) for s in (third, fourth)], [False, True], "which are good")
    with checks.check("a private scope of a client is asked for, taken back, refused, given and withdrawn"):
        state = lambda: next((r["state"] for r in run("client", "private", "list", "--org", "acme") if r["holder"] == client), None)
        equal(state(), None, "before")
        run("client", "private", "request", client, PRIVATE, "--reason", "It cleans up.")
        equal(state(), "pending", "asked for")
        run("client", "private", "cancel", client, PRIVATE)
        equal(state(), "withdrawn", "taken back")
        run.fails("client", "private", "deny", client, PRIVATE)
        run("client", "private", "request", client, PRIVATE, "--reason", "It really does.")
        run("client", "private", "deny", client, PRIVATE)
        equal(state(), "denied", "refused")
        run("client", "private", "approve", client, PRIVATE, "--lives", "3600")
        run("client", "scopes", client, f"{READ} {PRIVATE}")
        token = run.machine_token(client, fourth).json()["access_token"]
        equal((state(), delete_series(stack, token)), ("approved", 204), "given")
        run("client", "private", "withdraw", client, PRIVATE)
        equal((state(), delete_series(stack, token) >= 400), ("withdrawn", True), "withdrawn")
    with checks.check("a client that is removed is there no more"):
        run("client", "scopes", client, READ)
        token = run.machine_token(client, fourth).json()["access_token"]
        equal(status(stack, token), 200, "status before")
        run("client", "delete", client)
        equal((status(stack, token), run.knows(client, fourth)), (401, False), "after")
        run.fails("client", "show", client)


def apps(checks: Checks, stack, run: Commands, ann: Person):
    """An app of an organization: its draft, its versions, its secrets, its end."""
    with checks.check("an app is drafted, marked stable and published"):
        made = run("app", "create", "Sync", "--org", "acme", "--redirect-uri", "https://sync.test/cb", "--scopes", READ)
        app, draft, secret = made["app"]["id"], made["app"]["draft_client"], made["client_secret"]
        met = lambda: {c["need"]: c["met"] for c in run("app", "show", app)["conditions"]}
        equal((met()["description"], met()["stable"]), (False, False), "conditions of a new draft")
        run("app", "edit", app, *DEFINITION)
        equal(met()["description"], True, "the description after an edit")
        run("app", "stable", app)
        equal(met()["stable"], True, "the mark")
        run("app", "stable", app, "--undo")
        run.fails("app", "publish", app)
        run("app", "stable", app)
        published = run("app", "publish", app)
        equal((run.knows(draft, secret), run.knows(published["client_id"], published["client_secret"])), (True, True), "secrets")
        equal(run.knows(published["client_id"], secret), False, "the draft's secret is not the published client's")
    with checks.check("secrets of an app's clients are added and removed"):
        second = run("app", "secret", "add", app, "--of", "draft")["client_secret"]
        equal((run.knows(draft, secret), run.knows(draft, second)), (True, True), "both are good")
        run("app", "secret", "remove", app, secret[-4:], "--of", "draft")
        equal((run.knows(draft, secret), run.knows(draft, second)), (False, True), "which are good")
    with checks.check("a manifest makes an app, and changes its draft the next time"):
        manifest = json.loads(stack.administer("app", "export", app))
        run("org", "create", "elsewhere")
        file = stack.home / "manifest.json"
        for description, made in (("Copies.", True), ("Mirrors.", False)):
            file.write_text(json.dumps(manifest | {"description": description}))
            done = run("app", "import", "--org", "elsewhere", str(file))
            equal((done["created"], done["app"]["description"]), (made, description), "what was imported")
    made = run("app", "create", "Agent", "--org", "acme", "--public", "--redirect-uri", REDIRECT, "--scopes", READ)
    app, draft = made["app"]["id"], made["app"]["draft_client"]
    with checks.check("an app is stopped and started with its clients"):
        token = run.token(ann, draft)
        equal(status(stack, token), 200, "status before")
        run("app", "disable", app)
        equal(status(stack, token), 401, "status while it is stopped")
        run("app", "enable", app)
        equal(status(stack, token), 200, "status after")
    with checks.check("a private scope of an app is asked for, taken back, refused and given"):
        state = lambda: next((r["state"] for r in run("app", "scopes", "list", "--org", "acme") if r["holder"] == app), None)
        run("app", "scopes", "request", app, MINTS, "--reason", "It pushes.")
        equal(state(), "pending", "asked for")
        run("app", "scopes", "cancel", app, MINTS)
        equal(state(), "withdrawn", "taken back")
        run("app", "scopes", "request", app, MINTS, "--reason", "It pushes.")
        run("app", "scopes", "deny", app, MINTS, "--comment", "No.")
        equal(state(), "denied", "refused")
        run("app", "scopes", "approve", app, MINTS)
        equal(state(), "approved", "given")
    with checks.check("an app is installed and uninstalled; its key is disabled by hand"):
        installed = lambda: [one["app"] for one in run("app", "installed", "--org", "acme")]
        run("app", "uninstall", app, "--org", "acme")
        equal((status(stack, token), app in installed()), (401, False), "uninstalled")
        run("app", "install", app, "--org", "acme")
        equal(app in installed(), True, "installed")
        run("app", "edit", app, "--scopes", f"{READ} {WRITES} {MINTS}")
        token = authorized(stack, ann, draft, f"{READ} {WRITES} {MINTS}", "").tokens["access_token"]
        made = request("POST", stack.url("/api/v1/api_keys"), bearer(token)).json()
        equal(push(stack, made["key"]), 204, "push")
        keys = lambda state: [k["id"] for k in run("api-key", "list", "--app", app, "--state", state)]
        equal((keys("live"), keys("disabled")), ([made["id"]], []), "its keys")
        run("api-key", "disable", made["id"])
        equal((keys("live"), keys("disabled")), ([], [made["id"]]), "its keys after")
        equal((push(stack, made["key"]), status(stack, token)), (401, 200), "push and call after")
    with checks.check("a withdrawn private scope ends what holds it, a removed app everything"):
        run("app", "scopes", "withdraw", app, MINTS)
        equal((status(stack, token), state()), (401, "withdrawn"), "withdrawn")
        run("app", "edit", app, "--scopes", READ)
        token = run.token(ann, draft)
        equal(status(stack, token), 200, "status before")
        run("app", "delete", app)
        equal((status(stack, token), app in installed()), (401, False), "after")
        run.fails("app", "show", app)


def policy(checks: Checks, stack, run: Commands, ann: Person):
    """What an organization decides about clients."""
    client = stack.client("Policy").client_id
    token = run.token(ann, client, f"{READ} {OTHER}")
    statuses = lambda: (status(stack, token), status(stack, token, RULES))
    with checks.check("an organization blocks, allows, restricts and revokes a client"):
        equal(statuses(), (200, 200), "before")
        run("org", "policy", "block", "acme", client)
        equal(statuses(), (401, 401), "blocked")
        run("org", "policy", "allow", "acme", client)
        equal(statuses(), (200, 200), "allowed")
        run("org", "policy", "restrict", "acme", client, "--scopes", READ)
        equal(statuses(), (200, 403), "restricted")
        run("org", "policy", "unrestrict", "acme", client)
        equal(statuses(), (200, 200), "no longer restricted")
        run("org", "policy", "revoke", "acme", client)
        equal(statuses(), (401, 401), "revoked")
    with checks.check("an organization that approves new clients first lets no other in"):
        run("org", "policy", "new-clients", "acme", "approval")
        unknown = stack.client("Unknown").client_id
        try:
            run.token(ann, unknown)
        except AssertionError as error:
            contains(str(error), "administrator", "what the user is told")
        else:
            raise AssertionError("it was authorized")
        run("org", "policy", "new-clients", "acme", "open")
        equal(status(stack, run.token(ann, unknown)), 200, "once it is open again")
    with checks.check("a search is saved for a member and forgotten"):
        names = lambda: [s["name"] for s in run("audit", "searches", "list", "acme", ann.email)]
        run("audit", "searches", "save", "acme", ann.email, "denials", "decision=denied")
        ann.sign_in()
        contains(ann.open("/orgs/acme/audit").tree.text(), "denials", "the page of the log")
        run("audit", "searches", "delete", "acme", ann.email, "denials")
        equal(names(), [], "searches")


def soon(seconds: int) -> str:
    """A time from now, as it is typed."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def grants(checks: Checks, stack, run: Commands, ann: Person):
    """What the operator does with grants and keys."""
    with checks.check("a grant is narrowed, ended at a time, and revoked"):
        client = stack.client("Grants").client_id
        token = run.token(ann, client, f"{READ} {OTHER}")
        grant = run.grant(ann.email, client)
        run("grant", "narrow", grant, "--scopes", READ)
        equal((status(stack, token), status(stack, token, RULES)), (200, 403), "narrowed")
        run("grant", "end", grant, "--at", soon(3600))
        equal(status(stack, token), 200, "status before its end")
        run.fails("grant", "end", grant, "--at", soon(7200))
        run("grant", "end", grant, "--at", soon(5))
        await_true("the end of the grant", lambda: status(stack, token) == 401)
        token = run.token(ann, client)
        equal(status(stack, token), 200, "authorized again")
        run("grant", "revoke", run.grant(ann.email, client))
        equal(status(stack, token), 401, "revoked")
    with checks.check("a new signing key signs, and the old one's tokens end with its overlap"):
        program = authorized(stack, ann, client, READ)
        before = program.tokens["access_token"]
        run("key", "rotate")
        after = program.refresh()["access_token"]
        equal((status(stack, before), status(stack, after)), (200, 200), "both keys are good")
        run("key", "rotate", "--overlap", "0")
        equal((status(stack, before), status(stack, after)), (401, 401), "tokens of both keys before")
        equal(status(stack, program.refresh()["access_token"]), 200, "a refreshed token")


def own(checks: Checks, stack, run: Commands, ann: Person):
    """What a user does with their own, logged in on a machine with a browser."""
    desk = Machine(stack, "desk", browser=True, person=ann)

    def do(*words: str):
        done = desk.run(*words, "--json")
        equal(done.returncode, 0, f"exit code of {words} ({done.stderr})")
        return json.loads(done.stdout)

    def refused(*words: str) -> str:
        done = desk.run(*words)
        equal(done.returncode, 1, f"exit code of {words} ({done.stdout})")
        return done.stderr

    with checks.check("own: logged in, the user's commands speak for them"):
        desk.log_in_with_browser(stack.url("/api/v1"), "--scope", "applications:read applications:write sessions:read sessions:write")
        equal(desk.code, 0, f"exit code ({desk.said})")
        equal(do("me", "show")["user"]["email"], ann.email, "who")
        api = lambda: request("GET", stack.url("/api/v1/me"), bearer(desk.token())).status
        equal(api(), 200, "status with its token")
    client = stack.client("Own").client_id
    token = run.token(ann, client, f"{READ} {OTHER}")
    grant = run.grant(ann.email, client)
    with checks.check("own: me narrow takes a scope from live tokens at once, and gives none back"):
        equal((status(stack, token), status(stack, token, RULES)), (200, 200), "statuses before")
        equal(do("me", "narrow", grant, "--scopes", READ)["scopes"], [READ], "what is left")
        equal((status(stack, token), status(stack, token, RULES)), (200, 403), "statuses after")
        refused("me", "narrow", grant, "--scopes", f"{READ} {OTHER}")
        equal(status(stack, token, RULES), 403, "status after it was asked for again")
    with checks.check("own: me end lets an application's access end at its time, and never later"):
        do("me", "end", grant, "--at", soon(3600))
        equal(status(stack, token), 200, "status before its end")
        refused("me", "end", grant, "--at", soon(7200))
        do("me", "end", grant, "--at", soon(5))
        await_true("the end of the grant", lambda: status(stack, token) == 401)
    with checks.check("own: me revoke stops the token, and nobody else's"):
        token, others = run.token(ann, client), run.token(run.member("acme", "dan@acme.test", "viewer"), client)
        theirs = run.grant("dan@acme.test", client)
        refused("me", "revoke", theirs)
        do("me", "revoke", run.grant(ann.email, client))
        equal((status(stack, token), status(stack, others)), (401, 200), "statuses")
    ann.sign_in()

    def printed(*words: str) -> str:
        """What a command of the machine prints."""
        done = desk.run(*words)
        equal(done.returncode, 0, f"exit code of {words} ({done.stderr})")
        return done.stdout

    tables(checks, printed, True, grant=grant)
    with checks.check("own: me sign-out ends one session, then all, and leaves what was authorized"):
        token = run.token(ann, client)
        away = Person(stack.public_url, ann.email, ann.password)
        before = {s["id"] for s in do("me", "sessions")}
        away.sign_in()
        (new,) = {s["id"] for s in do("me", "sessions")} - before
        do("me", "sign-out", new)
        equal((signed_in(away), signed_in(ann)), (False, True), "who is signed in")
        do("me", "sign-out", "--all")
        equal((signed_in(away), signed_in(ann), do("me", "sessions")), (False, False, []), "who is signed in")
        equal(status(stack, token), 200, "an application's status")
    with checks.check("own: token renews itself, and logout ends the login"):
        now = desk.token()
        ends = claims(now)["exp"]
        later = desk.token("--valid-for", str(int(ends - time.time()) + 1))
        equal((later != now, claims(later)["exp"] >= ends), (True, True), "another token")
        equal(desk.run("logout").returncode, 0, f"exit code of logout ({desk.said})")
        equal([request("GET", stack.url("/api/v1/me"), bearer(t)).status for t in (now, later)], [401, 401], "statuses")
        contains(refused("me", "show"), "tollgate login", "what to do")


def main() -> int:
    """Everything on one gateway, one thing after the other."""
    checks = Checks("commands")
    with harness.Stack(everything=False) as stack:
        run = Commands(stack)
        ann = organizations(checks, stack, run)
        users(checks, stack, run)
        clients(checks, stack, run)
        apps(checks, stack, run, ann)
        policy(checks, stack, run, ann)
        own(checks, stack, run, ann)
        grants(checks, stack, run, ann)
        tables(checks, stack.administer, False, user=ann.email)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
