"""What a controller says as it starts: what it serves, and whether what it needs is there."""

import logging
from datetime import UTC, datetime, timedelta

from analysis.asking import Providers
from analysis.model import Ask, Bounds, Metric, ProviderSpec, QueryFailure
from analysis.secrecy import shown_address
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError
from canary.routers import ROUTERS, router_for
from canary.settings import Settings

log = logging.getLogger(__name__)


async def introduce(cluster: Cluster, settings: Settings, version: str) -> None:
    """Log what is served, and then what was found of routers and of the metric store."""
    log.info(
        "tidegate %s serves the Canaries of %s in %s, with the router %s where they name none",
        version,
        ", ".join(settings.api_groups),
        ", ".join(settings.namespaces) or "all namespaces",
        settings.router,
    )
    log.info("routers: %s; metric store: %s", await _routers(cluster), await _store(settings))


async def _routers(cluster: Cluster) -> str:
    """Say of each router which of the kinds that it writes are not installed."""
    said = []
    for name in ROUTERS.names():
        try:
            kinds = router_for(name).kinds
            missing = [kind.resource for kind in kinds if await cluster.discover(kind) is None]
        except ClusterError as error:
            said.append(f"{name} (not known: {error})")
        else:
            found = f"not installed: {', '.join(missing)}" if missing else "installed"
            said.append(f"{name} ({found})")
    return ", ".join(said)


async def _store(settings: Settings) -> str:
    """Say where built-in metrics come from, and whether a store answers a query of no cost."""
    if settings.metrics_provider == "scrape":
        return f"scrape of {', '.join(map(shown_address, settings.scrape_targets))}"
    where = f"{settings.metrics_provider} at {shown_address(settings.metrics_server)}"
    if settings.metrics_provider != "prometheus":
        # Which query costs nothing there is not known here.
        return where
    metric = Metric(
        name="introduction",
        asks=(Ask(query="vector(1)"),),
        provider=ProviderSpec(type=settings.metrics_provider, address=settings.metrics_server),
        interval=timedelta(minutes=1),
        threshold_range=Bounds(),
    )
    async with Providers() as providers:
        outcome = await providers.ask(metric, datetime.now(UTC))
    return f"{where}: {outcome.reason}" if isinstance(outcome, QueryFailure) else f"{where} answers"
