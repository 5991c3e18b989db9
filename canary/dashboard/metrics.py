"""What the dashboard tells Prometheus of itself: nothing of any Canary, and of no person."""

from collections.abc import Callable, Iterable
from time import monotonic

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from canary.dashboard.sessions import Logins

FLEET = "/"
"""The page whose making is measured: it is the one that grows with the fleet."""
NOWHERE = "none"
"""The route of a request for which there is no page: what it asked for makes no series."""
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5)


class _CountedLogins(Collector):
    """Reads the logins when it is asked."""

    def __init__(self, auth: str, logins: Logins) -> None:
        self._auth = auth
        self._logins = logins

    def collect(self) -> Iterable[Metric]:
        """Give both results, from the start on."""
        family = CounterMetricFamily(
            "tidegate_dashboard_logins",
            "Logins, by the way in and what came of them.",
            labels=("auth", "result"),
        )
        for result in ("accepted", "refused"):
            family.add_metric((self._auth, result), getattr(self._logins, result))
        yield family


class DashboardMetrics:
    """The metrics of one dashboard."""

    def __init__(self, *, streams: Callable[[], int], auth: str, logins: Logins) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._requests = Counter(
            "tidegate_dashboard_requests",
            "Requests that were answered, by the page's address and the status.",
            ("route", "code"),
            registry=self._registry,
        )
        self._fleet = Histogram(
            "tidegate_dashboard_fleet_page_seconds",
            "How long the list of Canaries took to make.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        live = Gauge("tidegate_dashboard_streams", "Pages that are live.", registry=self._registry)
        live.set_function(lambda: float(streams()))
        self._registry.register(_CountedLogins(auth, logins))

    def counting(self, root_path: str) -> Middleware:
        """Give what counts every answer, whatever it is; it must stand before all else."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource, started = request.match_info.route.resource, monotonic()
            route = resource.canonical.removeprefix(root_path) if resource else NOWHERE
            try:
                response = await handler(request)
            except web.HTTPException as answer:
                self._requests.labels(route, str(answer.status)).inc()
                raise
            self._requests.labels(route, str(response.status)).inc()
            if route == FLEET and response.status == web.HTTPOk.status_code:
                self._fleet.observe(monotonic() - started)
            return response

        return count

    def application(self) -> web.Application:
        """Give what serves them, and nothing else."""

        async def metrics(request: web.Request) -> web.Response:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
            return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

        served = web.Application()
        served.router.add_get("/metrics", metrics)
        return served
