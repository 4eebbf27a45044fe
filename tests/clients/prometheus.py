"""Debian's Prometheus behind the gate: what passes, what is refused and how, and what the upstream gets to see."""

import base64
import sys
import time
import urllib.parse

import harness
import oauth
from checks import Checks, contains, equal

TTL_SECONDS = 5
QUERY = "/api/v1/query?query=up"


class Api:
    """Calls to the gated Prometheus, and what of them arrived behind the gate."""

    def __init__(self, stack):
        self.stack = stack
        self.base = stack.url(harness.PROMETHEUS_PATH)
        self.client = stack.client("prometheus checks")
        self.asked_scope = harness.PROMETHEUS_SCOPE

    def token(self) -> str:
        """A token that is good for the next few requests."""
        tokens = self.client.tokens
        if not tokens:
            return self.client.authorize(self.stack.person, self.base, self.asked_scope)
        if oauth.claims(tokens["access_token"])["exp"] - time.time() < 2:
            self.client.refresh()
        return self.client.tokens["access_token"]

    def call(self, path: str, token: str | None, method: str = "GET", headers: dict | None = None, body: str | None = None):
        """One call through the gate."""
        return oauth.request(method, self.base + path, oauth.bearer(token) | (headers or {}), body)

    def unseen(self):
        """Fails if the upstream received anything meanwhile."""
        return self.stack.recorder.unseen()


def passes(checks: Checks, api: Api):
    """What the scope allows is answered by Prometheus itself."""
    with checks.check("a query passes"):
        answer = api.call(QUERY, api.token())
        equal(answer.status, 200, "status")
        equal(answer.json()["data"]["result"][0]["value"][1], "1", "value of up")
        equal(bool(answer.headers.get("X-Request-Id")), True, "X-Request-Id present")
    with checks.check("a query in a form body passes"):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = api.call("/api/v1/query", api.token(), "POST", form, urllib.parse.urlencode({"query": "1+1"}))
        equal(answer.json()["data"]["result"][1], "2", "value of 1+1")
    with checks.check("label names pass"):
        contains(api.call("/api/v1/labels", api.token()).json()["data"], "job", "labels")
    with checks.check("the client's own cookies and identity-like headers do not disturb a call"):
        sent = {"Cookie": "session=secret", "X-Forwarded-User": "root", "X-WEBAUTH-USER": "root"}
        equal(api.call(QUERY, api.token(), headers=sent).status, 200, "status")


def refuses(checks: Checks, api: Api):
    """Each refusal has its status, its challenge, and never reaches the upstream."""
    metadata = oauth.resource_metadata_url(api.base)
    with checks.check("no token: 401 that says where to begin"), api.unseen():
        answer = api.call(QUERY, None)
        equal(answer.status, 401, "status")
        equal(answer.challenge().get("resource_metadata"), metadata, "resource_metadata")
        equal("error" in answer.challenge(), False, "error code without a token")
        contains(answer.challenge().get("scope", "").split(), harness.PROMETHEUS_SCOPE, "scope")
    with checks.check("scope missing: 403 that names it beside the granted ones"), api.unseen():
        answer = api.call("/api/v1/rules", api.token())
        equal(answer.status, 403, "status")
        equal(answer.challenge().get("error"), "insufficient_scope", "error")
        contains(answer.challenge()["scope"].split(), harness.PROMETHEUS_OTHER_SCOPE, "scope")
        contains(answer.challenge()["scope"].split(), harness.PROMETHEUS_SCOPE, "scope")
    with checks.check("a header that names another organization: 403"), api.unseen():
        equal(api.call(QUERY, api.token(), headers={harness.TENANT_HEADER: "someone-else"}).status, 403, "status")
    for path in ("/-/quit", "/metrics", "/api/v1/nonsense", "/debug/pprof/heap", "/"):
        with checks.check(f"unmatched path {path}: 404"), api.unseen():
            equal(api.call(path, api.token()).status, 404, "status")
    with checks.check("delete_series: 403"), api.unseen():
        equal(api.call("/api/v1/admin/tsdb/delete_series?match[]=up", api.token(), "POST").status, 403, "status")
    with checks.check("a token in the query string is no token"), api.unseen():
        status = api.call(f"{QUERY}&access_token={api.token()}", None).status
        equal(status in (400, 401), True, f"{status} is a refusal")


