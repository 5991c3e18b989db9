"""Providers answer queries: each talks to one kind of metric store, and judges nothing.

The protocol every provider keeps, and the table of their names. Providers do not know each other;
what those that speak HTTP share is in `connection.py`.
"""

from datetime import datetime, timedelta
from typing import Protocol

from analysis.errors import QueryError
from analysis.model import Outcome
from analysis.plugins import PluginTable

#: What a provider is given of a Secret, where it names no keys of its own.
SECRET_KEYS = ("token", "username", "password")


class Provider(Protocol):
    """HttpAnswer queries from one metric store. Made with a `ProviderSpec`, inside an event loop.

    A query may be cancelled at any await, and several run at once. No secret of the spec may be
    in what is answered or raised.

    A provider may name the keys that it is given of its template's Secret, as a tuple
    `secret_keys`; `SECRET_KEYS` where it does not. Every other key stays in the cluster.
    """

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """HttpAnswer a query with one value at a moment, looking back on an interval.

        Raises:
            QueryError: the query or the spec is wrong; asking again will not help.
            ProviderUnavailable: the store gave no answer; asking again may help.
        """

    async def prepare(self, query: str, interval: timedelta) -> None:
        """Begin to watch what a later query needs to know; a store of its own needs nothing.

        Raises:
            QueryError: as `query` does.
        """

    async def close(self) -> None:
        """Let go of connections and tasks; closing twice is closing once."""


class ProviderDefaults:
    """What a provider of a third party may leave out: nothing is prepared, and nothing is open."""

    async def prepare(self, _query: str, _interval: timedelta) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


PROVIDERS: PluginTable[Provider] = PluginTable(
    group="tidegate.providers",
    defaults="analysis.providers:ProviderDefaults",
    builtin={
        "prometheus": "analysis.providers.prometheus:PrometheusProvider",
        "scrape": "analysis.providers.scrape:ScrapeProvider",
    },
)


def secret_keys(name: str) -> tuple[str, ...]:
    """Give the keys of a Secret that a provider is given.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: its package cannot be loaded.
    """
    try:
        provider = PROVIDERS.load(name)
    except (ImportError, AttributeError) as error:
        raise QueryError(f"provider {name!r} cannot be loaded: {error}") from error
    return tuple(getattr(provider, "secret_keys", SECRET_KEYS))
