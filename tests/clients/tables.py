"""What lists print for people: a table, with a row for each thing that the same command gives as JSON."""

import json
import re
import tomllib
from pathlib import Path

from checks import Checks, equal

TABLES = tomllib.loads((Path(__file__).parents[1] / "commands.toml").read_text())["tables"]
# What a list is of, where it must be said.
OF = {
    "app installed": ["--org", "acme"],
    "audit counts": ["--since", "1h"],
    "audit search": ["--limit", "2"],
    "audit searches list": ["acme", "{user}"],
    "invitation list": ["acme"],
    "me activity": ["{grant}"],
    "member list": ["acme"],
    "org policy show": ["acme"],
    "org review": ["acme"],
    "user sessions list": ["{user}"],
}


def rows(text: str, head: list[str]) -> list[str]:
    """The rows below a table's head, up to what follows it."""
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.split(r" {2,}", line) == head]
    equal(len(heads), 1, f"heads {head} in {text!r}")
    below = lines[heads[0] + 1 :]
    return below[: below.index("")] if "" in below else below


def things(answer) -> int:
    """How many things an answer in JSON lists."""
    lists = [answer] if isinstance(answer, list) else [v for v in answer.values() if isinstance(v, list) and v]
    equal(len(lists), 1, f"lists in {answer!r}")
    return len(lists[0])


def tables(checks: Checks, run, mine: bool, **known: str):
    """Every list of the operator's, or of a user's own. `run` gives what a command prints."""
    for command, head in TABLES.items():
        if command.startswith("me ") != mine:
            continue
        words = [*command.split(), *(word.format(**known) for word in OF.get(command, []))]
        with checks.check(f"{command} prints a table for people"):
            shown = rows(run(*words), head)
            if command == "manual":
                equal(len(shown) > 0, True, "topics")
            else:
                equal(len(shown), things(json.loads(run(*words, "--json"))), f"rows of {shown}")
