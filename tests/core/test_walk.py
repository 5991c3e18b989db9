"""A journey through the core: a simulated cluster in which anything may happen, and what holds.

The world carries decisions out as the shell does, and sometimes dies before, between or after the
writes. Whatever it does, the invariants at the end hold after every step.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from analysis.model import Verdict
from canary.api.people import WebhookType
from canary.api.status import CanaryStatus, Phase
from canary.core.actions import (
    ClearCommands,
    EnsurePrimary,
    EnsureServices,
    HoldFinalizer,
    RestoreRoutes,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.commands import VERBS
from canary.core.decide import decide
from canary.core.facts import Command, Facts, Policy, Revision, Trouble, Workload
from canary.core.needs import Analyse, Answer, AskHooks, HookAnswer, Need
from canary.core.phases import legal
from canary.core.situation import Decision
from canary.core.weights import Split
from tests.builders import T0, a_report, a_spec

SETTLES_WITHIN = 8
"""Decisions at one moment, with the same answers, after which nothing changes any more."""


@dataclass
class World:
    """A cluster with one canary, as far as the core can see it."""

    now: datetime = T0
    generation: int = 1
    target: Workload = field(
        default_factory=lambda: Workload(
            name="podinfo", uid="t", replicas=2, total=2, updated=2, available=2
        )
    )
    primary: Workload | None = None
    revision: str = "1-r0"
    routed: Split | None = None
    apex: Side = Side.TARGET
    finalizer: bool = False
    deleting: bool = False
    gone: bool = False
    commands: tuple[Command, ...] = ()
    restored: bool = False
    delivered: frozenset[str] = frozenset()

    def facts(self, answers: dict[Need, Answer]) -> Facts:
        """Show what can be observed now."""
        return Facts(
            generation=self.generation,
            deleting=self.deleting,
            has_finalizer=self.finalizer,
            commands=self.commands,
            target=self.target,
            primary=self.primary,
            revision=Revision(id=self.revision),
            routed=self.routed,
            restored=self.restored,
            answers=answers,
            delivered=self.delivered,
            policy=Policy(drain=timedelta(seconds=5)),
        )

    def apply(self, actions: tuple[object, ...]) -> None:
        """Make a decision true, as the shell does."""
        for action in actions:
            match action:
                case HoldFinalizer(present=present):
                    self.finalizer = present
                    self.gone = self.deleting and not present
                case EnsurePrimary(revision=revision):
                    self._ensure_primary(revision)
                case EnsureServices(apex=apex):
                    self.apex = apex or self.apex
                case RouteTraffic(split=split):
                    self.routed, self.restored = split, False
                case RestoreRoutes():
                    self.routed, self.restored = None, True
                case ScaleTarget(replicas=replicas):
                    self.target = _scaled(self.target, replicas)
                case ScalePrimary(replicas=replicas):
                    assert self.primary is not None
                    self.primary = _scaled(self.primary, replicas)
                case ClearCommands(verbs=verbs):
                    self.commands = tuple(each for each in self.commands if each.verb not in verbs)
                case _:
                    pass

    def _ensure_primary(self, revision: str) -> None:
        if self.primary is not None and self.primary.revision == revision:
            return
        if revision != self.revision:
            return
        replicas = self.target.replicas or (self.primary.replicas if self.primary else 1)
        before = self.primary or Workload(name="podinfo-primary", uid="p")
        self.primary = replace(
            before,
            revision=revision,
            replicas=replicas,
            generation=before.generation + 1,
            observed_generation=before.generation + 1,
            updated=0,
            trouble=None,
            deadline_exceeded=False,
        )


def _scaled(workload: Workload, replicas: int) -> Workload:
    if workload.replicas == replicas:
        return workload
    left = min(workload.total, replicas)
    return replace(
        workload,
        replicas=replicas,
        generation=workload.generation + 1,
        observed_generation=workload.generation + 1,
        total=left,
        updated=min(workload.updated, left),
        available=min(workload.available, left),
    )


def _ready(workload: Workload) -> Workload:
    count = workload.replicas
    return replace(workload, total=count, updated=count, available=count, trouble=None)


SPECS = (
    a_spec(),
    a_spec(skipAnalysis=True),
    a_spec(analysis={"stepWeights": [1, 50, 100], "stepWeightPromotion": 40}),
    a_spec(revertOnDeletion=False, progressDeadlineSeconds=60),
    a_spec(
        analysis={
            "onPodFailure": "deadline",
            "webhooks": [
                {"name": kind, "type": kind, "url": "http://hooks.example/"}
                for kind in WebhookType
            ]
            + [{"name": "by hand", "type": "confirm-promotion", "deadline": "5m"}],
        }
    ),
)


RARELY = st.integers(0, 12).map(lambda number: number == 0)


class Journey(RuleBasedStateMachine):
    """Anything may happen to a canary, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.status = CanaryStatus()
        self.spec = SPECS[0]
        self.analysed: set[str] = set()
        self.forced: set[str] = set()
        self.hook_answers = True
        self.verdict = Verdict.PASS

    @initialize(spec=st.sampled_from(SPECS), ready=st.sampled_from([True, True, False]))
    def it_is_created(self, spec: Any, ready: bool) -> None:
        self.spec = spec
        self.it_settles()
        if ready:
            self.all_goes_well(steps=2)

    # --- what may happen ---

    @rule(steps=st.integers(1, 5))
    def all_goes_well(self, steps: int) -> None:
        """Pods come up, time passes, and tidegate keeps up with it."""
        for _ in range(steps):
            self.it_settles()
            self.the_canary_becomes_ready()
            self.the_primary_becomes_ready()
            self.it_settles()
            self.world.now += timedelta(seconds=11)
        self.it_settles()

    @rule(spec=st.sampled_from(SPECS), really=RARELY)
    def the_spec_changes(self, spec: Any, really: bool) -> None:
        if not really:
            return
        self.spec = spec.model_copy(update={"suspend": self.spec.suspend})
        self.world.generation += 1

    @rule(suspend=RARELY)
    def it_is_suspended_or_resumed(self, suspend: bool) -> None:
        self.spec = self.spec.model_copy(update={"suspend": suspend})
        self.world.generation += 1

    @rule(seconds=st.sampled_from([1, 6, 11, 11, 11, 70, 700, 300_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(revision=st.sampled_from(["1-r0", "1-r1", "1-r2"]))
    def the_target_changes(self, revision: str) -> None:
        world = self.world
        if revision != world.revision:
            world.revision = revision
            generation = world.target.generation + 1
            world.target = replace(
                world.target,
                generation=generation,
                observed_generation=generation,
                updated=0,
                trouble=None,
                deadline_exceeded=False,
            )

    @rule()
    def the_canary_becomes_ready(self) -> None:
        self.world.target = _ready(self.world.target)

    @rule(available=st.integers(0, 2))
    def the_canary_loses_pods(self, available: int) -> None:
        self.world.target = replace(
            self.world.target, available=min(available, self.world.target.total)
        )

    @rule()
    def the_canary_crashes(self) -> None:
        trouble = Trouble(reason="CrashLoopBackOff", pod="p", container="c", message="exit 1")
        self.world.target = replace(self.world.target, trouble=trouble, available=0)

    @rule()
    def the_primary_becomes_ready(self) -> None:
        if self.world.primary:
            self.world.primary = _ready(self.world.primary)

    @rule(exceeded=st.booleans())
    def the_primary_loses_its_pods(self, exceeded: bool) -> None:
        if self.world.primary:
            self.world.primary = replace(
                self.world.primary, available=0, deadline_exceeded=exceeded
            )

    @rule(really=RARELY)
    def the_primary_is_deleted_by_hand(self, really: bool) -> None:
        if really:
            self.world.primary = None

    @rule(weight=st.integers(0, 100))
    def the_route_is_edited_by_hand(self, weight: int) -> None:
        if self.world.routed:
            self.world.routed = Split.to_canary(weight)

    @rule(verb=st.sampled_from(VERBS), value=st.sampled_from(["", "alice"]))
    def a_command_is_given(self, verb: str, value: str) -> None:
        self.world.commands = (*self.world.commands, Command(verb=verb, value=value))

    @rule(passed=st.booleans())
    def hooks_answer_from_now_on(self, passed: bool) -> None:
        self.hook_answers = passed

    @rule(verdict=st.sampled_from(list(Verdict)))
    def metrics_say_from_now_on(self, verdict: Verdict) -> None:
        self.verdict = verdict

    @rule()
    def notices_are_delivered(self) -> None:
        self.world.delivered = frozenset(notice.id for notice in self.status.notices)

    @precondition(lambda self: not self.world.deleting and self.world.finalizer)
    @rule(really=RARELY)
    def the_canary_is_deleted(self, really: bool) -> None:
        self.world.deleting = really

    @rule(really=RARELY)
    def the_status_is_lost(self, really: bool) -> None:
        if really and not self.world.deleting:
            self.status = CanaryStatus()

    # --- what tidegate does about it ---

    @rule(dies=st.sampled_from(["never", "never", "before the status", "before the actions"]))
    def it_is_reconciled(self, dies: str) -> None:
        if self.world.gone:
            return
        decision = self._decide()
        assert legal(self.status.phase, decision.status.phase)
        if dies == "before the status":
            return
        self._note_promotion(decision)
        self._check_return(decision)
        self.status = decision.status
        if dies == "before the actions":
            return
        self._check_health(decision)
        before = self.world.primary
        self.world.apply(decision.actions)
        self._check_promotion(before)

    @rule()
    def it_settles(self) -> None:
        """Nothing is decided for ever at one moment: the decision becomes its own successor."""
        for _ in range(SETTLES_WITHIN):
            if self.world.gone:
                return
            before, commands = self.status, self.world.commands
            decision = self._decide()
            self._note_promotion(decision)
            self.status = decision.status
            primary = self.world.primary
            self.world.apply(decision.actions)
            self._check_promotion(primary)
            if decision.status == before and commands == self.world.commands:
                assert decision.wake_at is None or decision.wake_at > self.world.now
                return
        raise AssertionError(f"still deciding: {self.status}")

    def _decide(self) -> Decision:
        answers: dict[Need, Answer] = {}
        while True:
            outcome = decide(self.spec, self.status, self.world.facts(answers), self.world.now)
            if isinstance(outcome, Decision):
                return outcome
            assert outcome not in answers, "a question was asked twice"
            answers[outcome] = self._answer(outcome)

    def _answer(self, need: Need) -> Answer:
        match need:
            case AskHooks(type=WebhookType.ROLLBACK):
                return HookAnswer(passed=False, hook="rollback", message="no")
            case AskHooks():
                return HookAnswer(passed=self.hook_answers, hook="hook", message="said so")
            case Analyse():
                if self.verdict is Verdict.PASS:
                    self.analysed.add(self.status.last_applied_spec)
                return a_report(self.verdict)

    # --- what holds ---

    def _note_promotion(self, decision: Decision) -> None:
        run = decision.status.run
        if self.spec.skip_analysis or (run and run.full_promotion):
            self.forced.add(decision.status.last_applied_spec)

    def _check_promotion(self, before: Workload | None) -> None:
        """The primary gets a new revision only when that one was analysed."""
        after = self.world.primary
        if before is None or after is None or before.revision == after.revision:
            return
        if self.status.phase in {Phase.INITIALIZING, Phase.NEW}:
            return
        allowed = self.analysed | self.forced | {self.status.last_promoted_spec}
        assert after.revision in allowed

    def _check_return(self, decision: Decision) -> None:
        """Traffic is intended back for the primary only if it serves, or the canary does not."""
        target, primary = self.world.target, self.world.primary
        if decision.status.canary_weight < self.status.canary_weight:
            assert (primary and primary.serves) or not target.serves

    def _check_health(self, decision: Decision) -> None:
        """The canary is routed more traffic only while it is ready, or nobody else serves."""
        routed, target = self.world.routed, self.world.target
        for action in decision.actions:
            if isinstance(action, RouteTraffic) and routed and action.split.canary > routed.canary:
                assert target.ready() or not action.split.primary

    @invariant()
    def the_split_adds_up(self) -> None:
        weights = self.status.weights
        assert weights.primary + weights.canary == 100
        assert weights.canary == self.status.canary_weight

    @invariant()
    def somebody_serves(self) -> None:
        world = self.world
        primary = world.primary.replicas if world.primary else 0
        if world.primary is not None:
            assert world.target.replicas or primary

    @invariant()
    def conditions_agree_with_each_other(self) -> None:
        status = self.status
        types = [condition.type for condition in status.conditions]
        assert len(types) == len(set(types))
        true = {each.type for each in status.conditions if each.status == "True"}
        assert not {"Ready", "Stalled"} <= true
        assert not {"Progressing", "Stalled"} <= true


TestJourney = Journey.TestCase
TestJourney.settings = settings(max_examples=600, stateful_step_count=50, deadline=None)
