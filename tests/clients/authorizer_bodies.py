"""Rows of the decision table that are decided by a body, by what stands behind, or by how often somebody calls.

Each is an API below the mount of the example files, with a base path, so that these files lead there as they are.
"""

import gated
import harness
from authorizer_doors import Row, Table
from gated import call

JSON = [*gated.JSON.items()]
NDJSON = [("Content-Type", "application/x-ndjson")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
# Who hands the body on with the question, and who has none.
SENDS = ("envoy_grpc", "envoy_http")
SENDS_NOT = ("nginx", "caddy", "traefik")
DOORS = SENDS + SENDS_NOT
MCP, NARROW, SEARCH, LIMITED = (harness.PROMETHEUS_PATH + part for part in ("/mcp", "/narrow", "/search", "/limited"))
MOUNTS = (MCP, NARROW, SEARCH, LIMITED)
NOT_SENT = (403, "body_not_sent")
RATES = "".join(
    f"""
[[apis.routes]]
id = "limited.{door.replace("_", "-")}"
match = "/{door}"
methods = ["GET"]
scopes = ["metrics:read"]
rates = [{{ per = "client", requests = 1, every = "1h" }}]
"""
    for door in DOORS
)


def apis(port: int) -> str:
    """The APIs of these rows, before one server."""
    upstreams = "".join(f'[[upstreams]]\nname = "{path[1:]}"\nendpoints = ["http://127.0.0.1:{port}{path}"]\n' for path in (m.removeprefix(harness.PROMETHEUS_PATH) for m in MOUNTS))
    return f"""
[scopes."mcp:tools:write"]
description = "Use tools that change something"
group = "MCP servers"
{upstreams}
{gated.tools(MCP, "mcp", 'echo = [], "write-*" = ["mcp:tools:write"]')}
{gated.narrow(NARROW, "narrow", "tenant", "{org.tenant}")}
{gated.search(SEARCH, "search")}
[[apis]]
name = "limited"
mount = "{LIMITED}"
upstream = "limited"
{RATES}"""


def tokens(table: Table) -> dict[str, str]:
    """A token for each API."""
    asked = {"mcp": (MCP, "mcp:tools:invoke"), "narrow": (NARROW, "metrics:read"), "search": (SEARCH, "logs:read logs:write"), "limited": (LIMITED, "metrics:read")}
    client, person = table.stack.client("bodies"), table.stack.person
    return {name: client.authorize(person, table.stack.url(path), scope) for name, (path, scope) in asked.items()}


def everywhere(refusal: tuple[int, str], doors=DOORS) -> dict[str, tuple[int, str]]:
    """The same refusal at each of these doors."""
    return dict.fromkeys(doors, refusal)


def messages() -> list[Row]:
    """MCP: the body decides, and only Envoy hands it on."""
    unsent = everywhere(NOT_SENT, SENDS_NOT)

    def row(name: str, body: str | None, named=unsent, **more) -> Row:
        return Row(f"mcp: {name}", MCP, more.get("token", "mcp"), "POST", more.get("headers", JSON), body, named)

    twice = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"%s","name":"%s","arguments":{}}}'
    escaped = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","n\\u0061me":"forbidden"}}'
    claimed = unsent | everywhere((400, "headers_not_removable"), ("caddy", "traefik"))
    session = [*JSON, ("Mcp-Session-Id", "made-up")]
    return [
        row("a tool for everybody", call("echo")),
        row("a tool with a scope that is missing", call("write-note")),
        row("a tool that is denied", call("forbidden")),
        row("a tool that nobody knows", call("no-such-tool")),
        row("a batch", f"[{call('echo')},{call('forbidden')}]"),
        row("a name twice, the good one last", twice % ("forbidden", "echo")),
        row("a name twice, the good one first", twice % ("echo", "forbidden")),
        row("a name twice, once escaped", escaped),
        row("a method twice", '{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":{"name":"forbidden"}}'),
        row("no JSON", "{"),
        row("no message at all", None, everywhere(NOT_SENT)),
        row("what is longer than a question may be", call("echo", pad="x" * 70_000), unsent | everywhere((413, "body_too_large"), SENDS)),
        row("somebody else's session", call("echo"), headers=session),
        row("a claim that the body is whole", call("forbidden"), claimed, headers=[*JSON, ("X-Envoy-Auth-Partial-Body", "false")]),
        # Who may call at all is decided before the message is read.
        row("no token", call("echo"), {}, token=None),
        row("a token for another API", call("echo"), {}, token="good"),
    ]


