"""Conditions that every selector of a query is narrowed by, such as to the series of one cluster.

A store that several clusters write to has series of one namespace and workload from each of them. The
queries that are built in know nothing of clusters: what tells the series of this one from others is
the administrator's, and is put into each of their selectors.
"""

import re
from collections.abc import Sequence

from analysis.counting import promql
from analysis.errors import QueryError
from analysis.expression import Call, Matcher, Selector, parse

_LABEL = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
#: Labels that say what a series is, and not where it comes from.
_TAKEN = ("__name__", "le", "quantile")
# What may hold a brace that begins no selector: a comment, a text, an action of the template.
_OPENING = re.compile(r'#[^\n]*|"(?:\\.|[^"\\])*+"|\{\{.*?\}\}|\{', re.DOTALL)
_EXAMPLE = 'cluster="eu-1"'


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read conditions as they stand in a selector, without its braces; there may be none.

    Raises:
        QueryError: they cannot be added to a selector; says what to write.
    """
    if not text:
        return ()
    try:
        expression = parse(f"value(series{{{text}}})")
    except QueryError as error:
        raise QueryError(f"write conditions on labels, such as {_EXAMPLE}") from error
    # A text that closes the braces itself could be more than one selector.
    if not isinstance(expression, Call) or not expression.selectors[0].matchers:
        raise QueryError(f"write conditions on labels alone, such as {_EXAMPLE}")
    matchers = expression.selectors[0].matchers
    for each in matchers:
        if not _LABEL.fullmatch(each.label) or each.label in _TAKEN:
            raise QueryError(
                f"write a label that tells where a series comes from instead of {each.label}, such "
                f"as {_EXAMPLE}"
            )
        if not each.text.isprintable() or "{{" in each.text:
            raise QueryError(
                f"write a text of printable characters, and without {{{{, for {each.label}"
            )
    return matchers


def matchers_problem(text: str) -> str:
    """Give what to write instead of conditions that cannot be added; empty where they can."""
    try:
        parse_matchers(text)
    except QueryError as error:
        return str(error)
    return ""


def narrowed(template: str, matchers: Sequence[Matcher]) -> str:
    """Put conditions into every selector of a template, each of which has braces."""
    if not matchers:
        return template
    conditions = promql(Selector("", tuple(matchers)))[1:-1]
    return _OPENING.sub(lambda found: f"{{{conditions}," if found[0] == "{" else found[0], template)
