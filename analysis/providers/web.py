"""Provider `web`: a number out of any JSON that an address answers with.

The query is a path to it: `data.success_percent`, `$.items[0].value`, `{$.data['ok']}`. A value may
be a number, a number as text, or true or false, which are 1 and 0.
"""

import re
from datetime import timedelta
from typing import Any, ClassVar

from analysis.errors import QueryError
from analysis.http.exchange import HttpAnswer
from analysis.model import ProviderSpec
from analysis.providers.series import Point, number
from analysis.providers.store import OPTIONS, Reading, Request, StoreProvider
from analysis.providers.windows import Window

#: A path has no more parts than this.
MOST_PARTS = 32
_PART = re.compile(
    r"\.?(?P<name>[A-Za-z_][\w-]*)|\[(?P<place>-?[0-9]{1,6})\]|\['(?P<quoted>[^']*)'\]"
)
_JSON = {"Accept": "application/json"}


class WebProvider(StoreProvider):
    """Get an address, or post to it, and follow a path through what comes back."""

    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "body", "method")
    root = "one that answers with JSON"
    settle = timedelta(0)

    def __init__(self, spec: ProviderSpec) -> None:
        super().__init__(spec)
        # A path may end in a slash.
        self._address = spec.address

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether the request can be made."""
        super().check(spec)
        options = dict(spec.options)
        if options.get("method", "GET") not in {"GET", "POST"}:
            raise QueryError("provider.options.method: write GET or POST")
        if "body" in options and options.get("method") != "POST":
            raise QueryError("provider.options.body: a GET has none; write the option method: POST")

    def request(self, query: str, window: Window) -> Request:
        """Get or post, as the options say."""
        _parts(query)
        if self._options.get("method") != "POST":
            return Request(path="", headers=_JSON)
        return Request(
            path="",
            content=self._options.get("body", "{}").encode(),
            headers={**_JSON, "Content-Type": "application/json"},
        )

    def answers(self, answer: HttpAnswer) -> bool:
        """Take every 2xx for an answer."""
        return 200 <= answer.status < 300

    def understood(self, answer: HttpAnswer, query: str, window: Window) -> Reading:
        """Read an answer; 204 says that there is none."""
        return Reading() if answer.status == 204 else super().understood(answer, query, window)

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Follow the path."""
        value = payload
        for part in _parts(query):
            try:
                value = value[part]
            except (LookupError, TypeError):
                return Reading()
        if isinstance(value, list | dict):
            raise QueryError("the path leads to no single value; go on to a number")
        return Reading(series=[(Point(float(value) if value is True else _number(value)),)])

    def words(self, payload: Any) -> str:
        """Find nothing: who answers here is not known."""
        return ""


def _parts(path: str) -> list[str | int]:
    """Read a path.

    Raises:
        QueryError: it holds more than names and places.
    """
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    parts: list[str | int] = []
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        if found is None or len(parts) == MOST_PARTS:
            raise QueryError(
                "the query is no path of names and places; write one such as data.items[0].value"
            )
        name = found["name"] if found["name"] is not None else found["quoted"]
        parts.append(int(found["place"]) if name is None else name)
        place = found.end()
    return parts


def _number(value: object) -> float | None:
    return 0.0 if value is False else number(value)
