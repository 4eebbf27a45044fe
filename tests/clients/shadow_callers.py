"""Everybody who uses what is behind a gate in shadow mode: some allowed, the others each refused for a reason of its own once it enforces."""

import base64
import hashlib
import os
import time
from dataclasses import dataclass, field

import gated
import harness
import oauth
from gated import JSON, call
from machine import Machine
from processes import await_true

QUERY = "/api/v1/query?query=up"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PROMETHEUS, FEW, NARROW, TOOLS, SEARCH = harness.PROMETHEUS_PATH, "/few", "/narrow", "/mcp/tools", "/search"
READ = harness.PROMETHEUS_SCOPE


def configuration(prometheus: int, anything: int) -> str:
    """What they use, all of it in shadow mode."""
    return f"""
[[upstreams]]
name = "prometheus"
endpoints = ["http://127.0.0.1:{prometheus}"]
[[upstreams]]
name = "anything"
endpoints = ["http://127.0.0.1:{anything}"]
[[apis]]
name = "prometheus"
mount = "{PROMETHEUS}"
pack = "prometheus"
upstream = "prometheus"
enforce = "shadow"
tenant = {{ mode = "header", name = "X-Scope-OrgID", value = "{{org.tenant}}" }}
forbidden_query = ["tenant"]
{gated.narrow(NARROW, "prometheus", "job", "prometheus", enforced=False)}
{gated.tools(TOOLS, "anything", f'echo = [], read = ["{READ}"]', enforced=False)}
{gated.search(SEARCH, "anything", enforced=False)}
[[apis]]
name = "few"
mount = "{FEW}"
upstream = "prometheus"
enforce = "shadow"
[[apis.routes]]
id = "few.query"
match = "/api/v1/query"
methods = ["GET"]
scopes = ["{READ}"]
rates = [{{ per = "client", requests = 1, every = "1h" }}]
[[apis.routes]]
id = "few.short"
match = "/api/v1/query"
methods = ["POST"]
scopes = ["{READ}"]
max_body = "20B"
"""


@dataclass
class Caller:
    """One of them: what it sends, and why it will be refused."""

    name: str
    path: str = PROMETHEUS + QUERY
    refused: str | None = None
    token: str | None = None
    # By which the report knows it: a client's id; else it is known by its name, which it says in `User-Agent`.
    client: str | None = None
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    def ask(self, stack) -> oauth.Answer:
        """One request."""
        headers = {"User-Agent": self.name} | oauth.bearer(self.token) | self.headers
        return oauth.request(self.method, stack.url(self.path), headers, self.body)


class Callers:
    """All of them."""

    def __init__(self, stack: harness.Stack):
        self.stack = stack
        self.all = [*self._strangers(), *self._ended(), *self._known()]

    def _machine(self, name: str, path: str, refused: str | None = None, scopes: str = READ, options=(), **more) -> Caller:
        machine = Machine(self.stack, name.replace(" ", "-"), scopes, *options)
        return Caller(name, path, refused, machine.token(scopes), machine.client, **more)

    def _strangers(self):
        """Whom no token names."""
        yield Caller("Grafana-12", refused="no_token")
        yield Caller("curl-8", PROMETHEUS + "/metrics", "no_token")
        yield Caller("basic", refused="no_token", headers={"Authorization": "Basic dXNlcjpwdw=="})
        yield Caller("noise", refused="token_malformed", token="AAAA.BBBB")
        yield Caller("key", refused="key_not_accepted", token=api_key())
        yield Caller("doubled slash", f"{SEARCH}//logs", "empty_segment")
        yield Caller("path parameter", f"{SEARCH}/static;v=1/x", "path_parameter")
        yield Caller("page", TOOLS, "origin_not_allowed", method="POST", headers=JSON | {"Origin": "https://elsewhere.test"}, body=call("echo"))

    def _ended(self):
        """Whose token is worth nothing any more, or nothing here."""
        stack = self.stack
        other = stack.client("other API")
        token = other.authorize(stack.person, stack.url(harness.OWN_PATH), stack.default_scope(harness.OWN_PATH))
        yield Caller("other API", refused="wrong_audience", token=token, client=other.client_id)
        revoked = stack.client("revoked one")
        token = revoked.authorize(stack.person, stack.url(PROMETHEUS), READ)
        stack.person.revoke("revoked one")
        yield Caller("revoked one", refused="grant_revoked", token=token, client=revoked.client_id)
        late = self._machine("late", PROMETHEUS + QUERY, "token_expired", options=("--access-token-ttl", "1"))
        end = oauth.claims(late.token)["exp"]
        await_true("the end of a token", lambda: time.time() > end)
        yield late
        gone = Machine(stack, "gone", READ)
        yield Caller("gone", refused="client_disabled", token=gone.token(READ), client=gone.client)
        gone.disable()

    def _known(self):
        """Who may call, if not all of this."""
        person, stack = self.stack.person, self.stack
        dashboards = stack.client("dashboards")
        yield Caller("dashboards", token=dashboards.authorize(person, stack.url(PROMETHEUS), READ), client=dashboards.client_id)
        watcher = stack.client("rule watcher")
        token = watcher.authorize(person, stack.url(PROMETHEUS), harness.PROMETHEUS_OTHER_SCOPE)
        yield Caller("rule watcher", refused="insufficient_scope", token=token, client=watcher.client_id)
        machine = self._machine
        yield machine("other tenant", PROMETHEUS + QUERY, "other_organization_header", headers={"X-Scope-OrgID": "someone-else"})
        yield machine("other tenant asked", f"{PROMETHEUS}{QUERY}&tenant=someone-else", "other_organization_query")
        yield machine("no route", f"{PROMETHEUS}/-/healthy", "no_route")
        yield machine("hasty", FEW + QUERY, "rate_limited")
        yield machine("brief", f"{FEW}/api/v1/query", method="POST", headers=FORM, body="query=up")
        yield machine("lengthy", f"{FEW}/api/v1/query", "body_too_large", method="POST", headers=FORM, body="query=up&padding=xxxxxxxxxxxxxx")
        yield machine("one label", NARROW + QUERY)
        yield machine("old function", f"{NARROW}/api/v1/query?query=holt_winters(up[5m],0.5,0.5)", "selector_malformed")
        yield machine("two labels", f"{NARROW}/api/v1/metadata", "route_not_enforceable")
        for name, body, refused in [
            ("echo", call("echo"), None),
            ("deny", call("other"), "target_denied"),
            ("read", call("read"), "permission_missing"),
            ("batch", f"[{call('echo')}]", "message_malformed"),
        ]:
            yield machine(f"tool {name}", TOOLS, refused, "mcp:tools:invoke", method="POST", headers=JSON, body=body)
        for name, index, refused in [("index", "default.logs", None), ("other index", "someone-else.logs", "other_organization_index")]:
            yield machine(name, f"{SEARCH}/{index}/_search", refused, "logs:read", method="POST", headers=JSON, body="{}")


def api_key() -> str:
    """What has the form of an API key and is none."""

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    key = f"tg_ak_{text(os.urandom(32))}"
    return key + text(hashlib.sha256(key.encode()).digest()[:4])
