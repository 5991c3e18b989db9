"""The query language of scraped counters: one line that says how one value comes of them.

    query    = term { ("+" | "-") term }
    term     = factor { ("*" | "/") factor }
    factor   = ["-"] ( NUMBER | "(" query ")" | call )
    call     = "increase(" selector ")"               what came on top in the interval
             | "rate(" selector ")"                   the same per second
             | "value(" selector ")"                  what is shown now, added up
             | "mean(" selector "," selector ")"      what the first shows now, by increase of the second
             | "ratio(" selector "," selector ")"     increase of the first by that of the second
             | "quantile(" NUMBER "," selector ")"    of a histogram's `_bucket` series
             | "within(" NUMBER "," selector ")"      increase of its bucket with this edge
    selector = METRIC [ "{" LABEL OPERATOR STRING { "," … } "}" ]
    OPERATOR = "=" | "!=" | "=~" | "!~"

Selectors match as PromQL's do: a label that is absent is empty, patterns match whole values.
Several series are added up. White space means nothing, `#` begins a comment.
How an expression is evaluated is in `evaluation.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NoReturn

from analysis.counters import Labels
from analysis.errors import QueryError

#: No real query is deeper than this, and Python's stack is finite.
DEEPEST = 50

FUNCTIONS = ("increase", "rate", "value", "mean", "ratio", "quantile", "within")
#: Those of them that take two selectors.
_OF_TWO = ("mean", "ratio")
#: Those of them whose first argument is a number, with the highest that it may be.
_NUMBERED = {"quantile": (1.0, "a number from 0 to 1"), "within": (inf, "the edge of a bucket")}

_BLANK = re.compile(r"(?:\s+|#[^\n]*)*+")
_TOKEN = re.compile(
    r"""
        (?P<number> (?: \d+(?:\.\d*)? | \.\d+ ) (?: [eE][+-]?\d+ )? )
      | (?P<word> [a-zA-Z_:][a-zA-Z0-9_:]* )
      | (?P<string> "(?:\\.|[^"\\\n])*+" | '(?:\\.|[^'\\\n])*+' | `[^`]*+` )
      | (?P<sign> =~ | !~ | != | [-+*/(){},=] )
      | (?P<end> \Z )
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True)
class Matcher:
    """One condition on a label."""

    label: str
    operator: str
    text: str

    def accepts(self, value: str) -> bool:
        """Whether a label's value meets the condition."""
        if self.operator in {"=", "!="}:
            return (value == self.text) is (self.operator == "=")
        return (self._pattern.fullmatch(value) is not None) is (self.operator == "=~")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.text, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Selector:
    """The series of one metric that meet all conditions."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    def accepts(self, labels: Labels) -> bool:
        """Whether a series of the metric meets all conditions."""
        values = dict(labels)
        return all(matcher.accepts(values.get(matcher.label, "")) for matcher in self.matchers)

    def __str__(self) -> str:
        conditions = ", ".join(f'{m.label}{m.operator}"{m.text}"' for m in self.matchers)
        return f"{self.name}{{{conditions}}}" if conditions else self.name


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    value: float


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions and what is done with them."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of selectors; `number` is the first argument of those that take one."""

    function: str
    selectors: tuple[Selector, ...]
    number: float = 0.0


Expression = Number | Arithmetic | Call


def parse(query: str) -> Expression:
    """Read a query.

    Raises:
        QueryError: the query is not of this language; says where and what is expected.
    """
    return _Parser(query).parse()


