"""What a cluster reports of a Canary to the FleetPlan that it names.

The release is what is compared between clusters: revisions differ there, releases do not. It is what
the target's annotation tidegate.dev/release says, or else a digest of the images of its pods.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType

from canary.api.fleetreport import FleetState, ReportedCanary
from canary.api.status import INVALID_STATE, CanaryStatus, Phase, Stage
from canary.core import waits as why
from canary.core.peers import CanaryName
from canary.core.telling import message_said

_STATES: Mapping[Phase, FleetState] = MappingProxyType(
    {
        Phase.NEW: FleetState.IDLE,
        Phase.INITIALIZING: FleetState.IDLE,
        Phase.INITIALIZED: FleetState.PROMOTED,
        Phase.WAITING: FleetState.HELD,
        Phase.PROGRESSING: FleetState.RUNNING,
        Phase.WAITING_PROMOTION: FleetState.RUNNING,
        Phase.PROMOTING: FleetState.RUNNING,
        Phase.FINALISING: FleetState.RUNNING,
        Phase.SUCCEEDED: FleetState.PROMOTED,
        Phase.FAILED: FleetState.ROLLED_BACK,
        Phase.TERMINATING: FleetState.IDLE,
    }
)


@dataclass(frozen=True, slots=True)
class FleetStanding:
    """What is reported of a Canary, and to which plan."""

    plan: str
    """Written as namespace/name."""
    canary: ReportedCanary


def fleet_release(status: CanaryStatus) -> str:
    """Name the release of the revision that is tested, or was tested last; empty where unknown."""
    if status.release:
        return status.release
    images = sorted({each.image for each in status.applied_images})
    # A NUL is in no image's name.
    return blake2b("\0".join(images).encode(), digest_size=8).hexdigest() if images else ""


def reported(name: CanaryName, uid: str, status: CanaryStatus) -> ReportedCanary:
    """Say how far a Canary has come."""
    run, state = status.run, _state(status)
    # What a run says of itself changes with each look, and is not for others.
    held = state is FleetState.HELD
    return ReportedCanary(
        canary=str(name),
        uid=uid,
        release=fleet_release(status),
        state=state,
        run=status.runs,
        since=status.last_transition_time,
        expedited=run.expedited if run is not None else "",
        message=message_said(status) if held else "",
    )


def _state(status: CanaryStatus) -> FleetState:
    state = _STATES[status.phase]
    if state is FleetState.PROMOTED and status.last_applied_spec != status.last_promoted_spec:
        return FleetState.IDLE
    if state is FleetState.ROLLED_BACK and _never_started(status):
        return FleetState.HELD
    run, stage = status.run, status.stage
    withheld = stage is not None and stage.name is Stage.WITHHELD
    waits = withheld and run is not None and run.awaits_wave and status.state != INVALID_STATE
    return FleetState.WAITING if state is FleetState.HELD and waits else state


def _never_started(status: CanaryStatus) -> bool:
    """Tell whether the last run was given up while it waited for its wave."""
    return bool(status.history) and status.history[0].reason == why.FLEET_WAVE
