"""The kinds of a fleet's hub: any API server has them that clusters report to.

They are no part of what a controller's own cluster needs, and are installed by themselves.
"""

from canary.api.fleet_status import FleetPlanStatus
from canary.api.fleetplan import FleetPlan, FleetPlanSpec
from canary.api.fleetreport import FleetReport, FleetReportSpec, FleetReportStatus
from canary.api.kinds import Kind
from canary.api.meta import GROUP, VERSION
from canary.api.resources import Column, CustomResource

FLEET_PLAN = Kind(group=GROUP, versions=(VERSION,), kind="FleetPlan", plural="fleetplans")
FLEET_REPORT = Kind(group=GROUP, versions=(VERSION,), kind="FleetReport", plural="fleetreports")

MEMBER_LEASE = "tidegate"
"""The name of a member's Lease, in its own namespace on the hub: its sign of life."""
MEMBER_LABEL = f"{GROUP}/member"
"""The label that tells such a Lease from others."""

HUB_KINDS = (
    CustomResource(
        model=FleetPlan,
        spec=FleetPlanSpec,
        status=FleetPlanStatus,
        plural=FLEET_PLAN.plural,
        short_name="fp",
        columns=(
            Column(name="Stop", path=".spec.stop", type="boolean"),
            Column(name="Progressing", path='.status.conditions[?(@.type=="Progressing")].status'),
            Column(name="Halted", path='.status.conditions[?(@.type=="Halted")].status'),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
            Column(name="Silent", path=".status.silent", wide=True),
        ),
    ),
    CustomResource(
        model=FleetReport,
        spec=FleetReportSpec,
        status=FleetReportStatus,
        plural=FLEET_REPORT.plural,
        short_name="fr",
        columns=(
            Column(name="Plan", path=".spec.plan"),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
        ),
    ),
)
