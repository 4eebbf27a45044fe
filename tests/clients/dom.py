"""A small HTML tree: enough to find a page's forms, inputs, buttons and words as a person would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "use", "path"}


@dataclass(eq=False)
class Node:
    """An element with its attributes, its children (elements and text) and its parent."""

    tag: str
    attrs: dict
    parent: "Node | None" = None
    children: list = field(default_factory=list)

    def walk(self):
        """This element and all below it, in document order."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def text(self) -> str:
        """All words below this element, whitespace folded."""
        parts = [c.text() if isinstance(c, Node) else c for c in self.children]
        return " ".join(" ".join(parts).split())

    def ancestors(self):
        """The elements around this one, nearest first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def find(self, tag: str | None = None, **attrs):
        """The first element below that has this tag and these attributes, or None."""
        for node in self.walk():
            if (tag is None or node.tag == tag) and all(node.attrs.get(k.replace("_", "-")) == v for k, v in attrs.items()):
                return node
        return None

    def named(self, name: str):
        """The first control whose id or name is this."""
        for node in self.walk():
            if name in (node.attrs.get("id"), node.attrs.get("name")):
                return node
        return None


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.at = Node("#document", {})

    def handle_starttag(self, tag, attrs):
        node = Node(tag, {k: v or "" for k, v in attrs}, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag, attrs):
        self.at.children.append(Node(tag, {k: v or "" for k, v in attrs}, self.at))

    def handle_endtag(self, tag):
        for node in [self.at, *self.at.ancestors()]:
            if node.tag == tag:
                self.at = node.parent or self.root
                return

    def handle_data(self, data):
        self.at.children.append(data)


def parse(html: str) -> Node:
    """The tree of a page."""
    builder = _Builder()
    builder.feed(html)
    return builder.root


def form_of(root: Node, control: Node) -> Node:
    """The form that a control submits: named by its `form` attribute, or the one around it."""
    if owner := control.attrs.get("form"):
        found = root.find("form", id=owner)
        if found is not None:
            return found
    for node in control.ancestors():
        if node.tag == "form":
            return node
    raise AssertionError(f"control {control.attrs} is in no form")


def fields(root: Node, form: Node) -> list[tuple[str, str]]:
    """What the form would send as the page stands, without any button."""
    sent = []
    for node in root.walk():
        name = node.attrs.get("name")
        inside = form in list(node.ancestors()) or node.attrs.get("form") == form.attrs.get("id", object())
        if not name or not inside or "disabled" in node.attrs:
            continue
        kind = node.attrs.get("type", "text")
        if node.tag == "input" and kind in ("radio", "checkbox"):
            if "checked" in node.attrs:
                sent.append((name, node.attrs.get("value", "on")))
        elif node.tag == "input" and kind not in ("submit", "button", "image", "reset"):
            sent.append((name, node.attrs.get("value", "")))
        elif node.tag == "textarea":
            sent.append((name, node.text()))
        elif node.tag == "select":
            options = [o for o in node.walk() if o.tag == "option"]
            chosen = next((o for o in options if "selected" in o.attrs), options[0] if options else None)
            if chosen is not None:
                sent.append((name, chosen.attrs.get("value", chosen.text())))
    return sent
