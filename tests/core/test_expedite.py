"""Expedite: a person lets one run pass windows and lines, and nothing else, and it is known who and why."""

from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase
from canary.core import waits
from canary.core.facts import BindingPolicy, Command, Revision
from canary.core.situation import Decision
from tests.builders import a_dependency, a_policy, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up
from tests.core.test_leave import frozen

WHY = "@bob via cli at 2026-01-02T03:04:05Z: INC-4711 needs it"
EXPEDITE = Command(verb="expedite", value=WHY)
LIMIT = a_policy(name="shop/limit", maxConcurrent=1)
STRICT = a_policy(name="ops/strict", expedite="Refused")


def every_window() -> BindingPolicy:
    windows = [
        {
            "name": "always",
            "kind": "Deny",
            "from": "00:00",
            "to": "00:00",
            "covers": ["Start", "Advance", "Promote"],
        }
    ]
    return a_policy(name="ops/frozen", timeZone="UTC", windows=windows)


def expedited(
    status: CanaryStatus, *policies: BindingPolicy, spec: Any = None, **facts: Any
) -> Decision:
    given = {"policies": policies, "commands": (EXPEDITE,)} | facts
    return decided(spec or a_spec(), status, up(**given), at(60))


def waiting(**fields: Any) -> CanaryStatus:
    return a_status(Phase.WAITING, runs=1, run=a_run(**fields))


def refusal(decision: Decision) -> str:
    (record,) = decision.status.commands
    assert not record.accepted
    return record.message


@pytest.mark.parametrize("policies", [(LIMIT,), (frozen(),), (every_window(), LIMIT)])
def test_a_run_that_is_expedited_starts_whatever_window_is_closed_and_who_is_before_it(policies):
    assert reason(expedited(waiting(), *policies, commands=())) in {waits.QUEUED, waits.FROZEN}
    begun = expedited(waiting(), *policies)
    assert begun.status.phase is Phase.PROGRESSING
    assert begun.status.run is not None
    assert begun.status.run.expedited == "by bob: INC-4711 needs it"
    (record,) = begun.status.commands
    assert (record.user, record.reason, record.accepted) == ("bob", "INC-4711 needs it", True)


def test_a_run_under_way_that_is_expedited_goes_on_through_windows_to_its_promotion():
    frost = every_window()
    held = expedited(a_status(Phase.PROGRESSING, weight=20), frost, commands=())
    assert reason(held) == waits.FROZEN
    on = expedited(held.status, frost)
    assert on.status.canary_weight > 20


def test_it_is_for_one_run():
    begun = expedited(waiting(), LIMIT).status
    changed = {"revision": Revision(id="newer"), "target": a_workload(generation=2)}
    newer = expedited(begun, LIMIT, commands=(), **changed)
    assert reason(newer) == waits.QUEUED
    assert newer.status.run is not None
    assert newer.status.run.expedited == ""


def test_it_passes_no_gate_no_dependency_and_no_pause():
    hook = {"name": "gate", "type": "confirm-rollout", "url": "http://hooks.example/"}
    spec = a_spec(analysis={"webhooks": [hook]})
    gated = decided(
        spec,
        waiting(),
        up(policies=(LIMIT,), commands=(EXPEDITE,)),
        at(60),
        hooks={"confirm-rollout": False},
    )
    assert reason(gated) == waits.ROLLOUT_GATE
    held = expedited(waiting(), LIMIT, dependencies=(a_dependency(None),))
    assert reason(held) == waits.DEPENDENCY
    pause = Command(verb="pause", value="@alice")
    assert reason(expedited(waiting(), LIMIT, commands=(pause, EXPEDITE))) == waits.PAUSED


def test_a_policy_may_refuse_it_for_all_whom_it_binds():
    said = refusal(expedited(waiting(), LIMIT, STRICT))
    assert said.startswith("DeliveryPolicy ops/strict allows no run to be expedited")


def test_it_is_refused_where_it_would_change_nothing():
    assert refusal(expedited(waiting())).startswith(
        "no DeliveryPolicy holds it for a window or in a line"
    )
    assert refusal(expedited(waiting(expedited="by alice"), LIMIT)).startswith(
        "the run is expedited already"
    )
    assert refusal(expedited(a_status(Phase.SUCCEEDED), LIMIT)).startswith("no run is under way")
    assert refusal(expedited(a_status(Phase.PROMOTING), LIMIT)).startswith(
        "the promotion has begun"
    )


def test_a_stop_holds_a_run_that_was_expedited_before_it():
    stop = a_policy(stop={"reason": "INC-1"})
    held = expedited(waiting(expedited="by bob"), stop, LIMIT, commands=())
    assert reason(held) == waits.STOPPED
    assert "INC-1" in message(held)
