"""A provider as Terraform runs them: long-lived, many requests, and no credential of its own.

usage: provider.py API QUERY…   Prints the value of each query as one JSON object.
It asks `tollgate token` before every request. That answers from its file until the token is about to end, so the provider
can run for longer than any token lives, and holds nothing that is worth stealing.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

TOLLGATE = os.environ.get("TOLLGATE_BIN", "tollgate")


class Provider:
    """One API behind the gateway."""

    def __init__(self, api: str):
        self.api = api.rstrip("/")

    def token(self) -> str:
        """A token that works now; whatever is wrong is said by the command itself."""
        done = subprocess.run([TOLLGATE, "token", "--resource", self.api], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
        return done.stdout.strip()

    def read(self, query: str) -> str:
        """The value of an instant query."""
        url = f"{self.api}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token()}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return result[1] if isinstance(result[0], (int, float)) else result[0]["value"][1]


def main() -> int:
    """Reads every query of the command line."""
    provider = Provider(sys.argv[1])
    try:
        print(json.dumps({query: provider.read(query) for query in sys.argv[2:]}))
    except urllib.error.HTTPError as refused:
        print(f"{refused.url} answered {refused.code}: {refused.read().decode()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
