"""Why a Canary is where it is: in words, with the commands that the controller would obey."""

from typing import Any

import pytest

from canary.api.annotations import VERBS
from canary.api.status import CanaryStatus, Pause, Phase, RunRecord, Stage
from canary.core.facts import BindingPolicy, Command, Revision
from canary.views.blocks import Typed
from canary.views.canary import Attention, PausedView, canary_view
from canary.views.explain import (
    explanation,
    explanation_document,
    next_commands,
    possible_commands,
)
from tests.builders import (
    NEW,
    T0,
    a_policy,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
    some_facts,
)
from tests.cli.test_status import drawn
from tests.core.deciding import decided
from tests.views.fleet import NOW, STATUSES, manifest

RUNS = {
    **{f"{phase or 'New'}": a_status(phase) for phase in Phase},
    "paused": a_status(Phase.PROGRESSING, weight=20, paused=Pause(by="by bob", since=T0)),
    "at a gate": STATUSES["cart"],
}
LIMIT = a_policy(name="shop/limit", maxConcurrent=1)
FROZEN = a_policy(
    timeZone="UTC",
    windows=[{"name": "always", "kind": "Deny", "from": "00:00", "to": "00:00"}],
)
HELD = {
    "stopped": a_policy(stop={"reason": "INC-1"}),
    "of a policy that cannot be read": a_policy(unreadable="waiting for it"),
    "in line": LIMIT,
    "frozen": FROZEN,
}


def obeyed(status: CanaryStatus, verb: str, *policies: BindingPolicy) -> bool:
    """Ask the core whether it would obey a command."""
    facts = some_facts(
        target=a_workload(),
        revision=Revision(id=NEW),
        commands=(Command(verb=verb),),
        policies=policies,
    )
    records = decided(a_spec(), status, facts, at(60)).status.commands
    return any(each.verb == verb and each.accepted for each in records)


@pytest.mark.parametrize("name", RUNS)
def test_a_command_is_offered_exactly_where_the_core_obeys_it(name):
    status = RUNS[name]
    offered = set(possible_commands(canary_view(manifest("podinfo", status))))
    assert offered == {verb for verb in VERBS if obeyed(status, verb)}


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PROGRESSING])
def test_while_a_policy_holds_a_run_only_what_the_core_obeys_is_offered(name, phase):
    policy = HELD[name]
    facts = some_facts(target=a_workload(), revision=Revision(id=NEW), policies=(policy,))
    before = a_status(phase, run=a_run(step=2 if phase is Phase.PROGRESSING else 0))
    status = decided(a_spec(), before, facts, at(60)).status
    if status.stage is None or status.stage.name is not Stage.WITHHELD:
        # Windows and lines hold this one no longer.
        assert name in {"in line", "frozen"}
        return
    offered = set(possible_commands(canary_view(manifest("podinfo", status))))
    assert offered == {verb for verb in VERBS if obeyed(status, verb, policy)}


def test_a_command_can_be_copied_whole():
    view = canary_view(manifest("cart", STATUSES["cart"]))
    lines = drawn(explanation(view, NOW, program="kubectl canary"), width=80)
    assert any(line.strip().startswith("kubectl canary approve cart -n web") for line in lines)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(
            a_status(Phase.PROGRESSING, run=a_run(record="s3://runs/7-new/")), id="under way"
        ),
        pytest.param(
            a_status(Phase.FAILED).but(
                history=(RunRecord(revision="new", outcome="x", record="s3://runs/7-new/"),)
            ),
            id="that has failed",
        ),
    ],
)
def test_of_a_run_its_record_is_named(status):
    view = canary_view(manifest("podinfo", status))
    lines = drawn(explanation(view, NOW, program="tidegate"), width=80)
    assert "Its full record is in s3://runs/7-new/" in lines


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (0, "All traffic goes to the primary, which has what was promoted last."),
        (50, "50 % of the traffic goes to the canary, which has what failed."),
    ],
)
def test_after_a_run_that_has_failed_it_is_said_what_serves(weight, said):
    view = canary_view(manifest("podinfo", a_status(Phase.FAILED, weight=weight)))
    assert said in drawn(explanation(view, NOW, program="tidegate"), width=80)


