"""`@modelcontextprotocol/conformance` against an MCP server, directly and through the gateway: the same checks with the same results."""

import json
import os
import pathlib
import re
import subprocess
import sys

import harness
from checks import Checks, equal
from processes import Process, free_port

HERE = pathlib.Path(__file__).resolve().parent
SUITE = harness.TOOLS / "npm/node_modules/@modelcontextprotocol/conformance/dist/index.js"
SERVER_PYTHON = harness.TOOLS / "mcp2/bin/python"
NAME = "conformance"
ERAS = ("2025-11-25", "2026-07-28")
SUITE_SECONDS = 240
# So many checks pass at the server itself: fewer, and the comparison would say nothing.
LEAST_PASSED = {"2025-11-25": 60, "2026-07-28": 80}


def run(url: str, era: str, folder: pathlib.Path, relay: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Every check of the suite with its results."""
    command = ["node", "--import", HERE / "conformance.mjs", SUITE, "server", "--url", url, "--requirements", era, "-o", folder]
    with open(folder.with_suffix(".log"), "wb") as log:
        # It ends with an error when a check fails, which some do at the server itself.
        subprocess.run([str(c) for c in command], env=os.environ | relay, stdout=log, stderr=log, timeout=SUITE_SECONDS, check=False)
    results: dict[tuple[str, str], list[str]] = {}
    for file in sorted(folder.glob("*/checks.json")):
        # The folder is named after role, scenario and time.
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", file.parent.name.removeprefix("server-"))
        for check in json.loads(file.read_text()):
            results.setdefault((scenario, check["id"]), []).append(check["status"])
    return {key: sorted(statuses) for key, statuses in results.items()}


def compare(checks: Checks, era: str, direct: dict, gated: dict):
    """One check for each scenario of the suite."""
    with checks.check(f"{era}: the server itself passes most"):
        passed = sum(statuses.count("SUCCESS") for statuses in direct.values())
        equal(passed >= LEAST_PASSED[era], True, f"{passed} passed, which is enough")
    for scenario in sorted({scenario for scenario, _ in direct.keys() | gated.keys()}):
        with checks.check(f"{era}: {scenario} is the same through the gateway"):
            differing = {}
            for at, check in sorted(key for key in direct.keys() | gated.keys() if key[0] == scenario):
                seen = (" ".join(direct.get((at, check), ["absent"])), " ".join(gated.get((at, check), ["absent"])))
                if seen[0] != seen[1]:
                    differing[check] = seen
            equal(differing, {}, "what differs, directly and through the gateway,")


class Stack(harness.Stack):
    """The gateway before the suite's server."""

    def _start_everything(self):
        self.direct = f"http://127.0.0.1:{(port := free_port())}/mcp"
        server = Process("server", [SERVER_PYTHON, HERE / "conformance_server.py", port], self.home)
        self._owned.append(server)
        server.await_answer(self.direct)
        self.gates[NAME] = self.direct


def main() -> int:
    checks = Checks("conformance")
    path = f"/mcp/{NAME}"
    with Stack(prometheus=False) as stack:
        for era in ERAS:
            relay = str(free_port())
            token = stack.client(f"Conformance {era}").authorize(stack.person, stack.url(path), stack.default_scope(path))
            through = {"RELAY_PORT": relay, "RELAY_TARGET": stack.public_url, "RELAY_TOKEN": token}
            direct = run(stack.direct, era, stack.home / f"direct-{era}", {})
            gated = run(f"http://127.0.0.1:{relay}{path}", era, stack.home / f"gated-{era}", through)
            compare(checks, era, direct, gated)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
