"""The stages of a phase: each is a state of the table, and is reached for a reason."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import canary.core
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Pause, Phase, Stage, StageRecord, Wait
from canary.core import waits
from canary.core.facts import Facts, Revision, UpdateStrategy
from canary.core.phases import STAGE_SENTENCES, STAGES
from canary.core.plan import plan
from canary.core.repair import repaired
from canary.core.situation import Situation
from canary.core.traffic import Seen
from tests.builders import (
    NEW,
    OLD,
    a_dependency,
    a_peer,
    a_policy,
    a_primary,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
    broken_metric,
    some_facts,
)
from tests.core.deciding import decided, up

LATE = at(3600)
LATE_PROXIES = timedelta(seconds=15)
BACK = some_facts()
RESTING = [Phase.INITIALIZED, Phase.SUCCEEDED]
IDLE = [*RESTING, Phase.FAILED]
STEPPING = [Phase.PROGRESSING, Phase.WAITING_PROMOTION]
RUN_UP = [Phase.WAITING, *STEPPING]
SUSPENDED = a_spec(suspend=True)
AUTOSCALED = a_spec(
    autoscalerRef={"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "x"}
)
RECREATED = a_workload(strategy=UpdateStrategy(recreate=True))
STALE = a_primary("1-stale")
DOWN = a_spec(analysis={"steps": [{"weight": 10}, {"weight": 60}]})
BACK_TO_FEWER = a_run(pre_rollout_passed=True, step=2, next_step=1, plan=plan(DOWN.analysis).digest)


def gated(type_: str) -> CanarySpec:
    return a_spec(analysis={"webhooks": [{"name": "go", "type": type_}]})


@dataclass(frozen=True, kw_only=True)
class Way:
    """A status that comes to a stage, and what makes it."""

    before: CanaryStatus
    stage: Stage
    facts: Facts = BACK
    spec: CanarySpec = field(default_factory=a_spec)
    now: Any = LATE


def _idle() -> Iterator[Way]:
    for phase in IDLE:
        kept = some_facts(revision=Revision(id=NEW)) if phase is Phase.FAILED else BACK
        newer = up(revision=Revision(id="1-newer"), references=(broken_metric(),))
        yield Way(before=a_status(phase), facts=some_facts(target=None), stage=Stage.RESOLVING)
        yield Way(before=a_status(phase), facts=newer, stage=Stage.HELD)
        yield Way(before=a_status(phase), facts=replace(kept, taken="taken"), stage=Stage.BLOCKED)
        yield Way(
            before=a_status(phase),
            facts=replace(kept, autoscaler_missing=True),
            spec=AUTOSCALED,
            stage=Stage.UNSCALED,
        )
        yield Way(
            before=a_status(phase), facts=replace(kept, obstacle="no"), stage=Stage.OBSTRUCTED
        )
        yield Way(before=a_status(phase), spec=SUSPENDED, stage=Stage.SUSPENDED)
        yield Way(
            before=a_status(phase, weight=100),
            facts=replace(kept, primary=a_primary(available=0)),
            stage=Stage.FILLING,
        )
        yield Way(
            before=a_status(phase, weight=100),
            facts=replace(kept, target=a_workload(), settling=LATE_PROXIES),
            stage=Stage.PROPAGATING,
        )
        yield Way(
            before=a_status(phase, weight=50, primary_replicas=10),
            facts=replace(kept, target=a_workload(), primary=a_primary(replicas=10, available=1)),
            stage=Stage.RETURNING,
        )
    for phase in RESTING:
        yield from _relieved(a_status(phase), some_facts(target=RECREATED, primary=STALE))


def _relieved(before: CanaryStatus, facts: Facts) -> Iterator[Way]:
    """The primary is about to lose its last pod."""
    all_ = a_status(before.phase, weight=100, last_applied_spec=before.last_applied_spec)
    left = replace(facts, routed=Seen(weight=100))
    drained = StageRecord(name=Stage.DRAINING, since=at(0))
    yield Way(before=before, facts=facts, stage=Stage.ROUTING)
    yield Way(before=all_, facts=left, stage=Stage.DRAINING)
    yield Way(before=all_.but(stage=drained), facts=left, stage=Stage.UPDATING)


def _initializing() -> Iterator[Way]:
    new = a_status(Phase.INITIALIZING, last_promoted_spec="", last_applied_spec=OLD)
    yield Way(
        before=new, facts=some_facts(others=(a_peer("former", deleting=True),)), stage=Stage.HELD
    )
    yield Way(before=new, facts=some_facts(taken="taken"), stage=Stage.BLOCKED)
    yield Way(before=new, facts=some_facts(target=None), stage=Stage.RESOLVING)
    yield Way(before=new, facts=some_facts(primary=None), stage=Stage.CREATING)
    yield Way(before=new, facts=some_facts(primary=a_primary(available=0)), stage=Stage.FILLING)
    yield Way(before=new, facts=some_facts(routed=None), now=at(1), stage=Stage.PROPAGATING)
    yield Way(before=new, facts=some_facts(routed=None), stage=Stage.ROUTING)
    yield Way(before=new, facts=some_facts(routed=Seen()), stage=Stage.DRAINING)
    yield Way(before=new, spec=SUSPENDED, stage=Stage.SUSPENDED)
    stopped = some_facts(policies=(a_policy(stop={"reason": "INC-4711"}),))
    yield Way(before=new, facts=stopped, stage=Stage.WITHHELD)


def _running() -> Iterator[Way]:
    paused = Pause(by="alice", since=at(0))
    yield Way(
        before=a_status(Phase.WAITING),
        facts=up(),
        spec=gated("confirm-rollout"),
        stage=Stage.GATED,
    )
    yield Way(
        before=a_status(Phase.WAITING),
        facts=up(references=(broken_metric(),)),
        stage=Stage.HELD,
    )
    yield Way(
        before=a_status(Phase.WAITING),
        facts=up(dependencies=(a_dependency(None),)),
        stage=Stage.WITHHELD,
    )
    for phase in STEPPING:
        yield Way(
            before=a_status(phase, weight=60, release="r2"),
            facts=up(target=a_workload(release="r2"), members=(a_peer(coming="r2"),)),
            spec=a_spec(group={"name": "shop"}),
            stage=Stage.WITHHELD,
        )
    filling = StageRecord(name=Stage.FILLING, since=at(0))
    for phase in STEPPING:
        yield Way(
            before=a_status(phase, stage=filling),
            facts=up(settling=timedelta(seconds=15)),
            stage=Stage.PROPAGATING,
        )
    for phase in RUN_UP:
        yield Way(before=a_status(phase), facts=up(unguided=True), stage=Stage.UNGUIDED)
        yield Way(before=a_status(phase), facts=up(unseen="403"), stage=Stage.OBSTRUCTED)
        yield Way(before=a_status(phase, paused=paused), facts=up(), stage=Stage.PAUSED)
        yield Way(before=a_status(phase), facts=up(), spec=SUSPENDED, stage=Stage.SUSPENDED)
    for phase in STEPPING:
        run = a_run(pre_rollout_passed=True, next_analysis_at=LATE + timedelta(seconds=9))
        yield Way(
            before=a_status(phase), facts=up(target=None, revision=None), stage=Stage.RESOLVING
        )
        yield Way(
            before=a_status(phase), facts=up(target=a_workload(available=0)), stage=Stage.FILLING
        )
        yield Way(before=a_status(phase, weight=60), facts=up(routed=Seen()), stage=Stage.ROUTING)
        yield Way(before=a_status(phase, weight=60), facts=up(refusal="no"), stage=Stage.REFUSED)
        yield Way(before=a_status(phase, weight=60, run=run), facts=up(), stage=Stage.ANALYSING)
        yield Way(
            before=a_status(phase, weight=60, primary_replicas=10, run=BACK_TO_FEWER),
            facts=up(primary=a_primary(replicas=10, available=5)),
            spec=DOWN,
            stage=Stage.RETURNING,
        )
    yield Way(
        before=a_status(Phase.PROGRESSING, weight=20),
        facts=up(),
        spec=gated("confirm-traffic-increase"),
        stage=Stage.GATED,
    )
    yield Way(
        before=a_status(Phase.WAITING_PROMOTION, weight=60),
        facts=up(),
        spec=gated("confirm-promotion"),
        stage=Stage.GATED,
    )


def _ending() -> Iterator[Way]:
    promoting, relieved = a_status(Phase.PROMOTING), up(target=RECREATED)
    pods_missing = a_workload(available=1, strategy=UpdateStrategy(recreate=True))
    yield Way(before=promoting, facts=up(target=pods_missing), stage=Stage.FILLING)
    yield from _relieved(promoting, relieved)
    yield Way(
        before=a_status(
            Phase.PROMOTING, weight=60, run=a_run(next_analysis_at=LATE + timedelta(seconds=9))
        ),
        facts=up(primary=a_primary(NEW)),
        stage=Stage.RETURNING,
    )
    updating = StageRecord(name=Stage.UPDATING, since=at(0))
    yield Way(
        before=a_status(Phase.PROMOTING, weight=60, stage=updating),
        facts=up(primary=a_primary(NEW), settling=timedelta(seconds=15)),
        stage=Stage.PROPAGATING,
    )
    yield Way(before=promoting, facts=up(unseen="403"), stage=Stage.OBSTRUCTED)
    yield Way(before=promoting, facts=up(), spec=SUSPENDED, stage=Stage.SUSPENDED)
    final = a_status(Phase.FINALISING, last_promoted_spec=NEW)
    done = up(primary=a_primary(NEW))
    yield Way(before=final, facts=replace(done, routed=Seen(weight=60)), stage=Stage.ROUTING)
    yield Way(before=final, facts=replace(done, routed=Seen()), stage=Stage.DRAINING)
    yield Way(
        before=a_status(Phase.FINALISING, last_promoted_spec=NEW, weight=100),
        facts=up(primary=a_primary(NEW, available=0)),
        stage=Stage.FILLING,
    )
    yield Way(
        before=a_status(Phase.FINALISING, last_promoted_spec=NEW, weight=100),
        facts=replace(done, settling=LATE_PROXIES),
        stage=Stage.PROPAGATING,
    )
    yield Way(before=final, facts=done, spec=SUSPENDED, stage=Stage.SUSPENDED)
    yield Way(before=CanaryStatus(), spec=SUSPENDED, stage=Stage.SUSPENDED)
    gone = some_facts(deleting=True, target=a_workload())
    parked = a_workload(replicas=0, available=0)
    terminating = a_status(Phase.TERMINATING)
    yield Way(before=terminating, facts=replace(gone, target=parked), stage=Stage.FILLING)
    yield Way(before=terminating, facts=gone, stage=Stage.RESTORING)
    yield Way(before=terminating, facts=replace(gone, restored=True), stage=Stage.DRAINING)
    yield Way(before=terminating, facts=replace(gone, target=None), stage=Stage.RELEASING)


def _unroutable() -> Iterator[Way]:
    """The routes are in another cluster, which is away."""
    for phase in Phase:
        before = CanaryStatus() if phase is Phase.NEW else a_status(phase)
        facts = up(
            revision=Revision(id="1-newer"),
            routes_away="down",
            deleting=phase is Phase.TERMINATING,
        )
        yield Way(before=before, facts=facts, stage=Stage.UNROUTABLE)


WAYS = [*_idle(), *_initializing(), *_running(), *_ending(), *_unroutable()]


@pytest.mark.parametrize(
    "way", WAYS, ids=[f"{way.before.phase or 'New'}-{way.stage}-{n}" for n, way in enumerate(WAYS)]
)
def test_a_stage_is_reached_when(way):
    status = decided(way.spec, way.before, way.facts, way.now).status
    assert status.phase is way.before.phase
    assert status.stage is not None
    assert status.stage.name is way.stage


def test_every_state_in_the_table_is_reached_by_something_above_and_no_other_is():
    reached = {(way.before.phase, way.stage) for way in WAYS}
    assert reached == {(phase, stage) for phase, stages in STAGES.items() for stage in stages}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("phase", Phase)
def test_a_stage_that_the_phase_does_not_have_can_not_be_entered(phase, stage):
    situation = Situation.of(a_spec(), a_status(phase), Facts(), LATE)
    if stage in STAGES[phase]:
        entered = situation.at(stage)
        assert entered.status.stage == StageRecord(name=stage, since=LATE)
    else:
        with pytest.raises(AssertionError, match=f"no stage cannot be followed by {stage}"):
            situation.at(stage)


@pytest.mark.parametrize("after", [None, *Stage])
@pytest.mark.parametrize("before", STAGES[Phase.TERMINATING].path)
def test_a_deletion_goes_through_its_stages_in_their_order_and_never_back(before, after):
    order = list(STAGES[Phase.TERMINATING].path)
    onward = order[order.index(before) :]
    assert STAGES[Phase.TERMINATING].legal(before, after) == (after in onward)


def test_a_phase_begins_at_no_stage():
    status = a_status(stage=StageRecord(name=Stage.OBSTRUCTED, since=at(0)))
    situation = Situation.of(a_spec(), status, Facts(), LATE)
    assert situation.enter(Phase.PROGRESSING).status.stage is None


def test_every_stage_has_a_meaning():
    assert set(STAGE_SENTENCES) == set(Stage)


def test_a_stage_keeps_its_clock_while_it_goes_on_and_begins_another_one_when_it_is_left():
    gone = some_facts(target=None, revision=None)
    first = decided(a_spec(), a_status(), gone, at(0)).status
    later = decided(a_spec(), first, gone, at(60)).status
    assert later.stage == StageRecord(name=Stage.RESOLVING, since=at(0))
    back = decided(a_spec(), later, BACK, at(61)).status
    assert back.stage is None
    again = decided(a_spec(), back, gone, at(62)).status
    assert again.stage == StageRecord(name=Stage.RESOLVING, since=at(62))


class TestAStatusOfAReleaseBefore:
    @pytest.mark.parametrize(
        ("phase", "reason", "stage"),
        [
            (Phase.INITIALIZING, waits.PRIMARY_UPDATING, Stage.CREATING),
            (Phase.INITIALIZING, waits.ROUTING_BLOCKED, Stage.ROUTING),
            (Phase.PROMOTING, waits.PRIMARY_UPDATING, Stage.UPDATING),
            (Phase.PROGRESSING, waits.TRAFFIC_GATE, Stage.GATED),
            (Phase.SUCCEEDED, waits.SUSPENDED, Stage.SUSPENDED),
            (Phase.SUCCEEDED, waits.CONTESTED, None),
            (Phase.SUCCEEDED, waits.RESTORING, None),
            (Phase.SUCCEEDED, "Unknown", None),
        ],
    )
    def test_its_stage_is_told_from_what_it_waits_for(self, phase, reason, stage):
        old = a_status(phase, waiting_for=Wait(reason=reason, since=at(5), deadline=at(9)))
        told = mended(old).stage
        assert (told.name if told else None) is stage
        assert told is None or (told.since, told.until) == (at(5), at(9))

    def test_it_does_not_call_for_help_again(self):
        wait = Wait(reason=waits.RESTORING_BLOCKED, since=at(5))
        old = a_status(Phase.TERMINATING, waiting_for=wait)
        facts = some_facts(deleting=True, obstacle="virtualservices: forbidden")
        after = decided(a_spec(), old, facts, at(60)).status
        assert after.stage is not None
        assert (after.stage.help_at, after.notices) == (at(5), ())
        assert decided(a_spec(), after, facts, at(605)).status.stage.name is Stage.RELEASING

    def test_a_stage_that_the_phase_does_not_have_is_none(self):
        assert mended(a_status(stage=StageRecord(name=Stage.RELEASING, since=at(0)))).stage is None

    def test_a_stage_that_is_still_to_come_begins_now(self):
        later = StageRecord(name=Stage.ROUTING, since=LATE + timedelta(days=9), help_at=at(9**9))
        told = mended(a_status(Phase.FINALISING, stage=later)).stage
        assert told == StageRecord(name=Stage.ROUTING, since=LATE, help_at=LATE)


def mended(status: CanaryStatus) -> CanaryStatus:
    facts = some_facts(deleting=status.phase is Phase.TERMINATING)
    return repaired(Situation.of(a_spec(), status, facts, LATE)).status


def test_one_module_of_the_core_reads_what_is_waited_for():
    readers = {
        path.stem
        for path in Path(canary.core.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr == "waiting_for")
        or (isinstance(node, ast.Constant) and node.value == "waiting_for")
    }
    assert readers == {"telling"}


def test_what_is_said_of_a_wait_goes_into_other_words_only():
    tellers = {"conditions", "commands", "fleet_report", "gates"}
    readers = {
        path.stem
        for path in Path(canary.core.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "canary.core.telling"
        and {name.name for name in node.names} & {"reason_said", "message_said"}
    }
    assert readers == tellers | {"decide"}


def test_a_run_at_its_first_gate_is_not_analysed_whatever_weight_a_hand_has_written_into_it():
    edited = a_status(Phase.WAITING, run=a_run(step_weight=20, next_analysis_at=at(3700)))
    status = decided(gated("confirm-rollout"), edited, up(), LATE).status
    assert (status.phase, status.canary_weight, status.stage) == (Phase.WAITING, 20, None)
