"""The two OpenAPI documents against what a running gateway answers: schemathesis with a fixed seed, bounded in time."""

import json
import os
import subprocess
import sys
import urllib.request

import harness
from checks import Checks, contains, equal
from oauth import REDIRECT, OAuthClient, bearer, claims, request

SEED = "20261122"
EXAMPLES = "12"
# At most so long for a document; on the second store the same requests are made, as many as there is time for.
SECONDS = {"SQLite": 40, "PostgreSQL": 25}
# What must hold for every answer. Whether generated bodies are accepted is the tests' own business: names and roles must exist.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance", "ignored_auth"]
# A stream without end, which schemathesis would wait for: a check of its own reads what it says first.
ENDLESS = "/admin/v1/audit/tail"
# What makes API keys, and what the keys push with.
PRIVATE, PUSHES = "api_keys:write", "metrics:write"
DEFINITION = ["--description", "Asks.", "--documentation", "https://ask.test/docs", "--uninstall", "Stop.", "--onboarding", "https://ask.test/start"]
# Every method that HTTP knows is tried where it is not expected, but those that the gate knows nothing of: they are 501.
CONFIGURATION = """[phases.coverage]
unexpected-methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
"""


def conforms(stack, document: str, token: str, seconds: int, *options: str, spared: tuple[str, ...] = ()):
    """Runs schemathesis against one document for so long; fails with what it says. No path names what is spared."""
    report = stack.home / "report.json"
    (stack.home / "schemathesis.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "run", document, "--header", f"Authorization: Bearer {token}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--seed", SEED, "--max-examples", EXAMPLES]
    command += ["--max-time", str(seconds), "--no-shrink", "--continue-on-failure", "--request-timeout", "10", "--warnings", "off"]
    command += ["--suppress-health-check", "all", "--report", "json", "--report-json-path", str(report), "--no-color", *options]
    here = os.path.dirname(os.path.abspath(__file__))
    env = os.environ | {"COLUMNS": "200", "PYTHONPATH": here, "SCHEMATHESIS_HOOKS": "spared", "SPARED": " ".join(spared)}
    done = subprocess.run(command, cwd=stack.home, env=env, capture_output=True, text=True, timeout=seconds * 3, check=False)
    print(done.stdout, file=sys.stderr)
    if done.returncode != 0:
        raise AssertionError(f"schemathesis ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}")
    return json.loads(report.read_text())


def operations(document: str) -> dict:
    """Every operation of a document with the scopes that it names."""
    paths = request("GET", document).json()["paths"]
    found = ((f"{method.upper()} {path}", one) for path, item in paths.items() for method, one in item.items())
    return {name: (one.get("security") or [{}])[0].get("token", []) for name, one in found}


def client_of_an_app(stack, scopes: str) -> tuple[str, str]:
    """An app that may make API keys, and its published client: another organization's, so that no request here changes it."""
    run = lambda *words: stack.administer(*words, *stack.place)
    run("org", "create", "maker")
    app = json.loads(run("app", "create", "Schemas", "--org", "maker", "--public", "--redirect-uri", REDIRECT, *DEFINITION, "--json"))["app"]["id"]
    run("app", "scopes", "approve", app, PRIVATE)
    run("app", "edit", app, "--scopes", scopes)
    run("app", "stable", app)
    return app, json.loads(run("app", "publish", app, "--json"))["client_id"]


def own_api(checks: Checks, stack, store: str):
    """`/api/v1`, with a token of everything for one organization."""
    document = stack.url("/api/v1/openapi.json")
    with checks.check(f"{store}, /api/v1: every operation is documented with its scope"):
        known = operations(document)
        scopes = sorted({scope for needed in known.values() for scope in needed} | {PUSHES})
        equal(len(known) > 50 and {"clients:write", PRIVATE} <= set(scopes), True, f"operations {len(known)}, scopes {scopes}")
    app, client_id = client_of_an_app(stack, " ".join(scopes))
    # For the whole gateway: a key is good where the token is that made it.
    token = OAuthClient(stack.public_url, "Schemas", client_id=client_id).authorize(stack.person, stack.url(""), " ".join(scopes))
    with checks.check(f"{store}, /api/v1: the token opens it"):
        equal(request("GET", stack.url("/api/v1/me"), bearer(token)).status, 200, "status")
    with checks.check(f"{store}, /api/v1: the client stays allowed whatever becomes of the policy"):
        allow = json.dumps({"verdict": "allow"})
        headers = bearer(token) | {"Content-Type": "application/json"}
        answer = request("PUT", stack.url(f"/api/v1/policy/clients/{client_id}"), headers, allow)
        equal(answer.status, 200, f"status: {answer.text}")
    with checks.check(f"{store}, /api/v1: answers are what the document says"):
        # What was listed is asked for by its id later on: the token's own would end it, everybody else's does not.
        conforms(stack, document, token, SECONDS[store], spared=(app, client_id, claims(token)["grant"]))
    with checks.check(f"{store}, /api/v1: an API key was made"):
        keys = request("GET", stack.url("/api/v1/api_keys"), bearer(token)).json()["data"]
        equal(len(keys) >= 1, True, f"keys {keys}")
    with checks.check(f"{store}, /api/v1: nothing that was asked ended the token"):
        answer = request("GET", stack.url("/api/v1/me"), bearer(token))
        equal(answer.status, 200, f"status: {answer.text}")


def admin_api(checks: Checks, stack, store: str):
    """`/admin/v1`, with the secret of the data directory."""
    admin = f"http://127.0.0.1:{stack.admin_port}"
    document, secret = admin + "/admin/v1/openapi.json", (stack.home / "data/admin.token").read_text().strip()
    with checks.check(f"{store}, /admin/v1: answers are what the document says"):
        conforms(stack, document, secret, SECONDS[store], "--exclude-path", ENDLESS)
    with checks.check(f"{store}, /admin/v1: the tail says what it is documented to say, as it happens"):
        documented = request("GET", document).json()["paths"][ENDLESS]["get"]["responses"]["200"]["content"]
        tail = urllib.request.urlopen(urllib.request.Request(admin + ENDLESS, headers=bearer(secret)), timeout=20)
        with tail:
            equal(tail.headers.get_content_type() in documented, True, f"{tail.headers.get_content_type()} is not among {list(documented)}")
            equal(request("GET", stack.url("/api/v1/me")).status, 401, "a request without a token")
            stack.administer("org", "create", f"tailed-{store.lower()}", *stack.place)
            line = next(line for line in tail if line.startswith(b"data:"))
            contains(json.loads(line.removeprefix(b"data:")), "ocsf", "a record")
    with checks.check(f"{store}, /admin/v1: a wrong secret opens nothing"):
        answer = request("GET", admin + "/admin/v1/orgs", bearer("wrong"))
        equal(answer.status, 401, "status")
        contains(answer.text, "admin.token", "the way out")


def main() -> int:
    """Runs both against one gateway on each store."""
    checks = Checks("schemas")
    with harness.Stack(everything=False) as stack:
        for store in SECONDS:
            if store == "PostgreSQL":
                stack.move_to_postgres()
            own_api(checks, stack, store)
            admin_api(checks, stack, store)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
