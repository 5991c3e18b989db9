"""What a controller says as it starts: what it serves, and whether what it needs is there."""

import logging
from datetime import UTC, datetime, timedelta

from analysis.asking import Providers
from analysis.errors import UnknownPlugin
from analysis.model import Ask, Bounds, Metric, ProviderSpec, QueryFailure
from analysis.secrecy import shown_address
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError
from canary.routers import router_for
from canary.settings import Settings

log = logging.getLogger(__name__)


async def introduce(cluster: Cluster, settings: Settings, version: str) -> None:
    """Log what is served, and then what was found of the default router and of the metric store."""
    log.info(
        "tidegate %s serves the Canaries of %s in %s%s, with the router %s where they name none",
        version,
        ", ".join(settings.api_groups),
        ", ".join(settings.namespaces) or "all namespaces",
        f" with the labels {settings.selector}" if settings.selector else "",
        settings.router,
    )
    router = await _router(cluster, settings.router)
    log.info("router: %s; metric store: %s", router, await _store(settings))


async def _router(cluster: Cluster, name: str) -> str:
    """Say of the default router which of its kinds are not installed; others may never be used."""
    try:
        kinds = router_for(name).kinds
        missing = [kind.resource for kind in kinds if await cluster.discover(kind) is None]
    except (ClusterError, UnknownPlugin) as error:
        return f"{name} (not known: {error})"
    found = f"not installed: {', '.join(missing)}" if missing else "installed"
    return f"{name} ({found})"


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
