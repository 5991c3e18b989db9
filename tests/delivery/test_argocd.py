"""What Argo CD makes of a Canary: its health and its actions, run in Lua as Argo CD runs them."""

import json
import re
from typing import Any

import pytest

from canary.api.annotations import PREFIX, VERBS
from canary.api.kinds import Manifest
from canary.api.status import (
    CanaryStatus,
    Condition,
    Outcome,
    Pause,
    Phase,
    RunRecord,
    Stage,
    StageRecord,
    Wait,
    write_status,
)
from canary.core import waits
from tests.builders import a_status, at
from tests.delivery.argocd import ACTIONS, FILE, HEALTH, config_map, run


def a_canary(status: CanaryStatus | None = None, **fields: Any) -> Manifest:
    document = {} if status is None else {"status": json.loads(json.dumps(write_status(status)))}
    metadata = {"name": "podinfo", "namespace": "shop", "generation": 2}
    return {"metadata": metadata, "spec": {}, **document} | fields


def seen(phase: Phase, **fields: Any) -> CanaryStatus:
    return a_status(phase, observed_generation=2, **fields)


def condition(type_: str, message: str = "so it is") -> tuple[Condition, ...]:
    return (Condition(type=type_, status="True", reason="Because", message=message),)


GATE = Wait(reason=waits.PROMOTION_GATE, since=at(0), message="qa has to agree")
STOPPED = Wait(reason=waits.STOPPED, since=at(0), message="stopped by alice")
QUEUED = Wait(reason=waits.QUEUED, since=at(0), message="waiting for a place")
WITHHELD = StageRecord(name=Stage.WITHHELD, since=at(0))
FAILED = RunRecord(revision="a", outcome=Outcome.ROLLED_BACK, message="success 87, at least 99")

HEALTHS: dict[str, tuple[Manifest, str, str]] = {
    "nothing is known of it": (a_canary(), "Progressing", "waiting for the controller"),
    "a new spec": (
        a_canary(a_status(observed_generation=1)),
        "Progressing",
        "waiting for the controller",
    ),
    "at rest": (
        a_canary(seen(Phase.SUCCEEDED, conditions=condition("Ready"))),
        "Healthy",
        "so it is",
    ),
    "in a run": (
        a_canary(
            seen(
                Phase.PROGRESSING,
                waiting_for=Wait(reason=waits.ANALYSIS_DUE, since=at(0), message="in 10 s"),
            )
        ),
        "Progressing",
        "in 10 s",
    ),
    "at a gate": (
        a_canary(seen(Phase.WAITING_PROMOTION, waiting_for=GATE)),
        "Suspended",
        "qa has to agree",
    ),
    "paused": (
        a_canary(seen(Phase.PROGRESSING, paused=Pause(by="by alice: lunch", since=at(0)))),
        "Suspended",
        "paused by alice: lunch",
    ),
    "suspended": (
        a_canary(seen(Phase.PROGRESSING), spec={"suspend": True}),
        "Suspended",
        "spec.suspend is true",
    ),
    "in line": (
        a_canary(seen(Phase.WAITING, stage=WITHHELD, waiting_for=QUEUED)),
        "Suspended",
        "waiting for a place",
    ),
    "stopped amid a run": (
        a_canary(seen(Phase.PROGRESSING, stage=WITHHELD, waiting_for=STOPPED)),
        "Suspended",
        "stopped by alice",
    ),
    "withheld, as a policy cannot be read": (
        a_canary(seen(Phase.WAITING, stage=WITHHELD, conditions=condition("Stalled"))),
        "Degraded",
        "so it is",
    ),
    "failed": (
        a_canary(seen(Phase.FAILED, history=(FAILED,))),
        "Degraded",
        "success 87, at least 99",
    ),
    "invalid": (
        a_canary(seen(Phase.SUCCEEDED, conditions=condition("Invalid"))),
        "Degraded",
        "so it is",
    ),
    "stalled": (
        a_canary(seen(Phase.PROGRESSING, conditions=condition("Stalled"))),
        "Degraded",
        "so it is",
    ),
    "being deleted": (
        a_canary(
            seen(Phase.TERMINATING),
            metadata={"name": "podinfo", "generation": 2, "deletionTimestamp": "now"},
        ),
        "Progressing",
        "gives back the target and the route",
    ),
}
#: The actions that are offered, by where a Canary is.
OFFERED: dict[str, tuple[CanaryStatus, set[str]]] = {
    "at rest": (seen(Phase.SUCCEEDED), set()),
    "in a run": (seen(Phase.PROGRESSING), {"abort", "pause", "promote", "skip"}),
    "before its first step": (seen(Phase.WAITING), {"abort", "pause", "promote"}),
    "paused": (
        seen(Phase.PROGRESSING, paused=Pause(since=at(0))),
        {"abort", "promote", "resume", "skip"},
    ),
    "at a gate": (
        seen(Phase.WAITING_PROMOTION, waiting_for=GATE),
        {"abort", "approve", "pause", "promote", "reject", "skip"},
    ),
    "stopped": (seen(Phase.PROGRESSING, waiting_for=STOPPED), {"abort", "pause"}),
    "in line": (
        seen(Phase.WAITING, waiting_for=QUEUED),
        {"abort", "expedite", "pause", "promote"},
    ),
    "failed": (seen(Phase.FAILED), {"retry"}),
    "in its promotion": (seen(Phase.PROMOTING), set()),
}


def test_the_settings_are_those_of_the_scripts(update_golden: bool) -> None:
    if update_golden:
        FILE.write_text(config_map())
    assert FILE.read_text() == config_map(), "stale: run `make generated`"


@pytest.mark.acceptance("H05")
@pytest.mark.parametrize(("canary", "status", "message"), HEALTHS.values(), ids=HEALTHS)
def test_its_health_says_what_a_person_must_know(
    canary: Manifest, status: str, message: str
) -> None:
    assert run(HEALTH, canary) == {"status": status, "message": message}


@pytest.mark.parametrize(("status", "offered"), OFFERED.values(), ids=OFFERED)
def test_actions_are_offered_where_they_mean_something(
    status: CanaryStatus, offered: set[str]
) -> None:
    found = run(ACTIONS["discovery.lua"], a_canary(status))
    assert found.keys() == set(VERBS)
    assert {verb for verb, action in found.items() if not action["disabled"]} == offered


@pytest.mark.parametrize("verb", VERBS)
def test_an_action_leaves_its_command_and_signs_for_no_one(verb: str) -> None:
    (action,) = (each for each in ACTIONS["definitions"] if each["name"] == verb)
    noted = a_canary(metadata={"name": "podinfo", "annotations": {"team": "a"}})
    for canary, others in ((a_canary(), {}), (noted, {"team": "a"})):
        annotations = run(action["action.lua"], canary)["metadata"]["annotations"]
        value = annotations.pop(f"{PREFIX}{verb}")
        assert re.fullmatch(r"via argocd at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
        assert annotations == others


def test_every_command_is_an_action() -> None:
    assert {each["name"] for each in ACTIONS["definitions"]} == set(VERBS)
