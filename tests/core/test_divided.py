"""A workload that is primary and canary in one: what its partition is given, and what becomes of it.

The workload's controller is played: it replaces pods from the highest ordinal down to the partition,
and makes one that is missing from the revision of its ordinal.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Phase
from canary.core.actions import ReplaceStrays, RouteTraffic
from canary.core.facts import Facts, Revision, Trouble, UpdateStrategy
from canary.core.ordinals import Divided, ordinals_for
from canary.core.phases import IDLE
from canary.core.situation import Decision, Situation
from canary.core.traffic import Seen
from tests.builders import a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason
from tests.sampling import examples

HELD = 1000
STEPS = a_spec(analysis={"stepWeights": [20, 60]})


@dataclass
class Divide:
    """A workload of some pods, and the Canary that divides them."""

    spec: CanarySpec = STEPS
    status: CanaryStatus = field(
        default_factory=lambda: a_status(last_applied_spec="r1", last_promoted_spec="r1")
    )
    pods: list[str] = field(default_factory=lambda: ["r1"] * 3)
    """The revision of each, by ordinal; empty for one that is missing."""
    broken: set[str] = field(default_factory=set)
    """The revisions that do not come up."""
    serving: str = "r1"
    newest: str = "r1"
    partition: int = HELD
    trouble: Trouble | None = None
    second: int = 60

    @property
    def now(self) -> datetime:
        return at(self.second)

    @property
    def divided(self) -> Divided:
        count, same = len(self.pods), self.serving == self.newest
        there = 0 if same else self.pods.count(self.newest)
        ready = 0 if same or self.newest in self.broken else there
        beyond = max(count - self.partition, 0)
        return Divided(count, beyond, ready, there, self.serving, self.newest, bool(self.strays))

    @property
    def strays(self) -> list[int]:
        return [
            place
            for place, revision in enumerate(self.pods)
            if revision and place < self.partition and revision != self.serving
        ]

    @property
    def facts(self) -> Facts:
        divided, strategy = self.divided, UpdateStrategy(in_place=True)
        template = int(self.newest[1:])
        target = a_workload(
            replicas=1,
            scales=False,
            strategy=strategy,
            trouble=self.trouble,
            generation=template,
            observed_generation=template,
        )
        return Facts(
            has_finalizer=True,
            target=target,
            primary=replace(target, revision=self.serving, trouble=None),
            revision=Revision(id=self.newest),
            routed=divided.seen,
            ordinals=divided.pods,
            strays=divided.strays,
        )

    def decide(self, verdict: Verdict = Verdict.PASS, *, writes: bool = True) -> Decision:
        """Decide, and write what was decided; or die after the status was written."""
        decision = decided(self.spec, self.status, self.facts, self.now, verdict)
        self.status = decision.status
        for action in decision.actions if writes else ():
            if isinstance(action, RouteTraffic):
                beyond = ordinals_for(len(self.pods), action.traffic.weight)
                self.partition = len(self.pods) - beyond if action.traffic.weight else HELD
            elif isinstance(action, ReplaceStrays):
                for place in self.strays[-1:]:
                    self.pods[place] = ""
        return decision

    def roll(self) -> None:
        """Let the workload's controller do one thing."""
        for place, revision in enumerate(self.pods):
            if not revision:
                self.pods[place] = self.serving if place < self.partition else self.newest
                return
        if self.newest in self.broken and self.newest in self.pods:
            return
        for place in reversed(range(self.partition, len(self.pods))):
            if self.pods[place] != self.newest:
                self.pods[place] = self.newest
                return
        if set(self.pods) == {self.newest}:
            self.serving = self.newest

    def step(self, verdict: Verdict = Verdict.PASS) -> Decision:
        decision = self.decide(verdict)
        self.roll()
        self.second += 11
        return decision

    def until(self, phase: Phase, verdict: Verdict = Verdict.PASS) -> list[list[str]]:
        """Go on until a phase; give the pods as they were on the way."""
        seen = [list(self.pods)]
        for _ in range(200):
            self.step(verdict)
            if self.pods != seen[-1]:
                seen.append(list(self.pods))
            if self.status.phase is phase:
                return seen
        raise AssertionError(f"never {phase}: {self.status.phase} {self.pods}")

    def rest(self) -> None:
        """Go on until nothing happens any more."""
        for _ in range(200):
            before = self.status.phase, list(self.pods), self.partition
            for _ in range(4):
                self.step()
            if before == (self.status.phase, self.pods, self.partition):
                return
        raise AssertionError(f"no rest: {self.status.phase} {self.pods}")


def test_a_release_takes_the_highest_ordinals_first_and_all_when_it_is_promoted():
    world = Divide(newest="r2")
    ways = world.until(Phase.SUCCEEDED)
    (told,) = (each.message for each in world.status.notices if each.reason == "RunStarted")
    assert told == "New revision r2 of podinfo, released by ordinals"
    assert ways == [
        ["r1", "r1", "r1"],
        ["r1", "r1", "r2"],
        ["r1", "r2", "r2"],
        ["r2", "r2", "r2"],
    ]
    world.rest()
    assert (world.partition, world.serving) == (HELD, "r2")
    assert world.status.last_promoted_spec == "r2"


