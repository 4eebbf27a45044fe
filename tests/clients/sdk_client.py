"""What the suites of both lines of the Python SDK share: the provider, its store, and the person who consents."""

import asyncio
import urllib.parse

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata


class Memory:
    """Keeps tokens and the registration in memory, in the shape the SDK asks for."""

    def __init__(self):
        self.tokens = None
        self.client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


class SdkClient:
    """An application made with the SDK: one registration, one store, one provider, over several connections."""

    line = ""
    redirect = ""

    def __init__(self, stack, role):
        self.name = f"python mcp {self.line} {role}"
        self.stack = stack
        self.memory = Memory()
        self.authorizations = []
        self._provider = None

    def provider(self, url):
        """The SDK's own OAuth provider for the server."""
        if self._provider is None:
            metadata = OAuthClientMetadata(
                client_name=self.name, redirect_uris=[self.redirect], grant_types=["authorization_code", "refresh_token"]
            )
            self._provider = OAuthClientProvider(url, metadata, self.memory, self._open_browser, self._callback)
        return self._provider

    async def _open_browser(self, url):
        self.authorizations.append(url)
        self.location = await asyncio.to_thread(self.stack.person.drive, url)

    async def _callback(self):
        return self.callback_result(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.location).query)))

    def callback_result(self, answer: dict):
        """The callback's parameters in the shape this line of the SDK wants."""
        raise NotImplementedError

    async def stored(self):
        """The tokens as stored."""
        return self.memory.tokens


class Session:
    """What the scenario uses of a connection; both lines name these calls alike."""

    def __init__(self, session):
        self.session = session

    async def tools(self):
        """The names of the tools."""
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments):
        """All text of a tool's result; an error result fails."""
        result = await self.session.call_tool(name, arguments)
        text = "\n".join(getattr(part, "text", "") for part in result.content)
        if getattr(result, "isError", False) or getattr(result, "is_error", False):
            raise AssertionError(f"the tool answered with an error: {text}")
        return text
