"""Groups: Canaries of one release that take their steps together."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Outcome, Phase
from canary.core import waits
from canary.core.decide import decide
from canary.core.facts import Command
from canary.core.needs import Need
from canary.core.peers import Peer, Progress
from canary.core.situation import Decision
from tests.builders import (
    T0,
    a_peer,
    a_progress,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
)
from tests.core.deciding import decided, message, reason, up

RELEASE = "r2"
GROUPED = a_spec(group={"name": "shop"})
ALONE = a_spec(group={"name": "shop", "onFailure": "Alone"})


def fellow(phase: Phase = Phase.PROGRESSING, **fields: Any) -> Peer:
    """Another member that tests the same release."""
    progress = a_progress(phase, **({"release": RELEASE} | fields))
    return a_peer("cart", progress=progress, coming=RELEASE)


def status(step: int = 1, *, at_phase: Phase = Phase.PROGRESSING, **fields: Any) -> CanaryStatus:
    """A run at a step of three, 20 % each."""
    run = a_run(step=step, step_since=T0, pre_rollout_passed=bool(step), **fields.pop("run", {}))
    rest = {"weight": 20 * step, "run": run, "release": RELEASE, "steps": 3}
    return a_status(at_phase, **(rest | fields))


def looked(
    *members: Peer, spec: CanarySpec = GROUPED, before: CanaryStatus | None = None, **facts: Any
) -> Decision:
    facts = {"target": a_workload(release=RELEASE)} | facts
    return decided(spec, before or status(), up(members=members, **facts), at(60))


@pytest.mark.parametrize(
    "member",
    [
        fellow(passed=0),
        fellow(Phase.WAITING),
        fellow(Phase.WAITING_PROMOTION),
        # It has the release, and its controller has not seen it yet.
        fellow(Phase.SUCCEEDED, release="r1"),
    ],
)
def test_a_step_waits_for_those_of_the_release_that_have_not_passed_the_one_before(member):
    kept = looked(member)
    assert (kept.status.canary_weight, reason(kept)) == (20, waits.GROUP)
    assert message(kept).startswith(
        "waiting for the others of group shop to pass step 1: test/cart ("
    )
    assert kept.status.run is not None
    assert kept.status.run.passed_step == 1


@pytest.mark.parametrize(
    "member",
    [
        fellow(passed=1),
        fellow(passed=2),
        fellow(Phase.WAITING_PROMOTION, passed=3),
        fellow(Phase.PROMOTING, passed_all=True),
        fellow(Phase.SUCCEEDED),
        # Of another release, or none.
        a_peer("cart", coming="r1", progress=a_progress(Phase.PROGRESSING, release="r1")),
        a_peer("cart", progress=a_progress(Phase.PROGRESSING)),
        replace(fellow(), deleting=True),
    ],
)
def test_a_step_comes_when_the_others_have_passed_the_one_before(member):
    assert looked(member).status.canary_weight == 40


def test_the_first_step_waits_until_the_canaries_of_all_are_ready_and_until_others_were_seen():
    asked: list[Need] = []
    before = status(0)
    facts = up(target=a_workload(release=RELEASE))
    hooks = [{"name": "load", "type": "pre-rollout", "url": "http://hooks.example/"}]
    spec = a_spec(group={"name": "shop"}, analysis={"webhooks": hooks})
    early = decided(spec, before, facts, at(4), asked=asked)
    assert (reason(early), asked) == (waits.GROUP, [])
    assert early.status.stage is not None
    assert early.status.stage.until == at(10)
    assert early.status.run is not None
    assert early.status.run.passed_step == 0
    seen = decided(spec, early.status, facts, at(10))
    assert seen.status.canary_weight == 20
    behind = decided(spec, early.status, replace(facts, members=(fellow(),)), at(10))
    assert message(behind) == (
        "waiting for the others of group shop to be ready: test/cart (Progressing)"
    )
    there = decided(spec, behind.status, replace(facts, members=(fellow(passed=0),)), at(11))
    assert there.status.canary_weight == 20


def test_the_promotion_waits_until_the_others_have_passed_their_last_step():
    before = status(3)
    kept = looked(fellow(passed=5), before=before)
    assert (kept.status.phase, reason(kept)) == (Phase.PROGRESSING, waits.GROUP)
    assert "to pass the last step: test/cart (Progressing after step 5)" in message(kept)
    gone_on = looked(fellow(passed=5, passed_all=True), before=before)
    assert gone_on.status.phase is Phase.PROMOTING


def test_leave_that_comes_between_two_looks_is_taken_at_once_where_the_last_look_has_passed():
    kept = looked(fellow(passed=0))
    facts = up(target=a_workload(release=RELEASE), members=(fellow(passed=1),))
    assert decided(GROUPED, kept.status, facts, at(61)).status.canary_weight == 40
    failing = kept.status.but(run=kept.status.run.but(analysis_passed=False))
    assert decided(GROUPED, failing, facts, at(61)).status.canary_weight == 20


def test_a_canary_at_a_gate_of_its_own_has_not_passed_its_step():
    hooks = [{"name": "go", "type": "confirm-promotion"}]
    spec = a_spec(group={"name": "shop"}, analysis={"webhooks": hooks})
    gated = looked(fellow(passed=0), before=status(3), spec=spec)
    assert (reason(gated), gated.status.run.passed_step) == (waits.PROMOTION_GATE, None)
    command = Command(verb="approve", value="@alice: go")
    opened = looked(fellow(passed=0), before=gated.status, spec=spec, commands=(command,))
    assert (reason(opened), opened.status.run.passed_step) == (waits.GROUP, 3)


def test_the_analysis_goes_on_while_the_group_is_waited_for():
    kept = looked(fellow(passed=0))
    facts = up(target=a_workload(release=RELEASE), members=(fellow(passed=0),))
    between = decided(GROUPED, kept.status, facts, at(65))
    assert between.status == kept.status
    assert between.wake_at == at(70)
    failed = decided(GROUPED, kept.status.but(failed_checks=1), facts, at(70), verdict="fail")
    assert failed.status.phase is Phase.FAILED


@pytest.mark.parametrize("before", [status(), status(0, at_phase=Phase.WAITING)])
def test_a_failure_of_one_rolls_back_those_that_have_not_begun_to_promote(before):
    failed = looked(fellow(Phase.FAILED, since=at(30)), before=before)
    assert failed.status.phase is Phase.FAILED
    record = failed.status.history[0]
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, "GroupFailed")
    assert "Canary test/cart of group shop was rolled back" in record.message


def test_what_is_being_promoted_is_not_brought_back_by_the_failure_of_another():
    before = a_status(Phase.PROMOTING, weight=60, release=RELEASE)
    failed = fellow(Phase.FAILED, since=at(30))
    assert looked(failed, before=before).status.phase is Phase.PROMOTING


def test_a_failure_from_before_the_run_holds_it_and_does_not_end_it():
    """The one that is retried first waits for the other."""
    before = status(run={"started_at": at(40)})
    kept = looked(fellow(Phase.FAILED, since=at(30)), before=before)
    assert (kept.status.phase, reason(kept)) == (Phase.PROGRESSING, waits.GROUP)
    assert "Failed: retry it, or take it out of the group" in message(kept)


def test_alone_goes_on_without_the_one_that_failed():
    assert looked(fellow(Phase.FAILED, since=at(30)), spec=ALONE).status.canary_weight == 40


def test_without_a_release_a_group_has_no_effect():
    before = status(release="")
    alone = looked(a_peer("cart"), before=before, target=a_workload())
    assert alone.status.canary_weight == 40


def test_a_person_who_promotes_and_a_way_back_wait_for_no_group():
    command = Command(verb="promote", value="@alice: now")
    assert looked(fellow(passed=0), commands=(command,)).status.phase is Phase.PROMOTING
    back = status(run={"known_good": True})
    assert looked(fellow(passed=0), before=back).status.phase is Phase.PROMOTING


def test_rollback_hooks_are_asked_at_each_interval_while_the_group_is_waited_for():
    hooks = [{"name": "stop", "type": "rollback", "url": "http://hooks.example/"}]
    spec = a_spec(group={"name": "shop"}, analysis={"webhooks": hooks})
    facts = up(target=a_workload(release=RELEASE), members=(fellow(),))
    kept = decided(spec, status(0), facts, at(60))
    assert (reason(kept), kept.status.run.next_analysis_at) == (waits.GROUP, at(70))
    assert decide(spec, kept.status, facts, at(65)).status == kept.status
    ended = decided(spec, kept.status, facts, at(70), hooks={"rollback": True})
    assert ended.status.phase is Phase.FAILED


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        (
            a_status(Phase.PROGRESSING, run=a_run(step=2), steps=3),
            {"passed": 1, "passed_all": False, "settled": False},
        ),
        (
            a_status(Phase.PROGRESSING, run=a_run(step=3, passed_step=3), steps=3),
            {"passed": 3, "passed_all": True},
        ),
        (a_status(Phase.PROGRESSING, run=a_run(passed_step=0)), {"passed": 0, "passed_all": False}),
        (a_status(Phase.PROGRESSING, run=None), {"passed": -1}),
        (a_status(Phase.WAITING, run=a_run(step=2)), {"passed": -1}),
        (a_status(), {"settled": True, "passed_all": True}),
        (a_status(state="Invalid"), {"settled": False, "invalid": True}),
        (a_status(last_applied_spec="1-newer"), {"settled": False}),
        (a_status(Phase.FAILED), {"settled": False, "passed_all": False}),
    ],
)
def test_progress_is_read_from_a_status(status, progress):
    read = Progress.of(status)
    assert {name: getattr(read, name) for name in progress} == progress


@pytest.mark.parametrize("stage", ["Held", "Suspended"])
def test_one_at_rest_that_starts_nothing_is_not_settled(stage):
    assert not Progress.of(a_status(stage={"name": stage, "since": T0})).settled
