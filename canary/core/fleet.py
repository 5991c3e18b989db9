"""The fleet: which clusters may begin a release, by a FleetPlan and by what the clusters report.

F1: a wave opens when each cluster of the waves before reports this very release as promoted, or is
excused; then its bake passes, then its approval is given. Health is never asked.
F2: at most `maxConcurrent` grants of a wave have not ended, and whatever runs there without a grant
counts as well.
F3: more rollbacks in a wave than `maxFailures` halt the release everywhere, until a person goes on or
there is a newer one.
F4: a member that is silent is not known, and never successful. So is one that was not heard of yet.
F5: a newer release withdraws the grants that have not begun. One that the plan has seen through is a
way back: it is granted everywhere at once, where the plan does not say `Waves`.
F6: a grant that has begun is never withdrawn; it ends with its run.

Each Canary of the plan is decided by itself, from old news: whatever a partition hides can only mean
that fewer runs start.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from canary.api.fleet_status import FleetCanary, FleetGrant, FleetPlanStatus
from canary.api.status import Condition, clip
from canary.core.fleet_round import FleetMember, PlanInHand, Round, look
from canary.core.fleet_waves import grant
from canary.core.images import listed

MOST_BYTES = 1_000_000
"""What is said of all Canaries of a plan: no API server takes an object beyond 1.5 MiB."""
FULL = "the status of the plan is full, and nothing more is granted by it: use a plan for each team"
_UNKNOWN = FleetMember(reports=False)


def decide_fleet(
    plan: PlanInHand,
    status: FleetPlanStatus,
    members: Mapping[str, FleetMember],
    now: datetime,
    *,
    most_bytes: int = MOST_BYTES,
) -> FleetPlanStatus:
    """Decide the status of a plan, from what it was and what is known of the clusters, by name.

    What does not fit into it stands still: that can only mean that fewer runs start.
    """
    named = dict.fromkeys(each for wave in plan.spec.waves for each in wave.clusters)
    known = {cluster: members.get(cluster, _UNKNOWN) for cluster in named}
    told = {name for each in known.values() for name in each.canaries}
    # As long as a cluster is not heard, it is not known whether a Canary is gone.
    kept = set() if all(each.heard for each in known.values()) else _names(status.canaries)
    entries = (status.find(name) or FleetCanary(canary=name) for name in sorted(told | kept))
    wanted = [
        grant(look(Round(plan=plan, members=known, entry=entry, now=now))) for entry in entries
    ]
    canaries = tuple(_fitting(status, wanted, most_bytes))
    decided = status.but(
        observed_generation=plan.generation,
        canaries=canaries,
        silent=tuple(cluster for cluster, each in known.items() if each.silent),
    )
    unheard = [cluster for cluster, each in known.items() if not each.reports]
    missing = len(wanted) - sum(each.message != FULL for each in canaries)
    return decided.but(conditions=tuple(_conditions(decided, unheard, missing, now)))


def _fitting(
    status: FleetPlanStatus, wanted: Iterable[FleetCanary], most_bytes: int
) -> Iterator[FleetCanary]:
    """Give what must be said of each Canary, and what was said of it where there is no room.

    A Canary of which nothing was said is left out then.
    """
    wanted, before = list(wanted), {each.canary: each for each in status.canaries}
    kept = [before[each.canary] for each in wanted if each.canary in before]
    used = sum(map(_bytes, kept))
    for each in wanted:
        was = before.get(each.canary)
        more = _bytes(each) - (_bytes(was) if was is not None else 0)
        if more > 0 and used + more > most_bytes:
            if was is not None:
                # A newer release may be there: what has not begun must not begin by this.
                yield was.but(grants=tuple(_begun(was, each)), message=FULL)
            continue
        used += more
        yield each


def _begun(was: FleetCanary, wanted: FleetCanary) -> Iterator[FleetGrant]:
    """Give the grants that had begun, and those that have by now."""
    running = {(each.cluster, each.uid, each.run) for each in wanted.grants if each.begun}
    for each in was.grants:
        if each.begun or (each.cluster, each.uid, each.run) in running:
            yield each.but(begun=True)


def _bytes(entry: FleetCanary) -> int:
    """Measure what a Canary takes in the object, with what is between it and the next."""
    return len(entry.model_dump_json(by_alias=True, exclude_none=True).encode()) + 1


def refuse_plan(
    status: FleetPlanStatus, problem: str, generation: int, now: datetime
) -> FleetPlanStatus:
    """Say why a plan cannot be acted on: no grant is given, and none that has begun is withdrawn."""
    kept = tuple(
        each.but(
            grants=tuple(grant for grant in each.grants if grant.begun),
            message=clip(f"the plan cannot be acted on: {problem}"),
        )
        for each in status.canaries
    )
    decided = status.but(observed_generation=generation, canaries=kept)
    broken = ("Initialized", False, "Invalid", problem)
    others = (each for each in _told(decided, [], 0) if each[0] != "Initialized")
    return decided.but(
        conditions=tuple(_condition(decided, each, now) for each in (broken, *others))
    )


def _names(entries: Iterable[FleetCanary]) -> set[str]:
    return {each.canary for each in entries}


def _conditions(
    decided: FleetPlanStatus, unheard: list[str], missing: int, now: datetime
) -> Iterator[Condition]:
    for each in _told(decided, unheard, missing):
        yield _condition(decided, each, now)


_Told = tuple[str, bool, str, str]


def _told(decided: FleetPlanStatus, unheard: list[str], missing: int) -> Iterator[_Told]:
    if missing:
        yield "Initialized", False, "Full", f"{FULL}; Canaries that wait for it: {missing}"
    elif unheard:
        message = f"{listed(unheard)} have never reported to this plan"
        yield "Initialized", False, "Unreported", message
    else:
        yield "Initialized", True, "Reported", "every cluster has reported"
    moving = [each for each in decided.canaries if each.release and not each.complete]
    if moving:
        message = listed(f"{each.canary}: {each.message}" for each in moving)
        yield "Progressing", True, "Active", message
    else:
        yield "Progressing", False, "Idle", "no release is under way"
    halted = [each.canary for each in decided.canaries if each.halted]
    if halted:
        yield "Halted", True, "RolledBack", f"too many clusters have rolled back {listed(halted)}"
    else:
        yield "Halted", False, "Bearable", ""


def _condition(status: FleetPlanStatus, told: _Told, now: datetime) -> Condition:
    type_, holds, reason, message = told
    before = next((each for each in status.conditions if each.type == type_), None)
    said = Condition(
        type=type_,
        status=str(holds),
        reason=reason,
        message=message,
        observed_generation=status.observed_generation,
        last_transition_time=now,
        last_update_time=now,
    )
    if before is None or before.status != said.status:
        return said
    since = said.but(last_transition_time=before.last_transition_time)
    same = since.but(last_update_time=before.last_update_time)
    return before if same == before else since
