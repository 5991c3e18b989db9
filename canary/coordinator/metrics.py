"""The coordinator's metrics: who leads, and where the releases of each plan stand.

Only who leads tells of plans, so that several replicas count nothing twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from canary.api.fleet_status import FleetCanary, FleetPlanStatus

_OF_PLAN = ("namespace", "plan")


class ReleaseStanding(StrEnum):
    """Where the release of a Canary stands in its plan."""

    HALTED = "halted"
    UNDER_WAY = "under-way"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFigures:
    """What one look at the hub came to."""

    leads: bool = False
    """Whether this process decides."""
    undecided: bool = False
    """Whether it should, and cannot."""
    plans: tuple[tuple[str, str, FleetPlanStatus], ...] = ()
    """Namespace, name and status of each plan that it decides."""


class FleetMetrics(Collector):
    """What the coordinator tells Prometheus: the figures of its last look, all of one moment."""

    def __init__(self, version: str = "") -> None:
        self._version = version
        self._registry = CollectorRegistry()
        self._figures = FleetFigures()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def show(self, figures: FleetFigures) -> None:
        """Show these figures from now on."""
        self._figures = figures

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics in the format that a reader accepts; give its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterable[Metric]:
        """Give the figures."""
        figures = self._figures
        about = InfoMetricFamily("tidegate_fleet", "The coordinator that runs.")
        about.add_metric((), {"version": self._version})
        yield about
        yield GaugeMetricFamily(
            "tidegate_fleet_leader", "Whether this process decides the plans.", figures.leads
        )
        yield GaugeMetricFamily(
            "tidegate_fleet_undecided",
            "Whether it leads, and could not decide the plans when it last tried.",
            figures.undecided,
        )
        releases = GaugeMetricFamily(
            "tidegate_fleet_releases",
            "Canaries of a plan, by where their newest release stands.",
            labels=(*_OF_PLAN, "standing"),
        )
        silent = GaugeMetricFamily(
            "tidegate_fleet_silent_clusters",
            "Clusters of a plan that have shown no sign of life for its reportTimeout.",
            labels=_OF_PLAN,
        )
        for namespace, name, status in figures.plans:
            for standing, number in _counted(status).items():
                releases.add_metric((namespace, name, standing), number)
            silent.add_metric((namespace, name), len(status.silent))
        yield releases
        yield silent


def _counted(status: FleetPlanStatus) -> Mapping[ReleaseStanding, int]:
    """Count the Canaries of a plan; one that has reported no release yet stands nowhere."""
    found = [_standing(each) for each in status.canaries if each.release]
    return {standing: found.count(standing) for standing in ReleaseStanding}


def _standing(entry: FleetCanary) -> ReleaseStanding:
    if entry.halted:
        return ReleaseStanding.HALTED
    return ReleaseStanding.COMPLETE if entry.complete else ReleaseStanding.UNDER_WAY
