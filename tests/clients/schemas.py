"""The two OpenAPI documents against what a running gateway answers: schemathesis with a fixed seed, bounded in time."""

import json
import os
import subprocess
import sys

import harness
from checks import Checks, contains, equal
from oauth import bearer, request

SEED = "20261122"
EXAMPLES = "12"
# At most so long for a document; on the second store the same requests are made, as many as there is time for.
SECONDS = {"SQLite": 40, "PostgreSQL": 25}
# What must hold for every answer. Whether generated bodies are accepted is the tests' own business: names and roles must exist.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance", "ignored_auth"]
# A stream without end, and what would end the token that asks.
ENDLESS = "/admin/v1/audit/tail"
ENDS_TOKENS = "/admin/v1/keys/rotate"
# What was listed is asked for by its id later on: these would end the grant of the token that asks.
ENDS_GRANTS = ("/api/v1/me/applications/{grant}", "/api/v1/grants/{grant}", "/api/v1/policy/clients/{client}/grants", "/api/v1/policy/clients/{client}")
PRIVATE = "api_keys:write"
# Every method that HTTP knows is tried where it is not expected, but those that the gate knows nothing of: they are 501.
CONFIGURATION = """[phases.coverage]
unexpected-methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
"""


def conforms(stack, document: str, token: str, seconds: int, *options: str):
    """Runs schemathesis against one document for so long; fails with what it says."""
    report = stack.home / "report.json"
    (stack.home / "schemathesis.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "run", document, "--header", f"Authorization: Bearer {token}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--seed", SEED, "--max-examples", EXAMPLES]
    command += ["--max-time", str(seconds), "--no-shrink", "--continue-on-failure", "--request-timeout", "10", "--warnings", "off"]
    command += ["--suppress-health-check", "all", "--report", "json", "--report-json-path", str(report), "--no-color", *options]
    done = subprocess.run(command, cwd=stack.home, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, timeout=seconds * 3, check=False)
    print(done.stdout, file=sys.stderr)
    if done.returncode != 0:
        raise AssertionError(f"schemathesis ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}")
    return json.loads(report.read_text())


def without(*paths: str) -> list[str]:
    """The options that leave these paths out."""
    return [option for path in paths for option in ("--exclude-path", path)]


def operations(document: str, leave: tuple[str, ...] = ()) -> dict:
    """Every operation of a document with the scopes that it names."""
    paths = request("GET", document).json()["paths"]
    found = ((f"{method.upper()} {path}", one) for path, item in paths.items() if path not in leave for method, one in item.items())
    return {name: (one.get("security") or [{}])[0].get("token", []) for name, one in found}


def own_api(checks: Checks, stack, store: str):
    """`/api/v1`, with a token of everything for one organization."""
    document = stack.url("/api/v1/openapi.json")
    with checks.check(f"{store}, /api/v1: every operation is documented with its scope"):
        known = operations(document)
        # Private scopes are for apps that the operator approved.
        scopes = sorted({scope for needed in known.values() for scope in needed} - {PRIVATE})
        equal(len(known) > 50 and "clients:write" in scopes, True, f"operations {len(known)}, scopes {scopes}")
    client = stack.client("Schemas")
    token = client.authorize(stack.person, stack.url("/api/v1"), " ".join(scopes))
    with checks.check(f"{store}, /api/v1: the token opens it"):
        equal(request("GET", stack.url("/api/v1/me"), bearer(token)).status, 200, "status")
    with checks.check(f"{store}, /api/v1: the client stays allowed whatever becomes of the policy"):
        allow = json.dumps({"verdict": "allow"})
        headers = bearer(token) | {"Content-Type": "application/json"}
        answer = request("PUT", stack.url(f"/api/v1/policy/clients/{client.client_id}"), headers, allow)
        equal(answer.status, 200, f"status: {answer.text}")
    with checks.check(f"{store}, /api/v1: answers are what the document says"):
        conforms(stack, document, token, SECONDS[store], *without(*ENDS_GRANTS))
    with checks.check(f"{store}, /api/v1: nothing that was asked ended the token"):
        answer = request("GET", stack.url("/api/v1/me"), bearer(token))
        equal(answer.status, 200, f"status: {answer.text}")


def admin_api(checks: Checks, stack, store: str):
    """`/admin/v1`, with the secret of the data directory."""
    admin = f"http://127.0.0.1:{stack.admin_port}"
    document, secret = admin + "/admin/v1/openapi.json", (stack.home / "data/admin.token").read_text().strip()
    with checks.check(f"{store}, /admin/v1: answers are what the document says"):
        conforms(stack, document, secret, SECONDS[store], *without(ENDLESS, ENDS_TOKENS))
    with checks.check(f"{store}, /admin/v1: a wrong secret opens nothing"):
        answer = request("GET", admin + "/admin/v1/orgs", bearer("wrong"))
        equal(answer.status, 401, "status")
        contains(answer.text, "admin.token", "the way out")


def main() -> int:
    """Runs both against one gateway on each store."""
    checks = Checks("schemas")
    with harness.Stack(everything=False, prometheus=False) as stack:
        for store in SECONDS:
            if store == "PostgreSQL":
                stack.move_to_postgres()
            own_api(checks, stack, store)
            admin_api(checks, stack, store)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
