"""A journey through the core: a simulated cluster in which anything may happen, and what holds.

The world carries decisions out as the shell does, and sometimes dies before, between or after the
writes. Whatever it does, the invariants hold after every step; and from wherever a journey ends,
a canary comes to rest once its pods, metrics and gates let it.
"""

from dataclasses import replace
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
from canary.api.annotations import VERBS
from canary.api.canary import CanarySpec
from canary.api.deliverypolicy import Covered, StopMode
from canary.api.meta import GROUP
from canary.api.patches import difference
from canary.api.peer import read_peer_status, write_peer_status
from canary.api.people import WebhookType
from canary.api.policy_status import DeliveryPolicyStatus, Grant
from canary.api.status import CanaryStatus, Phase, Stage, read_status, write_status
from canary.api.switching import switched
from canary.core.actions import RouteTraffic
from canary.core.calendar import opens_at
from canary.core.capacity import part_of, replicas_for
from canary.core.counts import counts_matter
from canary.core.decide import decide
from canary.core.facts import Command, Facts, Trouble, UpdateStrategy, Workload
from canary.core.names import RouteNames
from canary.core.needs import Analyse, AskHooks, HookAnswer, Need
from canary.core.phases import IDLE, RUNNING, legal
from canary.core.plan import plan
from canary.core.situation import STEPPING, Decision
from canary.core.telling import stage_said
from canary.core.traffic import Seen
from canary.core.upkeep import PAUSE
from canary.core.waits import (
    ANALYSIS_DUE,
    CHECKS_FAILING,
    DRAINING,
    LASTING,
    PAUSED,
    PROMOTION_GATE,
    ROLLOUT_GATE,
    STOPPED,
    SUSPENDED,
    TRAFFIC_GATE,
    TRAFFIC_RETURNING,
)
from canary.simulation.cluster import healed, released, scaled
from tests.builders import (
    a_dependency,
    a_peer,
    a_policy,
    a_progress,
    a_report,
    a_workload,
    broken_metric,
    broken_receiver,
)
from tests.core.stored import merged, pruned
from tests.core.world import (
    NAMES,
    RELEASE,
    SPECS,
    TARGETS,
    World,
    torn_down,
)
from tests.sampling import examples

SETTLES_WITHIN = 8
"""Decisions at one moment, with the same answers, after which nothing changes any more."""

RESTS_WITHIN = 150
"""Decisions after which a canary whom all goes well for is at rest."""

ENDS = {
    "Promoted",
    "RolledBack",
    "PromotionFailed",
    "RunCancelled",
    "RunRestarted",
    "InitializationFailed",
}
"""The notices that tell the end of a run."""

SIGNED = [
    f"@bob via cli at 2026-01-01T00:00:00Z for {subject}"
    for subject in ("step to 1", "step to 3", "step+gates", "step+gates to 2")
]
"""Commands that name the step that the run goes on with; others name nothing that is there."""

FORGOTTEN_FOR = 24 * 35
"""Hours after which a run that is left alone is over, each of its gates after three days and
what it waits for of others after seven, of which only the hours of an office may count."""

WORKING = frozenset(
    {ANALYSIS_DUE, CHECKS_FAILING, TRAFFIC_RETURNING, DRAINING, PAUSED, SUSPENDED, STOPPED}
)
"""What a run waits for that ends by itself soon, with the next look, or that a person asked for."""

BROKEN_METRIC, BROKEN_RECEIVER = broken_metric(), broken_receiver()

BUDGET_POLICY = a_policy(
    budget={
        "metric": {"name": "left", "templateRef": {"name": "left"}, "thresholdRange": {"min": 1}}
    }
)

NIGHT = {"name": "night", "kind": "Deny", "from": "22:00", "to": "06:00", "covers": list(Covered)}
OFFICE = NIGHT | {"name": "office", "kind": "Allow", "from": "08:00", "to": "16:00"}
LUNCH = NIGHT | {"name": "lunch", "from": "12:00", "to": "12:30", "covers": ["Promote"]}

SOMETIMES = st.integers(0, 3).map(lambda number: number == 0)
RARELY = st.integers(0, 12).map(lambda number: number == 0)