def test_a_sick_release_is_held_at_once_and_its_pods_are_replaced():
    world = Divide(newest="r2")
    while world.pods != ["r1", "r2", "r2"]:
        world.step()
    world.until(Phase.FAILED, Verdict.FAIL)
    assert world.partition == HELD
    world.rest()
    assert world.pods == ["r1", "r1", "r1"]
    assert world.status.canary_weight == 0


def test_a_step_waits_for_its_pods_and_says_for_how_many():
    world = Divide(newest="r2", broken={"r2"})
    for _ in range(6):
        decision = world.step()
    assert reason(decision) == "Routing"
    expected = "waiting for 1 of the 3 pods of podinfo to run the new revision and be ready"
    assert message(decision) == expected
    assert decision.status.shares is not None
    assert (decision.status.shares.possible, decision.status.shares.seen) == (33, 0)
    assert decision.pods_matter
    world.trouble = Trouble(reason="CrashLoopBackOff", pod="podinfo-2", container="a", message="")
    world.until(Phase.FAILED)
    world.rest()
    assert world.pods == ["r1", "r1", "r1"]


def test_a_single_pod_is_not_released_before_there_is_a_second_one():
    world = Divide(newest="r2", pods=["r1"])
    for _ in range(6):
        decision = world.step()
    assert message(decision) == (
        "waiting for a second pod of podinfo: one keeps the promoted revision during a run"
    )
    assert world.pods == ["r1"]
    world.pods.append("r1")
    world.until(Phase.SUCCEEDED)
    assert world.pods == ["r2", "r2"]


def test_a_promotion_says_for_what_it_waits():
    world = Divide(newest="r2")
    decisions = [world.step() for _ in range(12)]
    assert world.status.phase is Phase.SUCCEEDED
    waits = {message(each) for each in decisions if each.status.waiting_for}
    assert "waiting for all pods of podinfo to run the new revision" in waits
    told = [each.message for each in world.status.notices if each.reason == "TrafficMoved"]
    assert told == ["The remaining pods of podinfo get the new revision"]


def test_what_every_pod_runs_already_is_promoted_without_steps():
    world = Divide(newest="r2", serving="r2", pods=["r2"] * 3)
    ways = world.until(Phase.SUCCEEDED)
    assert ways == [["r2", "r2", "r2"]]
    (told,) = (each.message for each in world.status.notices if each.reason == "RunStarted")
    assert told == (
        "New revision r2 of podinfo, which every pod runs already: it is promoted without steps"
    )
    assert world.status.last_promoted_spec == "r2"


def test_at_rest_the_steps_are_still_those_of_the_plan():
    world = Divide()
    world.rest()
    assert not Situation.of(world.spec, world.status, world.facts, world.now).skips_steps


def test_a_template_that_is_not_the_analysed_one_is_given_no_pod():
    world = Divide(newest="r2")
    while world.status.canary_weight != 20:
        world.step()
    facts = replace(world.facts, revision=None)
    decision = decided(world.spec, world.status, facts, world.now)
    assert not [each for each in decision.actions if isinstance(each, RouteTraffic)]
    world.newest = "r3"
    decision = world.decide()
    assert decision.status.last_applied_spec == "r3"
    assert world.partition == HELD


def test_whole_pods_are_told_where_weights_are_none():
    world = Divide(newest="r2")
    decision = world.step()
    warned = next(each for each in decision.status.conditions if each.type == "SpecWarnings")
    assert "of the 3 pods of podinfo the canary gets 33, 67 %" in warned.message


def test_pods_are_read_only_while_they_come_up():
    world = Divide(newest="r2")
    decision = world.decide()
    assert not decision.pods_matter
    resting = Divide()
    assert not resting.decide().pods_matter
    # A status that has lost its stage.
    lost = Divide(newest="r2", status=a_status(Phase.PROGRESSING, weight=20))
    lost.status = lost.status.but(last_applied_spec="r2", last_promoted_spec="r1", stage=None)
    assert lost.facts.routed == Seen()
    assert lost.decide().status.phase is Phase.PROGRESSING


events = st.lists(
    st.sampled_from(
        [
            "decide",
            "decide",
            "die",
            "fail",
            "roll",
            "roll",
            "r2",
            "r3",
            "r1",
            "break",
            "mend",
            "grow",
        ]
    ),
    max_size=40,
)


@pytest.mark.parametrize("spec", [STEPS, a_spec(analysis={"stepWeightRollback": 30})])
@settings(max_examples=examples(60))
@given(happens=events)
def test_whatever_happens_no_pod_keeps_what_was_not_promoted_and_all_come_to_rest(
    spec: CanarySpec, happens: list[str]
):
    world = Divide(spec=spec)
    for each in happens:
        match each:
            case "decide":
                world.decide()
            case "die":
                world.decide(writes=False)
            case "fail":
                world.decide(Verdict.FAIL)
            case "roll":
                world.roll()
            case "break":
                world.broken = {"r2"}
            case "mend":
                world.broken = set()
            case "grow":
                world.pods += [""] if len(world.pods) < 6 else []
            case revision:
                world.newest = revision
        world.second += 7
        promoting = world.status.phase in {Phase.PROMOTING, Phase.FINALISING}
        if not promoting and world.status.phase not in IDLE:
            # Something is left to go back to.
            assert world.serving == world.status.last_promoted_spec
    world.broken = set()
    world.rest()
    assert world.status.phase in IDLE
    assert set(world.pods) == {world.status.last_promoted_spec}
    assert world.partition == HELD
