"""What is accepted but ignored or changed: a condition while it is so, an event when that changes."""

from typing import Any

import pytest

from canary.api.status import MESSAGE_BYTES, Phase
from canary.core.conditions import SPEC_WARNINGS
from canary.core.decide import Decision, obstructed
from canary.core.traffic import Seen
from canary.errors import SpecWarning
from tests.builders import a_spec, a_status, at
from tests.core.deciding import decided, up

TIMEOUT = SpecWarning("spec.service.timeout", "5s", "linkerd ignores it")
STEPS = SpecWarning("spec.analysis.maxWeight", 0, "counts as 100")
AT_20 = a_status(Phase.PROGRESSING, weight=20)


def warned(*warnings: SpecWarning, before: Any = AT_20, second: int = 1) -> Decision:
    return decided(a_spec(), before, up(warnings=warnings, routed=Seen(weight=20)), at(second))


def said(decision: Decision) -> tuple[str, str, str] | None:
    condition = decision.status.condition(SPEC_WARNINGS)
    return condition and (condition.status, condition.reason, condition.message)


def told(decision: Decision) -> list[str]:
    return [each.message for each in decision.status.notices if each.reason == SPEC_WARNINGS]


def test_a_warning_is_in_a_condition_and_told_once_and_changes_nothing_else():
    first = warned(TIMEOUT, STEPS)
    words = (
        "spec.service.timeout: '5s': linkerd ignores it; spec.analysis.maxWeight: 0: counts as 100"
    )
    assert said(first) == ("True", SPEC_WARNINGS, words)
    assert told(first) == [words]
    (notice,) = [each for each in first.status.notices if each.reason == SPEC_WARNINGS]
    assert (notice.severity, notice.alert) == ("warn", False)
    again = warned(TIMEOUT, STEPS, before=first.status, second=2)
    assert again.status == first.status
    unwarned = warned()
    assert said(unwarned) is None
    assert first.status.but(notices=(), conditions=()) == unwarned.status.but(
        notices=(), conditions=()
    )
    assert first.actions == unwarned.actions
    assert [each for each in first.status.conditions if each.type != SPEC_WARNINGS] == list(
        unwarned.status.conditions
    )


def test_it_is_told_again_when_the_set_has_changed_and_settles_when_there_is_none():
    first = warned(TIMEOUT)
    other = warned(STEPS, before=first.status, second=2)
    assert told(other) == [str(TIMEOUT), str(STEPS)]
    settled = warned(before=other.status, second=3)
    assert said(settled) == ("False", "Settled", "Nothing in the spec is ignored or changed.")
    assert told(settled) == [str(TIMEOUT), str(STEPS)]
    back = warned(STEPS, before=settled.status, second=4)
    assert told(back) == [str(TIMEOUT), str(STEPS), str(STEPS)]


@pytest.mark.parametrize("character", ["x", "ü", '"', "\\", "\n"], ids=ascii)
def test_as_many_are_listed_as_fit_and_the_others_are_counted(character):
    warnings = [
        SpecWarning(f"spec.analysis.metrics[{number}].name", character * 500, "e" * 90)
        for number in range(60)
    ]
    decision = warned(*warnings)
    words = said(decision)
    assert words is not None
    listed = words[2].count("spec.analysis.metrics")
    assert 1 <= listed < 60
    assert words[2].endswith(f"; and {60 - listed} more")
    assert len(words[2].encode()) <= MESSAGE_BYTES
    assert warned(*warnings, before=decision.status, second=2).status == decision.status


def test_what_cannot_be_seen_hides_no_warning():
    blind: dict[str, Any] = {"generation": 3, "warnings": (TIMEOUT,)}
    first = obstructed(a_spec(), AT_20, "deployments: 403", now=at(1), **blind)
    assert said(first) == ("True", SPEC_WARNINGS, str(TIMEOUT))
    assert told(first) == [str(TIMEOUT)]
    again = obstructed(a_spec(), first.status, "deployments: 403", now=at(2), **blind)
    assert again.status == first.status