class Journey(RuleBasedStateMachine):
    """Anything may happen to a canary, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.status = CanaryStatus()
        self.stored: Any = {}
        self.stored_by_peer: Any = {}
        self.spec = self.written = SPECS[0]
        self.analysed: set[str] = set()
        self.forced: set[str] = set()
        self.questions: set[Need] = set()
        self.approvals = 0
        self.cookies: dict[str, str] = {}
        self.hook_answers = True
        self.rollback_asked = False
        self.verdict = Verdict.PASS
        self.budget = Verdict.PASS
        self.forgotten = False
        self.canary_ready: datetime | None = None
        self.primary_ready: datetime | None = None
        self.primary_serves: datetime | None = None

    @initialize(
        spec=st.sampled_from(SPECS),
        ready=st.sampled_from([True, True, False]),
        recreate=st.sampled_from([False, False, True]),
        names=st.sampled_from([NAMES[0], NAMES[0], NAMES[-1]]),
        forgotten=st.booleans(),
    )
    def it_is_created(
        self, spec: Any, ready: bool, recreate: bool, names: RouteNames, forgotten: bool
    ) -> None:
        self.world.go_by(names)
        self.forgotten = forgotten
        self.spec = self._named(spec)
        strategy = UpdateStrategy(recreate=recreate)
        self.world.target = a_workload(uid="t", strategy=strategy)
        self.it_settles()
        if ready:
            self.all_goes_well(steps=2)

    # --- what may happen ---

    @rule(steps=st.integers(1, 5))
    def all_goes_well(self, steps: int) -> None:
        """Pods come up, time passes, and tidegate keeps up with it."""
        for _ in range(steps):
            self.it_settles()
            self.world.heal()
            self.it_settles()
            self.world.now += timedelta(seconds=11)
        self.it_settles()

    @rule(spec=st.sampled_from(SPECS), really=RARELY)
    def the_spec_changes(self, spec: Any, really: bool) -> None:
        if really:
            spec = spec.model_copy(update={"suspend": self.spec.suspend})
            self.spec = self._named(spec)
            self.world.generation += 1

    @precondition(lambda self: self.status.names is not None)
    @rule(names=st.sampled_from(NAMES), really=SOMETIMES)
    def names_change(self, names: RouteNames, really: bool) -> None:
        if really and names != self.world.names and not self.world.deleting:
            self.world.rename(names)
            self.spec = self._named(self.written.but(suspend=self.spec.suspend))
            self.world.generation += 1

    @precondition(lambda self: self.status.names is not None)
    @rule(name=st.sampled_from(TARGETS), there=st.sampled_from([True, True, False]), really=RARELY)
    def the_spec_names_another_target(self, name: str, there: bool, really: bool) -> None:
        world = self.world
        if really and name != world.target_name and not world.deleting:
            strategy = world.target.strategy if world.target else UpdateStrategy()
            world.target_name = name
            world.target = a_workload(name=name, uid=name, strategy=strategy) if there else None
            self.spec = self._named(self.written.but(suspend=self.spec.suspend))
            world.generation += 1

    def _named(self, spec: CanarySpec) -> CanarySpec:
        """Read a spec as the shell does, under the names of now."""
        self.written = spec
        service, provider, _ = self.world.names
        # A router that cannot render it refuses it: nothing is decided on that.
        analysis = spec.analysis
        asks = analysis.steps or analysis.session_affinity or analysis.match or analysis.mirror
        asks = asks or analysis.has_baseline
        refused = self.world.by_apex and asks
        asked = SPECS[0] if refused else spec
        read = asked if self.world.splits else switched(asked)
        if self.world.by_replicas:
            # An autoscaler beside it is refused.
            read = read.but(autoscaler_ref=None)
        self.world.autoscaled = read.autoscaler_ref is not None
        target = read.target_ref.model_copy(update={"name": self.world.target_name})
        moved = read.model_copy(update={"target_ref": target})
        # The primary keeps the name that it came up with.
        primary = self.status.names.primary if self.status.names else ""
        named = moved.with_names(service=service, provider=provider)
        return named.with_primary(primary)

    @rule(suspend=RARELY)
    def it_is_suspended_or_resumed(self, suspend: bool) -> None:
        self.spec = self.spec.model_copy(update={"suspend": suspend})
        self.world.generation += 1

    @rule(seconds=st.sampled_from([1, 6, 11, 11, 11, 70, 700, 300_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(revision=st.sampled_from(["1-r0", "1-r1", "1-r2"]))
    def the_target_changes(self, revision: str) -> None:
        world, target = self.world, self.world.target
        if target is not None and revision != world.revision:
            world.revision = revision
            world.configs = {"configmap/a": revision} if revision == "1-r1" else {}
            changed = released(target)
            world.target = torn_down(changed) if changed.strategy.recreate else changed

    @rule()
    def the_canary_becomes_ready(self) -> None:
        if self.world.target:
            self.world.target = healed(self.world.target)

    @rule(available=st.integers(0, 2))
    def the_canary_loses_pods(self, available: int) -> None:
        target = self.world.target
        if target:
            self.world.target = replace(target, available=min(available, target.available))

    @rule()
    def the_canary_crashes(self) -> None:
        trouble = Trouble(reason="CrashLoopBackOff", pod="p", container="c", message="exit 1")
        # Without a pod nothing crashes: what is parked has no trouble when it is given one.
        if self.world.target and self.world.target.replicas:
            self.world.target = replace(self.world.target, trouble=trouble, available=0)

    @rule(replicas=st.integers(0, 3), really=SOMETIMES)
    def the_user_scales_the_target(self, replicas: int, really: bool) -> None:
        if really and self.world.target:
            self.world.target = scaled(self.world.target, replicas)

    @rule(really=RARELY)
    def the_target_is_deleted_or_made_again(self, really: bool) -> None:
        if really:
            self.world.target = (
                None if self.world.target else Workload(name=self.world.target_name, uid="new")
            )

    @rule(rests=st.booleans(), really=RARELY)
    def the_autoscalers_may_take_all_pods_or_no_longer(self, rests: bool, really: bool) -> None:
        if really:
            self.world.rests = rests

    @rule(replicas=st.integers(0, 3), really=SOMETIMES)
    def the_primary_is_scaled_by_hand_or_by_its_autoscaler(
        self, replicas: int, really: bool
    ) -> None:
        if really and self.world.primary:
            self.world.primary = scaled(self.world.primary, replicas)

    @rule()
    def the_primary_becomes_ready(self) -> None:
        if self.world.primary:
            self.world.primary = healed(self.world.primary)

    @rule(exceeded=st.booleans())
    def the_primary_loses_its_pods(self, exceeded: bool) -> None:
        if self.world.primary:
            self.world.primary = replace(
                self.world.primary, available=0, deadline_exceeded=exceeded
            )

    @rule(available=st.integers(0, 1))
    def the_baseline_loses_pods(self, available: int) -> None:
        if self.world.baseline:
            self.world.baseline = replace(self.world.baseline, available=available)

    @rule()
    def the_baseline_is_deleted_by_hand(self) -> None:
        self.world.baseline = None

    @rule(
        side=st.sampled_from(["target", "primary"]),
        seen=st.booleans(),
        updated=st.integers(0, 3),
        old=st.integers(0, 2),
        available=st.integers(0, 4),
    )
    def counts_that_do_not_matter_change_no_decision(
        self, side: str, seen: bool, updated: int, old: int, available: int
    ) -> None:
        """Of the many counts of a roll-out only those are told that something hangs on."""
        self.it_settles()
        before = getattr(self.world, side)
        if before is None:
            return
        after = replace(
            before,
            release=RELEASE if side == "target" else before.release,
            observed_generation=before.generation - (not seen),
            updated=updated,
            total=updated + old,
            available=available,
        )
        if not counts_matter(self.spec, self.status, before, after):
            facts = self._facts({})
            then = replace(facts, **{side: None if self.world.unseen else after})
            decided = [
                decide(self.spec, self.status, each, self.world.now) for each in (facts, then)
            ]
            assert decided[0] == decided[1]

    @rule(available=st.integers(0, 2))
    def the_primary_loses_some_of_its_pods(self, available: int) -> None:
        primary = self.world.primary
        if primary:
            self.world.primary = replace(primary, available=min(available, primary.available))

    @rule(really=RARELY)
    def the_primary_is_deleted_by_hand(self, really: bool) -> None:
        if really:
            self.world.primary = None

    @rule(weight=st.none() | st.integers(0, 100), uneven=RARELY)
    def the_route_is_edited_by_hand(self, weight: int | None, uneven: bool) -> None:
        """One of several routes may be edited, so that they differ; the apex service is alone."""
        if self.world.routed:
            differ = uneven and not self.world.by_apex
            edited = None if weight is None else Seen(weight=weight, uneven=differ)
            self.world.change_route(edited)

    @rule(obstacle=RARELY)
    def routes_can_or_cannot_be_written(self, obstacle: bool) -> None:
        self.world.obstacle = "VirtualService: forbidden" if obstacle else ""

    @rule(unseen=RARELY)
    def workloads_may_or_may_not_be_read(self, unseen: bool) -> None:
        self.world.unseen = unseen

    @rule(references=st.sampled_from([None, (), (), (BROKEN_METRIC,), (BROKEN_RECEIVER,)]))
    def references_break_or_are_repaired(self, references: Any) -> None:
        self.world.references = references

    @rule(phase=st.sampled_from([None, Phase.SUCCEEDED, Phase.PROGRESSING, Phase.FAILED]))
    def what_it_depends_on_comes_or_goes(self, phase: Phase | None) -> None:
        progress = None if phase is None else a_progress(phase)
        peer = a_peer("db", progress=progress) if progress else None
        self.world.dependencies = (a_dependency(peer),)

    @rule(
        phase=st.sampled_from([Phase.SUCCEEDED, Phase.PROGRESSING, Phase.FAILED]),
        passed=st.integers(-1, 5),
    )
    def another_of_its_group_moves(self, phase: Phase, passed: int) -> None:
        progress = a_progress(phase, release=RELEASE, passed=passed, since=self.world.now)
        self.world.members = (a_peer("cart", progress=progress, coming=RELEASE),)

    @rule(mode=st.sampled_from([None, None, None, *StopMode, "unreadable"]))
    def a_policy_stops_everything_or_no_longer(self, mode: str | None) -> None:
        unreadable = "waiting for a policy" if mode == "unreadable" else ""
        stop = {"mode": mode, "reason": "INC-1"} if mode and not unreadable else None
        policy = a_policy(stop=stop, unreadable=unreadable)
        self.world.policies = (policy,) if mode else ()

    @rule(windows=st.sampled_from([(), (), (NIGHT,), (OFFICE,), (NIGHT, LUNCH), (OFFICE, LUNCH)]))
    def windows_close_or_no_longer(self, windows: tuple[Any, ...]) -> None:
        policy = a_policy(timeZone="UTC", spread="10m", windows=list(windows))
        self.world.policies = (policy,) if windows else ()

    @rule(granted=st.sampled_from([None, None, False, True]))
    def a_policy_limits_how_many_run_or_no_longer(self, granted: bool | None) -> None:
        runs = range(self.status.runs + 10) if granted else ()
        grants = tuple(Grant(canary="test/podinfo", uid="", run=run) for run in runs)
        policy = replace(a_policy(maxConcurrent=1), status=DeliveryPolicyStatus(running=grants))
        self.world.policies = () if granted is None else (policy,)

    @rule(answer=st.sampled_from([None, None, *Verdict]))
    def a_policy_asks_for_a_budget_or_no_longer(self, answer: Verdict | None) -> None:
        self.world.policies = () if answer is None else (BUDGET_POLICY,)
        self.budget = answer or self.budget

    @rule(refused=RARELY)
    def routes_are_refused_or_taken(self, refused: bool) -> None:
        self.world.refusal = "the gateway says: Accepted is False" if refused else ""

    @rule(pending=RARELY)
    def routes_are_taken_late_or_at_once(self, pending: bool) -> None:
        self.world.pending = pending

    @rule(verb=st.sampled_from(VERBS), value=st.sampled_from(["", "alice", *SIGNED]))
    def a_command_is_given(self, verb: str, value: str) -> None:
        others = tuple(each for each in self.world.commands if each.verb != verb)
        self.world.commands = (*others, Command(verb=verb, value=value))

    @rule(passed=st.booleans(), rollback=RARELY)
    def hooks_answer_from_now_on(self, passed: bool, rollback: bool) -> None:
        self.hook_answers, self.rollback_asked = passed, rollback

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

    @precondition(lambda self: not self.world.deleting)
    @rule(really=RARELY)
    def the_status_is_lost(self, really: bool) -> None:
        if really:
            self.status, self.stored, self.stored_by_peer = CanaryStatus(), {}, {}
            # Nothing remembers them.
            self.world.left.clear()
            self.questions.clear()

    # --- what tidegate does about it ---

    @rule(written=st.booleans(), applied=st.none() | st.none() | st.integers(0, 6))
    def it_is_reconciled(self, written: bool, applied: int | None) -> None:
        """It may die before the status is written, or after some of the actions."""
        if not self.world.gone:
            decision = self._decide()
            if written:
                self._carry_out(decision, applied)

    @rule()
    def it_settles(self) -> None:
        """Nothing is decided for ever at one moment: the decision becomes its own successor.

        At once where it says so.
        """
        settled = False
        for _ in range(SETTLES_WITHIN):
            if self.world.gone:
                return
            before = (self.status, self.world.snapshot())
            decision = self._decide()
            assert not settled or decision.status == self.status, "its own writes have allowed more"
            settled = decision.settled
            self._carry_out(decision)
            if (self.status, self.world.snapshot()) == before:
                self._check_route()
                return
        raise AssertionError(f"still deciding: {self.status}")

    def _decide(self) -> Decision:
        answers: dict[Need, object] = {}
        while True:
            outcome = decide(self.spec, self.status, self._facts(answers), self.world.now)
            if isinstance(outcome, Decision):
                break
            need = outcome.need
            assert need not in answers, "a question that was answered is asked again"
            assert need not in self.questions, "a question was asked in an earlier decision"
            self.world.apply(outcome.meanwhile)
            answers[need] = self._answer(need)
        self._check_words(outcome, self._facts(answers))
        self._note_ready()
        self.answered = set(answers)
        assert outcome.wake_at is None or outcome.wake_at > self.world.now
        assert legal(self.status.phase, outcome.status.phase)
        return outcome

    def _note_ready(self) -> None:
        """Note since which decision each side has been found ready."""
        world, now = self.world, self.world.now
        if not world.unseen:
            canary = world.target is not None and world.target.ready()
            primary = world.primary is not None and world.primary.ready()
            self.canary_ready = (self.canary_ready or now) if canary else None
            self.primary_ready = (self.primary_ready or now) if primary else None
            serves = world.primary is not None and world.primary.serves
            self.primary_serves = (self.primary_serves or now) if serves else None

    def _facts(self, answers: dict[Need, object]) -> Facts:
        """Observe; what others change is looked at where a primary serves, and nowhere else."""
        facts, status = self.world.facts(answers), self.status
        serves = status.last_promoted_spec and status.phase is not Phase.INITIALIZING
        return facts if serves and not self.world.deleting else replace(facts, drifts=())

    def _answer(self, need: Need) -> object:
        match need:
            case AskHooks(type=WebhookType.ROLLBACK):
                return HookAnswer(passed=self.rollback_asked, hook="rollback", message="so")
            case AskHooks():
                return HookAnswer(passed=self.hook_answers, hook="hook", message="said so")
            case Analyse() if need.templates == GROUP:
                return a_report(self.budget)
            case Analyse():
                if self.verdict is Verdict.PASS:
                    self.analysed.add(self.status.last_applied_spec)
                return a_report(self.verdict)

    def _carry_out(self, decision: Decision, applied: int | None = None) -> None:
        run = decision.status.run
        skipped = run is not None and any(each.startswith("skip") for each in run.commands)
        if self.spec.skip_analysis or skipped or (run and run.full_promotion):
            self.forced.add(decision.status.last_applied_spec)
        self._check_traffic(decision)
        self._check_known(decision)
        self._check_begun(decision)
        self._check_withheld(decision)
        self._check_told(decision)
        self._check_fights(decision)
        self._check_held(decision)
        self._write(decision.status)
        self.questions |= self.answered
        primary = self.world.primary
        exposed = self.world.routed is not None and self.world.routed.exposes_canary()
        led = self.world.routed is not None and self.world.routed.baseline
        self.world.apply(decision.actions[:applied])
        routed = self.world.routed
        if exposed and routed is not None and not routed.exposes_canary():
            moved = decision.status.step_started_at == self.world.now
            self.world.spared_at = self.world.now if moved else None
        if routed is not None and routed.baseline:
            self.world.led_until = None
        elif led:
            moved = decision.status.baseline_since == self.world.now
            self.world.led_until = self.world.now if moved else None
        self._check_promotion(primary)

    def _write(self, status: CanaryStatus) -> None:
        """Write the status both ways, and hold on to what comes back."""
        patch = difference(write_status(status, before=self.status), self.stored)
        self.stored = merged(self.stored, patch)
        patch = difference(write_peer_status(status, before=self.status), self.stored_by_peer)
        self.stored_by_peer = pruned(merged(self.stored_by_peer, patch))
        assert read_peer_status(self.stored_by_peer) == status
        self.status = read_status(self.stored)
        assert self.status == status

    # --- what holds ---

    def _check_words(self, decision: Decision, facts: Facts) -> None:
        """What is decided hangs on no words; a release without stages has meant them so."""
        wait = self.status.waiting_for
        if wait is not None:
            told, untold = (
                decide(self.spec, self.status.but(waiting_for=each), facts, self.world.now)
                for each in (wait.but(message="so"), wait.but(reason="Other", message="so"))
            )
            assert isinstance(told, Decision)
            assert isinstance(untold, Decision)
            assert _wordless(told.status) == _wordless(untold.status)
            assert told.actions == untold.actions
        stage, said = decision.status.stage, stage_said(decision.status.but(stage=None))
        if decision.status.waiting_for is not None:
            assert (said and said.name) == (stage and stage.name)

    def _check_held(self, decision: Decision) -> None:
        """Whatever holds a run is shown with its end, or has called for help."""
        wait, stage = decision.status.waiting_for, decision.status.stage
        if decision.status.phase in RUNNING and wait is not None and wait.reason not in WORKING:
            helped = stage is not None and stage.help_at is not None
            assert wait.deadline is not None or helped or wait.until is not None, wait

    def _check_promotion(self, before: Workload | None) -> None:
        """The primary gets a new revision only when that one was analysed."""
        after = self.world.primary
        if before is None or after is None or before.revision == after.revision:
            return
        if self.status.phase is not Phase.INITIALIZING:
            allowed = self.analysed | self.forced | {self.status.last_promoted_spec}
            assert after.revision in allowed

    def _check_traffic(self, decision: Decision) -> None:
        """Traffic is moved to neither side while it can't take it and the other one can."""
        target, primary, routed = self.world.target, self.world.primary, self.world.routed
        target_serves = target is not None and target.serves
        primary_serves = primary is not None and primary.serves
        if self.world.unseen:
            # What serves is not known: what is moved at the deadline goes to the primary.
            return
        self._check_nobody_is_stranded(decision, target_serves, primary_serves)
        weight, before = decision.status.canary_weight, self.status.canary_weight
        # Without a route the target serves by the apex service, whatever the status said.
        phases = {self.status.phase, decision.status.phase}
        unrouted = routed is None and Phase.INITIALIZING in phases
        if weight < before and not unrouted:
            assert primary_serves or not target_serves
        if weight > before:
            assert target is not None
            assert target.ready() or (target_serves and not primary_serves)
        self._check_widened(decision, target, primary_serves)
        self._check_shares(decision, primary_serves)
        self._check_baseline(decision)
        # A first route under new names takes on what the former ones carry.
        routes = (routed, *self.world.left.values())
        carried = max((each.weight for each in routes if each is not None), default=0)
        for action in decision.actions:
            if isinstance(action, RouteTraffic) and action.traffic.weight > carried:
                assert target is not None
                assert target.ready() or action.traffic.spares_primary

    def _check_known(self, decision: Decision) -> None:
        """A canary gets its first traffic, and a primary its own back, when proxies know it."""
        before, after, world = self.status, decision.status, self.world
        if world.unseen or world.primary is None or not world.primary.serves:
            return
        known_by = world.now - world.settling
        had = before.canary_weight or before.weights.mirror
        stepping = {before.phase, after.phase} <= {Phase.PROGRESSING, Phase.WAITING_PROMOTION}
        if stepping and not had and (after.canary_weight or after.weights.mirror):
            assert self.canary_ready is not None
            assert self.canary_ready <= known_by
        returns = after.canary_weight < before.canary_weight
        if returns and before.phase is Phase.PROMOTING and after.phase in RUNNING:
            goes_on = before.last_applied_spec == after.last_applied_spec == world.revision
            if goes_on and world.target is not None and world.target.serves:
                assert self.primary_ready is not None
                assert self.primary_ready <= known_by
        if (
            returns
            and before.phase is after.phase
            and _lent(before)
            and world.target
            and world.target.serves
        ):
            goes_on = before.last_applied_spec == after.last_applied_spec == world.revision
            assert not goes_on or (self.primary_serves or world.now) <= known_by

    def _check_widened(
        self, decision: Decision, target: Workload | None, primary_serves: bool
    ) -> None:
        """What some requests had is given to all only where the canary can take it, and must.

        It must where the primary cannot serve, or where the plan has such a step next.
        """
        weights, before = decision.status.weights, self.status.weights
        taken, run = self.status.run, decision.status.run
        step = plan(self.spec.analysis).step(run.step) if run else None
        if before.matched and weights.canary and not weights.matched:
            assert target is not None
            next_ = taken is not None and run is not None and run.step != taken.step
            assert weights.canary == (step.weight if next_ and step else 100)
            assert target.ready() or not primary_serves
        stepping = decision.status.phase in {Phase.PROGRESSING, Phase.WAITING_PROMOTION}
        intended = (step.weight, step.mirror) if step else (0, 0)
        assert not weights.mirror or (stepping and (weights.canary, weights.mirror) == intended)

    def _check_shares(self, decision: Decision, primary_serves: bool) -> None:
        """The canary has the pods of a share before the route sends it, where tidegate scales it."""
        target, primary, routed = self.world.target, self.world.primary, self.world.routed
        by_replicas = self.world.by_replicas
        assert (decision.status.shares is not None) is by_replicas
        if target is None or primary is None or not primary_serves:
            return
        carried = routed.weight if routed else 0
        sizes = plan(self.spec.analysis).scaled and not self.world.autoscaled
        for action in decision.actions:
            if isinstance(action, RouteTraffic) and action.traffic.weight > carried:
                weight = action.traffic.weight
                if by_replicas:
                    assert target.replicas >= replicas_for(primary.replicas, weight)
                elif sizes and not action.traffic.match:
                    assert target.replicas >= part_of(primary.replicas, weight)

    def _check_baseline(self, decision: Decision) -> None:
        """A baseline is led to only in a run that is compared with it, and while it serves."""
        before, after, found = self.status.weights, decision.status.weights, self.world.baseline
        if not after.baseline or self.spec.suspend:
            return
        assert decision.status.phase in STEPPING - {Phase.WAITING}
        assert self.spec.analysis.has_baseline
        assert found is not None
        assert found.serves
        assert before.baseline or found.ready()
        assert after.baseline <= after.canary

    def _check_begun(self, decision: Decision) -> None:
        """No run is begun that could not be judged, as long as there is something else to serve."""
        begun = self.status.phase in IDLE and decision.status.phase in RUNNING - {Phase.FINALISING}
        unjudged = BROKEN_METRIC in (self.world.references or ()) and not self.spec.skip_analysis
        assert not (begun and unjudged and self.world.primary and self.status.last_promoted_spec)

    def _check_withheld(self, decision: Decision) -> None:
        """Who waits for leave of the fleet gets no more traffic for it, and keeps the run."""
        before, after, world = self.status, decision.status, self.world
        begun = after.phase in _STOPPED_BEFORE - {before.phase}
        more = after.phase in STEPPING and after.canary_weight > before.canary_weight
        if (begun or more) and not self._goes_back(after) and _closed(world):
            # Nothing begins, is promoted, or gets more traffic.
            assert not begun or world.deleting
            self._check_not_risen(decision)
        started = before.phase is Phase.WAITING or after.runs != before.runs
        if after.phase is Phase.PROGRESSING and started:
            assert self._goes_back(after) or not _without_place(world, after)
            assert (after.run and after.run.known_good) or not _without_budget(world, after)
        if after.stage is None or after.stage.name is not Stage.WITHHELD:
            return
        if after.phase is Phase.INITIALIZING:
            return
        assert after.run is not None
        if before.run is not None and before.run.revision == after.run.revision:
            assert after.run.id == before.run.id
            assert after.run.step == before.run.step or before.run.plan != after.run.plan
        self._check_not_risen(decision)

    def _goes_back(self, after: CanaryStatus) -> bool:
        """Tell whether a run waits for no window and in no line; none of them passes a stop."""
        stopped = any(each.unreadable or each.spec.stop for each in self.world.policies)
        run = after.run
        return not stopped and run is not None and (run.known_good or bool(run.expedited))

    def _check_not_risen(self, decision: Decision) -> None:
        before, after, world = self.status, decision.status, self.world
        serves = world.primary is not None and world.primary.serves
        risen = after.canary_weight > before.canary_weight
        # What a side that could not serve has lost for a while comes back to it.
        assert not risen or not serves or after.canary_weight <= _step_weight(before)

    def _check_nobody_is_stranded(
        self, decision: Decision, target_serves: bool, primary_serves: bool
    ) -> None:
        """No traffic is meant for a side without a ready pod while the other side has one."""
        status, before = decision.status, self.status
        setting_up = status.phase is Phase.INITIALIZING and self.world.routed is not None
        ours = status.last_promoted_spec or (setting_up and before.phase is Phase.INITIALIZING)
        if self.spec.suspend or before.phase is Phase.NEW or not ours:
            return
        assert not status.weights.canary or target_serves or not primary_serves
        primary_gets = status.weights.primary or status.weights.matched
        assert not primary_gets or primary_serves or not target_serves

    def _check_told(self, decision: Decision) -> None:
        """Every end of a run is told once, and everything that is told has a name of its own."""
        before, after = self.status, decision.status
        ids = [notice.id for notice in after.notices]
        assert len(ids) == len(set(ids))
        known = {notice.id for notice in before.notices}
        new = [each for each in after.notices if each.id not in known]
        told = [each for each in new if each.reason in ENDS]
        assert all(each.alert for each in told)
        ended = next(
            count
            for count in range(len(after.history) + 1)
            if after.history[count:] == before.history[: len(after.history) - count]
        )
        if before != CanaryStatus():
            assert len(told) == ended
        self._check_waits_told(decision, [each.reason for each in new])

    def _check_fights(self, decision: Decision) -> None:
        """Who changes the route again and again has it put back only from time to time."""
        if decision.status.canary_weight != self.status.canary_weight:
            return
        undone = {each.object: each for each in self.status.repairs}
        for each in decision.status.repairs:
            before = undone.get(each.object)
            if before is not None and each.undoing != before.undoing:
                assert each.undone_at >= before.undone_at + PAUSE

    def _check_waits_told(self, decision: Decision, new: list[str]) -> None:
        """A wait that lasts is told once, and one that is over at once is not."""
        before, after = self.status.waiting_for, decision.status.waiting_for
        if before is None or after is None or before.reason != after.reason:
            return
        assert after.told or not before.told
        if before.told:
            assert after.reason not in LASTING & set(new)

    def _check_route(self) -> None:
        """Once nothing moves any more, the route is what the status says."""
        world, status = self.world, self.status
        if self.spec.suspend or world.deleting or not status.last_promoted_spec:
            return
        if world.obstacle or world.unseen:
            return
        if world.routed is None and world.target is None and world.left:
            # Services are made from the target: without it the former route goes on.
            return
        contested = world.drift is not None and any(each.contested for each in status.repairs)
        if status.phase is not Phase.INITIALIZING and not contested:
            assert world.routed is not None
            ready = world.target is not None and world.target.ready()
            held = world.routed.weight < status.canary_weight and not ready
            assert held or world.routed.weight == status.canary_weight

    @invariant()
    def the_split_adds_up(self) -> None:
        weights = self.status.weights
        assert weights.primary + weights.canary == 100
        assert weights.canary == self.status.canary_weight

    @invariant()
    def no_two_runs_share_a_cookie(self) -> None:
        cookies = self.status.cookies
        if cookies is not None and cookies.canary is not None:
            assert self.cookies.setdefault(cookies.canary.value, cookies.run) == cookies.run
            assert cookies.canary.value not in {
                each.value for each in cookies.expired if each.name == cookies.canary.name
            }
            assert self.status.run is not None

    @invariant()
    def conditions_agree_with_each_other(self) -> None:
        status = self.status
        types = [condition.type for condition in status.conditions]
        assert len(types) == len(set(types))
        true = {each.type for each in status.conditions if each.status == "True"}
        assert not {"Ready", "Stalled"} <= true
        assert not {"Progressing", "Stalled"} <= true

    def teardown(self) -> None:
        """From wherever it is, a canary comes to rest when nothing stands in its way.

        Here nobody looks at it but when something has changed, or at the time it asked for.
        """
        world = self.world
        if self.forgotten:
            self._time_alone_ends_the_run()
        self.spec = self.spec.model_copy(update={"suspend": False})
        self.hook_answers, self.rollback_asked, self.verdict = True, False, Verdict.PASS
        world.obstacle, world.refusal, world.references = "", "", ()
        world.pending = False
        world.unseen, world.policies = False, ()
        # What the others do leads out of every wait for them.
        world.dependencies = tuple(
            replace(each, peer=a_peer("db", progress=a_progress())) for each in world.dependencies
        )
        world.members = tuple(
            replace(each, progress=a_progress(release=RELEASE)) for each in world.members
        )
        world.target = world.target or Workload(name=self.world.target_name, uid="new")
        world.commands = (Command(verb="resume"),)
        world.generation += 1
        for _ in range(RESTS_WITHIN):
            decision = self._decide()
            self._carry_out(decision)
            if world.gone:
                return
            events = world.apply(decision.actions) or world.heal()
            if self._opens_a_gate() or self._delivers() or events:
                continue
            if decision.wake_at is None:
                break
            world.now = decision.wake_at
        else:
            raise AssertionError(f"never at rest: {self.status}")
        self._check_rest()

    def _time_alone_ends_the_run(self) -> None:
        """A run in which nothing else happens comes to an end, or calls for help, or a person holds it.

        No pod comes up, and what hooks and metrics say stays. The controller looks once an hour, or
        later where it sees no reason to.
        """
        self.world.commands = ()
        for _ in range(FORGOTTEN_FOR):
            if self.status.phase not in RUNNING or self._held_by_a_person():
                return
            decision = self._decide()
            self._carry_out(decision)
            stage = decision.status.stage
            if stage is not None and stage.help_at is not None:
                return
            hour = self.world.now + timedelta(hours=1)
            self.world.now = max(decision.wake_at or hour, hour)
        raise AssertionError(f"held for ever: {self.status}")

    def _held_by_a_person(self) -> bool:
        stopped = any(each.spec.stop for each in self.world.policies)
        return stopped or self.spec.suspend or self.world.deleting or self.status.paused is not None

    def _opens_a_gate(self) -> bool:
        wait, given = self.status.waiting_for, bool(self.world.commands)
        gates = {ROLLOUT_GATE, TRAFFIC_GATE, PROMOTION_GATE}
        if not given and wait is not None and wait.reason in gates:
            self.approvals += 1
            self.world.commands = (Command(verb="approve", value=f"no. {self.approvals}"),)
            return True
        return False

    def _delivers(self) -> bool:
        before = self.world.delivered
        self.notices_are_delivered()
        return before != self.world.delivered

    def _check_rest(self) -> None:
        status, world = self.status, self.world
        assert not world.deleting
        assert status.phase in IDLE
        assert not status.notices
        assert world.target is not None
        if status.waiting_for is None:
            assert status.last_promoted_spec
            assert not world.left
            assert world.routed == Seen(weight=status.canary_weight)
            assert world.baseline is None
            assert bool(status.canary_weight) == bool(world.target.replicas)
            if world.autoscaled and not world.target.replicas:
                assert world.paused == 0


