"""A bare OAuth client over HTTP: what the checks need when no library should stand between."""

import base64
import hashlib
import http.client
import json
import secrets
import urllib.parse
import urllib.request
from dataclasses import dataclass

from person import Person

REDIRECT = "http://127.0.0.1:8976/callback"


@dataclass
class Answer:
    """An HTTP answer, its body as text."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def json(self):
        """The body as JSON."""
        return json.loads(self.text)

    def challenge(self) -> dict[str, str]:
        """The parameters of the one `WWW-Authenticate: Bearer` header."""
        values = self.headers.get_all("WWW-Authenticate") or []
        if len(values) != 1 or not values[0].startswith("Bearer"):
            raise AssertionError(f"expected one Bearer challenge, found {values}")
        return {k: v.strip('"') for k, v in _parameters(values[0][len("Bearer") :])}

    def __str__(self):
        return f"{self.status} {self.text[:300]}"


def _parameters(text: str):
    for part in urllib.request.parse_http_list(text.strip()):
        name, _, value = part.partition("=")
        yield name.strip(), value.strip()


def request(method: str, url: str, headers: dict[str, str] | None = None, body: str | bytes | None = None) -> Answer:
    """One request; redirects are not followed."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode("utf-8", "replace"))
    finally:
        connection.close()


def bearer(token: str | None) -> dict[str, str]:
    """The header that carries a token, or none."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def claims(token: str) -> dict:
    """The claims of a JWT, not verified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def mcp_initialize(url: str, token: str | None) -> Answer:
    """An `initialize` as a client of the older protocol era sends it."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | bearer(token)
    return request("POST", url, headers, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))


def resource_metadata_url(resource: str) -> str:
    """Where RFC 9728 section 3.1 puts the metadata of a resource."""
    parts = urllib.parse.urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"


class OAuthClient:
    """One registered public client and the tokens of its last authorization."""

    def __init__(self, public_url: str, name: str, redirect_uri: str = REDIRECT, client_id: str | None = None):
        self.name = name
        self.redirect_uri = redirect_uri
        self.metadata = request("GET", public_url + "/.well-known/oauth-authorization-server").json()
        self.client_id = client_id or self._register()
        self.tokens: dict = {}

    def _register(self) -> str:
        body = {
            "client_name": self.name,
            "redirect_uris": [self.redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        answer = request("POST", self.metadata["registration_endpoint"], {"Content-Type": "application/json"}, json.dumps(body))
        if answer.status != 201:
            raise AssertionError(f"registration answered {answer}")
        return answer.json()["client_id"]

    def authorize_url(self, resource: str, scope: str) -> str:
        """A fresh authorization request; its verifier and state are kept for `redeem`."""
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(16)
        self.resource = resource
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "scope": scope,
            "resource": resource,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return self.metadata["authorization_endpoint"] + "?" + urllib.parse.urlencode(query)

    def redeem(self, callback: str) -> dict:
        """Checks the callback and exchanges its code."""
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(callback).query))
        if "code" not in answer or answer.get("state") != self.state or answer.get("iss") != self.metadata["issuer"]:
            raise AssertionError(f"callback {callback} carries no code, or not our state and issuer")
        form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": self.redirect_uri, "code_verifier": self.verifier}
        return self._token(form)

    def refresh(self) -> dict:
        """Trades the refresh token for a new pair."""
        return self._token({"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]})

    def token_request(self, form: dict) -> Answer:
        """A request to the token endpoint as this client."""
        form = form | {"client_id": self.client_id, "resource": self.resource}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return request("POST", self.metadata["token_endpoint"], headers, urllib.parse.urlencode(form))

    def _token(self, form: dict) -> dict:
        answer = self.token_request(form)
        if answer.status != 200:
            raise AssertionError(f"token endpoint answered {answer}")
        self.tokens = answer.json()
        return self.tokens

    def authorize(self, person: Person, resource: str, scope: str) -> str:
        """The whole flow; gives the access token."""
        return self.redeem(person.drive(self.authorize_url(resource, scope)))["access_token"]
