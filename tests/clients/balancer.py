"""Debian's HAProxy passes connections on: with a PROXY header each is its client's, in both versions, in front of TLS too."""

import contextlib
import http.client
import http.server
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import urllib.parse

import harness
from checks import Checks, contains, equal
from oauth import request
from processes import Process, await_true, free_port

# Another address of this machine than HAProxy's own.
CLIENT = "127.0.0.5"
LISTEN = ', proxy_protocol = { from = ["127.0.0.1/32"] }'
# What HAProxy is told to send, by what is checked of it. The last is refused.
WAYS = {"version 1": "send-proxy", "version 2": "send-proxy-v2", "version 2 with a checksum": "send-proxy-v2 proxy-v2-options crc32c", "no header": ""}


class Told(http.server.BaseHTTPRequestHandler):
    """An upstream that answers with the client that it is told of."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """The header as it came."""
        client = self.headers.get("X-Forwarded-For", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(client)))
        self.end_headers()
        self.wfile.write(client)

    def log_message(self, *_):
        pass


def configuration(port: int) -> str:
    """An upstream that anybody may ask."""
    return f"""
[[upstreams]]
name = "told"
endpoints = ["http://127.0.0.1:{port}"]
[[apis]]
name = "open"
mount = "/open"
upstream = "told"
[[apis.routes]]
id = "open.all"
match = "/**"
methods = ["GET"]
public = true
"""


class Balancer:
    """HAProxy, with a door for each of the ways, all to the same gateway."""

    def __init__(self, home: pathlib.Path, gateway: int):
        self.ports = {way: free_port() for way in WAYS}
        self.socket = home / "haproxy.sock"
        lines = ["global", f"  stats socket {self.socket}", "defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 30s", "  timeout server 30s"]
        for number, (way, sends) in enumerate(WAYS.items()):
            checked = "check inter 100ms check-send-proxy" if sends else ""
            lines += [f"listen way{number}", f"  bind 127.0.0.1:{self.ports[way]}", f"  server gateway 127.0.0.1:{gateway} {sends} {checked}"]
        file = home / "haproxy.cfg"
        file.write_text("\n".join(lines) + "\n")
        self.process = Process("haproxy", ["/usr/sbin/haproxy", "-db", "-f", file], home)
        await_true("haproxy", lambda: self.states())

    def states(self) -> list[str]:
        """Of each way, whether HAProxy takes the gateway for healthy, and what its last check found."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.socket))
            control.sendall(b"show stat\n")
            text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        names, *rows = [line.split(",") for line in text.strip().splitlines()]
        return [f"{row[names.index('status')]} {row[names.index('check_status')]}".strip() for row in rows if row[1] == "gateway"]


def ask(port: int, host: str, tls: bool = False) -> tuple[int, str]:
    """Status and body of a request from the client's address."""
    if tls:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        asked = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, source_address=(CLIENT, 0), context=trusting)
    else:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(CLIENT, 0))
    with contextlib.closing(asked):
        asked.request("GET", "/open/x", headers={"Host": host})
        answer = asked.getresponse()
        return answer.status, answer.read().decode()


def refused(admin: int) -> int:
    """Connections without a header, as the metrics count them."""
    name = 'tollgate_connections_refused_total{reason="proxy_header"} '
    lines = request("GET", f"http://127.0.0.1:{admin}/metrics").text.splitlines()
    return sum(int(line.removeprefix(name)) for line in lines if line.startswith(name))


def passed_on(balancer: Balancer, host: str, admin: int, checks: Checks, tls: bool):
    """What each way comes to."""
    over = "TLS" if tls else "TCP"
    for way, sends in WAYS.items():
        if sends:
            with checks.check(f"{over}, {way}: the connection is its client's"):
                equal(ask(balancer.ports[way], host, tls), (200, CLIENT), "status and client")
    with checks.check(f"{over}: its health checks are no clients, and no header is missing"):
        await_true("a check of each", lambda: all("L4OK" in state for state in balancer.states()[:-1]))
        for state in balancer.states()[:-1]:
            contains(state, "UP", "a state")
        equal(refused(admin), 0, "connections without a header")
    with checks.check(f"{over}: without a header it is closed and counted"):
        try:
            answered = ask(balancer.ports["no header"], host, tls)
        except (OSError, http.client.HTTPException):
            answered = None
        equal(answered, None, "an answer")
        equal(refused(admin), 1, "connections without a header")


def certificate(home: pathlib.Path) -> str:
    """A certificate that nobody stands for, as `listen` names it."""
    cert, key = home / "cert.pem", home / "key.pem"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*new, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], check=True, capture_output=True)
    key.chmod(0o600)
    return f', tls = {{ cert = "{cert}", key = "{key}" }}'


def main() -> int:
    """Without and with TLS."""
    checks = Checks("balancer")
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told)
    upstream.daemon_threads = True
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    with harness.Stack(everything=False, prometheus=False) as stack, contextlib.ExitStack() as owned:
        at = urllib.parse.urlsplit(stack.public_url)
        for tls in (False, True):
            stack.restart_with(configuration(upstream.server_address[1]), LISTEN + (certificate(stack.home) if tls else ""))
            balancer = Balancer(stack.home, at.port)
            owned.callback(balancer.process.stop)
            passed_on(balancer, at.netloc, stack.admin_port, checks, tls)
            balancer.process.stop()
    upstream.shutdown()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