_STOPPED_BEFORE = frozenset({Phase.PROGRESSING, Phase.PROMOTING})
"""The phases that a run comes to with leave alone."""


def _lent(status: CanaryStatus) -> bool:
    """Tell whether the canary has all traffic, and some of it for want of the primary alone."""
    if status.canary_weight < 100 or status.weights.matched:
        return False
    if status.phase in IDLE | {Phase.FINALISING}:
        return True
    run = status.run
    return status.phase in STEPPING and run is not None and run.step_weight is not None


def _closed(world: World) -> bool:
    """Tell whether a policy lets no run go on now."""
    return any(
        each.unreadable
        or each.spec.stop
        or opens_at(
            [window for window in each.spec.windows if len(window.covers) == len(Covered)],
            each.zone,
            world.now,
        )
        != world.now
        for each in world.policies
    )


def _without_place(world: World, status: CanaryStatus) -> bool:
    """Tell whether a policy has granted a run no place."""
    return any(
        each.spec.max_concurrent is not None and not each.status.grants("", status.runs)
        for each in world.policies
    )


def _without_budget(world: World, status: CanaryStatus) -> bool:
    """Tell whether a policy asks for a budget that no answer of the last minute has shown."""
    records = status.run.budgets if status.run else ()
    shown = {
        each.policy
        for each in records
        if each.verdict == "pass" and world.now - each.at < timedelta(minutes=1)
    }
    return any(each.spec.budget and each.name not in shown for each in world.policies)


