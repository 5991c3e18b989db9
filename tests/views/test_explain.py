"""Why a Canary is where it is: in words, with the commands that the controller would obey."""

from pathlib import Path

import pytest

from canary.api.annotations import VERBS
from canary.api.status import CanaryStatus, Pause, Phase
from canary.core.facts import Command, Revision
from canary.views.canary import canary_view
from canary.views.explain import explanation, possible_commands
from tests.builders import NEW, T0, a_spec, a_status, a_workload, at, some_facts
from tests.cli.test_status import drawn
from tests.core.deciding import decided
from tests.views.fleet import NOW, STATUSES, manifest

GOLDEN = Path(__file__).parents[1] / "golden" / "views"
RUNS = {
    **{f"{phase or 'New'}": a_status(phase) for phase in Phase},
    "paused": a_status(Phase.PROGRESSING, weight=20, paused=Pause(by="by bob", since=T0)),
    "at a gate": STATUSES["cart"],
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", STATUSES)
def test_the_explanation_is_as_it_was_read_over(name, width, update_golden):
    view = canary_view(manifest(name, STATUSES[name]))
    written = "\n".join(drawn(explanation(view, NOW, program="tidegate"), width=width)) + "\n"
    path = GOLDEN / f"explain-{name}-{width}.txt"
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written


def obeyed(status: CanaryStatus, verb: str) -> bool:
    """Ask the core whether it would obey a command."""
    facts = some_facts(
        target=a_workload(), revision=Revision(id=NEW), commands=(Command(verb=verb),)
    )
    records = decided(a_spec(), status, facts, at(60)).status.commands
    return any(each.verb == verb and each.accepted for each in records)


@pytest.mark.parametrize("name", RUNS)
def test_a_command_is_offered_exactly_where_the_core_obeys_it(name):
    status = RUNS[name]
    offered = set(possible_commands(canary_view(manifest("podinfo", status))))
    assert offered == {verb for verb in VERBS if obeyed(status, verb)}


def test_a_command_can_be_copied_whole():
    view = canary_view(manifest("cart", STATUSES["cart"]))
    lines = drawn(explanation(view, NOW, program="kubectl canary"), width=80)
    assert any(line.strip().startswith("kubectl canary approve cart -n web") for line in lines)
