"""Random PromQL: queries that reach for series in every way the language has."""

import random

METRICS = ("requests", "errors", "only_default", "only_second_team")
TENANTS = ("default", "second-team")
UNARY = ["abs", "ceil", "floor", "exp", "ln", "sqrt", "sgn", "sort", "sort_desc", "timestamp", "day_of_week", "minute", "histogram_count", "histogram_sum"]
OVER = [
    "rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time",
    "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time",
]  # fmt: skip
AGGREGATIONS = ["sum", "min", "max", "avg", "count", "stddev", "stdvar", "group"]
TENANT_MATCHERS = [
    'tenant="{own}"', 'tenant="{other}"', 'tenant=~"{own}|{other}"', 'tenant=~".+"', 'tenant=~".*"', 'tenant!="{own}"', 'tenant!="{other}"',
    'tenant!~"{own}"', 'tenant!~"x"', 'tenant!=""', "tenant=~'{other}.*'", "tenant=~`.*(a|o).*`", 'tenant="{own}",tenant="{other}"', 'tenant=""',
]  # fmt: skip
SHARD_MATCHERS = [
    'shard!="1"', 'shard=~"[0-2]"', "shard!~'3|'", 'shard="0"', 'nosuch=""', 'shard=~"0|1",shard!="1"', r'shard="\x31"', r"shard!='\061'", r"shard=~`[\d]`",
    r'shard=~"\\Q1\\E|\\x{{32}}"', r"shard!~'(\\d{{2,9}}){{2,90}}'",
]  # fmt: skip


