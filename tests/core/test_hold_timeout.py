"""What holds a run has a deadline, and the run is rolled back at it."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from analysis.model import Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Outcome, Phase
from canary.core import waits
from canary.core.facts import Facts
from canary.core.plan import plan
from canary.core.traffic import Seen
from tests.builders import a_primary, a_run, a_spec, a_status, a_workload, at, broken_metric
from tests.core.deciding import decided, reason, up

HELD = {"holdTimeout": "7m"}
DOWN = {"steps": [{"weight": 60}, {"weight": 10}]}


def in_run(weight: int = 20, **fields: object) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run that something holds."""

    status: CanaryStatus = field(default_factory=in_run)
    facts: Facts = field(default_factory=up)
    analysis: dict[str, object] = field(default_factory=dict)
    verdict: Verdict = Verdict.PASS

    def spec(self, **analysis: object) -> CanarySpec:
        return a_spec(analysis=self.analysis | analysis, progressDeadlineSeconds=60)


STEPPED = a_run(pre_rollout_passed=True, step=1, plan=plan(a_spec(analysis=DOWN).analysis).digest)
CASES = {
    waits.ANALYSIS_INCONCLUSIVE: Held(verdict=Verdict.INCONCLUSIVE),
    waits.ROUTING: Held(status=in_run(60), facts=up(routed=Seen())),
    waits.ROUTE_REFUSED: Held(facts=up(refusal="no such gateway")),
    waits.CANARY_NOT_READY: Held(facts=up(target=a_workload(available=1))),
    waits.TARGET_MISSING: Held(facts=up(target=None, revision=None)),
    waits.SPEC_INVALID: Held(facts=up(unguided=True)),
    waits.OBSTACLE: Held(facts=up(unseen="deployments: forbidden")),
    waits.PRIMARY_SHORT: Held(
        status=in_run(60, run=STEPPED, primary_replicas=10),
        facts=up(primary=a_primary(replicas=10, available=5)),
        analysis=DOWN,
    ),
    waits.REFERENCE_BROKEN: Held(
        status=a_status(Phase.WAITING), facts=up(references=(broken_metric(),))
    ),
}


@pytest.mark.parametrize("why", CASES)
def test_a_run_that_is_held_shows_until_when_and_is_rolled_back_then(why):
    case = CASES[why]
    spec = case.spec(**HELD)
    held = decided(spec, case.status, case.facts, at(60), case.verdict)
    assert reason(held) == why
    wait = held.status.waiting_for
    assert wait is not None
    assert wait.deadline == wait.since + timedelta(minutes=7)
    assert held.status.phase is case.status.phase
    late = decided(spec, held.status, case.facts, wait.deadline, case.verdict)
    assert (late.status.phase, late.status.history[0].outcome) == (
        Phase.FAILED,
        Outcome.ROLLED_BACK,
    )


@pytest.mark.parametrize("why", CASES)
def test_without_a_hold_timeout_it_is_the_progress_deadline(why):
    case = CASES[why]
    held = decided(case.spec(), case.status, case.facts, at(60), case.verdict)
    wait = held.status.waiting_for
    assert wait is not None
    assert wait.deadline == wait.since + timedelta(seconds=60)


def test_a_canary_that_comes_up_for_the_first_time_has_the_progress_deadline():
    case = CASES[waits.CANARY_NOT_READY]
    status = a_status(Phase.PROGRESSING)
    held = decided(case.spec(**HELD), status, case.facts, at(60))
    wait = held.status.waiting_for
    assert wait is not None
    assert wait.deadline == wait.since + timedelta(seconds=60)


def test_a_reference_that_is_repaired_in_time_lets_the_run_begin():
    case = CASES[waits.REFERENCE_BROKEN]
    held = decided(case.spec(**HELD), case.status, case.facts, at(60)).status
    begun = decided(case.spec(**HELD), held, up(), at(120)).status
    assert begun.phase is Phase.PROGRESSING
    assert begun.run is not None
    assert [each.reason for each in begun.run.holds] == [waits.CANARY_NOT_READY]


def test_a_primary_that_is_lost_while_a_promotion_ends_calls_for_help_once():
    status = a_status(Phase.FINALISING, weight=100, last_promoted_spec="1-new")
    facts = up(primary=a_primary("1-new", available=0))
    waiting = decided(a_spec(), status, facts, at(60)).status
    assert waiting.stage is not None
    called = decided(a_spec(), waiting, facts, at(660)).status
    later = decided(a_spec(), called, facts, at(2000)).status
    alerts = [each for each in later.notices if each.alert and each.reason == "PrimaryNotReady"]
    assert len(alerts) == 1
    assert later.phase is Phase.FINALISING