def refuses_tokens(checks: Checks, api: Api):
    """Tokens that are not for this API, not ours or not any more."""
    stack = api.stack
    other = stack.client("other api")
    cases = {
        "a token for another API": other.authorize(stack.person, stack.url(harness.OWN_PATH), stack.default_scope(harness.OWN_PATH)),
        "a token with a changed signature": _resigned(api.token()),
        "a token that says it needs no signature": _unsigned(api.token()),
        "no token at all but noise": "AAAA.BBBB.CCCC",
    }
    for what, token in cases.items():
        with checks.check(f"{what}: 401 invalid_token"), api.unseen():
            answer = api.call(QUERY, token)
            equal(answer.status, 401, "status")
            equal(answer.challenge().get("error"), "invalid_token", "error")
    with checks.check("an expired token: 401 invalid_token, and the refreshed one passes"):
        token = api.token()
        time.sleep(max(0.0, oauth.claims(token)["exp"] - time.time()) + 1.1)
        with api.unseen():
            answer = api.call(QUERY, token)
            equal(answer.status, 401, "status")
            equal(answer.challenge().get("error"), "invalid_token", "error")
        equal(api.call(QUERY, api.token()).status, 200, "status after refresh")


def private_scope(checks: Checks, api: Api):
    """A private scope is not to be had by asking."""
    with checks.check("asking for the scope of delete_series does not give it"), api.unseen():
        asker = api.stack.client("asks for too much")
        url = asker.authorize_url(api.base, f"{harness.PROMETHEUS_SCOPE} {harness.PROMETHEUS_PRIVATE_SCOPE}")
        callback = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(api.stack.person.drive(url)).query))
        if "error" in callback:
            equal(callback["error"], "invalid_scope", "error")
        else:
            tokens = asker.redeem(f"{asker.redirect_uri}?{urllib.parse.urlencode(callback)}")
            equal(harness.PROMETHEUS_PRIVATE_SCOPE in tokens["scope"].split(), False, "private scope granted")
            answer = api.call("/api/v1/admin/tsdb/delete_series?match[]=up", tokens["access_token"], "POST")
            equal(answer.status, 403, "status")


def upstream_view(checks: Checks, stack):
    """Of everything that went through: no client credential, one tenant."""
    seen = stack.recorder.requests
    with checks.check("the upstream saw requests"):
        equal(len(seen) >= 5, True, f"{len(seen)} requests are enough")
    for forbidden in ("authorization", "cookie", "x-forwarded-user", "x-webauth-user"):
        with checks.check(f"the upstream never saw the client's {forbidden}"):
            leaks = [(path, name) for _, path, headers in seen for name, _ in headers if name.lower() == forbidden]
            equal(leaks, [], "leaks")
    with checks.check("the upstream saw exactly one tenant value, always the same"):
        tenants = [[v for k, v in headers if k.lower() == harness.TENANT_HEADER.lower()] for _, _, headers in seen]
        equal({len(t) for t in tenants}, {1}, "number of tenant headers")
        equal(len({t[0] for t in tenants}), 1, "number of tenants")
        equal(bool(tenants[0][0]), True, "tenant named")
    with checks.check("the upstream saw no token in any path"):
        equal([path for _, path, _ in seen if "token" in path], [], "paths")


def _resigned(token: str) -> str:
    head, body, signature = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    raw[len(raw) // 2] ^= 1
    return ".".join((head, body, base64.urlsafe_b64encode(raw).rstrip(b"=").decode()))


def _unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def main() -> int:
    """Runs every case on one stack."""
    checks = Checks("prometheus")
    with harness.Stack(ttl=TTL_SECONDS, everything=False) as stack:
        api = Api(stack)
        for part in (passes, refuses, refuses_tokens, private_scope):
            part(checks, api)
        upstream_view(checks, stack)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
