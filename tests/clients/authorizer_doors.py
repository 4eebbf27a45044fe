"""What the decision table is sent through: the gate itself, and proxies with the example files."""

import contextlib
import http.client
import json
import pathlib
import re
import urllib.parse
from dataclasses import dataclass, field

import harness
from authorizer_files import ADDED
from processes import REPO, Process

EXAMPLES = REPO / "config/examples"
TOOLS = REPO / "target/tools"
QUERY = "/prometheus/api/v1/query?query=up"


@dataclass
class Row:
    """One request of the decision table."""

    name: str
    path: str = QUERY
    token: str | None = "good"
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None
    # By the name of a door: status and reason of its refusal, where that is not what the gate itself does.
    named: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass
class Door:
    """A way to Prometheus: the gate itself or a proxy that asks."""

    name: str
    port: int
    # What this proxy can't carry out and refuses, although the gate would do it.
    refuses: frozenset = frozenset()


# Which request this is: nobody takes it away.
MARK = "x-sent"


class Table:
    """Runs rows through a door and says what became of them."""

    def __init__(self, stack, anything):
        self.stack, self.bodies, self.sent = stack, anything.bodies, 0
        base = stack.url(harness.PROMETHEUS_PATH)
        client, other = stack.client("authorizer checks"), stack.client("other api")
        good = client.authorize(stack.person, base, harness.PROMETHEUS_SCOPE)
        own = other.authorize(stack.person, stack.url(harness.OWN_PATH), stack.default_scope(harness.OWN_PATH))
        head, payload, signature = good.split(".")
        changed = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
        self.tokens = {"good": good, "other": own, "noise": "AAAA.BBBB.CCCC", "resigned": f"{head}.{payload}.{changed}"}
        _, _, arrived = self.send(Door("gate", urllib.parse.urlsplit(stack.public_url).port), Row("who am I"))
        self.tenant = next(v for n, v in arrived[0][2] if n.lower() == "x-scope-orgid")

    def send(self, door: Door, row: Row):
        """The answer, and what Prometheus saw of it. What arrives late of a request before, by whichever door, is another's."""
        seen = self.stack.recorder.requests
        before = len(seen)
        self.sent += 1
        mark = str(self.sent)
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
        try:
            host = next((v for n, v in row.headers if n == "Host"), f"127.0.0.1:{door.port}")
            connection.putrequest(row.method, row.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            connection.putheader(MARK, mark)
            if row.token:
                connection.putheader("Authorization", f"Bearer {self.tokens[row.token]}")
            for name, value in row.headers:
                if name != "Host":
                    connection.putheader(name, value.replace("{tenant}", self.tenant))
            if row.body is not None:
                connection.putheader("Content-Length", str(len(row.body)))
            connection.endheaders(row.body.encode() if row.body else None)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        arrived = [(method, path, headers) for method, path, headers in seen[before:] if _mark(headers) in (mark, None)]
        return answer, text, [(method, path, [h for h in headers if h[0].lower() != MARK]) for method, path, headers in arrived]


def _mark(headers) -> str | None:
    return next((value for name, value in headers if name.lower() == MARK), None)


def reason(answer, text: str) -> str | None:
    """The code of a refusal, by whichever way it is told; nothing where it is not."""
    if told := answer.headers.get("X-Tollgate-Reason"):
        return told
    with contextlib.suppress(ValueError):
        body = json.loads(text)
        return body.get("reason") or (body.get("error", {}).get("data") or {}).get("reason")
    return None


FILES = {"nginx": "nginx.conf", "envoy_grpc": "envoy-grpc.yaml", "envoy_http": "envoy-http.yaml", "caddy": "Caddyfile", "traefik": "traefik.yaml"}


def example(name: str, ports: dict[str, int], home: pathlib.Path) -> pathlib.Path:
    """A file of `config/examples` with the ports of this run."""
    written = re.compile(r"(127\.0\.0\.1:|port_value: |http://:)(\d+)")
    file = home / name
    text = (EXAMPLES / name).read_text()
    for place, more in ADDED.get(name, {}).items():
        before, found, after = text.partition(place)
        text = before + more + found + after
    file.write_text(written.sub(lambda found: f"{found[1]}{ports[found[2]]}", text))
    return file


class Proxies:
    """The proxies, each on a port of its own."""

    def __init__(self, stack, authorizer: int, collector: int):
        self.stack = stack
        self.owned: list[Process] = []
        public = urllib.parse.urlsplit(stack.public_url).port
        self.ports = {"8080": public, "9902": authorizer, "9090": stack.recorder.port, "4317": collector}

    def start(self, door: Door):
        """Starts a proxy with its example file."""
        home = self.stack.home / door.name
        home.mkdir()
        config = example(FILES[door.name], self.ports | {"8000": door.port}, home)
        if door.name == "nginx":
            command = ["nginx", "-p", home, "-c", config, "-e", home / "error.log", "-g", f"daemon off; pid {home}/pid;"]
        elif door.name == "caddy":
            command = ["caddy", "run", "--adapter", "caddyfile", "--config", config]
        elif door.name == "traefik":
            # The file names the routes beside it by their name alone.
            static = example("traefik-static.yaml", self.ports | {"8000": door.port}, home)
            command = [TOOLS / "traefik/bin/traefik", "--configFile", static]
        else:
            command = [next(TOOLS.glob("envoy/lib/python3*/site-packages/envoy/_bin/envoy")), "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "-l", "warn"]
        process = Process(door.name, command, home, {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "HOME": str(home)})
        self.owned.append(process)
        process.await_answer(f"http://127.0.0.1:{door.port}/prometheus/api/v1/labels")

    def stop(self):
        """Ends them."""
        for process in self.owned:
            process.stop()
