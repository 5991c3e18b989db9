"""Query templates: text in which `{{ name }}` and its like stand for what is analysed.

The subset of Go's text/template that queries use, and nothing more: a function without arguments,
`symbol FUNCTION` (its value with `_` for what is no letter or digit), `lower FUNCTION` (in small
letters),
`variables.KEY`, `index variables "KEY"`, `printf "FORMAT" VALUE…` of such values, a comment, and `-`
beside the braces, which trims white space. Whatever else stands in braces is an error that says
what may stand there.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from analysis.errors import QueryError
from analysis.printf import formatted, prometheus_duration, unescaped

#: The length of what an error shows of a template.
SHOWN_LENGTH = 60

_OBJECTS = ("name", "namespace", "target", "kind", "service", "side", "ingress", "route")
_NAMES = (*_OBJECTS, "revision", "cluster")
FUNCTIONS = (*_NAMES, "interval")

#: What a value may be that the template's author did not write.
PLAIN_WORD = "[A-Za-z0-9_.:/-]*"
#: What strings begin and end with in PromQL, and in the expressions of `scrape`.
QUOTES = "\"'`"
# An escape with what it escapes, or one character; a backslash at the end stands alone.
_PIECE = re.compile(r"\\.|.", re.DOTALL)

# Possessive and atomic, so that no template can make the match go back and try again.
_ACTION = re.compile(
    r"""
    \{\{
    (?P<body>
        (?: -?\s* /\*.*?\*/ )?+
        (?> "(?:\\.|[^"\\\n])*" | `[^`]*` | (?!\}\}) . )*+
    )
    \}\}
    """,
    re.VERBOSE | re.DOTALL,
)
_REWRITTEN = re.compile(rf"(?P<how>symbol|lower)\s+(?P<name>{'|'.join(_NAMES)})")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FIELD = re.compile(r"variables\s*\.(?P<key>[^\W\d]\w*)")
_INDEX = re.compile(r"index\s+variables\s+(?:\"(?P<key>[^\"\\\n]*)\"|`(?P<raw>[^`]*)`)")
_PRINTF = re.compile(
    r"printf\s+(?:\"(?P<text>(?:\\.|[^\"\\\n])*+)\"|`(?P<raw>[^`]*+)`)(?P<values>.*)", re.DOTALL
)
_PRINTED = re.compile(r"\s+(?:\((?P<inner>[^()]*+)\)|(?P<word>[^\s()]++))|\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateContext:
    """What the functions of a template stand for."""

    name: str
    namespace: str
    target: str
    service: str
    ingress: str
    route: str
    interval: timedelta
    kind: str = "Deployment"
    """The kind of the target."""
    revision: str = ""
    """The revision that is analysed, by its id in the status; of a StatefulSet that is the
    `controller-revision-hash` of its pods."""
    cluster: str = ""
    """The cluster's name, as its series have it; empty where it has none that is known."""
    side: str = "canary"
    """What the names of this side's objects end in, where they are named by the Service."""
    variables: Mapping[str, str] = field(default_factory=dict)
    confined: bool = False
    """Whether a value may only be a plain word, because its author is not the template's."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """What the template's author allows of a variable instead, as regular expressions."""


def render(template: str, context: TemplateContext) -> str:
    """Put the values of a context into a template.

    Raises:
        QueryError: the template asks for what does not exist, or holds more than the subset.
    """

    def value(body: str, before: str) -> str:
        return _enclosed(_value(body, context), open_quote(before))

    rendered = _filled(template, value, what="query")
    if not rendered.strip():
        raise QueryError(f"query: {_shown(template)} renders to nothing; write a query")
    return rendered


def fill(template: str, values: Mapping[str, str], *, what: str) -> str:
    """Put values into a text for people, by their names; `what` begins every error.

    Raises:
        QueryError: the template asks for what does not exist, or holds more than the subset.
    """

    def value(body: str, _before: str) -> str:
        expression = body.strip()
        if _COMMENT.fullmatch(expression):
            return ""
        if expression not in values:
            known = ", ".join(values)
            raise QueryError(
                f"{what}: {{{{ {_shown(expression)} }}}} cannot be rendered. Known names: {known}"
            )
        return values[expression]

    return _filled(template, value, what=what)


def _filled(template: str, value: Callable[[str, str], str], *, what: str) -> str:
    """Put in place of each action its value, which may depend on the text before it."""
    parts: list[str] = []
    end, trim_after = 0, False
    while (start := template.find("{{", end)) >= 0:
        action = _ACTION.match(template, start)
        if action is None:
            raise QueryError(
                f"{what}: {_shown(template[start:])} is not closed; close it with }}}}"
            )
        body = action["body"]
        trim_before = body[:1] == "-" and body[1:2].isspace()
        literal = template[end:start].lstrip() if trim_after else template[end:start]
        parts.append(literal.rstrip() if trim_before else literal)
        trim_after = body[-1:] == "-" and body[-2:-1].isspace()
        expression = body[int(trim_before) : len(body) - int(trim_after)]
        parts.append(value(expression, "".join(parts)))
        end = action.end()
    parts.append(template[end:].lstrip() if trim_after else template[end:])
    return "".join(parts)