def metric_names(expression: Expression) -> frozenset[str]:
    """Collect the names of the metrics that an expression needs."""
    if isinstance(expression, Number):
        return frozenset()
    if isinstance(expression, Arithmetic):
        return metric_names(expression.left) | metric_names(expression.right)
    return frozenset(selector.name for selector in expression.selectors)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    """Descends through the grammar, one method a rule."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(self._read_tokens())
        self._next = 0
        self._depth = 0

    def parse(self) -> Expression:
        expression = self._sum()
        if self._tokens[self._next].kind != "end":
            self._refuse("the end, or one of + - * /")
        return expression

    def _read_tokens(self) -> Iterator[_Token]:
        position = 0
        while True:
            blank = _BLANK.match(self._query, position)
            position = blank.end() if blank else position
            token = _TOKEN.match(self._query, position)
            if token is None or token.lastgroup is None:
                raise _wrong(self._query, position, "a number, a name, a text in quotes or a sign")
            kind = token.lastgroup
            yield _Token(kind, token[kind], token.start(kind))
            if kind == "end":
                return
            position = token.end()

    def _sum(self) -> Expression:
        expression = self._product()
        while (sign := self._accept("+", "-")) is not None:
            expression = Arithmetic(sign, expression, self._product())
        return expression

    def _product(self) -> Expression:
        expression = self._factor()
        while (sign := self._accept("*", "/")) is not None:
            expression = Arithmetic(sign, expression, self._factor())
        return expression

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"no more than {DEEPEST} levels")
        try:
            if self._accept("-"):
                return Arithmetic("-", Number(0.0), self._factor())
            if self._accept("("):
                expression = self._sum()
                self._expect(")")
                return expression
            token = self._tokens[self._next]
            if token.kind == "number":
                return Number(self._number())
            if token.kind == "word" and token.text in FUNCTIONS:
                return self._call()
            self._refuse(f"a number, an opening parenthesis, or one of {', '.join(FUNCTIONS)}")
        finally:
            self._depth -= 1

    def _call(self) -> Call:
        function = self._take().text
        self._expect("(")
        number = 0.0
        if function in _NUMBERED:
            highest, expected = _NUMBERED[function]
            token = self._tokens[self._next]
            if token.kind != "number" or float(token.text) > highest:
                self._refuse(expected)
            number = self._number()
            self._expect(",")
        selectors = [self._selector()]
        if function in _OF_TWO:
            self._expect(",")
            selectors.append(self._selector())
        self._expect(")")
        return Call(function, tuple(selectors), number)

    def _selector(self) -> Selector:
        if self._tokens[self._next].kind != "word":
            self._refuse("the name of a metric")
        name = self._take().text
        matchers: list[Matcher] = []
        if self._accept("{"):
            while not self._accept("}"):
                matchers.append(self._matcher())
                if self._accept(","):
                    continue
                self._expect("}")
                break
        return Selector(name, tuple(matchers))

    def _matcher(self) -> Matcher:
        if self._tokens[self._next].kind != "word":
            self._refuse("the name of a label, or }")
        label = self._take().text
        operator = self._accept("=", "!=", "=~", "!~") or self._refuse("one of = != =~ !~")
        token = self._tokens[self._next]
        if token.kind != "string":
            self._refuse("a text in quotes")
        text = self._string()
        if operator.endswith("~"):
            try:
                re.compile(text)
            except (re.error, RecursionError, OverflowError) as error:
                raise _wrong(
                    self._query, token.position, f"a regular expression ({error})"
                ) from error
        return Matcher(label, operator, text)

    def _string(self) -> str:
        token = self._take()
        text = token.text[1:-1]
        if token.text.startswith("`"):
            return text

        def unescape(escape: re.Match[str]) -> str:
            if escape[1] not in _ESCAPED:
                raise _wrong(
                    self._query,
                    token.position,
                    rf"a text in which {escape[0]} is written \{escape[0]}",
                )
            return _ESCAPED[escape[1]]

        return _ESCAPE.sub(unescape, text)

    def _number(self) -> float:
        return float(self._take().text)

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, *signs: str) -> str | None:
        token = self._tokens[self._next]
        if token.kind != "sign" or token.text not in signs:
            return None
        return self._take().text

    def _expect(self, sign: str) -> None:
        if self._accept(sign) is None:
            self._refuse(sign)

    def _refuse(self, expected: str) -> NoReturn:
        raise _wrong(self._query, self._tokens[self._next].position, expected)


def _wrong(query: str, position: int, expected: str) -> QueryError:
    rest = " ".join(query[position:].split())
    found = f"{rest[:40]!r}" if rest else "the end"
    return QueryError(
        f"query: at character {position + 1} there is {found}; expected is {expected}"
    )
