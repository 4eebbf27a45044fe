"""APIs whose requests are decided by what their bodies say, as several suites configure them, and the messages that they send."""

import json

JSON = {"Content-Type": "application/json"}


def _shadow(enforced: bool) -> str:
    return "" if enforced else 'enforce = "shadow"\n'


def tools(mount: str, upstream: str, policy: str, enforced: bool = True) -> str:
    """An MCP server with this policy of tools."""
    return f"""
[[apis]]
name = "tools"
mount = "{mount}"
kind = "mcp"
upstream = "{upstream}"
{_shadow(enforced)}tools = {{ {policy}, default = "deny" }}
"""


def search(mount: str, upstream: str, enforced: bool = True) -> str:
    """An OpenSearch in which each organization has the indices that begin with its name."""
    return f"""
[[apis]]
name = "search"
mount = "{mount}"
pack = "opensearch"
upstream = "{upstream}"
{_shadow(enforced)}tenant = {{ mode = "index", value = "{{org.slug}}." }}
"""


def narrow(mount: str, upstream: str, label: str, value: str, enforced: bool = True) -> str:
    """A Prometheus in which organizations are told apart by a label."""
    return f"""
[[apis]]
name = "narrow"
mount = "{mount}"
pack = "prometheus"
upstream = "{upstream}"
{_shadow(enforced)}tenant = {{ mode = "label", label = "{label}", value = "{value}" }}
"""


def call(tool: str, **more) -> str:
    """A message that calls a tool."""
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {}}} | more)
