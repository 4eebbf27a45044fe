"""The Python SDK `mcp` 2.x, unmodified, against the gateway."""

import asyncio
import contextlib
import sys

import httpx2
from mcp.client.auth import AuthorizationCodeResult
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

import mcp_scenario
from checks import Checks
from sdk_client import SdkClient, Session


class ClientV2(SdkClient):
    """The SDK's `Client`, which probes for the newer protocol era first."""

    line = "2"
    redirect = "http://127.0.0.1:8977/callback"

    def callback_result(self, answer):
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    @contextlib.asynccontextmanager
    async def connect(self, url):
        async with httpx2.AsyncClient(auth=self.provider(url), timeout=30) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                yield Session(client)


if __name__ == "__main__":
    suite = Checks("python-mcp-2")
    asyncio.run(mcp_scenario.run(suite, ClientV2))
    sys.exit(suite.finish())
