"""The Python SDK `mcp` 1.x, unmodified, against the gateway."""

import asyncio
import contextlib
import sys

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

import mcp_scenario
from checks import Checks
from sdk_client import SdkClient, Session


class ClientV1(SdkClient):
    """The SDK's `ClientSession`, which speaks the older protocol era only."""

    line = "1"
    redirect = "http://localhost:8978/callback"

    def callback_result(self, answer):
        return answer["code"], answer.get("state")

    @contextlib.asynccontextmanager
    async def connect(self, url):
        async with httpx.AsyncClient(auth=self.provider(url), timeout=30) as http:
            async with streamable_http_client(url, http_client=http) as (read, write, *_):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    yield Session(session)


if __name__ == "__main__":
    suite = Checks("python-mcp-1")
    asyncio.run(mcp_scenario.run(suite, ClientV1))
    sys.exit(suite.finish())
