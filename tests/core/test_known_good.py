"""Returning to a revision that was promoted not long ago: its steps are skipped."""

import pytest

from canary.api.status import Outcome, Phase, RunRecord
from canary.core.decide import decide
from canary.core.facts import Revision
from canary.core.known_good import is_known_good
from canary.core.needs import AskHooks
from canary.core.situation import Decision, Situation
from tests.builders import (
    NEW,
    OLD,
    a_primary,
    a_spec,
    a_status,
    a_workload,
    at,
    broken_metric,
    some_facts,
)
from tests.core.deciding import decided, up

GATE = {"name": "ok", "type": "confirm-promotion", "url": "http://hooks.example/"}


def a_record(revision: str, ended: int, outcome: Outcome = Outcome.PROMOTED) -> RunRecord:
    return RunRecord(
        revision=revision, outcome=outcome, started_at=at(ended - 60), duration_seconds=60
    )


PROMOTED_BEFORE = (a_record(OLD, 900), a_record(NEW, 500))


@pytest.mark.parametrize(
    ("window", "history", "known"),
    [
        ({"duration": "10m"}, PROMOTED_BEFORE, True),
        ({"duration": "8m"}, PROMOTED_BEFORE, False),
        ({"revisions": 1}, PROMOTED_BEFORE, True),
        ({"revisions": 1}, (a_record("1-c", 950), *PROMOTED_BEFORE), False),
        ({"revisions": 1}, (a_record("1-c", 950, Outcome.ROLLED_BACK), *PROMOTED_BEFORE), True),
        ({"revisions": 5, "duration": "8m"}, PROMOTED_BEFORE, False),
        ({"revisions": 5}, (a_record(NEW, 950, Outcome.ROLLED_BACK), *PROMOTED_BEFORE), False),
        ({"revisions": 5}, (a_record(NEW, 950, Outcome.SUPERSEDED), *PROMOTED_BEFORE), True),
        ({"revisions": 5}, (a_record(OLD, 900),), False),
        ({"revisions": 5}, (a_record(NEW, 500).but(started_at=None),), False),
        ({"duration": "1h"}, (a_record(NEW, 500).but(duration_seconds=10**18),), True),
        (None, PROMOTED_BEFORE, False),
    ],
    ids=[
        "promoted eight minutes ago, within ten",
        "promoted longer ago than the window",
        "promoted one promotion ago",
        "promoted two promotions ago, where one is allowed",
        "a rollback in between is no promotion",
        "both limits count",
        "rolled back since",
        "superseded since, which says nothing of it",
        "never promoted",
        "promoted at a time that its record has lost",
        "promoted after longer than can be",
        "no window",
    ],
)
def test_a_revision_is_known_to_be_good_that_was_promoted_within_the_window(window, history, known):
    spec = a_spec(analysis={"rollbackWindow": window})
    situation = Situation.of(spec, a_status().but(history=history), some_facts(), at(1000))
    assert is_known_good(situation, NEW) is known


def returning(**analysis: object) -> Decision:
    """Begin a run for a revision that was promoted before, with its pods ready."""
    spec = a_spec(analysis={"rollbackWindow": {"duration": "1h"}, "webhooks": [GATE]} | analysis)
    status = a_status().but(history=PROMOTED_BEFORE)
    facts = some_facts(target=a_workload(), revision=Revision(id=NEW))
    begun = decided(spec, status, facts, at(1000))
    assert begun.status.notices[-1].message.startswith("Known good revision")
    return decided(spec, begun.status, up(), at(1010))


def test_a_return_is_promoted_without_steps_and_gates_as_soon_as_it_is_ready():
    assert returning().status.phase is Phase.PROMOTING


def test_a_return_whose_pods_do_not_come_up_is_no_promotion():
    spec = a_spec(analysis={"rollbackWindow": {"duration": "1h"}})
    status = a_status().but(history=PROMOTED_BEFORE)
    starting = some_facts(target=a_workload(available=0), revision=Revision(id=NEW))
    begun = decided(spec, status, starting, at(1000))
    assert begun.status.phase is Phase.PROGRESSING
    late = decided(spec, begun.status, up(target=a_workload(available=0)), at(2000))
    assert late.status.history[0].outcome == Outcome.ROLLED_BACK


def test_a_return_still_asks_to_begin():
    gate = {"name": "go", "type": "confirm-rollout", "url": "http://hooks.example/"}
    spec = a_spec(analysis={"rollbackWindow": {"revisions": 1}, "webhooks": [gate]})
    status = a_status().but(history=PROMOTED_BEFORE)
    asked = decide(spec, status, some_facts(revision=Revision(id=NEW)), at(1000))
    assert isinstance(asked.need, AskHooks)


def test_a_return_needs_no_metric_that_can_be_asked():
    spec = a_spec(analysis={"rollbackWindow": {"revisions": 1}})
    status = a_status().but(history=PROMOTED_BEFORE)
    facts = some_facts(
        target=a_workload(),
        primary=a_primary(),
        revision=Revision(id=NEW),
        references=(broken_metric(),),
    )
    assert decided(spec, status, facts, at(1000)).status.phase is Phase.PROGRESSING
