"""How values are written into queries: by `printf`, as Go's templates have it, and durations."""

import re
from collections.abc import Sequence
from datetime import timedelta

from analysis.errors import QueryError

_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
_VERB = re.compile(r"%(.?)", re.DOTALL)
_TEXT_VERBS = ("s", "v")


def unescaped(text: str) -> str:
    """Read what stands between the double quotes of a string of Go.

    Raises:
        QueryError: it holds an escape that is none of these.
    """

    def meant(escape: re.Match[str]) -> str:
        if escape[1] not in _ESCAPES:
            raise QueryError(
                f'query: printf: "{escape[0]}" means nothing in a string; write a backslash as '
                "two, or the string in backticks"
            )
        return _ESCAPES[escape[1]]

    return _ESCAPE.sub(meant, text)


def formatted(text: str, values: Sequence[str]) -> str:
    """Put values in place of `%s` and `%v`, in their order; `%%` is a percent sign.

    Raises:
        QueryError: another verb stands there, or there are more or fewer verbs than values.
    """
    left = list(values)

    def put(verb: re.Match[str]) -> str:
        if verb[1] == "%":
            return "%"
        if verb[1] not in _TEXT_VERBS:
            raise QueryError(
                f'query: printf: "{verb[0]}" is not supported: write %s for a text, and %% for a '
                "percent sign"
            )
        if not left:
            raise QueryError(
                f"query: printf: there are more %s than values, which are {len(values)}: name "
                "another one, or take a %s away"
            )
        return left.pop(0)

    filled = _VERB.sub(put, text)
    if left:
        raise QueryError(
            f"query: printf: {len(values)} values, and {len(values) - len(left)} of %s: write a %s "
            "for each value"
        )
    return filled


def prometheus_duration(duration: timedelta) -> str:
    """Write a duration as Prometheus does: 30s, 1m, 1h30m, 500ms.

    Raises:
        QueryError: the duration is shorter than a millisecond.
    """
    rest = duration // timedelta(milliseconds=1)
    if rest <= 0:
        raise QueryError(f"interval: {duration} is no time; write at least 1 ms, such as 1m")
    text = ""
    lengths = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
    for unit, length in lengths.items():
        count, rest = divmod(rest, length)
        text += f"{count}{unit}" if count else ""
    return text
