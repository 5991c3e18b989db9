"""A target that is kept: its own pods are the primary, and it is let go for what was promoted alone.

Its controller is played: while the target is paused, pods are only added and taken away, and otherwise
they are replaced by those of its template, one at a time.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.model import Verdict
from canary.api.canary import CanarySpec
from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.kinds import Manifest
from canary.api.status import CanaryStatus, Outcome, Phase
from canary.controller.canaries import CanaryRecord
from canary.controller.kept_sides import canary_side, holding, primary_side, runs_template
from canary.controller.reading import CanaryReader
from canary.controller.records import WorkloadReader, WorkloadRecord
from canary.controller.workloads import as_fact
from canary.core.actions import (
    EnsureCanary,
    EnsurePrimary,
    HoldFinalizer,
    ResumeTarget,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
)
from canary.core.facts import BindingPolicy, Facts, Revision, Trouble
from canary.core.phases import IDLE
from canary.core.situation import Decision
from canary.core.traffic import Seen
from canary.resources.revision import HASHING
from canary.targets.deployment import KeptDeployment
from tests.builders import a_spec, at
from tests.core.deciding import decided
from tests.resources.builders import a_canary
from tests.sampling import examples

SPEC = a_spec(keepTarget=True, analysis={"stepWeights": [50]})
RAMP = a_spec(keepTarget=True, analysis={"stepWeights": [50], "stepWeightRestart": 20})
SWITCH = a_spec(keepTarget=True, analysis={"iterations": 2})
CRASH = Trouble(reason="CrashLoopBackOff", pod="podinfo-1", container="app", message="exit 1")
CANARY = a_canary(keepTarget=True)
RECORD = cast("CanaryRecord", CanaryReader("istio").read(CANARY.as_written()))


def template(tag: str) -> Manifest:
    return {
        "metadata": {"labels": {"app": "podinfo"}},
        "spec": {"containers": [{"name": "podinfo", "image": f"podinfo:{tag}"}]},
    }


def revision(tag: str) -> str:
    return HASHING.revision(template(tag), {})


@dataclass
class Pods:
    """A Deployment and its pods, by what they run."""

    tag: str = "r1"
    replicas: int = 3
    paused: bool = False
    pods: Counter[str] = field(default_factory=Counter)
    generation: int = 1
    observed: int = 1
    updated: int = 0
    """As the status says, which may be from before the last change."""
    total: int = 0

    def write(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self.generation += 1

    def observe(self) -> None:
        self.observed, self.updated, self.total = (
            self.generation,
            self.pods[self.tag],
            self.pods.total(),
        )

    def roll(self, broken: set[str]) -> None:
        """Let its controller do one thing, and say so."""
        here = +self.pods
        old = [tag for tag in here if tag != self.tag]
        if self.paused:
            # Whichever has pods gets, and loses, them.
            held = next(iter(here), self.tag)
            if self.pods.total() < self.replicas:
                self.pods[held] += 1
            elif self.pods.total() > self.replicas:
                self.pods[held] -= 1
        elif self.pods[self.tag] < self.replicas and self.pods.total() <= self.replicas:
            self.pods[self.tag] += 1
        elif old and (self.tag not in broken or self.pods.total() > self.replicas + 1):
            self.pods[old[0]] -= 1
        elif self.pods.total() > self.replicas and not old:
            self.pods[self.tag] -= 1
        self.pods = +self.pods
        self.observe()

    def record(self, name: str, broken: set[str], mark: str = "") -> WorkloadRecord:
        available = sum(count for tag, count in self.pods.items() if tag not in broken)
        manifest = {
            "metadata": {
                "name": name,
                "uid": name,
                "generation": self.generation,
                "annotations": {"tidegate.dev/revision": mark} if mark else {},
            },
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": template(self.tag),
                **({"paused": True} if self.paused else {}),
            },
            "status": {
                "observedGeneration": self.observed,
                "replicas": self.total,
                "updatedReplicas": self.updated,
                "availableReplicas": available,
            },
        }
        return WorkloadReader(KeptDeployment()).read(manifest)


@dataclass
class Keep:
    """A kept target, the canary beside it, and their Canary."""

    spec: CanarySpec = SPEC
    status: CanaryStatus = field(default_factory=CanaryStatus)
    target: Pods = field(default_factory=lambda: Pods(pods=Counter(r1=3), updated=3, total=3))
    canary: Pods | None = None
    broken: set[str] = field(default_factory=set)
    weight: int | None = None
    deleting: bool = False
    finalizer: bool = False
    second: int = 60
    unasked: set[str] = field(default_factory=set)
    """What its user rolled out by hand, or wrote while the target was let go."""

    @property
    def now(self) -> datetime:
        return at(self.second)

    @property
    def seen(self) -> WorkloadRecord:
        return self.target.record("podinfo", self.broken)

    @property
    def facts(self) -> Facts:
        target, beside = self.seen, None
        if self.canary is not None:
            beside = self.canary.record(
                "podinfo-canary", self.broken, mark=revision(self.canary.tag)
            )
        canary = canary_side(target, beside, "podinfo-canary", HASHING)
        primary = primary_side(target, CANARY, self.status, HASHING)
        return Facts(
            has_finalizer=self.finalizer,
            deleting=self.deleting,
            kept=True,
            target=as_fact(RECORD, canary),
            primary=as_fact(RECORD, primary),
            revision=Revision(id=revision(self.target.tag)),
            routed=None if self.weight is None else Seen(weight=self.weight),
            restored=self.deleting
            and self.weight is None
            and not (target.paused and runs_template(target)),
        )

    def decide(self, verdict: Verdict = Verdict.PASS, *, writes: bool = True) -> Decision:
        """Decide, and write what was decided; or die after the status was written."""
        decision = decided(self.spec, self.status, self.facts, self.now, verdict)
        self.status = decision.status
        for action in decision.actions if writes else ():
            self.write(action)
        return decision

    def write(self, action: object) -> None:
        target, seen = self.target, self.seen
        match action:
            case EnsurePrimary(revision=wanted):
                held = holding(seen, wanted=revision(target.tag) == wanted)
                if held is not target.paused and (held or self.status.last_promoted_spec):
                    target.write(paused=held)
            case ResumeTarget() if runs_template(seen) and target.paused:
                target.write(paused=False)
            case EnsureCanary(revision=wanted) if revision(target.tag) == wanted:
                if self.canary is None:
                    self.canary = Pods(tag=target.tag, replicas=0)
                elif self.canary.tag != target.tag:
                    assert not (self.weight and self.pods_serve(self.canary))
                    self.canary.write(tag=target.tag)
            case ScaleTarget(replicas=replicas) if self.canary is not None:
                if self.canary.replicas != replicas:
                    self.canary.write(replicas=replicas)
            case RouteTraffic(traffic=traffic):
                self.weight = traffic.weight
            case HoldFinalizer(present=present):
                self.finalizer = present
            case ScalePrimary():
                raise AssertionError("its replicas are its user's")
        if self.deleting and type(action).__name__ == "RestoreRoutes":
            self.weight = None

    def pods_serve(self, pods: Pods) -> bool:
        return any(tag not in self.broken for tag in +pods.pods)

    def roll(self) -> None:
        """Let the controllers of both do one thing."""
        self.target.roll(self.broken)
        if self.canary is not None:
            self.canary.roll(self.broken)

    def release(self, tag: str) -> None:
        """Write a template, as the user does."""
        if tag == self.target.tag:
            return
        if not self.target.paused:
            self.unasked.add(tag)
        self.target.write(tag=tag)

    def resume(self) -> None:
        """Let the target go by hand."""
        self.target.write(paused=False)
        self.unasked.add(self.target.tag)

    def step(self, verdict: Verdict = Verdict.PASS) -> Decision:
        decision = self.decide(verdict)
        self.roll()
        self.second += 11
        return decision

    def until(self, *phases: Phase, verdict: Verdict = Verdict.PASS) -> set[str]:
        """Go on until a phase; give what its pods ran on the way."""
        ran = set(self.target.pods)
        for _ in range(300):
            self.step(verdict)
            ran |= set(self.target.pods)
            if self.status.phase in phases:
                return ran
        raise AssertionError(f"never {phases}: {self.status.phase} {self.target}")

    @property
    def outlook(self) -> tuple[object, ...]:
        pods = dict(self.canary.pods) if self.canary is not None else {}
        return self.status.phase, dict(self.target.pods), self.target.paused, self.weight, pods

    def rest(self) -> None:
        """Go on until nothing happens any more, for as long as anything may be waited for."""
        for _ in range(300):
            before = self.outlook
            for _ in range(6):
                self.step()
            if before == self.outlook and self.status.phase in IDLE:
                return
        raise AssertionError(f"no rest: {self.status.phase} {self.target} {self.canary}")

    def happen(self, what: str) -> None:
        """Let one thing happen; a revision is what its user writes."""
        happenings: Mapping[str, Callable[[], object]] = {
            "decide": self.decide,
            "die": lambda: self.decide(writes=False),
            "fail": lambda: self.decide(Verdict.FAIL),
            "roll": self.roll,
            "break": lambda: self.broken.add("r2"),
            "mend": self.broken.clear,
            "grow": lambda: self.target.write(replicas=min(self.target.replicas + 1, 6)),
            "shrink": lambda: self.target.write(replicas=max(self.target.replicas - 1, 1)),
            "resume": self.resume,
            "lose": lambda: setattr(self, "canary", None),
        }
        happenings.get(what, lambda: self.release(what))()

    @classmethod
    def initialised(cls, **fields: Any) -> "Keep":
        world = cls(**fields)
        world.until(Phase.INITIALIZED)
        world.rest()
        return world


def test_it_is_held_before_its_canary_is_initialised_and_nothing_is_made():
    world = Keep()
    world.until(Phase.INITIALIZED)
    assert world.target.paused
    assert world.target.pods == Counter(r1=3)
    assert world.canary is None
    assert world.weight == 0
    assert world.status.last_promoted_spec == revision("r1")


def test_it_is_held_only_when_its_pods_run_one_template():
    world = Keep(target=Pods(tag="r2", pods=Counter(r1=3), updated=0, total=3))
    world.decide()
    assert not world.target.paused
    world.until(Phase.INITIALIZED)
    assert (world.target.paused, world.target.pods) == (True, Counter(r2=3))


def test_one_that_was_paused_with_another_template_is_not_rolled_out_by_a_new_canary():
    world = Keep(target=Pods(tag="r2", paused=True, pods=Counter(r1=3), updated=0, total=3))
    ran = world.until(Phase.FAILED)
    assert ran == {"r1"}
    assert world.target.paused
    world.release("r1")
    world.until(Phase.INITIALIZED)
    assert world.status.last_promoted_spec == revision("r1")


def test_a_good_release_runs_beside_it_before_it_is_let_go_and_held_again():
    world = Keep.initialised()
    world.release("r2")
    while world.target.paused:
        assert world.target.pods == Counter(r1=3)
        world.step()
    assert world.status.phase is Phase.PROMOTING
    assert world.canary is not None
    assert world.canary.pods == Counter(r2=3)
    world.until(Phase.SUCCEEDED)
    world.rest()
    assert (world.target.paused, world.target.pods) == (True, Counter(r2=3))
    assert world.canary.replicas == 0
    assert world.weight == 0


def test_traffic_returns_only_when_it_is_held_again():
    world = Keep.initialised()
    world.release("r2")
    while world.target.paused:
        world.step()
    while not runs_template(world.seen):
        assert world.weight == 50
        world.step()
    # What its user wrote now would reach its pods.
    primary = world.facts.primary
    assert primary is not None
    assert (world.target.paused, primary.available, primary.ready()) == (False, 3, False)
    world.decide()
    assert (world.target.paused, world.weight) == (True, 50)
    assert world.target.pods == Counter(r2=3)


def test_the_canary_of_a_run_that_is_superseded_keeps_its_pods_until_its_traffic_has_left():
    world = Keep.initialised()
    world.release("r2")
    while world.weight != 50:
        world.step()
    world.release("r3")
    world.decide()
    assert world.canary is not None
    assert (world.weight, world.canary.tag) == (0, "r2")
    world.decide()
    assert world.canary.tag == "r3"


def overtaken() -> Keep:
    """Give a kept target whose canary has had half of the traffic, and whose user has written r3."""
    world = Keep.initialised(spec=RAMP)
    world.release("r2")
    while world.weight != 50:
        world.step()
    world.second += 1
    world.release("r3")
    world.decide()
    return world


def test_traffic_of_a_run_that_is_superseded_returns_in_parts_before_the_canary_gets_the_newer_one():
    world = overtaken()
    moved = world.second
    seen = []
    for second in (0, 1, 9, 10, 11, 20, 21):
        world.second = moved + second
        world.decide()
        assert world.canary is not None
        seen.append((world.weight, world.canary.tag))
    assert seen == [
        (30, "r2"),
        (30, "r2"),
        (30, "r2"),
        (10, "r2"),
        (10, "r2"),
        (0, "r2"),
        (0, "r3"),
    ]
    assert world.target.pods == Counter(r1=3)
    told = [each.message for each in world.status.notices if each.reason == "TrafficReturning"]
    assert told == [
        f"Weight of the primary advanced to {share} % before podinfo-canary gets the newer revision"
        for share in (90, 100)
    ]
    world.until(Phase.SUCCEEDED)
    assert world.target.pods == Counter(r3=3)


def test_until_the_next_part_it_says_when_that_comes_and_the_newer_one_has_its_whole_time():
    world = overtaken()
    waiting = world.status.waiting_for
    assert waiting is not None
    assert waiting.reason == "TrafficReturning"
    assert waiting.message == (
        "the next part of the traffic back to podinfo-primary, before podinfo-canary gets "
        f"{revision('r3')}: it serves 70 % of the traffic"
    )
    assert world.status.stage is not None
    assert world.status.stage.until == waiting.until == at(world.second + 10)
    world.second += 1
    assert world.decide().wake_at == at(world.second + 9)
    assert world.status.run is not None
    assert not world.status.run.holds


def test_one_that_is_superseded_again_on_its_way_back_returns_no_faster():
    world = overtaken()
    world.second += 1
    world.release("r4")
    world.decide()
    assert world.weight == 30
    world.until(Phase.SUCCEEDED)
    assert world.target.pods == Counter(r4=3)


def test_a_canary_that_fails_on_its_way_back_gives_the_rest_back_at_once():
    world = overtaken()
    assert world.canary is not None
    facts = world.facts
    assert facts.target is not None
    sick = replace(facts, target=replace(facts.target, trouble=CRASH))
    assert decided(world.spec, world.status, sick, at(world.second + 1)).status.canary_weight == 0


def test_the_pods_of_a_canary_that_has_an_older_template_still_tell_what_is_wrong_with_them():
    world = overtaken()
    assert world.canary is not None
    beside = world.canary.record("podinfo-canary", set(), mark=revision("r2"))
    canary = canary_side(world.seen, beside, "podinfo-canary", HASHING)
    assert canary.observed_generation < canary.generation
    assert canary.pods_known
    assert not replace(canary, side=None).pods_known


def test_leave_that_is_withheld_meanwhile_stops_no_traffic_on_its_way_back():
    world = overtaken()
    hold = {"stop": {"mode": "Hold", "reason": "INC-1"}}
    policy = BindingPolicy(name="ops/freeze", spec=DeliveryPolicySpec.model_validate(hold))
    held = replace(world.facts, policies=(policy,))
    decision = decided(world.spec, world.status, held, at(world.second + 1))
    assert decision.wake_at == at(world.second + 10)
    moved = decided(world.spec, decision.status, held, at(world.second + 10))
    assert moved.status.canary_weight == 10


def test_a_sick_release_reaches_none_of_its_pods_nor_those_that_are_added():
    world = Keep.initialised()
    world.release("r2")
    world.until(Phase.PROGRESSING)
    assert world.until(Phase.FAILED, verdict=Verdict.FAIL) == {"r1"}
    world.target.write(replicas=5)
    world.rest()
    assert world.target.pods == Counter(r1=5)
    world.release("r3")
    world.until(Phase.SUCCEEDED)
    assert world.target.pods == Counter(r3=5)


def test_a_return_to_what_its_pods_run_ends_the_run():
    world = Keep.initialised()
    world.release("r2")
    world.until(Phase.PROGRESSING)
    world.release("r1")
    assert world.until(Phase.SUCCEEDED) == {"r1"}
    assert world.status.history[0].outcome == Outcome.CANCELLED
    world.rest()
    assert world.target.paused
    assert world.target.pods == Counter(r1=3)


def test_what_is_written_while_it_is_let_go_is_held_at_once_and_has_a_run_of_its_own():
    world = Keep.initialised()
    world.release("r2")
    while world.target.paused:
        world.step()
    world.step()
    world.release("r3")
    world.decide()
    assert world.target.paused
    assert world.status.history[0].outcome == Outcome.SUPERSEDED
    told = [each.message for each in world.status.notices if each.reason == "RunRestarted"]
    (said,) = told
    assert said == (
        f"podinfo changed to revision {revision('r3')} during the run of {revision('r2')}, while it "
        f"was being promoted: it is paused again, and pods that run {revision('r3')} already stay "
        "until the next promotion"
    )
    world.until(Phase.SUCCEEDED)
    assert world.target.pods == Counter(r3=3)


def test_what_is_written_as_its_traffic_returns_does_not_undo_what_was_promoted():
    spec = a_spec(keepTarget=True, analysis={"stepWeights": [50], "stepWeightPromotion": 10})
    world = Keep.initialised(spec=spec)
    world.release("r2")
    while world.target.pods != Counter(r2=3) or not world.target.paused:
        world.step()
    world.step()
    assert world.status.phase is Phase.PROMOTING
    world.release("r3")
    primary = world.facts.primary
    assert primary is not None
    assert primary.revision == revision("r2")
    # No pod of the canary is replaced meanwhile, so what was asked of the way back holds.
    weights = []
    while world.status.phase is Phase.PROMOTING:
        world.step()
        weights.append(world.weight)
    assert weights == [30, 20, 10, 0]
    assert (world.canary and world.canary.tag) == "r2"
    world.broken = {"r3"}
    world.until(Phase.FAILED)
    assert world.status.last_promoted_spec == revision("r2")
    assert world.target.pods == Counter(r2=3)


def test_a_promotion_that_fails_leaves_it_held_with_the_pods_that_it_has():
    world = Keep.initialised()
    world.release("r2")
    while world.target.paused:
        world.step()
    world.broken = {"r2"}
    world.until(Phase.FAILED)
    assert world.status.history[0].outcome == Outcome.PROMOTION_FAILED
    world.step()
    assert world.target.paused
    # What its user writes next has a run before it reaches any pod.
    world.release("r3")
    world.broken = set()
    world.step()
    assert "r3" not in world.target.pods
    world.until(Phase.SUCCEEDED)
    world.rest()
    assert world.target.pods == Counter(r3=3)


def test_one_that_someone_lets_go_in_a_run_is_held_and_its_steps_are_not_skipped():
    world = Keep.initialised(spec=a_spec(keepTarget=True, analysis={"stepWeights": [10, 50]}))
    world.release("r2")
    while world.weight != 10:
        world.step()
    world.second += 11
    world.resume()
    assert world.decide().status.phase is Phase.PROGRESSING
    assert world.target.paused


def test_what_somebody_rolled_out_to_every_pod_is_promoted_without_steps():
    world = Keep.initialised()
    world.release("r2")
    world.resume()
    while world.target.pods != Counter(r2=3):
        world.roll()
    world.target.write(paused=True)
    world.roll()
    world.until(Phase.SUCCEEDED)
    (told,) = (each.message for each in world.status.notices if each.reason == "RunStarted")
    assert "which every pod runs already: it is promoted without steps" in told


def test_pods_that_someone_has_mixed_are_brought_back_to_what_is_promoted():
    world = Keep.initialised()
    world.target.pods = Counter(r1=2, other=1)
    world.target.observe()
    primary = world.facts.primary
    assert primary is not None
    assert primary.revision == ""
    world.rest()
    assert world.target.pods == Counter(r1=3)
    assert world.target.paused


def test_one_without_pods_is_held_and_gets_what_is_promoted():
    world = Keep.initialised()
    world.target.write(replicas=0)
    world.rest()
    assert world.target.paused
    primary = world.facts.primary
    assert primary is not None
    assert primary.revision == revision("r1")
    world.target.write(replicas=2)
    world.rest()
    assert world.target.pods == Counter(r1=2)


def test_one_without_pods_that_is_not_paused_runs_its_template():
    world = Keep(target=Pods(replicas=0, pods=Counter()))
    assert runs_template(world.seen)
    world.decide()
    assert world.target.paused
    assert not runs_template(world.seen)
    # What was paused before it had pods is not known to run anything else.
    assert primary_side(world.seen, CANARY, CanaryStatus(), HASHING).revision == ""


def gone(world: Keep) -> None:
    world.deleting = True
    for _ in range(40):
        world.step()
        if not world.finalizer:
            return
    raise AssertionError("its finalizer stays")


def test_a_canary_that_goes_leaves_it_to_its_own_controller():
    world = Keep.initialised()
    gone(world)
    assert not world.target.paused
    assert world.target.pods == Counter(r1=3)
    assert not [each for each in world.status.notices if each.reason == "TargetLeftPaused"]


def test_a_canary_that_goes_after_a_rollback_leaves_it_paused_and_says_so():
    world = Keep.initialised()
    world.release("r2")
    world.until(Phase.PROGRESSING)
    world.until(Phase.FAILED, verdict=Verdict.FAIL)
    gone(world)
    assert world.target.paused
    assert world.target.pods == Counter(r1=3)
    (told,) = (each for each in world.status.notices if each.reason == "TargetLeftPaused")
    assert told.message == (
        f"podinfo stays paused: its pods do not run its template {revision('r2')}, which was not "
        "promoted. Write back what they run, or roll it out with kubectl rollout resume "
        "deployment/podinfo"
    )


def test_a_canary_that_goes_in_a_promotion_lets_it_be_finished():
    world = Keep.initialised()
    world.release("r2")
    while world.target.paused:
        world.step()
    gone(world)
    for _ in range(20):
        world.roll()
    assert (world.target.paused, world.target.pods) == (False, Counter(r2=3))


def test_a_canary_that_goes_with_its_target_has_nothing_to_say():
    world = Keep.initialised()
    world.deleting = True
    facts = Facts(has_finalizer=True, deleting=True, kept=True)
    decision = decided(world.spec, world.status, facts, world.now)
    assert not [each for each in decision.status.notices if each.reason == "TargetLeftPaused"]


happenings = st.lists(
    st.sampled_from(
        [
            "decide",
            "decide",
            "decide",
            "die",
            "fail",
            "roll",
            "roll",
            "roll",
            "r1",
            "r2",
            "r3",
            "break",
            "mend",
            "grow",
            "shrink",
            "resume",
            "lose",
        ]
    ),
    max_size=60,
)


@pytest.mark.parametrize("spec", [SPEC, SWITCH, RAMP])
@settings(max_examples=examples(100, costly=True))
@given(happens=happenings)
@example(happens=["r2", *["decide", "roll"] * 16, "r3", "decide", "break", "decide", "roll"])
@example(happens=["r2", *["decide", "roll"] * 12, "r3", *["decide", "roll"] * 6, "r1"])
def test_whatever_happens_its_pods_run_what_was_promoted_and_it_comes_to_rest_held(
    spec: CanarySpec, happens: list[str]
):
    world = Keep.initialised(spec=spec)
    promoted = {"r1"}
    for each in happens:
        before = world.target.paused
        world.happen(each)
        if before and not world.target.paused and each != "resume":
            # It is let go for what was analysed, or promoted before.
            assert world.status.phase in {Phase.PROMOTING, *IDLE, Phase.PROGRESSING, Phase.WAITING}
            promoted.add(world.target.tag)
            at_tag = revision(world.target.tag)
            known = {world.status.last_promoted_spec}
            if world.status.phase is Phase.PROMOTING:
                known.add(world.status.last_applied_spec)
            assert at_tag in known
        world.second += 7
        assert set(world.target.pods) <= promoted | world.unasked
    world.broken = set()
    world.rest()
    assert world.status.phase in IDLE
    assert world.target.paused
    assert world.weight == 0 or world.status.phase is Phase.FAILED
    if not world.unasked:
        assert {revision(tag) for tag in world.target.pods} == {world.status.last_promoted_spec}
    # What is released next puts everything right, whatever was rolled out by hand.
    world.release("r4")
    world.rest()
    assert world.status.phase is Phase.SUCCEEDED
    assert world.target.pods == Counter(r4=world.target.replicas)
    assert world.weight == 0
