"""Claude Code, unmodified and without any account, adds our MCP servers, logs in to them and connects."""

import fcntl
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import harness
import oauth
from checks import Checks, contains, equal

CLAUDE = harness.TOOLS / "npm/node_modules/.bin/claude"
LOGIN_SECONDS = 60
ESCAPES = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")
AUTHORIZE = re.compile(r"https?://\S+/oauth2/authorize\?\S+")


class ClaudeCode:
    """The command with a home of its own and nothing else of our environment."""

    def __init__(self, home: pathlib.Path):
        self.home = home
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "BROWSER": "/bin/true",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }

    def run(self, *arguments: str) -> str:
        """Runs a command to its end; gives what it printed."""
        command = [str(CLAUDE), "mcp", *arguments]
        done = subprocess.run(
            command, cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"claude mcp {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def login(self, server: str, browser) -> tuple[str, str]:
        """Logs in on a terminal; `browser` is given the authorize URL. Gives that URL and the terminal's text."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.home)
            os.execve(CLAUDE, [str(CLAUDE), "mcp", "login", server], self.environment)
        # Wide enough that no URL is broken over two lines.
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 4000, 0, 0))
        seen, url = b"", None
        deadline = time.monotonic() + LOGIN_SECONDS
        try:
            while time.monotonic() < deadline:
                chunk = _read(terminal, deadline)
                if chunk is None:
                    break
                seen += chunk
                text = ESCAPES.sub(b" ", seen).decode("utf-8", "replace")
                found = AUTHORIZE.search(text)
                if url is None and found and text[found.end() :].strip():
                    url = found.group(0)
                    browser(url)
            else:
                raise TimeoutError(f"login did not end: {text[-600:]}")
        finally:
            os.close(terminal)
            _, status = os.waitpid(child, 0)
        text = ESCAPES.sub(b" ", seen).decode("utf-8", "replace")
        if url is None or os.waitstatus_to_exitcode(status) != 0:
            raise AssertionError(f"login ended with {os.waitstatus_to_exitcode(status)}, URL {url}: {text[-600:]}")
        return url, text


def _read(terminal: int, deadline: float) -> bytes | None:
    """What the terminal shows next; None when its program has ended."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:
        return None


def main() -> int:
    """Goes through add, login, list, revocation and login again for both servers."""
    checks = Checks("claude-code")
    with harness.Stack(prometheus=False) as stack:
        home = stack.home / "claude"
        home.mkdir()
        claude = ClaudeCode(home)

        def browser(url):
            callback = stack.person.drive(url)
            equal(oauth.request("GET", callback).status < 400, True, "the client accepts its callback")

        for name, path in (("tollgate", harness.OWN_PATH), ("everything", harness.EVERYTHING_PATH)):
            with checks.check(f"{path}: mcp add"):
                claude.run("add", "--transport", "http", name, stack.url(path))
            with checks.check(f"{path}: not connected before login"):
                contains(_line(claude.run("list"), name), "Needs authentication", "list")
            with checks.check(f"{path}: mcp login"):
                url, _ = claude.login(name, browser)
                contains(url, "code_challenge_method=S256", "authorize URL")
            with checks.check(f"{path}: connected after login"):
                contains(_line(claude.run("list"), name), "✔ Connected", "list")
        with checks.check("revoked by the user, Claude Code is not connected"):
            stack.person.revoke("(everything)")
            contains(_line(claude.run("list"), "everything"), "Needs authentication", "list")
            contains(_line(claude.run("list"), "tollgate"), "✔ Connected", "list")
        with checks.check("login again after the revocation works"):
            claude.login("everything", browser)
            contains(_line(claude.run("list"), "everything"), "✔ Connected", "list")
    return checks.finish()


def _line(listing: str, name: str) -> str:
    """The line of the listing that tells of a server."""
    for line in listing.splitlines():
        if line.startswith(f"{name}:"):
            return line
    raise AssertionError(f"no server {name} in {listing!r}")


if __name__ == "__main__":
    sys.exit(main())
