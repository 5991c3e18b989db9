"""A round: one look at one Canary of a FleetPlan, with which release is the newest and what became of it.

Releases have no order of their own: one is newer that the plan did not know, or that a cluster
reports which had reported the newest one before. A cluster that is late with an older one changes
nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile
from types import MappingProxyType

from canary.api.fleet_approval import WaveApproval
from canary.api.fleet_status import MOST_FORMER, FleetApproval, FleetCanary, FleetFailure
from canary.api.fleetplan import FleetPlanSpec, FleetWave, OnUnreachable, WayBack
from canary.api.fleetreport import FleetState, ReportedCanary
from canary.api.status import WORD_BYTES, clip

_COMING = frozenset({FleetState.WAITING, FleetState.HELD, FleetState.RUNNING})
"""The states of a cluster that has a release before it, or under way."""
_AFRESH: Mapping[str, object] = MappingProxyType(
    {"complete": False, "failures": (), "approvals": (), "passed": ()}
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMember:
    """What is known of one cluster."""

    canaries: Mapping[str, ReportedCanary] = field(default_factory=lambda: MappingProxyType({}))
    """What it has reported last to the plan, by Canary."""
    reports: bool = True
    """Whether it has ever reported to the plan."""
    heard: bool = False
    """Whether it has shown a sign of life of late."""
    silent: bool = False
    """Whether it has shown none for too long; neither holds until that can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInHand:
    """A plan, with what people have approved of it."""

    name: str
    """Written as namespace/name."""
    spec: FleetPlanSpec
    generation: int = 0
    approvals: tuple[WaveApproval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One look at one Canary of a plan."""

    plan: PlanInHand
    members: Mapping[str, FleetMember]
    """Every cluster that the plan names, in its order."""
    entry: FleetCanary
    now: datetime

    def but(self, **changes: object) -> "Round":
        """Copy with changes of what is said of the Canary."""
        return replace(self, entry=self.entry.but(**changes))

    @property
    def spec(self) -> FleetPlanSpec:
        """The plan's spec."""
        return self.plan.spec

    def of_wave(self, wave: FleetWave) -> tuple[str, ...]:
        """Name the clusters of a wave; one that several waves name is of the first of them."""
        before = takewhile(lambda each: each.name != wave.name, self.spec.waves)
        taken = {cluster for each in before for cluster in each.clusters}
        return tuple(each for each in dict.fromkeys(wave.clusters) if each not in taken)

    def seen(self, cluster: str) -> ReportedCanary | None:
        """Give what a cluster has reported last."""
        return self.members[cluster].canaries.get(self.entry.canary)

    def heard(self) -> Iterator[tuple[str, ReportedCanary]]:
        """Give what the clusters report that show signs of life."""
        for cluster, member in self.members.items():
            seen = self.seen(cluster)
            if member.heard and seen is not None:
                yield cluster, seen

    def heard_of(self, cluster: str) -> ReportedCanary | None:
        """Give what a cluster reports, if it shows signs of life."""
        return self.seen(cluster) if self.members[cluster].heard else None

    def has_promoted(self, cluster: str) -> bool:
        """Tell whether a cluster reports the newest release as promoted (F1, F4)."""
        seen = self.heard_of(cluster)
        return (
            seen is not None
            and seen.state is FleetState.PROMOTED
            and seen.release == self.entry.release
        )

    def is_skipped(self, cluster: str) -> bool:
        """Tell whether a cluster is silent, and the plan goes on without it."""
        skips = self.spec.on_unreachable is OnUnreachable.SKIP
        return skips and self.members[cluster].silent


def look(round_: Round) -> Round:
    """Find the newest release, and record what has become of it."""
    return _record(_follow(round_))


# ------------------------------------------------------------------------------ which is the newest


def _follow(round_: Round) -> Round:
    """Follow to a newer release, or begin again with one that a cluster begins again."""
    entry = round_.entry
    coming = [
        seen
        for cluster, seen in round_.heard()
        if seen.state in _COMING and _is_newer(entry, cluster, seen.release)
    ]
    if coming:
        newest = max(coming, key=lambda each: (each.since or _LONG_AGO, each.release))
        return _turn_to(round_, newest.release, [each.release for each in coming])
    if not entry.release:
        return _adopt(round_)
    excused = {each.cluster for each in entry.excuses}
    again = entry.complete and any(
        seen.state in _COMING and seen.release == entry.release and cluster not in excused
        for cluster, seen in round_.heard()
    )
    return round_.but(**_AFRESH, since=round_.now, way_back=False) if again else round_


def _is_newer(entry: FleetCanary, cluster: str, release: str) -> bool:
    if not release or release == entry.release:
        return False
    known = {*entry.former, *entry.seen_through}
    return release not in known or cluster in entry.arrived


def _turn_to(round_: Round, release: str, others: Sequence[str]) -> Round:
    """Make a release the newest one; of several that came at once it is one, and stays it."""
    entry = round_.entry
    overtaken = dict.fromkeys((entry.release, *others, *entry.former))
    former = [each for each in overtaken if each not in {"", release, *entry.seen_through}]
    seen_through = release in entry.seen_through
    return round_.but(
        **_AFRESH,
        release=release,
        since=round_.now,
        way_back=seen_through and round_.spec.way_back is WayBack.IMMEDIATE,
        arrived=(),
        former=tuple(former[:MOST_FORMER]),
    )


def _adopt(round_: Round) -> Round:
    """Take for seen through what each cluster had promoted before the plan began."""
    found = [seen for _, seen in round_.heard() if seen.state is FleetState.PROMOTED]
    releases = {each.release for each in found}
    if len(found) < len(round_.members) or len(releases) != 1 or "" in releases:
        return round_
    return round_.but(release=releases.pop(), since=round_.now)


# -------------------------------------------------------------------------------- what has happened


def _record(round_: Round) -> Round:
    """Record who has arrived, who has rolled back, and what people have approved."""
    entry = round_.entry
    failures = {each.name: each for each in entry.failures}
    arrived = dict.fromkeys(entry.arrived)
    for cluster in round_.members:
        seen = round_.seen(cluster)
        if seen is None or not entry.release or seen.release != entry.release:
            continue
        arrived[cluster] = None
        if seen.state is FleetState.ROLLED_BACK:
            failure = FleetFailure(cluster=cluster, run=seen.run, at=round_.now)
            failures.setdefault(failure.name, failure)
        elif seen.state is FleetState.PROMOTED:
            failures = {name: each for name, each in failures.items() if each.cluster != cluster}
    approvals = {each.wave: each for each in entry.approvals}
    for approval in round_.plan.approvals:
        if approval.opens(entry.canary, entry.release, entry.began):
            opened = FleetApproval(wave=approval.wave, by=approval.by, at=round_.now)
            approvals.setdefault(approval.wave, opened)
            for name in approval.forgiven.get(entry.canary, ()):
                if name in failures and not failures[name].forgiven:
                    by = clip(approval.by, WORD_BYTES) or "a person"
                    failures[name] = failures[name].but(forgiven=by)
    return round_.but(
        arrived=tuple(arrived),
        failures=tuple(failures.values()),
        approvals=tuple(approvals.values()),
    )
