"""The first of the README's two commands: what it prints on a fresh start, and that a second start resumes."""

import http.server
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import harness
import oauth
from checks import Checks, contains, equal
from person import Person
from processes import GATEWAY, STOP_SECONDS, await_true, free_port


class Plain:
    """A quick start as a person runs it, in an empty folder."""

    def __init__(self, upstream: str = "http://127.0.0.1:9"):
        self.home = Path(tempfile.mkdtemp(prefix="tollgate-"))
        self.base = f"http://127.0.0.1:{free_port()}"
        command = [GATEWAY, "quickstart", "--listen", self.base.removeprefix("http://")]
        command += ["--admin", f"127.0.0.1:{free_port()}", "--gate", f"prometheus={upstream}"]
        with open(self.home / "out", "wb") as out:
            self.child = subprocess.Popen([str(c) for c in command], cwd=self.home, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def printed(self) -> str:
        """Everything printed so far, colours taken off."""
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.home / "out").read_text("utf-8", "replace"))

    def stop(self) -> int:
        """Ends it as Ctrl-C does; gives the exit code."""
        self.child.send_signal(signal.SIGINT)
        try:
            return self.child.wait(STOP_SECONDS)
        finally:
            self.child.kill()
            shutil.rmtree(self.home, ignore_errors=True)


def prints(checks: Checks):
    """The printed words are the way in."""
    plain = Plain()
    started = time.monotonic()
    try:
        with checks.check("a fresh start answers"):
            await_true("the login page", lambda: oauth.request("GET", plain.base + "/login").status == 200)
            await_true("the printed text", lambda: "claude mcp add" in plain.printed())
            print(f"# fresh start to first page: {time.monotonic() - started:.2f} s")
        with checks.check("it prints the sign-in page, the MCP URL and the commands"):
            text = plain.printed()
            contains(text, plain.base + "/mcp", "text")
            contains(text, "claude mcp add", "text")
            contains(text, "curl", "text")
            page = next(u for u in re.findall(r"https?://\S+", text) if "/mcp" not in u and u.startswith(plain.base))
            equal(oauth.request("GET", page.rstrip(".,")).status < 400, True, "sign-in page answers")
        with checks.check("it made data/ in the current folder, readable by its owner only"):
            equal((plain.home / "data").is_dir(), True, "data/ exists")
            open_files = [p.name for p in (plain.home / "data").rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
            if (plain.home / "data").stat().st_mode & 0o077:
                equal(open_files, [], "files that others may read")
        with checks.check("Ctrl-C ends it with 0"):
            equal(plain.stop(), 0, "exit code")
    finally:
        if plain.child.poll() is None:
            plain.stop()


class Answering(http.server.BaseHTTPRequestHandler):
    """An API that is already there."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status":"success"}')

    def log_message(self, *_):
        pass


def leads_on(checks: Checks):
    """What is printed, typed as it stands, leads to a first call through the gate."""
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    plain = Plain(f"http://127.0.0.1:{upstream.server_address[1]}")
    try:
        await_true("the printed text", lambda: "Ctrl-C stops" in plain.printed())
        text = plain.printed()
        value = lambda name: re.search(rf"^ +{name} +(\S+)", text, re.MULTILINE).group(1)
        typed = [line.strip() for line in text.splitlines() if line.startswith("  curl ")]
        said = [subprocess.run(line, shell=True, capture_output=True, text=True, timeout=20, check=False).stdout for line in typed]
        with checks.check("the printed curl lines say what a client without a token is told, and where tokens come from"):
            equal(len(typed), 2, f"lines {typed}")
            contains(said[0], " 401 ", "status")
            contains(said[0].lower(), "www-authenticate: bearer", "header")
            equal(json.loads(said[1])["issuer"], plain.base, "issuer")
        with checks.check("the printed address and password sign in, once, and a person allows the first program"):
            person = Person(plain.base, value("as"), value("with"))
            page = person.open(value("Sign in"))
            page = person.follow(person.press(page, "sign-in", email=person.email, password=person.password))
            equal(page.tree.named("new-password") is not None, True, "another password is asked for")
            token = oauth.OAuthClient(plain.base, "First").authorize(person, value("API prometheus"), harness.PROMETHEUS_SCOPE)
        with checks.check("its token makes the first call through the gate"):
            answer = oauth.request("GET", value("API prometheus") + "/api/v1/query?query=up", oauth.bearer(token))
            equal((answer.status, answer.json()), (200, {"status": "success"}), "answer")
            metrics = oauth.request("GET", value("Metrics"))
            contains(metrics.text, "tollgate_", "metrics")
    finally:
        plain.stop()
        upstream.shutdown()


def resumes(checks: Checks):
    """A restart loses nothing that a client or a user holds."""
    with harness.Stack(everything=False) as stack:
        client = stack.client("survives a restart")
        resource = stack.url(harness.PROMETHEUS_PATH)
        token = client.authorize(stack.person, resource, harness.PROMETHEUS_SCOPE)
        before = _keys(client)
        first = stack.gateway.ready
        with checks.check("it ends with 0 on SIGTERM"):
            stack.gateway.stop()
            equal(stack.gateway.child.returncode, 0, "exit code")
        stack.start_gateway()
        with checks.check("the second start has the same organization and administrator"):
            again = stack.gateway.ready
            equal((again["organization"], again["email"]), (first["organization"], first["email"]), "organization and user")
        with checks.check("the second start does not show a password that still works for others"):
            equal(again.get("password") in (None, "", first["password"]), True, "password absent or the unchanged one")
        with checks.check("the signing keys are the same"):
            equal(_keys(client), before, "key ids")
        query = resource + "/api/v1/query?query=1"
        with checks.check("the access token still works"):
            equal(oauth.request("GET", query, oauth.bearer(token)).status, 200, "status")
        with checks.check("the refresh token still works"):
            equal(oauth.request("GET", query, oauth.bearer(client.refresh()["access_token"])).status, 200, "status")
        with checks.check("the registered client is still known, and the user still signed in"):
            person = stack.person
            page = person.open(client.authorize_url(resource, harness.PROMETHEUS_SCOPE))
            equal(page.status, 200, "status")
            equal(page.tree.find("input", name="password") is None, True, "no login asked")
        with checks.check("the changed password works after the restart"):
            person.cookies.clear()
            callback = person.drive(client.authorize_url(resource, harness.PROMETHEUS_SCOPE))
            contains(urllib.parse.urlsplit(callback).query, "code=", "callback")


def wrong_use(checks: Checks):
    """Mistakes are told, with the exit codes of the manual."""
    with checks.check("an unknown option: exit 2"):
        equal(_run("quickstart", "--no-such-option").returncode, 2, "exit code")
    with checks.check("a gate without a URL: exit 2, and says how"):
        done = _run("quickstart", "--gate", "nonsense")
        equal(done.returncode, 2, "exit code")
        contains(done.stderr, "NAME=URL", "message")
    with checks.check("health of a port where nothing listens: exit 1"):
        equal(_run("health", f"http://127.0.0.1:{free_port()}").returncode, 1, "exit code")


def _run(*arguments: str):
    command = [str(GATEWAY), *arguments]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20, check=False)


def _keys(client) -> list[str]:
    keys = json.loads(oauth.request("GET", client.metadata["jwks_uri"]).text)["keys"]
    return sorted(key["kid"] for key in keys)


def main() -> int:
    """Runs the four parts."""
    checks = Checks("quickstart")
    prints(checks)
    leads_on(checks)
    resumes(checks)
    wrong_use(checks)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