def _step_weight(status: CanaryStatus) -> int:
    """Give the weight that a run comes back to."""
    run = status.run
    return run.step_weight if run and run.step_weight is not None else status.canary_weight


def _wordless(status: CanaryStatus) -> CanaryStatus:
    """Leave out what is for people only."""
    records = tuple(each.but(message="") for each in status.commands)
    spoken = {"waiting_for": None, "conditions": (), "notices": (), "history": ()}
    return status.but(**spoken, commands=records)


TestJourney = Journey.TestCase
TestJourney.settings = settings(
    max_examples=examples(100),
    stateful_step_count=40,
    print_blob=True,
    report_multiple_bugs=False,
)


def test_a_target_that_is_renamed_with_its_service_keeps_its_pods_until_the_route_is_known():
    journey = Journey()
    journey.it_is_created(
        spec=SPECS[0], ready=True, recreate=False, names=NAMES[0], forgotten=False
    )
    journey.the_spec_names_another_target(name="other", really=True, there=True)
    journey.routes_are_taken_late_or_at_once(pending=True)
    renamed = next(each for each in NAMES if each[:2] == ("shop", NAMES[0][1]))
    journey.names_change(names=renamed, really=True)
    journey.it_settles()
    assert journey.world.target is not None
    assert journey.world.target.replicas == 2