def test_for_programs_an_explanation_is_sentences_and_commands():
    view = canary_view(manifest("cart", STATUSES["cart"]))
    document = explanation_document(view, NOW, program="tidegate")
    assert (document["name"], document["attention"]) == ("cart", "gate")
    assert document["sentences"][0].startswith("cart is WaitingPromotion.")
    assert document["commands"][0] == {
        "command": "tidegate approve cart -n web",
        "does": "open the gate",
        "may": None,
        "lacks": None,
    }


LACKING = {"approve": "", "reject": "reject"}


def test_beside_a_command_is_said_whether_the_person_may_give_it():
    view = canary_view(manifest("cart", STATUSES["cart"]))
    notes = {
        each.command.split()[1]: each.note
        for each in explanation(view, NOW, program="tidegate", lacks=LACKING.get)
        if isinstance(each, Typed)
    }
    refused = "you may not: it takes the verb reject on canaries in web"
    assert notes["approve"] == "open the gate; you may"
    assert notes["reject"] == f"refuse at the gate; the run is rolled back; {refused}"
    assert notes["abort"] == "roll the run back"


def test_without_a_controller_this_comes_before_all_that_it_could_do():
    view = canary_view(manifest("cart", STATUSES["cart"]))
    lines = drawn(explanation(view, at(70_000), program="tidegate", silent="none runs"), width=200)
    at_word = next(number for number, line in enumerate(lines) if line.strip() == "none runs")
    assert "Its deadline passed at" in lines[at_word - 1]
    assert "a command that you give waits until then" in lines[at_word + 1]
    assert lines[at_word + 2].strip() == "What you can do:"
    resting = canary_view(manifest("ticker", STATUSES["ticker"]))
    lines = drawn(explanation(resting, NOW, program="tidegate", silent="none runs"), width=200)
    assert "Nothing changes" not in "".join(lines)


def test_a_run_that_nobody_has_looked_at_for_long_says_so():
    """A dashboard has no right to ask whether a controller runs; the moment that has passed tells."""
    view = canary_view(manifest("prices", STATUSES["prices"]))

    def told(seconds: float, **changes: Any) -> str:
        changed = view.model_copy(update=changes)
        return "".join(drawn(explanation(changed, at(seconds), program="tidegate"), width=500))

    assert "It may go on by itself at 09:00:05." in told(32_405 + 119)
    late = told(32_405 + 3_600)
    assert "It was to go on at 09:00:05, 1h ago. Either no controller acts on it" in late
    paused = PausedView(by="by jo", since=at(32_400))
    assert "It may go on by itself at 09:00:05." in told(32_405 + 3_600, paused=paused)


def test_for_programs_it_is_said_what_a_person_lacks():
    view = canary_view(manifest("cart", STATUSES["cart"]))
    document = explanation_document(view, NOW, program="tidegate", lacks=LACKING.get)
    told = {
        each["command"].split()[1]: (each["may"], each["lacks"]) for each in document["commands"]
    }
    assert (told["approve"], told["reject"], told["abort"]) == (
        (True, ""),
        (False, "reject"),
        (None, None),
    )


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        (STATUSES["cart"], ["explain", "approve", "reject"]),
        (a_status(Phase.FAILED), ["explain", "retry"]),
        (a_status(Phase.PROGRESSING, run=a_run()), ["explain"]),
        (STATUSES["shop"], ["explain", "pause", "abort"]),
        (a_status(Phase.SUCCEEDED), []),
    ],
    ids=["at a gate", "failed", "running", "failing", "at rest"],
)
def test_what_a_person_may_want_next_is_an_answer_or_an_explanation(status, verbs):
    view = canary_view(manifest("cart", status))
    assert [each.split()[1] for each in next_commands(view, "tidegate")] == verbs


def test_a_command_names_the_group_of_a_canary_of_the_peers():
    view = canary_view(manifest("cart", STATUSES["cart"]) | {"apiVersion": "flagger.app/v1beta1"})
    peers = view.model_copy(update={"group": "flagger.app", "attention": Attention.GATE})
    assert next_commands(peers, "tidegate")[0].endswith(" cart -n web --api-group flagger.app")
