"""What a status other than 200 says: whose fault it is, and when to ask again.

The words of a store are shown where it says them in its own form; of any other page only what it
is, and how long: it may be a page that was not meant to be shown.
"""

from collections.abc import Callable
from typing import Any

import orjson

from analysis.errors import AnalysisError, LoginRefused, ProviderUnavailable, QueryError, Throttled
from analysis.http.exchange import HttpAnswer
from analysis.secrecy import shown_address, shown_text

Words = Callable[[Any], str]
"""Finds what a store says of an error in its JSON; empty where this is not how the store speaks."""


def refusal(
    answer: HttpAnswer,
    where: str,
    *,
    words: Words,
    secrets: tuple[str, ...],
    root: str,
    login: str = "the credentials",
) -> AnalysisError:
    """Name a status other than 200, with the store's own words where it has any.

    `root` says what the address must be, such as "the root of a Prometheus API"; `login` names
    the credentials that the store has refused.
    """
    said = shown_text(own_words(answer, words), secrets)
    told = f"{where} answers {answer.status}" + (f" ({said})" if said else "")
    match answer.status:
        case 401 | 403:
            return LoginRefused(f"{told}: check {login}")
        case 404:
            return QueryError(f"{told}: check that the address is {root}")
        case status if 300 <= status < 400:
            leads = f" to {shown_address(answer.location)}" if answer.location else ""
            return QueryError(
                f"{told}: it redirects{leads}, and redirects are not followed; "
                "write the final address"
            )
        case 400 | 405 | 413 | 414 | 422:
            return QueryError(f"{told}: correct the query")
        case 429:
            return Throttled(told, answer.retry_after)
        case 503 if answer.retry_after is not None:
            return Throttled(told, answer.retry_after)
        case _:
            return ProviderUnavailable(told)


def own_words(answer: HttpAnswer, words: Words) -> str:
    """Give what a store says of an error; of any other page only what it is, and how long."""
    try:
        if said := words(orjson.loads(answer.body)):
            return said
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        pass
    if not answer.body:
        return ""
    return f"{len(answer.body)} bytes of {answer.media_type or 'no media type'}"
