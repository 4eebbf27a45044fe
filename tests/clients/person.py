"""A person at a browser without scripts: signs in, decides on the consent page, revokes applications."""

import functools
import http.client
import urllib.parse
from dataclasses import dataclass

import dom

MAX_STEPS = 12


@dataclass
class Page:
    """An answer of the gateway: where it came from, its status, headers and body."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str | None:
        """The redirect target as an absolute URL."""
        target = self.headers.get("Location")
        return urllib.parse.urljoin(self.url, target) if target else None

    @functools.cached_property
    def tree(self) -> dom.Node:
        """The parsed page."""
        return dom.parse(self.body)

    def __str__(self):
        return f"{self.status} {self.url}: {self.tree.text()[:300]}"


class Person:
    """One browser session of one user. Cookies are kept by name: there is one site only."""

    def __init__(self, public_url: str, email: str, password: str):
        self.public_url = public_url.rstrip("/")
        self.email = email
        self.password = password
        self.cookies: dict[str, str] = {}

    def request(self, method: str, url: str, form: list[tuple[str, str]] | None = None) -> Page:
        """One request as a browser makes it, redirects not followed."""
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.public_url + "/", url))
        headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        headers["Sec-Fetch-Site"] = "none" if method == "GET" else "same-origin"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        body = None
        if method == "POST":
            headers |= {"Origin": self.public_url, "Content-Type": "application/x-www-form-urlencoded"}
            body = urllib.parse.urlencode(form or [])
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        try:
            target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            page = Page(parts.geturl(), response.status, response.headers, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()
        self._store_cookies(page.headers)
        return page

    def _store_cookies(self, headers):
        for line in headers.get_all("Set-Cookie") or []:
            pair, *attributes = line.split(";")
            name, _, value = pair.strip().partition("=")
            if value and not any(a.strip().lower() == "max-age=0" for a in attributes):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)

    def _ours(self, url: str) -> bool:
        return url.startswith(self.public_url + "/")

    def open(self, url: str) -> Page:
        """Opens a page, following redirects on our origin."""
        page = self.request("GET", url)
        for _ in range(MAX_STEPS):
            if page.location is None or not 300 <= page.status < 400 or not self._ours(page.location):
                return page
            page = self.request("GET", page.location)
        raise AssertionError(f"redirects without end at {page.url}")

    def press(self, page: Page, button: str | dom.Node, **values) -> Page:
        """Fills the form of a button (found by id or name) and submits it; the answer's redirect is not followed."""
        tree = page.tree
        control = tree.named(button) if isinstance(button, str) else button
        if control is None:
            raise AssertionError(f"no control {button!r} on {page}")
        form = dom.form_of(tree, control)
        sent = [(k, v) for k, v in dom.fields(tree, form) if k not in values]
        sent += list(values.items())
        if control.tag == "button" and control.attrs.get("name"):
            sent.append((control.attrs["name"], control.attrs.get("value", "")))
        action = control.attrs.get("formaction") or form.attrs.get("action") or page.url
        method = (form.attrs.get("method") or "get").upper()
        url = urllib.parse.urljoin(page.url, action)
        if method == "GET":
            return self.request("GET", url.split("?")[0] + "?" + urllib.parse.urlencode(sent))
        return self.request("POST", url, sent)

    def follow(self, page: Page) -> Page:
        """The page that an answer leads to, as long as it stays on our origin."""
        if page.location is not None and 300 <= page.status < 400 and self._ours(page.location):
            return self.open(page.location)
        return page

    def _step(self, page: Page, decision: str, org: str | None) -> Page:
        """Does what the page asks for; gives the raw answer."""
        tree = page.tree
        if tree.named("new-password") is not None:
            return self._change_password(page, tree)
        if tree.find("input", name="password") is not None:
            return self.press(page, "sign-in", email=self.email, password=self.password)
        radios = [n for n in tree.walk() if n.tag == "input" and n.attrs.get("name") == "org" and n.attrs.get("type") == "radio"]
        values = {"org": _choose(radios, org)} if radios else {}
        if tree.named(decision) is not None:
            return self.press(page, decision, **values)
        if radios:
            form = dom.form_of(tree, radios[0])
            return self.press(page, _submit_button(form), **values)
        raise AssertionError(f"neither login, organization nor consent: {page}")

    def _change_password(self, page: Page, tree: dom.Node) -> Page:
        old, self.password = self.password, "correct horse battery staple " + self.email
        form = dom.form_of(tree, tree.named("new-password"))
        values = {}
        for name, _ in dom.fields(tree, form):
            if name == "current-password":
                values[name] = old
            elif "password" in name:
                values[name] = self.password
        return self.press(page, _submit_button(form), **values)

    def sign_in(self, url: str = "/login") -> Page:
        """Signs in (and changes a one-time password when made to) and gives the page that follows."""
        page = self.open(url)
        for _ in range(MAX_STEPS):
            tree = page.tree
            if tree.named("new-password") is None and tree.find("input", name="password") is None:
                return page
            page = self.follow(self._step(page, "approve", None))
        raise AssertionError(f"signing in does not end: {page}")

    def drive(self, authorize_url: str, decision: str = "approve", org: str | None = None) -> str:
        """Goes through login, organization and consent; gives the redirect to the client, not followed."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(authorize_url).query))
        target = query["redirect_uri"]
        page = self.request("GET", authorize_url)
        for _ in range(MAX_STEPS):
            if page.location is not None and 300 <= page.status < 400:
                if page.location.split("?")[0] == target.split("?")[0]:
                    return page.location
                page = self.request("GET", page.location)
            elif page.status == 200:
                page = self._step(page, decision, org)
            else:
                raise AssertionError(f"authorization stopped: {page}")
        raise AssertionError(f"authorization does not end: {page}")

    def revoke(self, words: str) -> None:
        """Revokes, on the applications page, the one application whose entry has these words."""
        page = self.sign_in("/settings/applications")
        button = self._revoke_button(page, words)
        if button is None:
            raise AssertionError(f"no application {words!r} to revoke on {page}")
        answer = self.follow(self.press(page, button))
        again = self._revoke_button(answer, words)
        if again is not None:
            answer = self.follow(self.press(answer, again))
        if answer.status >= 400:
            raise AssertionError(f"revoking failed: {answer}")

    def _revoke_button(self, page: Page, words: str) -> dom.Node | None:
        tree = page.tree
        buttons = [n for n in tree.walk() if n.tag == "button" and _revokes(n)]
        for button in buttons:
            entry = next((n for n in button.ancestors() if n.tag in ("li", "article", "tr")), dom.form_of(tree, button))
            if words in entry.text():
                return button
        return None


def _revokes(node: dom.Node) -> bool:
    return (node.attrs.get("id") or node.attrs.get("name") or "").startswith("revoke-")


def _choose(radios: list[dom.Node], org: str | None) -> str:
    values = [r.attrs.get("value", "") for r in radios]
    if org is None:
        checked = [r.attrs.get("value", "") for r in radios if "checked" in r.attrs]
        return (checked or values)[0]
    if org not in values:
        raise AssertionError(f"organization {org!r} is not offered: {values}")
    return org


def _submit_button(form: dom.Node) -> dom.Node:
    for node in form.walk():
        if node.tag == "button" and node.attrs.get("type", "submit") == "submit":
            return node
    raise AssertionError(f"no submit button in form {form.attrs}")
