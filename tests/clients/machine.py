"""Machine clients, made by the administration."""

import json
import urllib.parse

import harness
import oauth
from checks import equal


class Machine:
    """A client with a service user behind it, that gets its tokens by its own credentials."""

    def __init__(self, stack: harness.Stack, name: str, scopes: str, *options: str):
        organization = stack.gateway.ready["organization"]
        organization = organization["slug"] if isinstance(organization, dict) else organization
        user = f"{name}-robot"
        stack.administer("user", "create", user, "--service")
        stack.administer("member", "set", organization, user, "--role", "admin")
        made = stack.administer(
            "client", "create", name, "--kind", "machine", "--org", organization, "--subject", user, "--scopes", scopes, "--auth", "post", "--json", *options
        )
        made = json.loads(made)
        self.client, self.secret = made["client"]["id"], made["client_secret"]
        self._token_url = oauth.request("GET", stack.url("/.well-known/oauth-authorization-server")).json()["token_endpoint"]
        self._stack = stack

    def token(self, scope: str) -> str:
        """A new access token."""
        form = {"grant_type": "client_credentials", "client_id": self.client, "client_secret": self.secret, "scope": scope}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = oauth.request("POST", self._token_url, headers, urllib.parse.urlencode(form))
        equal(answer.status, 200, f"status of the token endpoint: {answer}")
        return answer.json()["access_token"]

    def disable(self):
        """Stops the client; returns when it is acknowledged."""
        self._stack.administer("client", "disable", self.client)