class _EveryVariable(Mapping[str, str]):
    """Variables of any name."""

    def __getitem__(self, key: str) -> str:
        return key

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_ANYTHING = TemplateContext(
    name="name",
    namespace="namespace",
    target="target",
    service="service",
    ingress="ingress",
    route="route",
    interval=timedelta(minutes=1),
    cluster="cluster",
    variables=_EveryVariable(),
)


def check(template: str) -> None:
    """Find out whether a template can be rendered, whatever variables it is given.

    Raises:
        QueryError: it holds more than the subset; says what may stand there.
    """
    render(template, _ANYTHING)


def _value(body: str, context: TemplateContext) -> str:
    expression = body.strip()
    if _COMMENT.fullmatch(expression):
        return ""
    if expression == "interval":
        return prometheus_duration(context.interval)
    if expression in FUNCTIONS:
        return _named(expression, context)
    if rewritten := _REWRITTEN.fullmatch(expression):
        text = _named(rewritten["name"], context)
        return text.lower() if rewritten["how"] == "lower" else re.sub(r"\W", "_", text)
    if printf := _PRINTF.fullmatch(expression):
        return _printed(printf, expression, context)
    variable = _FIELD.fullmatch(expression) or _INDEX.fullmatch(expression)
    if variable is None:
        raise _unknown(expression)
    key = variable["key"] if variable["key"] is not None else variable["raw"]
    if key not in context.variables:
        known = ", ".join(sorted(context.variables)) or "none"
        raise QueryError(
            f"query: {{{{ {_shown(expression)} }}}}: there is no variable {_shown(key)!r}; "
            f"known variables: {known}. Add it to templateVariables, or correct its name"
        )
    value = context.variables[key]
    pattern = context.patterns.get(key, PLAIN_WORD)
    if context.confined and not _matches(pattern, value, key):
        raise QueryError(
            f"templateVariables.{key}: {_shown(value)!r} may not be put into a template of another "
            f"namespace; write a value that matches {_shown(pattern)}, or have the template's owner "
            f"allow more with spec.variables.{key}.pattern"
        )
    return value


def _named(name: str, context: TemplateContext) -> str:
    text = str(getattr(context, name))
    if name == "cluster" and not text:
        # An empty text would select the series that have no such label.
        raise QueryError(
            "query: {{ cluster }}: the cluster's name is not known; give --cluster-name, or write "
            "the name in the query"
        )
    return text


def _printed(printf: re.Match[str], expression: str, context: TemplateContext) -> str:
    """Give what `printf` makes of a format and values, each with or without parentheses."""
    values, place = [], 0
    while place < len(printf["values"]):
        value = _PRINTED.match(printf["values"], place)
        if value is None:
            raise _unknown(expression)
        if written := value["inner"] or value["word"]:
            values.append(_value(written, context))
        place = value.end()
    return formatted(
        unescaped(printf["text"]) if printf["text"] is not None else printf["raw"], values
    )


def _matches(pattern: str, value: str, key: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error as error:
        raise QueryError(
            f"spec.variables.{key}.pattern: {_shown(pattern)!r} is no regular expression: {error}"
        ) from error


def open_quote(text: str) -> str:
    """Give the quote of the string that a query's text ends in; empty where it ends in none."""
    quote, place = "", 0
    while place < len(text):
        character = text[place]
        if quote and quote != "`" and character == "\\":
            place += 1
        elif character == quote:
            quote = ""
        elif not quote and character in QUOTES:
            quote = character
        elif not quote and character == "#":
            place = (text + "\n").index("\n", place)
        place += 1
    return quote


def _enclosed(value: str, quote: str) -> str:
    """Keep a value within the string that it stands in; what is escaped already stays so."""
    if not quote:
        return value
    if quote == "`":
        if quote in value:
            raise QueryError(f"query: {_shown(value)!r} holds a backtick inside of backticks")
        return value
    escaped = _PIECE.sub(
        lambda piece: f"\\{piece[0]}" if piece[0] in {quote, "\\"} else piece[0], value
    )
    return escaped.replace("\n", "\\n")


def _unknown(expression: str) -> QueryError:
    hint = ""
    if expression.removeprefix(".") in FUNCTIONS:
        hint = f": write {expression.removeprefix('.')} without the dot"
    elif re.fullmatch(r"\.?variables\b.*", expression, re.DOTALL):
        hint = ': write variables.KEY, or index variables "KEY" where KEY is no plain word'
    elif "|" in expression:
        hint = ": pipelines are not supported"
    return QueryError(
        f"query: {{{{ {_shown(expression)} }}}} cannot be rendered{hint}. Known names: "
        f'{", ".join(FUNCTIONS)}, variables.KEY, index variables "KEY", printf "FORMAT" VALUE'
    )


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[: SHOWN_LENGTH - 1]}…"
