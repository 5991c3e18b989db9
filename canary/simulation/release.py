"""One release after another, each decided as the controller decides, and judged by what was drawn."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from analysis.model import Report
from canary.api.canary import CanarySpec
from canary.api.people import WebhookType
from canary.api.status import CanaryStatus
from canary.core.decide import decide
from canary.core.facts import Command, Workload
from canary.core.needs import Analyse, AskHooks, HookAnswer, Need
from canary.core.phases import IDLE
from canary.core.signature import Signature
from canary.core.situation import Decision, earliest
from canary.core.waits import PROMOTION_GATE, ROLLOUT_GATE, TRAFFIC_GATE
from canary.simulation.answering import Answering, Meanings
from canary.simulation.chance import Chance
from canary.simulation.cluster import SimulatedCluster, released
from canary.simulation.lazy import LazyAnswers
from canary.simulation.recalled import MOST, Memories, Recalled
from canary.simulation.traffic import RequestCounters, ServiceTraffic

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_GATES = frozenset({ROLLOUT_GATE, TRAFFIC_GATE, PROMOTION_GATE})
_COMES_UP_WITHIN = timedelta(hours=1)
"""How long the primary may take to serve, before anything is released."""


JudgeNow = Callable[[Analyse, datetime], Report]
"""Judges the metrics of a need at a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterTraits:
    """What a router can do, as far as it changes a release."""

    name: str
    splits: bool = True
    by_replicas: bool = False
    settling: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSetting:
    """What is released, and into what."""

    spec: CanarySpec
    router: RouterTraits
    traffic: ServiceTraffic
    replicas: int
    starting: timedelta
    """How long pods take to be ready."""
    horizon: timedelta
    """After this time a release that has not ended is given up."""
    meanings: Meanings = field(default_factory=Meanings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResult:
    """What came of a release."""

    outcome: str
    """How its run ended; empty where it has not ended within the horizon."""
    reason: str
    """Why it ended so, or what it still waits for then."""
    took: timedelta
    """How long the run went on after the canary's pods were ready."""
    hurt: int
    """How many clients got a failed answer of the canary."""


class Rehearsal:
    """Releases into a cluster in which the primary serves; each begins from the same state."""

    def __init__(self, setting: ReleaseSetting, *, remembered: int = MOST) -> None:
        """Bring the cluster up.

        Decisions in the first so many situations are remembered, which changes no result.

        Raises:
            ValueError: the primary does not come up; says what it waits for.
        """
        self._setting = setting
        spec = setting.spec
        self._cluster = SimulatedCluster(
            now=_BEGINNING,
            target=Workload(
                name=spec.target_ref.name,
                uid="target",
                replicas=setting.replicas,
                total=setting.replicas,
                updated=setting.replicas,
                available=setting.replicas,
            ),
            names=(spec.service_name, setting.router.name, ()),
            splits=setting.router.splits,
            by_replicas=setting.router.by_replicas,
            settling=setting.router.settling,
            autoscaled=spec.autoscaler_ref is not None,
        )
        coming_up = _Release(
            setting,
            self._cluster,
            CanaryStatus(),
            _no_requests(),
            lambda _need, _now: Report(),  # there is no run to judge yet
        )
        coming_up.run(_BEGINNING + _COMES_UP_WITHIN)
        self._status = coming_up.status
        self._recalled = (
            Recalled(spec, most=remembered) if remembered and Recalled.fits(spec) else None
        )
        if not self._status.last_promoted_spec or self._status.phase not in IDLE:
            wait = self._status.waiting_for
            raise ValueError(wait.message if wait else "the primary does not come up")

    def release(self, failing: float, chance: Chance) -> ReleaseResult:
        """Release a revision of which a share of the requests fails, from 0 to 1."""
        setting = self._setting
        requests = RequestCounters(
            service=setting.traffic, failing=failing, chance=chance, to=self._cluster.now
        )
        answering = Answering(
            analysis=setting.spec.analysis, meanings=setting.meanings, chance=chance
        )

        def judge(need: Analyse, now: datetime) -> Report:
            return answering.report(need, requests, now)

        return self._released(self._cluster.now, requests, judge, self._recalled)

    def relive(self, at: datetime, judge: JudgeNow) -> ReleaseResult:
        """Release at a moment of the past, with verdicts that are found out; no request is drawn."""
        return self._released(at, _no_requests(at), judge)

    def _released(
        self,
        at: datetime,
        requests: RequestCounters,
        judge: JudgeNow,
        recalled: Recalled | None = None,
    ) -> ReleaseResult:
        cluster = copy(self._cluster)
        cluster.now, cluster.sides = at, set(cluster.sides)
        cluster.revision, cluster.generation = "1-next", cluster.generation + 1
        cluster.target = cluster.target and released(cluster.target)
        release = _Release(self._setting, cluster, self._status, requests, judge, recalled)
        release.run(at + self._setting.horizon)
        return release.result


def _no_requests(at: datetime = _BEGINNING) -> RequestCounters:
    """Count requests where there are none; chance has no part in it."""
    nothing = ServiceTraffic(per_minute=0, errors=0)
    return RequestCounters(service=nothing, failing=0, chance=float, to=at)


class _Release:
    """The loop of the controller, under a clock that goes on when there is nothing left to do."""

    def __init__(
        self,
        setting: ReleaseSetting,
        cluster: SimulatedCluster,
        status: CanaryStatus,
        requests: RequestCounters,
        judge: JudgeNow,
        recalled: Recalled | None = None,
    ) -> None:
        self.status = status
        self._setting = setting
        self._cluster = cluster
        self._requests = requests
        self._judge = judge
        self._recalled = recalled
        self._memories = Memories()
        self._before = status.history
        self._ready_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._pods_due: datetime | None = None
        self._approvals = 0

    def run(self, until: datetime) -> None:
        """Go on until nothing more happens, or the time is up."""
        cluster = self._cluster
        while cluster.now < until:
            decision = self._decide()
            settled = decision.settled or decision.status == self.status
            self.status = decision.status
            wrote = cluster.apply(decision.actions)
            self._note()
            cluster.delivered = frozenset(each.id for each in self.status.notices)
            if self._approve() or (wrote and not settled):
                continue
            if (moment := self._next(decision.wake_at)) is None:
                return
            self._pass(min(moment, until))

    @property
    def result(self) -> ReleaseResult:
        """What came of it."""
        wait, end = self.status.waiting_for, self._ended_at
        record = self.status.history[0] if end else None
        last = end or self._cluster.now
        return ReleaseResult(
            outcome=record.outcome if record else "",
            reason=record.reason if record else wait.reason if wait else "",
            took=last - (self._ready_at or last),
            hurt=self._requests.hurt,
        )

    def _decide(self) -> Decision:
        """Decide with every answer at hand: nothing that is asked takes time here."""
        cluster = self._cluster
        if self._recalled is not None:
            return self._recalled.decide(self.status, cluster, self._memories, self._answer)
        facts = cluster.facts(LazyAnswers(self._answer))
        outcome = decide(self._setting.spec, self.status, facts, cluster.now)
        assert isinstance(outcome, Decision), "everything was answered"
        return outcome

    def _answer(self, need: Need[object]) -> object:
        """Judge, or answer for hooks: all pass, and none asks for a rollback."""
        if isinstance(need, Analyse):
            return self._judge(need, self._cluster.now)
        rollback = isinstance(need, AskHooks) and need.type is WebhookType.ROLLBACK
        return HookAnswer(passed=not rollback)

    def _note(self) -> None:
        target, now = self._cluster.target, self._cluster.now
        if self._ready_at is None and target is not None and target.ready():
            self._ready_at = now
        if self._ended_at is None and self.status.history != self._before:
            self._ended_at = now

    def _approve(self) -> bool:
        """Have another person approve a gate at once; tell whether there was one."""
        wait = self.status.waiting_for
        if wait is None or wait.reason not in _GATES or self._cluster.commands:
            return False
        self._approvals += 1
        signature = Signature.of(f"person-{self._approvals}", "cli", self._cluster.now)
        self._cluster.commands = (Command(verb="approve", value=str(signature)),)
        return True

    def _next(self, wake_at: datetime | None) -> datetime | None:
        """Tell when something happens next: pods are ready, or time changes the decision."""
        cluster = self._cluster
        if not _starting(cluster):
            self._pods_due = None
        elif self._pods_due is None:
            self._pods_due = cluster.now + self._setting.starting
        return earliest(each for each in (wake_at, self._pods_due) if each is not None)

    def _pass(self, moment: datetime) -> None:
        cluster = self._cluster
        tested = cluster.target is not None and cluster.target.serves
        self._requests.pass_until(moment, cluster.routed, tested=tested)
        cluster.now = max(cluster.now, moment)
        if self._pods_due is not None and cluster.now >= self._pods_due:
            cluster.heal()


def _starting(cluster: SimulatedCluster) -> bool:
    """Tell whether pods of either side are on their way."""
    sides = (each for each in (cluster.target, cluster.primary) if each is not None)
    return any(each.replicas and not each.ready() for each in sides)
