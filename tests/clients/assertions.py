"""Assertions, verified by PyJWT as an upstream would: with the published keys, found by its own client for key sets."""

import http.server
import json
import sys
import threading
import time

import jwt

import harness
from checks import Checks, equal
from machine import Machine
from oauth import bearer, request
from processes import await_true

AUDIENCE = "https://dash.inner"
HEADER = "X-Tollgate-Assertion"
KEYS = "/.well-known/tollgate-assertion-jwks"
SCOPE = "metrics:read"
# Tokens live this long, and no assertion outlives the token that it was made from.
LIFE_SECONDS = 8


class Upstream:
    """Keeps the assertion of the last request."""

    def __init__(self):
        self.assertion: str | None = None
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                upstream.assertion = self.headers[HEADER]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


def configuration(upstream: Upstream) -> str:
    """One API whose upstream verifies who calls."""
    return f"""
[oauth]
machine_token_ttl = "{LIFE_SECONDS}s"
[scopes."{SCOPE}"]
description = "Query metrics"
[[upstreams]]
name = "dash"
endpoints = ["http://127.0.0.1:{upstream.port}"]
[[apis]]
name = "dash"
mount = "/dash"
upstream = "dash"
[apis.assertion]
audience = "{AUDIENCE}"
[[apis.routes]]
id = "dash.any"
match = "/**"
methods = ["GET"]
scopes = ["{SCOPE}"]
"""


class Verifier:
    """What an upstream has: the address of the keys, the issuer, and its own name."""

    def __init__(self, stack: harness.Stack, keys: str = KEYS, **options):
        self.keys = jwt.PyJWKClient(stack.url(keys), **options)
        self.issuer = request("GET", stack.url("/.well-known/oauth-authorization-server")).json()["issuer"]

    def verify(self, assertion: str, audience: str = AUDIENCE, issuer: str | None = None) -> dict:
        """The claims, or an error of PyJWT."""
        key = self.keys.get_signing_key_from_jwt(assertion)
        required = ["exp", "iat", "iss", "aud", "sub", "jti"]
        return jwt.decode(assertion, key, ["ES256"], options={"require": required}, audience=audience, issuer=issuer or self.issuer)


class Caller:
    """A machine that calls through the gate, and what its upstream got."""

    def __init__(self, stack: harness.Stack, upstream: Upstream):
        self.machine = Machine(stack, "reader", SCOPE)
        self._stack, self._upstream = stack, upstream

    def call(self, forged: str = "") -> tuple[str, str]:
        """The token of a new call, and the assertion that came with it."""
        token = self.machine.token(SCOPE)
        headers = bearer(token) | ({HEADER: forged} if forged else {})
        equal(request("GET", self._stack.url("/dash/x"), headers).status, 200, "status")
        return token, self._upstream.assertion


def refused(error: type, verify):
    """Fails unless PyJWT refuses for this reason."""
    try:
        claims = verify()
    except error:
        return
    raise AssertionError(f"it was taken: {claims}")


def verified(stack, caller: Caller, checks: Checks):
    """Who calls, proved by the published keys and nothing else."""
    verifier = Verifier(stack)
    with checks.check("PyJWT verifies it with the key that its header names"):
        _, assertion = caller.call()
        claims = verifier.verify(assertion)
        equal((claims["client_id"], claims["scope"]), (caller.machine.client, SCOPE), "client and scope")
        equal(jwt.get_unverified_header(assertion)["typ"], "tollgate-assertion+jwt", "type")
    with checks.check("what a client says under its name is not what arrives"):
        _, assertion = caller.call(forged="e30.e30.")
        equal(verifier.verify(assertion)["client_id"], caller.machine.client, "client")
    with checks.check("another audience and another issuer are refused"):
        _, assertion = caller.call()
        refused(jwt.InvalidAudienceError, lambda: verifier.verify(assertion, audience="https://other.inner"))
        refused(jwt.InvalidIssuerError, lambda: verifier.verify(assertion, issuer="https://other.example.com"))
    with checks.check("a changed claim is refused"):
        _, assertion = caller.call()
        head, _, signature = assertion.split(".")
        changed = jwt.decode(assertion, options={"verify_signature": False}) | {"org_slug": "other"}
        payload = jwt.utils.base64url_encode(json.dumps(changed).encode()).decode()
        refused(jwt.InvalidSignatureError, lambda: verifier.verify(f"{head}.{payload}.{signature}"))
    with checks.check("access tokens and assertions have no key in common"):
        token, assertion = caller.call()
        refused(jwt.PyJWKClientError, lambda: verifier.verify(token))
        refused(jwt.PyJWKClientError, lambda: Verifier(stack, "/oauth2/jwks").verify(assertion))


def rotated(stack, caller: Caller, checks: Checks):
    """A new key signs, and who has kept the keys from before finds it."""
    # By default it looks for a new key half a minute after it looked last: shorter than a new key is published before it signs.
    verifier = Verifier(stack, cooldown_duration=0)
    _, before = caller.call()
    with checks.check("after a rotation assertions of both keys are verified"):
        verifier.verify(before)
        names = lambda: {key["kid"] for key in request("GET", stack.url(KEYS)).json()["keys"]}  # noqa: E731
        first = names()
        stack.administer("key", "rotate")
        await_true("the new key", lambda: len(names()) > len(first))
        _, after = caller.call()
        kids = [jwt.get_unverified_header(assertion)["kid"] for assertion in (before, after)]
        # No key of a gateway this young is known to anybody yet, so that the new one signs at once.
        equal((kids[0] in first, kids[1] in names() - first), (True, True), f"old and new among {kids}")
        equal(verifier.verify(after)["client_id"], caller.machine.client, "client, by who asked for the keys before")
        equal(Verifier(stack).verify(before)["client_id"], caller.machine.client, "client, by who asks for them now")


def expired(stack, caller: Caller, checks: Checks):
    """An assertion ends with its token."""
    with checks.check("an expired one is refused"):
        verifier = Verifier(stack)
        token, assertion = caller.call()
        end = verifier.verify(assertion)["exp"]
        equal(end, jwt.decode(token, options={"verify_signature": False})["exp"], "end of assertion and token")
        await_true("the end of the assertion", lambda: time.time() >= end)
        refused(jwt.ExpiredSignatureError, lambda: verifier.verify(assertion))


def main() -> int:
    """The gateway with the upstream behind it."""
    checks, upstream = Checks("assertions"), Upstream()
    with harness.Stack(everything=False, prometheus=False) as stack:
        stack.restart_with(configuration(upstream))
        caller = Caller(stack, upstream)
        verified(stack, caller, checks)
        rotated(stack, caller, checks)
        expired(stack, caller, checks)
    upstream.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
