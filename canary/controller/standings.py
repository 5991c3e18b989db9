"""What is reported of a Canary to the FleetPlan that it names."""

from canary.api.raw import part, text
from canary.controller.canaries import AnyCanary, BrokenCanary
from canary.core.fleet_report import FleetStanding, reported
from canary.core.peers import CanaryName
from canary.objects.packing import unpacked


def standing_of(record: AnyCanary) -> FleetStanding | None:
    """Say how far a Canary has come; None where it names no plan.

    One that cannot be read is reported by its status all the same: it is not gone.
    """
    plan = _plan(record)
    if not plan:
        return None
    name = CanaryName(record.key.namespace, record.key.name)
    return FleetStanding(plan, reported(name, record.uid, record.status))


def _plan(record: AnyCanary) -> str:
    if isinstance(record, BrokenCanary):
        return text(part(part(unpacked(record.content), "spec"), "fleet"), "plan")
    fleet = record.canary.spec.fleet
    return fleet.plan if fleet is not None else ""
