"""Deciding with the same answer to every question of a kind, and reading what came out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from analysis.model import Report, Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus
from canary.core.decide import decide
from canary.core.facts import Facts, Revision
from canary.core.needs import Analyse, HookAnswer, Need
from canary.core.situation import Decision, Question
from tests.builders import NEW, a_report, a_workload, some_facts


def decided(
    spec: CanarySpec,
    status: CanaryStatus,
    facts: Facts,
    now: datetime,
    verdict: Verdict | Report = Verdict.PASS,
    hooks: Mapping[str, bool] | None = None,
    asked: list[Need] | None = None,
) -> Decision:
    """Answer whatever is asked, once each, until a decision comes out.

    Hooks pass but the types that `hooks` says otherwise of; the rollback hook does not.
    """
    agree = {"rollback": False} | dict(hooks or {})
    report = verdict if isinstance(verdict, Report) else a_report(verdict)
    answers: dict[Need, object] = {}
    while True:
        outcome = decide(spec, status, replace(facts, answers=answers), now)
        if isinstance(outcome, Decision):
            if asked is not None:
                asked += answers
            return outcome
        need = outcome.need
        assert need not in answers, "a question that was answered is asked again"
        if isinstance(need, Analyse):
            answers[need] = report
        else:
            passed = agree.get(need.type, True)
            answers[need] = HookAnswer(passed=passed, hook="hook", message="said so")


def asked_for(spec: CanarySpec, status: CanaryStatus, facts: Facts, now: datetime) -> Need:
    """Give what is missing to decide."""
    outcome = decide(spec, status, facts, now)
    assert isinstance(outcome, Question)
    return outcome.need


def up(**fields: Any) -> Facts:
    """Build facts of a run whose pods are all ready."""
    return some_facts(**({"target": a_workload(), "revision": Revision(id=NEW)} | fields))


def message(decision: Decision) -> str:
    """Say what is waited for; empty where nothing is."""
    wait = decision.status.waiting_for
    return wait.message if wait else ""


def reason(decision: Decision) -> str:
    """Name what is waited for; empty where nothing is."""
    wait = decision.status.waiting_for
    return wait.reason if wait else ""
