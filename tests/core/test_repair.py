"""Whatever a status says, and however its facts contradict it, a decision comes out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import Verdict
from canary.api.annotations import VERBS
from canary.api.people import WebhookType
from canary.api.status import (
    CanaryStatus,
    Hold,
    Outcome,
    Pause,
    Phase,
    Run,
    Stage,
    Wait,
    read_status,
    write_status,
)
from canary.core.facts import Command, Drift, Facts, Revision, Trouble, UpdateStrategy, Workload
from canary.core.repair import repaired
from canary.core.replan import replan
from canary.core.situation import Situation
from canary.core.traffic import Seen
from canary.core.waits import MEANINGS
from tests.builders import a_run, a_spec, a_status, at, some_facts
from tests.core.deciding import decided
from tests.core.world import SPECS
from tests.sampling import examples

NOW = at(0)
MOMENTS = st.sampled_from(
    [
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:00:00Z",
        "2025-12-31T23:59:50Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:10:00Z",
        "9999-12-31T23:59:59-14:00",
        "not a moment",
    ]
)
TEXT = st.sampled_from(["", "1-r0", "1-r1", "True", "Ready", *MEANINGS, "confirm-rollout"])
NUMBER = st.sampled_from([0, 1, -1, 20, 60, 100, 2**40, 1e300, float("nan"), True])
LEAF = st.none() | TEXT | MOMENTS | NUMBER


def _parts(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return LEAF | st.fixed_dictionaries({}, optional=fields)


WAIT = _parts(reason=TEXT, message=TEXT, since=MOMENTS, deadline=MOMENTS)
HOLD = _parts(reason=TEXT, since=MOMENTS)
COOKIE = _parts(
    name=st.just("stick"),
    value=st.just("1-0123456789abcdef"),
    maxAge=NUMBER,
    until=MOMENTS,
)
RUN = st.fixed_dictionaries(
    {"id": TEXT, "revision": TEXT, "startedAt": MOMENTS},
    optional={
        "looks": NUMBER,
        "preRolloutPassed": st.booleans(),
        "analysisPassed": st.booleans(),
        "nextAnalysisAt": MOMENTS,
        "step": NUMBER,
        "stepSince": MOMENTS,
        "lastsSince": MOMENTS,
        "analysedSince": MOMENTS,
        "matched": st.booleans(),
        "passes": NUMBER,
        "nextStep": NUMBER,
        "passedStep": NUMBER,
        "knownGood": st.booleans(),
        "budgets": st.lists(_parts(policy=TEXT, metric=TEXT, verdict=TEXT, at=MOMENTS), max_size=1),
        "approvals": st.lists(TEXT, max_size=2),
        "holds": st.lists(HOLD, max_size=2),
        "fullPromotion": st.booleans(),
        "stepWeight": NUMBER,
    },
)
STATUS = st.fixed_dictionaries(
    {"phase": st.sampled_from([*Phase, "Terminated"])},
    optional={
        "canaryWeight": NUMBER,
        "weights": _parts(primary=NUMBER, canary=NUMBER),
        "failedChecks": NUMBER,
        "stepStartedAt": MOMENTS,
        "lastTransitionTime": MOMENTS,
        "waitingFor": WAIT,
        "stage": _parts(
            name=st.sampled_from([*Stage]), since=MOMENTS, until=MOMENTS, helpAt=MOMENTS
        ),
        "outagesUntil": MOMENTS,
        "cookies": _parts(
            run=TEXT,
            canary=COOKIE,
            primary=COOKIE,
            expired=st.lists(COOKIE, max_size=2),
        ),
        "repairs": st.lists(
            _parts(object=st.just("VirtualService/podinfo"), undoneAt=MOMENTS, contested=NUMBER),
            max_size=1,
        ),
        "primary": _parts(
            uid=TEXT, revision=TEXT, template=TEXT, generation=NUMBER, undoneAt=MOMENTS
        ),
        "lastAppliedSpec": TEXT,
        "lastPromotedSpec": TEXT,
        "targetVersion": TEXT,
        "targetParked": st.booleans(),
        "runs": NUMBER,
        "primaryReplicas": NUMBER,
        "trackedConfigs": LEAF | st.dictionaries(TEXT, LEAF, max_size=2),
        "run": LEAF | RUN,
        "paused": LEAF | _parts(by=TEXT, since=MOMENTS),
        "history": LEAF
        | st.lists(
            _parts(
                revision=TEXT,
                outcome=TEXT | st.sampled_from([*Outcome]),
                reason=TEXT,
                startedAt=MOMENTS,
                durationSeconds=NUMBER,
                analysedSince=MOMENTS,
            ),
            max_size=2,
        ),
        "commands": LEAF | st.lists(_parts(verb=TEXT, at=MOMENTS), max_size=2),
        "conditions": LEAF | st.lists(_parts(type=TEXT, status=TEXT, reason=TEXT), max_size=2),
        "notices": LEAF | st.lists(_parts(id=TEXT, reason=TEXT, message=TEXT, at=MOMENTS)),
    },
)
WORKLOAD = st.builds(
    Workload,
    name=st.just("podinfo"),
    generation=st.sampled_from([1, 2]),
    observed_generation=st.sampled_from([1, 2]),
    replicas=st.integers(0, 2),
    total=st.integers(0, 2),
    updated=st.integers(0, 2),
    available=st.integers(0, 2),
    deadline_exceeded=st.booleans(),
    revision=st.sampled_from(["", "1-r0", "1-r1"]),
    strategy=st.sampled_from([UpdateStrategy(), UpdateStrategy(recreate=True)]),
    trouble=st.none()
    | st.just(Trouble(reason="ImagePullBackOff", pod="p", container="c", message="")),
)
FACTS = st.builds(
    Facts,
    generation=st.sampled_from([1, 2]),
    deleting=st.booleans(),
    has_finalizer=st.booleans(),
    commands=st.lists(st.builds(Command, verb=st.sampled_from(VERBS)), max_size=2).map(tuple),
    target=st.none() | WORKLOAD,
    primary=st.none() | WORKLOAD,
    revision=st.none() | st.sampled_from(["1-r0", "1-r1"]).map(lambda name: Revision(id=name)),
    routed=st.none() | st.builds(Seen, weight=st.integers(0, 100)),
    restored=st.booleans(),
    autoscaler_minimum=st.none() | st.integers(0, 3),
    autoscaler_maximum=st.none() | st.integers(0, 3),
    obstacle=st.sampled_from(["", "forbidden"]),
    drifts=st.just(()) | st.just((Drift(kind="VirtualService", name="podinfo", version="2"),)),
)


@given(
    raw=STATUS,
    facts=FACTS,
    spec=st.sampled_from(SPECS),
    verdict=st.sampled_from(list(Verdict)),
    agree=st.booleans(),
)
@settings(max_examples=examples(120))
def test_a_status_that_was_edited_by_hand_is_decided_on_and_can_be_written(
    raw, facts, spec, verdict, agree
):
    status = read_status(raw)
    hooks = dict.fromkeys(WebhookType, agree)
    decision = decided(spec, status, facts, NOW, verdict, hooks)
    assert decision.wake_at is None or decision.wake_at > NOW
    assert read_status(write_status(decision.status)) == decision.status


def mended(status: CanaryStatus, **facts: Any) -> CanaryStatus:
    situation = Situation.of(a_spec(), status, some_facts(**facts), NOW)
    return replan(repaired(situation)).status


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.NEW])
def test_what_tidegate_wrote_itself_is_left_alone(phase):
    alone = phase in {Phase.NEW, Phase.INITIALIZING, Phase.FINALISING}
    weight = 0 if alone else 20
    deleting = phase is Phase.TERMINATING
    status = mended(a_status(phase, weight=weight), deleting=deleting)
    assert mended(status, deleting=deleting) == status
    assert (status.phase, status.canary_weight) == (phase, weight)


@pytest.mark.parametrize(
    "phase", [Phase.INITIALIZED, Phase.WAITING, Phase.PROGRESSING, Phase.FINALISING]
)
def test_a_phase_after_a_promotion_that_is_not_recorded_begins_anew(phase):
    assert mended(a_status(phase, last_promoted_spec="")).phase is Phase.NEW


def test_a_failed_initialisation_stays_failed():
    assert mended(a_status(Phase.FAILED, last_promoted_spec="")).phase is Phase.FAILED


def test_terminating_without_a_deletion_begins_anew():
    assert mended(a_status(Phase.TERMINATING)).phase is Phase.NEW


def test_two_weights_in_one_status_become_the_one_that_counts():
    status = mended(a_status(Phase.PROGRESSING, weight=20).but(canary_weight=40))
    assert (status.weights.primary, status.weights.canary, status.step) == (60, 40, 2)


def test_a_canary_that_is_to_be_drained_gets_no_traffic():
    status = a_status(Phase.FINALISING, weight=60)
    assert decided(a_spec(), status, some_facts(), NOW).status.weights.canary == 0


def test_before_there_is_a_route_traffic_is_meant_for_nobody_but_the_primary():
    initialising = a_status(Phase.INITIALIZING, weight=100)
    assert mended(initialising).weights.canary == 0
    assert mended(initialising, routed=Seen(weight=100)).weights.canary == 100
    assert mended(initialising, routed=None, deleting=True).weights.canary == 100


def test_a_step_is_remembered_only_where_there_are_steps():
    run = a_run(step_weight=60)
    stepping = mended(a_status(Phase.PROGRESSING, weight=0, run=run))
    assert (stepping.run.step_weight, stepping.step) == (60, 3)
    promoting = mended(a_status(Phase.PROMOTING, weight=0, run=run))
    assert (promoting.run.step_weight, promoting.step) == (None, 0)


def test_moments_that_are_still_to_come_are_now():
    later = NOW + timedelta(days=3650)
    status = mended(
        a_status(
            Phase.PROGRESSING,
            last_transition_time=later,
            step_started_at=later,
            waiting_for=Wait(reason="Paused", since=later),
            paused=Pause(since=later),
            run=Run(
                id="1",
                revision="r",
                started_at=later,
                next_analysis_at=later,
                holds=(Hold(reason="TrafficGate", since=later),),
            ),
        )
    )
    assert status.run is not None
    assert status.waiting_for is not None
    assert status.paused is not None
    assert {
        status.last_transition_time,
        status.step_started_at,
        status.waiting_for.since,
        status.paused.since,
        status.run.started_at,
        status.run.holds[0].since,
    } == {NOW}
    assert status.run.next_analysis_at == NOW + a_spec().analysis.interval


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_no_clock_has_shown_is_dropped(written):
    assert read_status({"lastTransitionTime": written}).last_transition_time is None


def test_a_moment_is_read_in_utc():
    moment = read_status({"lastTransitionTime": "2026-01-01T02:00:00+02:00"}).last_transition_time
    assert moment == datetime(2026, 1, 1, tzinfo=UTC)
    assert moment.tzinfo is UTC


def test_a_step_that_began_in_times_to_come_begins_now():
    """A replica wrote it whose clock was ahead; the step would last until then, and longer."""
    run = a_run(step=1, step_since=at(10**6), lasts_since=at(10**7))
    known = mended(a_status(Phase.PROGRESSING, weight=20, run=run)).run
    assert known is not None
    assert (known.step_since, known.lasts_since) == (NOW, NOW)
