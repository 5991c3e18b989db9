"""Grants: which runs of many Canaries may be under way at once under one DeliveryPolicy.

Rule 1: a run starts only with a grant of every policy that limits it, and a grant is of one run: the
next run of the Canary asks again. So a grant is given back for certain when its run is over, which a
Canary's status never takes back.
Rule 2: whatever is under way counts, with a grant or without: what began before there was the policy,
and what was expedited.
Rule 3: those that ask come in the order of the line: by priority, then by age. Nothing overtakes, and
nothing that runs gives way.
Rule 4: the members of a group wait for each other, so they share one place: once one of them has it,
none of the others waits for another.

Both sides read old news of each other. The grants of a policy are written on the version that they
were decided on, and the status of a Canary is as well: the limit holds with any number of replicas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from canary.api.canary import CanarySpec
from canary.api.policy_status import MOST_GRANTS, DeliveryPolicyStatus, Grant
from canary.api.status import INVALID_STATE, CanaryStatus, Phase, Stage
from canary.core.peers import CanaryName
from canary.core.phases import RUNNING

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a Canary has, or asks for, of the policies that limit how many run at once."""

    canary: CanaryName
    uid: str
    run: int
    """The number of its newest run."""
    underway: bool
    """Whether that run is not over."""
    started: bool
    """Whether it has started; false while it waits for leave to."""
    asks: str = ""
    """The policy in whose line it waits; empty where it waits in none."""
    since: datetime = _LONG_AGO
    """When the run began to be."""
    priority: int = 0
    together: tuple[str, str, str] | None = None
    """Namespace, group and release of those that it goes with; None where it goes alone."""
    bound: bool = True
    """Whether the policy that is decided binds it."""

    @classmethod
    def of(
        cls, canary: CanaryName, uid: str, status: CanaryStatus, spec: CanarySpec | None
    ) -> "Claim":
        """Read the claim of a Canary; without a spec that can be read it asks for nothing."""
        phase, run, stage = status.phase, status.run, status.stage
        withheld = stage is not None and stage.name is Stage.WITHHELD
        asks = phase is Phase.WAITING and withheld and status.state != INVALID_STATE
        group = spec.group.name if spec is not None and spec.group else ""
        return cls(
            canary=canary,
            uid=uid,
            run=status.runs,
            underway=phase in RUNNING,
            started=phase in RUNNING and phase is not Phase.WAITING,
            asks=run.queue if run is not None and asks and spec is not None else "",
            since=run.started_at if run is not None else _LONG_AGO,
            priority=spec.priority if spec is not None else 0,
            together=(canary.namespace, group, status.release)
            if group and status.release
            else None,
        )

    @property
    def place(self) -> object:
        """What takes one place: a Canary, or all that go together."""
        return self.together or self.uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is decided for a policy: its status, and who waits in which order."""

    status: DeliveryPolicyStatus
    waiting: tuple[Claim, ...] = ()
    under_way: tuple[str, ...] = ()
    """The Canaries that have the places, with a grant or without."""

    @property
    def before(self) -> Mapping[str, str]:
        """Name who is directly before each that waits, by UID; before the first there is none."""
        names = ("", *(str(each.canary) for each in self.waiting))
        return {each.uid: name for each, name in zip(self.waiting, names, strict=False)}


def doubtful(status: DeliveryPolicyStatus, claims: Mapping[str, Claim]) -> tuple[Grant, ...]:
    """Name the grants of Canaries, by UID, of which less is known than their grants say.

    They are gone, or what is known of them is old.
    """
    return tuple(
        each for each in status.running if each.uid not in claims or claims[each.uid].run < each.run
    )


def decide_grants(
    policy: str, limit: int | None, status: DeliveryPolicyStatus, claims: Iterable[Claim]
) -> Line:
    """Give grants back whose runs are over, and grant what has become free to the first in line.

    `claims` are those of the Canaries that the policy binds, and of all that have a grant.
    """
    if limit is None:
        return Line(status=DeliveryPolicyStatus())
    known = {each.uid: each for each in claims}
    kept = [each for each in status.running if _holds(each, known.get(each.uid))]
    held = {each.uid for each in kept}
    bound = [each for each in known.values() if each.bound]
    places = {each.place for each in bound if each.uid in held or each.started}
    waiting = []
    for each in sorted(bound, key=_turn):
        if each.asks != policy or each.uid in held:
            continue
        if (each.place in places or len(places) < limit) and len(kept) < MOST_GRANTS:
            kept.append(Grant(canary=str(each.canary), uid=each.uid, run=each.run))
            places.add(each.place)
        else:
            waiting.append(each)
    held = {each.uid for each in kept}
    return Line(
        status=DeliveryPolicyStatus(running=tuple(kept), granted=len(kept), queued=len(waiting)),
        waiting=tuple(waiting),
        under_way=tuple(
            sorted(str(each.canary) for each in bound if each.uid in held or each.started)
        ),
    )


def _holds(grant: Grant, claim: Claim | None) -> bool:
    """Tell whether the run of a grant is not over."""
    return claim is not None and claim.bound and claim.underway and claim.run == grant.run


def _turn(claim: Claim) -> tuple[int, datetime, CanaryName, str]:
    return -claim.priority, claim.since, claim.canary, claim.uid
