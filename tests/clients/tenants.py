"""Two organizations at one gate."""

import json

import harness
import oauth
from checks import equal

# The organization of the quick start, and the one that the harness adds.
FIRST, SECOND = SLUGS = ("default", harness.SECOND_ORGANIZATION["slug"])


def organizations(stack) -> dict[str, str]:
    """The ids of both; makes the second."""
    stack.add_organization()
    return {slug: json.loads(stack.administer("org", "show", slug, "--json"))["id"] for slug in SLUGS}


class Side:
    """One organization's view through the gate."""

    def __init__(self, stack, mount: str, slug: str, other: str, organization: str, scopes: str):
        self.base = stack.url(mount)
        self.slug, self.other = slug, other
        self._stack, self._organization = stack, organization
        self.token = self.authorized(scopes)

    def authorized(self, scopes: str) -> str:
        """A token for these scopes in this organization."""
        client = self._stack.client(f"tenant {self.slug}")
        url = client.authorize_url(self.base, scopes)
        return client.redeem(self._stack.person.drive(url, org=self._organization))["access_token"]

    def ask(self, method: str, path: str, body: str | bytes | None = None, headers: dict | None = None, token: str | None = None) -> oauth.Answer:
        """One call through the gate."""
        return oauth.request(method, self.base + path, oauth.bearer(token or self.token) | (headers or {}), body)

    def unnamed(self, answer: oauth.Answer, what: str) -> oauth.Answer:
        """The answer, which must be a success that does not name the other organization."""
        equal(answer.status, 200, f"status of {what}: {answer.text[:300]}")
        if self.other in answer.text:
            raise AssertionError(f"{what} names {self.other}: {answer.text[:500]}")
        return answer


def refused(answer: oauth.Answer, status: int, reason: str, what: str = "refusal"):
    """Fails unless the gate refused for this reason."""
    equal(answer.status, status, f"status of {what}: {answer.text[:300]}")
    equal(answer.json().get("reason"), reason, f"reason of {what}")
