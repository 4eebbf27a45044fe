"""What every MCP client in Python must be able to do through the gate, told once for both lines of the SDK.

A client gives: `name`, `connect(url)` (an async context manager whose value has `tools()` and `call(name, arguments)`),
`stored()` (the stored token, with `access_token`, `refresh_token`, `scope`), `authorizations` (the authorize URLs that
were opened), all kept over several connections.
"""

import time
import urllib.parse

import harness
import oauth
from checks import Checks, contains, equal

TTL_SECONDS = 8
YOUNG_SECONDS = 3


async def run(checks: Checks, make_client):
    """Runs the scenario against our own MCP server and the one behind the gate."""
    with harness.Stack(ttl=TTL_SECONDS, prometheus=False) as stack:
        own = make_client(stack, "own")
        everything = make_client(stack, "everything")
        await sign_in(checks, stack, own, harness.OWN_PATH, harness.OWN_TOOLS[:1])
        await sign_in(checks, stack, everything, harness.EVERYTHING_PATH, ["echo"])
        await own_tools(checks, stack, own)
        await step_up(checks, stack, everything)
        await refresh(checks, stack, [(own, harness.OWN_PATH), (everything, harness.EVERYTHING_PATH)])
        await revoke(checks, stack, own, harness.OWN_PATH, "whoami", {})
        await revoke(checks, stack, everything, harness.EVERYTHING_PATH, "echo", {"message": "again"})


async def sign_in(checks, stack, client, path, expected):
    """Discovery, registration, login and consent, then the tools."""
    url = stack.url(path)
    with checks.check(f"{path}: discovers, registers, signs in once"):
        async with client.connect(url) as session:
            listed = await session.tools()
        equal(len(client.authorizations), 1, "number of authorizations")
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(client.authorizations[0]).query))
        equal(asked["resource"], url, "resource asked for")
        equal(asked["code_challenge_method"], "S256", "challenge method")
    with checks.check(f"{path}: lists the tools"):
        for tool in expected:
            contains(listed, tool, "tools")


async def own_tools(checks, stack, client):
    """Each tool of our own server answers."""
    url = stack.url(harness.OWN_PATH)
    with checks.check("/mcp: whoami names the user"):
        async with client.connect(url) as session:
            contains(await session.call("whoami", {}), stack.person.email, "whoami")
    with checks.check("/mcp: list_applications names this client"):
        async with client.connect(url) as session:
            contains(await session.call("list_applications", {}), client.name, "applications")
    with checks.check("/mcp: search_audit finds this client's calls"):
        async with client.connect(url) as session:
            contains(await session.call("search_audit", {}), "whoami", "audit")


async def step_up(checks, stack, client):
    """A call beyond the granted scopes asks for more, and then succeeds."""
    url = stack.url(harness.EVERYTHING_PATH)
    with checks.check("/mcp/everything: echo answers"):
        async with client.connect(url) as session:
            contains(await session.call("echo", {"message": "through the gate"}), "through the gate", "echo")
    with checks.check("/mcp/everything: a tool beyond the scopes is not listed"):
        async with client.connect(url) as session:
            equal(harness.STEP_UP_TOOL in await session.tools(), False, "listed")
    with checks.check("/mcp/everything: step-up gets the scope and the call succeeds"):
        before = len(client.authorizations)
        async with client.connect(url) as session:
            contains(await session.call(harness.STEP_UP_TOOL, {"a": 20, "b": 22}), "42", "sum")
        equal(len(client.authorizations), before + 1, "number of authorizations")
        granted = (await client.stored()).scope.split()
        contains(granted, harness.STEP_UP_SCOPE, "scopes after step-up")
        contains(granted, harness.EVERYTHING_SCOPE, "scopes after step-up")
    with checks.check("/mcp/everything: after step-up the tool is listed"):
        async with client.connect(url) as session:
            contains(await session.tools(), harness.STEP_UP_TOOL, "tools")


async def refresh(checks, stack, pairs):
    """After expiry the client refreshes by itself, without a person."""
    olds = [(await client.stored()).access_token for client, _ in pairs]
    expires = max(oauth.claims(token)["exp"] for token in olds)
    time.sleep(max(0.0, expires - time.time()) + 1.1)
    for (client, path), old in zip(pairs, olds):
        with checks.check(f"{path}: an expired token is refused, then refreshed without a person"):
            answer = oauth.mcp_initialize(stack.url(path), old)
            equal(answer.status, 401, "status of the expired token")
            equal(answer.challenge().get("error"), "invalid_token", "error")
            before = len(client.authorizations)
            async with client.connect(stack.url(path)) as session:
                await session.tools()
            equal(len(client.authorizations), before, "number of authorizations")
            equal((await client.stored()).access_token == old, False, "token unchanged")


async def revoke(checks, stack, client, path, tool, arguments):
    """Revoked on the applications page, the next call is refused; authorizing again works."""
    url = stack.url(path)
    with checks.check(f"{path}: revoked by the user, the next call gets 401"):
        token = await young_token(client, url)
        equal(oauth.mcp_initialize(url, token).status, 200, "status before")
        stack.person.revoke(client.name)
        answer = oauth.mcp_initialize(url, token)
        equal(oauth.claims(token)["exp"] > time.time(), True, "token still young")
        equal(answer.status, 401, "status after")
        equal(answer.challenge().get("error"), "invalid_token", "error")
        equal(answer.challenge().get("resource_metadata"), oauth.resource_metadata_url(url), "resource_metadata")
    with checks.check(f"{path}: authorizing again after the revocation works"):
        before = len(client.authorizations)
        async with client.connect(url) as session:
            await session.call(tool, arguments)
        equal(len(client.authorizations), before + 1, "number of authorizations")


async def young_token(client, url):
    """A token that will not expire during the next few requests, so that a refusal has another cause."""
    while True:
        async with client.connect(url) as session:
            await session.tools()
        token = (await client.stored()).access_token
        left = oauth.claims(token)["exp"] - time.time()
        if left > YOUNG_SECONDS:
            return token
        time.sleep(left + 0.1)
