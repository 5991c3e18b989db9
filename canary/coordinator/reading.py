"""What the coordinator keeps of the objects of the hub."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from canary.api.fleet_approval import read_approvals
from canary.api.fleet_status import FleetPlanStatus, read_plan_status
from canary.api.fleetreport import ReportedCanary, read_report_status, report_name
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.api.validation import parse_fleet_plan
from canary.core.fleet_round import PlanInHand
from canary.errors import InvalidSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanObject:
    """A plan, with what was said of it last."""

    namespace: str
    name: str
    generation: int
    resource_version: str
    status: FleetPlanStatus
    plan: PlanInHand | None = None
    """None where it cannot be acted on."""
    problem: str = ""

    @property
    def full_name(self) -> str:
        """Its name as Canaries write it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportObject:
    """What a cluster says to a plan; the cluster is the namespace that it says it in."""

    cluster: str
    plan: str
    """Empty where the report's own name is not that of its plan."""
    canaries: Mapping[str, ReportedCanary] = field(default_factory=lambda: MappingProxyType({}))
    whole: bool = True
    """Whether all of it could be read: of what is missing nothing is known."""


def plan_object(manifest: Manifest) -> PlanObject:
    """Read a plan, whatever it holds."""
    metadata = manifest["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    generation = metadata.get("generation", 0)
    plan, problem = None, ""
    try:
        plan = PlanInHand(
            name=f"{namespace}/{name}",
            spec=parse_fleet_plan(manifest).spec,
            generation=generation,
            approvals=tuple(read_approvals(metadata.get("annotations") or {})),
        )
    except InvalidSpec as invalid:
        problem = str(invalid)
    return PlanObject(
        namespace=namespace,
        name=name,
        generation=generation,
        resource_version=metadata.get("resourceVersion", ""),
        status=read_plan_status(manifest.get("status")),
        plan=plan,
        problem=problem,
    )


def report_object(manifest: Manifest) -> ReportObject:
    """Read a report, whatever it holds."""
    metadata = manifest["metadata"]
    plan = text(part(manifest, "spec"), "plan")
    canaries = read_report_status(manifest.get("status")).canaries
    written = items(part(manifest.get("status"), "canaries"))
    return ReportObject(
        cluster=metadata.get("namespace", ""),
        plan=plan if metadata["name"] == report_name(plan) else "",
        canaries={each.canary: each for each in canaries},
        whole=len(canaries) == len(written),
    )
