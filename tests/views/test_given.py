"""Commands as people read them: who gave them, and what came of them."""

import pytest

from canary.api.annotations import VERBS
from canary.core.signature import Signature
from canary.views.canary import CommandView
from canary.views.explain import EFFECTS
from canary.views.given import CONSEQUENCES, asked, given, lacking
from tests.views.fleet import NOW

SIGNED = str(Signature.of("bob", "dashboard", NOW, reason="looks good"))


def command(value: str, refusal: str = "") -> CommandView:
    return CommandView(
        verb="approve", value=value, user="", tool="", reason="", verified=False,
        at=NOW, accepted=not refusal, message=refusal,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "refusal", "said"),
    [
        (SIGNED, "", "09:00:00 approve by bob via dashboard (looks good): accepted"),
        (SIGNED, "no gate is shut", "approve by bob via dashboard (looks good): refused: no gate"),
        ("go on", "", "approve by annotation (go on): accepted"),
        ("", "", "approve by annotation: accepted"),
    ],
)
def test_a_command_is_told_with_who_gave_it_and_what_came_of_it(value, refusal, said):
    assert said in given(command(value, refusal), NOW)


def test_a_command_that_was_not_taken_yet_waits_for_the_controller():
    assert asked("approve", SIGNED) == "approve by bob: looks good: waiting for the controller"


def test_what_a_person_lacks_is_named():
    assert lacking("abort", "patch", "web") == (
        "abort takes the verb patch on canaries in web, which you do not have"
    )


def test_every_verb_has_its_effect_and_those_that_end_a_run_at_once_their_consequence():
    assert set(EFFECTS) == set(VERBS)
    assert set(CONSEQUENCES) < set(VERBS)
