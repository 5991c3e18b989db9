"""A spec that becomes invalid during a run: told, and the run is not frozen by it."""

import pytest

from canary.api.status import Outcome, Phase
from canary.core import waits
from canary.core.conditions import INVALID
from canary.core.decide import refuse
from canary.core.traffic import Seen
from canary.errors import Problem
from tests.builders import a_spec, a_status, at
from tests.core.deciding import decided, reason, up

PROBLEMS = (Problem("spec.analysis.threshold", "many", "write a whole number"),)
AT_20 = a_status(Phase.PROGRESSING, weight=20)


def test_a_run_goes_on_by_the_last_valid_spec_and_says_what_is_wrong_with_the_newest():
    facts = up(problems=PROBLEMS, routed=Seen(weight=20))
    going = decided(a_spec(), AT_20, facts, at(60)).status
    assert going.phase is Phase.PROGRESSING
    assert going.canary_weight > 20
    condition = going.condition(INVALID)
    assert condition is not None
    assert (condition.status, going.state) == ("True", INVALID)
    assert condition.message == (
        "The run continues with the last valid spec. "
        "spec.analysis.threshold: 'many': write a whole number"
    )
    told = [notice for notice in going.notices if notice.reason == INVALID]
    assert [(notice.alert, notice.message) for notice in told] == [(True, condition.message)]


def test_it_is_told_once_and_settles():
    facts = up(problems=PROBLEMS, routed=Seen(weight=20))
    waiting = AT_20
    for second in (1, 2, 3):
        waiting = decided(a_spec(), waiting, facts, at(second)).status
    assert [notice.reason for notice in waiting.notices].count(INVALID) == 1
    assert decided(a_spec(), waiting, facts, at(4)).status == waiting


def test_it_is_not_told_again_when_the_run_ends():
    going = decided(a_spec(), AT_20, up(problems=PROBLEMS), at(1)).status
    delivered = frozenset(notice.id for notice in going.notices)
    ended = refuse(
        going, PROBLEMS, generation=2, deleting=False, delivered=delivered, now=at(2)
    ).status
    assert ended.condition(INVALID).message == str(PROBLEMS[0])
    assert ended.notices == ()


def test_a_spec_that_is_corrected_is_valid_again():
    facts = up(routed=Seen(weight=20))
    invalid = decided(a_spec(), AT_20, up(problems=PROBLEMS), at(1)).status
    corrected = decided(a_spec(), invalid, facts, at(2)).status
    assert corrected.condition(INVALID) is None
    assert corrected.state == Phase.PROGRESSING


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION])
def test_a_run_of_which_no_valid_spec_is_known_is_rolled_back_at_the_deadline(phase):
    weight = 0 if phase is Phase.WAITING else 20
    facts = up(problems=PROBLEMS, unguided=True, routed=Seen(weight=weight))
    held = decided(a_spec(), a_status(phase, weight=weight), facts, at(60))
    assert (held.status.phase, held.status.canary_weight) == (phase, weight)
    assert reason(held) == waits.SPEC_INVALID
    settled = decided(a_spec(), held.status, facts, at(61))
    assert settled.wake_at == at(660)
    ended = decided(a_spec(), held.status, facts, at(660)).status
    assert (ended.phase, ended.canary_weight) == (Phase.FAILED, 0)
    (record, *_) = ended.history
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, INVALID)


def test_a_promotion_that_was_decided_is_carried_out_whatever_the_spec_says_now():
    facts = up(problems=PROBLEMS, unguided=True)
    going = decided(a_spec(), a_status(Phase.PROMOTING, weight=50), facts, at(60))
    assert reason(going) == waits.PRIMARY_UPDATING
