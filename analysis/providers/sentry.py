"""Provider `sentry`: release health of Sentry, such as the share of sessions without a crash.

A query is what stands behind the `?` of an address of its sessions API, with one `field`:
`field=crash_free_rate(session)&project=1&query=release:"shop@2.1"`. Sentry tells of whole hours alone, so the
value is that of the last whole hour, or of as many as the window is long.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode

from analysis.errors import QueryError
from analysis.model import ProviderSpec
from analysis.providers.series import Point, number
from analysis.providers.store import OPTIONS, Reading, Request, StoreProvider
from analysis.providers.windows import Window

_HOUR = timedelta(hours=1)
_OURS = frozenset({"start", "end", "interval", "statsPeriod"})


class SentryProvider(StoreProvider):
    """Ask the sessions API of an organization, with a token."""

    required: ClassVar[tuple[str, ...]] = ("token",)
    secret_keys: ClassVar[tuple[str, ...]] = ("token",)
    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "organization")
    home = "https://sentry.io"
    root = "the root of a Sentry server"
    settle = timedelta(minutes=5)
    bucket = _HOUR

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether an organization is named."""
        super().check(spec)
        if not dict(spec.options).get("organization"):
            raise QueryError("provider.options.organization: name the organization by its slug")

    def request(self, query: str, window: Window) -> Request:
        """Ask about the hours of the window."""
        # Queries are broken into lines for people.
        asked = parse_qsl(" ".join(query.split()), keep_blank_values=True)
        _field(query)
        if ours := sorted(_OURS & {name for name, _ in asked}):
            raise QueryError(f"the query names {ours[0]}, which follows from the window; remove it")
        about = {"start": _moment(window.start), "end": _moment(window.end), "interval": "1h"}
        organization = quote(self._options["organization"], safe="")
        parameters = urlencode([*((name, value.strip()) for name, value in asked), *about.items()])
        return Request(path=f"/api/0/organizations/{organization}/sessions/?{parameters}")

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the total of each group, which is a series."""
        field = _field(query)
        return Reading(
            series=[(Point(number(each["totals"][field])),) for each in payload["groups"]]
        )

    def words(self, payload: Any) -> str:
        """Find what Sentry says of an error."""
        return str(payload["detail"])


def _field(query: str) -> str:
    """Give the field that a query asks for.

    Raises:
        QueryError: there is none, or more than one.
    """
    fields = [value.strip() for name, value in parse_qsl(query) if name == "field"]
    if len(fields) != 1:
        raise QueryError(
            "the query asks for no one field; write field=…, such as field=crash_free_rate(session)"
        )
    return fields[0]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
