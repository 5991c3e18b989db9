"""Several queries of InfluxDB as one: in Flux, and in the SQL of version 3.

InfluxQL takes several statements by itself.
"""

import re
from collections.abc import Sequence
from typing import Any

from analysis.errors import QueryError

_IMPORT = re.compile(r'^[ \t]*import[ \t]+(?:\w+[ \t]+)?"[^"\n]*"[ \t]*$\n?', re.MULTILINE)
_YIELD = re.compile(r'\|>\s*yield\s*\(\s*(?:name\s*:\s*"[^"]*"\s*)?\)\s*\Z')
_STATEMENT = re.compile(r"^\s*(?:import\b|(?:option\s+)?[\w.]+\s*=(?![=>~]))", re.MULTILINE)
_MARKS = (";", "--", "/*")
#: The name of a result, or the text in a row, before the number of its query.
_NAME = "tidegate"
_PART = "tidegate_part"


def one_script(queries: Sequence[str]) -> str:
    """Write a script in Flux with a result for each query.

    Raises:
        QueryError: one of them is more than an expression.
    """
    imports = dict.fromkeys(each.strip() for text in queries for each in _IMPORT.findall(text))
    bodies = [_YIELD.sub("", _IMPORT.sub("", each)) for each in queries]
    if any(_STATEMENT.search(each) or "yield" in each for each in bodies):
        raise QueryError("the query gives names of its own, so it is asked alone")
    # A comment ends with its line, and so before the bracket.
    yields = (f'({each}\n) |> yield(name: "{_NAME}{n}")' for n, each in enumerate(bodies))
    return "\n".join((*imports, *yields))


def results(lines: list[list[str]], number: int) -> list[list[list[str]]]:
    """Give the lines of each result, with what every result has: headers, empty lines and errors.

    Raises:
        ValueError: there is another result.
    """
    names = [f"{_NAME}{n}" for n in range(number)]
    owners: list[str] = []
    header: list[str] = []
    for line in lines:
        owner = ""
        if not any(line):
            header = []
        elif not header and not line[0].startswith("#"):
            header = line
        elif "result" in header and not line[0].startswith("#"):
            owner = names[names.index(line[header.index("result")])]
        owners.append(owner)
    pairs = list(zip(owners, lines, strict=True))
    return [[line for owner, line in pairs if owner in {"", name}] for name in names]


def one_statement(queries: Sequence[str]) -> str:
    """Write a statement in SQL with the rows of all queries, each with the number of its own.

    Raises:
        QueryError: one of them is more than a statement.
    """
    if any(mark in each for each in queries for mark in _MARKS):
        raise QueryError("the query has several statements or a comment, so it is asked alone")
    return "\nUNION ALL\n".join(
        f"SELECT '{n}' AS {_PART}, * FROM ({each.strip()}) AS q{n}"  # noqa: S608 - the user's own
        for n, each in enumerate(queries)
    )


def rows(listed: Any, number: int) -> list[list[Any]]:
    """Give the rows of each query.

    A list of other rows may raise what reading it raises.
    """
    found: dict[str, list[Any]] = {str(n): [] for n in range(number)}
    for each in listed:
        found[each[_PART]].append({name: value for name, value in each.items() if name != _PART})
    return list(found.values())
