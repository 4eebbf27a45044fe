"""`tollgate login`, `token`, `logout`, and two programs that live on them: with a browser on the machine and without."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import harness
import oauth
from checks import Checks, contains, equal
from processes import GATEWAY, await_true

HERE = pathlib.Path(__file__).parent
TTL_SECONDS = 5
# A browser that only says what it was asked to open.
OPENER = "import os, sys; open(sys.argv[1] + '.new', 'w').write(sys.argv[2]); os.rename(sys.argv[1] + '.new', sys.argv[1])"


class Machine:
    """A user's machine: a home, an environment, and perhaps a browser."""

    def __init__(self, stack, name: str, browser: bool, person=None):
        self.stack = stack
        self.person = person or stack.person
        self.home = stack.home / name
        self.home.mkdir()
        self.opened = self.home / "opened"
        self.opener = self.home / "opener.py"
        self.opener.write_text(OPENER)
        kept = ("PATH", "LD_LIBRARY_PATH", "LANG")
        self.env = {k: os.environ[k] for k in kept if k in os.environ} | {"HOME": str(self.home), "TOLLGATE_BIN": str(GATEWAY)}
        if browser:
            self.env["BROWSER"] = f"{sys.executable} {self.opener} {self.opened} %s"

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """A command, whatever becomes of it."""
        return self._program([str(GATEWAY), *arguments])

    def program(self, *command) -> subprocess.CompletedProcess:
        """One of the programs beside this file."""
        return self._program([str(c) for c in command])

    def _program(self, command: list[str]) -> subprocess.CompletedProcess:
        done = subprocess.run(command, env=self.env, cwd=self.home, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.said = done.stdout + done.stderr
        return done

    @contextlib.contextmanager
    def logging_in(self, *arguments: str):
        """A login that waits for its person; must have ended well when the block ends."""
        log = self.home / "login.log"
        with open(log, "wb") as out:
            child = subprocess.Popen([str(GATEWAY), "login", *arguments], env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                yield log
                code = child.wait(60)
            finally:
                child.kill()
                child.wait()
        self.said = log.read_text()
        self.code = code

    def log_in_with_browser(self, *arguments: str, decision: str = "approve"):
        """The person decides in the browser that the command opened."""
        self.opened.unlink(missing_ok=True)
        with self.logging_in(*arguments):
            await_true("the browser", self.opened.exists)
            callback = self.person.drive(self.opened.read_text(), decision)
            strangers = callback.split("?")[0] + "?code=stolen&state=guessed"
            equal(oauth.request("GET", strangers).status, 400, "a callback that nobody asked for")
            equal(oauth.request("GET", callback).status, 200, "the callback")

    def log_in_elsewhere(self, *arguments: str, decision: str = "approve"):
        """The person types the code on another machine."""
        with self.logging_in(*arguments) as log:
            code = await_true("a code", lambda: re.search(r"\b[B-Z]{4}-[B-Z]{4}\n", log.read_text()))
            page = self.person.sign_in("/device")
            page = self.person.press(page, "continue", user_code=code.group().strip().lower())
            contains(page.tree.text(), "127.0.0.1", "where the device is")
            page = self.person.press(page, decision)
            equal(page.status, 200, f"the decision: {page}")

    def token(self, *arguments: str) -> str:
        """A token, or the failure as an exception."""
        done = self.run("token", *arguments)
        equal(done.returncode, 0, f"exit code of token ({done.stderr})")
        return done.stdout.strip()


def value(stack, token: str) -> oauth.Answer:
    """A query with a token."""
    return oauth.request("GET", stack.url(harness.PROMETHEUS_PATH) + "/api/v1/query?query=up", oauth.bearer(token))


def with_browser(checks: Checks, stack):
    """A CLI-like program on a machine with a browser."""
    machine, api = Machine(stack, "laptop", browser=True), stack.url(harness.PROMETHEUS_PATH)
    with checks.check("browser: a login ends well and says for what"):
        machine.log_in_with_browser(api, "--json")
        equal(machine.code, 0, f"exit code ({machine.said})")
        done = json.loads(machine.said[machine.said.index("{") :])
        equal((done["resource"], done["refreshes"]), (api, True), "what was got")
    with checks.check("browser: the program gets its answer"):
        done = machine.program(HERE / "metric.sh", api, "1+1")
        equal(done.returncode, 0, f"exit code ({done.stderr})")
        equal(json.loads(done.stdout)["data"]["result"][1], "2", "value of 1+1")
    with checks.check("browser: what is kept is for its user alone and not in plain sight"):
        files = [p for p in machine.home.joinpath(".config/tollgate/logins").iterdir()]
        equal([oct(p.stat().st_mode & 0o777) for p in files], ["0o600"] * len(files), "modes")
        equal("tg_rt_" in machine.said, False, "a refresh token was printed")
    with checks.check("browser: one token serves until it is about to end"):
        first = machine.token("--valid-for", "1")
        equal(machine.token("--valid-for", "1"), first, "token")
        time.sleep(max(0.0, oauth.claims(first)["exp"] - time.time()) + 0.2)
        second = machine.token("--valid-for", "1")
        equal((second != first, value(stack, second).status), (True, 200), "another token, which works")
    with checks.check("browser: fewer scopes when fewer are asked for"):
        narrow = machine.token("--scope", harness.PROMETHEUS_SCOPE)
        equal(oauth.claims(narrow)["scope"], harness.PROMETHEUS_SCOPE, "scope")
        done = machine.run("token", "--scope", harness.PROMETHEUS_PRIVATE_SCOPE)
        equal((done.returncode, "invalid_scope" in done.stderr), (1, True), f"more than was granted ({done.stderr})")
    with checks.check("browser: ten commands at once are one refresh and ten answers"):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            tokens = [f.result() for f in [pool.submit(machine.token, "--valid-for", "2") for _ in range(10)]]
        equal({value(stack, t).status for t in tokens}, {200}, "statuses")
        equal(value(stack, machine.token()).status, 200, "the login lives on")
    with checks.check("browser: a second login keeps its registration"):
        before = oauth.claims(machine.token())["client_id"]
        machine.log_in_with_browser(api)
        equal(oauth.claims(machine.token())["client_id"], before, "client_id")
    with checks.check("browser: a refusal is told and leaves the login before it"):
        machine.log_in_with_browser(api, decision="deny")
        equal((machine.code, "access_denied" in machine.said), (1, True), f"exit code ({machine.said})")
        equal(value(stack, machine.token()).status, 200, "status")
    with checks.check("browser: logout revokes, and the next command says what to do"):
        token = machine.token()
        equal(machine.run("logout").returncode, 0, "exit code")
        equal(value(stack, token).status, 401, "status of the token from before")
        done = machine.run("token")
        equal((done.returncode, "tollgate login" in done.stderr), (1, True), f"token ({done.stderr})")
    with checks.check("browser: a client that was switched off does not come back under another name"):
        known = oauth.claims(token)["client_id"]
        count = stack.administer("client", "list", "--json").count("\"id\"")
        stack.administer("client", "disable", known)
        done = machine.run("login", "--browser", api)
        equal((done.returncode, "switched this client off" in done.stderr), (1, True), f"login ({done.stderr})")
        equal(stack.administer("client", "list", "--json").count("\"id\""), count, "clients")
        stack.administer("client", "enable", known)
        machine.log_in_with_browser(api)
        equal(oauth.claims(machine.token())["client_id"], known, "client_id")


def without_browser(checks: Checks, stack):
    """A Terraform-like program on a machine without a browser."""
    machine, api = Machine(stack, "server", browser=False), stack.url(harness.PROMETHEUS_PATH)
    with checks.check("device: the code is chosen without a display, and a login ends well"):
        machine.log_in_elsewhere(stack.public_url)
        equal(machine.code, 0, f"exit code ({machine.said})")
        contains(machine.said, "/device", "what to open")
    with checks.check("device: one login for the whole gateway gives tokens for one API"):
        token = machine.token("--resource", api)
        equal(oauth.claims(token)["aud"] in (api, [api]), True, "the token is for that API alone")
        equal(value(stack, token).status, 200, "status")
    with checks.check("device: the program works, for longer than a token lives"):
        for _ in range(2):
            done = machine.program(sys.executable, HERE / "provider.py", api, "up", "1+1")
            equal((done.returncode, json.loads(done.stdout or "{}")), (0, {"up": "1", "1+1": "2"}), f"answer ({done.stderr})")
            time.sleep(TTL_SECONDS)
    with checks.check("me: a user's commands without a scope say how to ask for it"):
        machine.log_in_elsewhere(stack.url("/api/v1"), "--scope", "sessions:read")
        equal(machine.code, 0, f"exit code ({machine.said})")
        done = machine.run("me", "apps")
        wanted = '--scope "applications:read"'
        equal((done.returncode, wanted in done.stderr), (1, True), f"me apps ({done.stderr})")
    with checks.check("me: a user reads what an application did, and ends it"):
        machine.log_in_elsewhere(stack.url("/api/v1"), "--scope", "applications:read applications:write sessions:read")
        equal(value(stack, machine.token("--resource", api)).status, 200, "a call of the login for the whole gateway")
        own = json.loads(machine.run("me", "apps", "--json").stdout)
        used = [one for one in own if any(p["scope"] == harness.PROMETHEUS_SCOPE and p["used"] for p in one["permissions"])]
        equal(len(used) >= 1, True, f"applications that used {harness.PROMETHEUS_SCOPE}: {own}")
        done = machine.run("me", "activity", used[0]["id"], "--api", "prometheus", "--limit", "1")
        equal((done.returncode, "--cursor" in done.stdout), (0, True), f"me activity ({machine.said})")
        shown = machine.run("me", "app", used[0]["id"])
        contains(shown.stdout, "127.0.0.1", "from where it last called")
        contains(machine.run("me", "events").stdout, "authorize.consent", "events")
        equal(machine.run("me", "sessions").returncode, 0, "exit code of me sessions")
        me = json.loads(machine.run("me", "show", "--json").stdout)
        equal(machine.run("me", "revoke", me["grant"]).returncode, 0, "exit code of me revoke")
        done = machine.run("me", "apps")
        equal((done.returncode, "tollgate login" in done.stderr), (1, True), f"a login that ended itself ({done.stderr})")
    with checks.check("device: revoked on the page of applications, the program stops and says what to do"):
        stack.person.revoke("Tollgate command line")
        done = machine.program(sys.executable, HERE / "provider.py", api, "up")
        equal((done.returncode, "tollgate login" in done.stderr), (1, True), f"program ({done.stderr})")
    with checks.check("device: a refusal is told"):
        machine.log_in_elsewhere(api, "--device", decision="deny")
        equal((machine.code, "access_denied" in machine.said), (1, True), f"exit code ({machine.said})")


def main() -> int:
    """Both machines, one gateway."""
    checks = Checks("logins")
    with harness.Stack(ttl=TTL_SECONDS, everything=False) as stack:
        with_browser(checks, stack)
        without_browser(checks, stack)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