class Promql:
    """Generates queries; the tree is at most `depth` high."""

    def __init__(self, chance: random.Random, own: str, other: str, start: float, end: float):
        self.chance, self.own, self.other = chance, own, other
        self.start, self.end = start, end

    def selector(self) -> str:
        """A vector selector without modifiers."""
        chance, metric = self.chance, self.chance.choice(METRICS)
        matchers = chance.sample(SHARD_MATCHERS, chance.choice([0, 0, 1, 2])) + chance.sample(TENANT_MATCHERS, chance.choice([0, 0, 1, 1, 2]))
        matchers = [m.format(own=self.own, other=self.other) for m in matchers]
        named = chance.randrange(8)
        if named == 0:
            matchers.append(f'__name__="{metric}"')
        elif named == 1:
            matchers.append(f'__name__=~"{metric}|err.*"')
        chance.shuffle(matchers)
        braces = (chance.choice([",", " , ", ",\n"])).join(matchers)
        comma = "," if matchers and chance.random() < 0.1 else ""
        if named < 2:
            return f"{{{braces}{comma}}}"
        return f"{metric}{{{braces}{comma}}}" if matchers or chance.random() < 0.2 else metric

    def placed(self, text: str) -> str:
        """The same at another time, sometimes."""
        at = self.chance.choice(["", "", "", " offset 1m", " offset -30s", " @ start()", " @ end()", f" @ {self.end - 90:.3f}", f" @ {self.end - 60:.0f} offset 45s"])
        return text + at

    def matrix(self, depth: int) -> str:
        """A range vector: of a selector or of a subquery."""
        length = self.chance.choice(["1m", "90s", "5m", "2m30s"])
        if depth <= 0 or self.chance.random() < 0.6:
            return self.placed(f"{self.selector()}[{length}]")
        return self.placed(f"({self.vector(depth - 1)})[{length}:{self.chance.choice(['', '15s', '30s'])}]")

    def scalar(self, depth: int) -> str:
        """A number."""
        plain = self.chance.choice(["1", "0.5", "2e0", "0x3", "-1", "time()", "pi()"])
        return plain if depth <= 0 or self.chance.random() < 0.6 else f"scalar({self.vector(depth - 1)})"

    def labels(self) -> str:
        """Labels to group by; the tenant's as often as not."""
        return ", ".join(self.chance.sample(["tenant", "shard", "le", "nosuch"], self.chance.randrange(4)))

    def aggregate(self, depth: int) -> str:
        """An aggregation, its modifier on either side."""
        chance, below = self.chance, self.vector(depth - 1)
        kind = chance.choice(["plain", "plain", "plain", "topk", "bottomk", "quantile", "count_values"])
        if kind == "plain":
            name, inside = chance.choice(AGGREGATIONS), below
        else:
            parameter = {"quantile": "0.9", "count_values": '"v"'}.get(kind) or (str(chance.randrange(1, 4)) if chance.random() < 0.7 else f"scalar(count({below}) or vector(2))")
            name, inside = kind, f"{parameter}, {below}"
        modifier = chance.choice(["", f"by ({self.labels()})", f"without ({self.labels()})", "without (tenant)", "by (tenant)"])
        return chance.choice([f"{name} {modifier} ({inside})", f"{name}({inside}) {modifier}"])

    def binary(self, depth: int) -> str:
        """Two vectors, or one and a number."""
        chance, left = self.chance, self.vector(depth - 1)
        right = self.vector(depth - 1)
        kind = chance.randrange(5)
        if kind == 0:
            return f"({left}) {chance.choice(['and', 'or', 'unless'])} {chance.choice(['', 'on(shard)', 'on(tenant, shard)', 'ignoring(tenant)', 'on()'])} ({right})"
        if kind == 1:
            grouped = chance.choice(["on(shard) group_left", "on(shard) group_right(tenant)", "ignoring(tenant) group_left"])
            return f"({left}) * {grouped} (sum by (shard) ({right}))"
        if kind == 2:
            return f"({left}) {chance.choice(['>', '<=', '== bool', '!= bool', '>= bool'])} {self.scalar(depth - 1)}"
        if kind == 3:
            return f"({left}) {chance.choice(['+', '-', '*', '/', '%', '^', 'atan2'])} {self.scalar(depth - 1)}"
        return f"({left}) {chance.choice(['+', '-', '*', '/'])} {chance.choice(['', 'on(tenant, shard, le)', 'ignoring(le)'])} ({right})"

    def call(self, depth: int) -> str:
        """A function."""
        chance = self.chance
        if chance.random() < 0.4:
            function, matrix = chance.choice(OVER), self.matrix(depth - 1)
            return chance.choice([f"{function}({matrix})"] * 4 + [f"quantile_over_time(0.7, {matrix})", f"predict_linear({matrix}, 60)"])
        below = self.vector(depth - 1)
        return chance.choice([
            f"{chance.choice(UNARY)}({below})",
            f"clamp({below}, 1, {self.scalar(0)})",
            f"round({below}, 0.1)",
            f"label_replace({below}, 'copy', '$1-{{}}', 'shard', '(.*)')",
            f"label_replace({below}, 'tenant', '{self.other}', '', '')",
            f'label_join({below}, "both", "}},{{", "tenant", "shard")',
            f"count(absent({below}) > 0)",
            f"histogram_quantile(0.9, sum by (le, tenant) (rate(latency_bucket[2m])))",
            f"histogram_fraction(0, 1, {below})",
            f"vector({self.scalar(depth - 1)})",
        ])  # fmt: skip

    def vector(self, depth: int) -> str:
        """An instant vector."""
        if depth <= 0:
            return self.placed(self.selector())
        return self.chance.choice([self.aggregate, self.binary, self.call, self.call, lambda d: f"-({self.vector(d - 1)})"])(depth)

    def query(self) -> str:
        """A whole query, sometimes with a comment that looks like a selector."""
        text = self.vector(self.chance.randrange(4))
        if self.chance.random() < 0.05:
            # Its labels are those of the matchers, ours among them: nothing around it may depend on them.
            text = self.chance.choice([f"absent({self.placed(self.selector())})", f"absent_over_time({self.matrix(1)})", f"absent({text})"])
        return text + (" # {" if self.chance.random() < 0.05 else "")


# Names in quotes, as Prometheus 3 has them, and whether this Prometheus, which is older, can do without the quotes of what is written anew.
QUOTED = {
    '{{"requests"}}': True,
    '{{"my.metric"}}': True,
    'requests{{"tenant"="{other}"}}': True,
    'requests{{"tenant"=~"{own}|{other}"}}': True,
    'sum({{"requests","shard"="1"}})': True,
    '{{"my.metric","my.label"="x"}}': False,
    'requests{{"my.label"!="x"}}': False,
    'sum by ("my.label") (requests)': False,
}
