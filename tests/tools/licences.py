"""Holds the dependency graph to deny.toml: licences, banned crates, sources. Reads `cargo metadata` on standard input."""

import json
import pathlib
import re
import sys
import tomllib

POLICY = pathlib.Path(__file__).resolve().parents[2] / "deny.toml"
TOKENS = re.compile(r"\(|\)|[A-Za-z0-9.+-]+")


def allowed(expression: str, allow: set[str]) -> bool:
    """Whether an SPDX expression can be met with the allowed licences; `/` is Cargo's old way to write OR."""
    tokens = TOKENS.findall(expression.replace("/", " OR "))

    def either() -> bool:
        met = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = either()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allow

    return either()


def problems(metadata: dict, policy: dict):
    """What the graph does against the policy, one line each."""
    allow = set(policy["licenses"]["allow"])
    banned = {entry["crate"] for entry in policy["bans"]["deny"]}
    sources = {p["source"] for p in metadata["packages"] if p["source"]}
    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        if not package["license"] or not allowed(package["license"], allow):
            yield f"{name}: licence {package['license']!r} is not allowed"
        if package["name"] in banned:
            yield f"{name}: banned"
    for source in sources:
        if not source.startswith("registry+"):
            yield f"source {source} is no registry"
    if len(sources) != 1:
        yield f"more than one source: {sorted(sources)}"


def main() -> int:
    """Prints the problems; 1 if there is any."""
    assert allowed("MIT OR (A AND B)", {"MIT"}) and not allowed("MIT AND A", {"MIT"})
    metadata = json.load(sys.stdin)
    found = list(problems(metadata, tomllib.loads(POLICY.read_text("utf-8"))))
    print("\n".join(found) or f"{len(metadata['packages'])} packages, all allowed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
