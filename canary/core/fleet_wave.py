"""The wave: a run of a Canary that names a FleetPlan starts with the plan's grant to this cluster.

What is granted is decided on the hub (`fleet.py`). Here nothing is but whether there is a grant of
this very run: no plan, no grant or no hub is no leave. Once a run has started the plan is not asked
again, so the hub is not needed for it to end.
"""

from canary.api.fleet_status import FleetGrant
from canary.core import waits as why
from canary.core.facts import PlanSeen
from canary.core.fleet_report import fleet_release
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld


def ask_wave(situation: Situation) -> Granted | Withheld:
    """Withhold the start of a run that the plan has not granted; one that is expedited needs none."""
    fleet = situation.spec.fleet
    if fleet is None or situation.current_run.expedited or _grant(situation) is not None:
        return Granted()
    message = f"waiting for FleetPlan {fleet.plan}: {_missing(situation, situation.facts.plan)}"
    return Withheld(reason=why.FLEET_WAVE, message=message)


def note_wave(situation: Situation) -> Situation:
    """Note by which wave a run starts."""
    grant = _grant(situation)
    return situation.with_run(wave=grant.wave) if grant is not None else situation


def _grant(situation: Situation) -> FleetGrant | None:
    """Find the plan's grant of this run; what is not known now is none."""
    plan = situation.facts.plan
    if plan is None or plan.away or plan.entry is None:
        return None
    grant = plan.entry.grant(plan.cluster, situation.facts.uid, situation.status.runs)
    same = grant is not None and grant.release == fleet_release(situation.status)
    return grant if same else None


def _missing(situation: Situation, plan: PlanSeen | None) -> str:
    """Say why there is no grant."""
    if plan is None:
        return "this controller has no hub: give it --fleet-kubeconfig, or remove spec.fleet"
    if plan.away:
        return f"the hub cannot be asked: {plan.away}"
    if not plan.exists:
        return "there is none of that name on the hub: create it, or remove spec.fleet"
    entry, release = plan.entry, fleet_release(situation.status)
    if not release:
        return "the release is not known, as the target has no images"
    if entry is None:
        return "the coordinator has not seen this Canary yet"
    if entry.release != release:
        newest = f"; the newest is {entry.release}" if entry.release else ""
        return f"release {release} is not the one that it rolls out{newest}"
    return entry.message or "the coordinator has not decided yet"
