"""What Argo CD makes of a Canary: its health and its actions, run in Lua as Argo CD runs them."""

import json
import re
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from canary.api.annotations import PREFIX, VERBS
from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.api.status import (
    CanaryStatus,
    Condition,
    Outcome,
    Pause,
    Phase,
    RunRecord,
    Wait,
    write_status,
)
from canary.core import waits
from tests.builders import a_status, at
from tests.testbed.tools import ROOT

FOLDER = ROOT / "deploy" / "argocd"
FILE = FOLDER / "argocd-cm.yaml"
HEAD = """\
# What Argo CD must know of Canaries, to be merged into its ConfigMap argocd-cm. Made from the Lua files
# beside it: `make generated`
"""


def lua(name: str) -> str:
    return (FOLDER / f"{name}.lua").read_text()


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)


def written(value: Any) -> str:
    return yaml.dump(value, Dumper=_Readable, sort_keys=False)


def config_map() -> str:
    """Write the settings as Argo CD reads them."""
    resource = f"{GROUP}_Canary"
    actions = {
        "discovery.lua": lua("discovery"),
        "definitions": [
            {"name": verb, "action.lua": lua("action").replace("VERB", verb)}
            for verb in sorted(VERBS)
        ],
    }
    return HEAD + written(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-cm", "namespace": "argocd"},
            "data": {
                f"resource.customizations.health.{resource}": lua("health"),
                f"resource.customizations.actions.{resource}": written(actions),
            },
        }
    )


DATA = yaml.safe_load(config_map())["data"]
HEALTH = DATA[f"resource.customizations.health.{GROUP}_Canary"]
ACTIONS = yaml.safe_load(DATA[f"resource.customizations.actions.{GROUP}_Canary"])


def run(script: str, obj: Manifest) -> Any:
    """Run a script on an object, and give what it returns as Python has it."""
    runtime = LuaRuntime(unpack_returned_tuples=True)

    def table(value: Any) -> Any:
        if isinstance(value, dict):
            return runtime.table_from({key: table(each) for key, each in value.items()})
        if isinstance(value, list):
            return runtime.table_from([table(each) for each in value])
        return value

    runtime.globals().obj = table(obj)
    return plain(runtime.execute(script))


def plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: plain(each) for key, each in value.items()}
    return value


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
