"""Prints one `ok` or `not ok` line a check, so that `tests/run` can count them."""

import contextlib
import sys
import traceback


class Checks:
    """The checks of one suite; `finish` gives the exit code."""

    def __init__(self, suite: str):
        self.suite = suite
        self.passed = 0
        self.failed = 0
        self.begun = []

    @contextlib.contextmanager
    def check(self, name: str):
        """One check: passes unless its body raises; the suite goes on either way."""
        self.begun.append(name)
        try:
            yield
        except Exception as error:  # noqa: BLE001: every failure of a check is reported, none ends the suite
            self.failed += 1
            print(f"not ok {self.suite}: {name}: {_reason(error)}", flush=True)
            traceback.print_exc(file=sys.stderr)
        else:
            self.passed += 1
            print(f"ok {self.suite}: {name}", flush=True)

    def told(self, who: str) -> list[str]:
        """What was checked for somebody, or in some way: checks say it in front of their names."""
        return [name.removeprefix(f"{who}: ") for name in self.begun if name.startswith(f"{who}: ")]

    def finish(self) -> int:
        """Prints the count and gives the exit code of the suite."""
        if self.passed + self.failed == 0:
            self.failed = 1
            print(f"not ok {self.suite}: no check was run", flush=True)
        print(f"# {self.suite}: {self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def equal(actual, expected, what: str = "value"):
    """Fails unless both are equal, naming both."""
    if actual != expected:
        raise AssertionError(f"{what} is {actual!r}, expected {expected!r}")


def contains(haystack, needle, what: str = "value"):
    """Fails unless the needle is found, showing where it was looked for."""
    if needle not in haystack:
        raise AssertionError(f"{what} lacks {needle!r}: {str(haystack)[:400]!r}")


def _reason(error: BaseException) -> str:
    """The innermost cause in one line; task groups wrap theirs several deep."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{type(error).__name__}: {text}"[:600]