def narrowed() -> list[Row]:
    """Label tenancy: a request and its answer would have to change, which no question can ask for."""
    refused = everywhere((403, "label_not_enforceable"))

    def row(name: str, path: str, named=refused, **more) -> Row:
        return Row(f"label: {name}", NARROW + path, more.pop("token", "narrow"), named=named, **more)

    return [
        row("a query", "/api/v1/query?query=up"),
        row("a query for another organization", '/api/v1/query?query=up%7Btenant%3D%22someone-else%22%7D'),
        row("a query in a form", "/api/v1/query", method="POST", headers=FORM, body="query=up"),
        row("a query that can't be parsed", "/api/v1/query?query=up%7B"),
        row("series", "/api/v1/series?match[]=up"),
        row("no token", "/api/v1/query?query=up", {}, token=None),
        row("a scope that is missing", "/api/v1/rules", {}),
        row("a path that is no route", "/-/quit", {}),
    ]


def searched() -> list[Row]:
    """Index tenancy: paths decide everywhere, bodies where they are sent whole and not compressed."""
    unsent, no_index = everywhere(NOT_SENT, SENDS_NOT), everywhere(NOT_SENT)
    look_up = '{"query":{"terms":{"u":{"index":"%s","id":"1","path":"p"}}}}'
    multi = '{"index":"%s"}\n{"query":{"match_all":{}}}\n'
    bulk = '{"index":{"_index":"%s"}}\n{"a":1}\n'

    def row(name: str, path: str, named, body: str | None = None, **more) -> Row:
        method = more.pop("method", "GET" if body is None else "POST")
        return Row(f"index: {name}", SEARCH + path, more.pop("token", "search"), method, more.pop("headers", JSON), body, named)

    return [
        row("a mapping", "/{slug}.logs/_mapping", {}),
        row("a mapping of another organization", "/someone-else.logs/_mapping", {}),
        row("a mapping of both", "/{slug}.logs,someone-else.logs/_mapping", {}),
        row("every index", "/_all/_mapping", {}),
        # That a request has no body is what a client says, and a proxy that sends none would let it pass.
        row("a search without a body", "/{slug}.logs/_search", no_index),
        row("a search", "/{slug}.logs/_search", unsent, look_up % "{slug}.users"),
        row("a search that looks up another organization's", "/{slug}.logs/_search", unsent, look_up % "someone-else.users"),
        row("a search in another organization's", "/someone-else.logs/_search", {}, look_up % "{slug}.users"),
        row("many searches", "/{slug}.logs/_msearch", unsent, multi % "{slug}.logs", headers=NDJSON),
        row("many searches, one elsewhere", "/{slug}.logs/_msearch", unsent, multi % "{slug}.logs" + multi % "someone-else.logs", headers=NDJSON),
        row("a document", "/{slug}.logs/_doc", {}, '{"a":1}'),
        row("a document elsewhere", "/someone-else.logs/_doc", {}, '{"a":1}'),
        row("a bulk", "/{slug}.logs/_bulk", unsent, bulk % "{slug}.logs", headers=NDJSON),
        row("a bulk, one line elsewhere", "/{slug}.logs/_bulk", unsent, bulk % "someone-else.logs", headers=NDJSON),
        row("no token", "/{slug}.logs/_search", {}, look_up % "{slug}.users", token=None),
    ]


def rows(slug: str) -> list[Row]:
    """All of them."""
    every = messages() + narrowed() + searched()
    for row in every:
        row.path = row.path.replace("{slug}", slug)
        row.body = row.body and row.body.replace("{slug}", slug)
    return every
