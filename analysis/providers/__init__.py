"""Providers answer queries: each talks to one kind of metric store, and judges nothing.

The protocol every provider keeps, and the table of their names. Providers do not know each other;
what those that speak HTTP share is in `connection.py`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from analysis.errors import AnalysisError, QueryError
from analysis.evidence import Count
from analysis.model import Outcome, ProviderSpec
from analysis.plugins import PluginTable

#: What a provider is given of a Secret, where it names no keys of its own.
SECRET_KEYS = ("token", "username", "password")
#: The providers whose past can be read.
KEPT_BY = frozenset({"prometheus"})

_COUNTS_NOTHING = (
    "this provider does not count requests; use a template whose provider is azuremonitor, "
    "cloudwatch, datadog, dynatrace, elasticsearch, graphite, influxdb, loki, newrelic, opensearch, "
    "prometheus, scrape, splunk, stackdriver or wavefront, or another judge"
)
_REGION = re.compile("[a-z0-9]+(-[a-z0-9]+){0,5}")


class Provider(Protocol):
    """HttpAnswer queries from one metric store. Made with a `ProviderSpec`, inside an event loop.

    A query may be cancelled at any await, and several run at once. No secret of the spec may be
    in what is answered or raised.

    A provider may name the keys that it is given of its template's Secret, as a tuple
    `secret_keys`; `SECRET_KEYS` where it does not. Every other key stays in the cluster. It may
    have a `home`, the address of a store that templates need not name, in which `{region}` stands
    for the template's region, or `asks_cluster`, for one that the cluster's API server answers for;
    with `asks_as_controller` set to False, only with a token of the Secret.
    A class method `places` may name every address that is presented something of the Secret, where
    that is not the store's alone. A class method `check` may raise a `QueryError` for a spec that it cannot work with.
    """

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """HttpAnswer a query with one value at a moment, looking back on an interval.

        Raises:
            QueryError: the query or the spec is wrong; asking again will not help.
            ProviderUnavailable: the store gave no answer; asking again may help.
        """

    async def count(self, query: str, since: datetime, at: datetime) -> Outcome:
        """Count the requests since a moment.

        By a query made of `increase(…)`, or by one of the store's own. A class method `check_count`
        may raise a `QueryError` for a query that cannot count.

        The sample's `at` says up to which moment it counts. The count from there on neither leaves
        out what this one has not seen nor repeats what it has.

        Raises:
            QueryError: as `query` does; also where the store is not asked for counts.
            ProviderUnavailable: as `query` does.
        """

    async def prepare(self, query: str, interval: timedelta) -> None:
        """Begin to watch what a later query needs to know; a store of its own needs nothing.

        Raises:
            QueryError: as `query` does.
        """

    async def close(self) -> None:
        """Let go of connections and tasks; closing twice is closing once."""


@runtime_checkable
class CountsTogether(Protocol):
    """A provider that reads what several counts need with fewer questions than there are counts."""

    async def count_together(
        self, queries: Sequence[str], since: datetime, at: datetime
    ) -> tuple[Outcome, ...]:
        """Count by each of several queries, as `count` does by one.

        Raises:
            QueryError: one of them is wrong, or the store refuses what they come to: each is asked alone.
            ProviderUnavailable: as `query` does.
        """


@runtime_checkable
class CountsHalves(Protocol):
    """A provider that tells pods apart, and remembers what each has counted."""

    async def halves(
        self, queries: tuple[str, str], at: datetime, block: timedelta, blocks: int
    ) -> Sequence[tuple[Count, Count]]:
        """Count requests, and a part of them, of two halves of the pods, block by block.

        Nothing where the pods cannot be told apart.

        Raises:
            QueryError: a query is wrong.
            ProviderUnavailable: as `query` does.
        """


class ProviderDefaults:
    """What a provider may leave out: it counts nothing, prepares nothing, and keeps nothing open."""

    async def count(self, _query: str, _since: datetime, _at: datetime) -> Outcome:
        """Refuse to count.

        Raises:
            QueryError: always; says who counts.
        """
        raise QueryError(_COUNTS_NOTHING)

    @classmethod
    def check_count(cls, _spec: ProviderSpec, _query: str) -> None:
        """Refuse to count.

        Raises:
            QueryError: always; says who counts.
        """
        raise QueryError(_COUNTS_NOTHING)

    async def prepare(self, _query: str, _interval: timedelta) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


PROVIDERS: PluginTable[Provider] = PluginTable(
    group="tidegate.providers",
    defaults="analysis.providers:ProviderDefaults",
    builtin={
        "azuremonitor": "analysis.providers.azuremonitor:AzureMonitorProvider",
        "cloudwatch": "analysis.providers.cloudwatch:CloudWatchProvider",
        "custommetrics": "analysis.providers.custommetrics:CustomMetricsProvider",
        "datadog": "analysis.providers.datadog:DatadogProvider",
        "dynatrace": "analysis.providers.dynatrace:DynatraceProvider",
        "elasticsearch": "analysis.providers.elasticsearch:ElasticsearchProvider",
        "externalmetrics": "analysis.providers.externalmetrics:ExternalMetricsProvider",
        "graphite": "analysis.providers.graphite:GraphiteProvider",
        "honeycomb": "analysis.providers.honeycomb:HoneycombProvider",
        "influxdb": "analysis.providers.influxdb:InfluxProvider",
        "kayenta": "analysis.providers.kayenta:KayentaProvider",
        "keptn": "analysis.providers.keptn:KeptnProvider",
        "loki": "analysis.providers.loki:LokiProvider",
        "newrelic": "analysis.providers.newrelic:NewRelicProvider",
        "opensearch": "analysis.providers.opensearch:OpenSearchProvider",
        "podmetrics": "analysis.providers.podmetrics:PodMetricsProvider",
        "prometheus": "analysis.providers.prometheus:PrometheusProvider",
        "scrape": "analysis.providers.scrape:ScrapeProvider",
        "sentry": "analysis.providers.sentry:SentryProvider",
        "skywalking": "analysis.providers.skywalking:SkyWalkingProvider",
        "splunk": "analysis.providers.splunk:SplunkProvider",
        "stackdriver": "analysis.providers.stackdriver:StackdriverProvider",
        "wavefront": "analysis.providers.wavefront:WavefrontProvider",
        "web": "analysis.providers.web:WebProvider",
    },
)


def secret_keys(name: str) -> tuple[str, ...]:
    """Give the keys of a Secret that a provider is given.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: its package cannot be loaded.
    """
    return tuple(getattr(_loaded(name), "secret_keys", SECRET_KEYS))


def address_of(spec: ProviderSpec) -> str:
    """Give the address of a spec, or that of its provider's store; empty where it must be named.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: its package cannot be loaded, or it needs a region.
    """
    home = str(getattr(_loaded(spec.type), "home", ""))
    if spec.address or "{region}" not in home:
        return spec.address or home
    if _REGION.fullmatch(spec.region) is None:
        raise QueryError(
            f"provider.region: {spec.region[:63]!r} is none of {spec.type}; write one such as "
            "us-east-1"
        )
    return home.replace("{region}", spec.region)


def asks_cluster(name: str) -> bool:
    """Tell whether a provider asks the API server of the cluster where no address is named.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: its package cannot be loaded.
    """
    return bool(getattr(_loaded(name), "asks_cluster", False))


def asks_as_controller(name: str) -> bool:
    """Tell whether a provider may ask the API server with the controller's own token.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: its package cannot be loaded.
    """
    return bool(getattr(_loaded(name), "asks_as_controller", True))


def places(spec: ProviderSpec) -> tuple[str, ...]:
    """Name the addresses that are presented something of a spec's Secret.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: its package cannot be loaded.
    """
    named = getattr(_loaded(spec.type), "places", None)
    return tuple(named(spec)) if named is not None else (spec.address,)


def check(spec: ProviderSpec) -> None:
    """Find out whether a provider can work with a spec, without asking anything.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: it cannot; says what to write.
    """
    checks = getattr(_loaded(spec.type), "check", None)
    if checks is not None:
        checks(spec)
    elif spec.options:
        name = min(dict(spec.options))
        raise QueryError(f"provider.options.{name}: provider {spec.type} reads no options")


def check_count(spec: ProviderSpec, query: str) -> None:
    """Find out whether a provider can count by a query, without asking anything.

    Raises:
        UnknownPlugin: no provider has this name.
        QueryError: it cannot; says what to write.
    """
    checks = getattr(_loaded(spec.type), "check_count", None)
    if checks is not None:
        checks(spec, query)


def counts_together(spec: ProviderSpec, table: PluginTable[Provider] = PROVIDERS) -> bool:
    """Tell whether a provider counts by several queries at once; what cannot be loaded does not."""
    try:
        loaded = table.load(spec.type)
    except (ImportError, AttributeError, AnalysisError):
        return False
    takes = getattr(loaded, "takes_together", None)
    return hasattr(loaded, "count_together") and (takes is None or bool(takes(spec)))


def _loaded(name: str) -> Callable[..., Provider]:
    try:
        return PROVIDERS.load(name)
    except (ImportError, AttributeError) as error:
        raise QueryError(f"provider {name!r} cannot be loaded: {error}") from error
