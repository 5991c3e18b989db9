"""Events as people and programs read them, also those that others wrote."""

from datetime import UTC, datetime
from typing import Any

import pytest

from canary.api.annotations import STEP, WEIGHT
from canary.views.blocks import Styled
from canary.views.events import event_line, event_view, of_canary, since

MOMENT = "2026-01-02T03:04:05Z"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_event(**fields: Any) -> dict[str, Any]:
    about = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "shop"}
    return {
        "metadata": {"annotations": {WEIGHT: "20", STEP: "2"}},
        "involvedObject": about,
        "type": "Warning",
        "reason": "RolledBack",
        "message": "m",
        "lastTimestamp": MOMENT,
    } | fields


def test_an_event_says_what_happened_when_and_at_which_weight():
    view = event_view(an_event())
    assert (view.at, view.type, view.reason, view.message) == (AT, "Warning", "RolledBack", "m")
    assert (view.weight, view.step, view.revision) == (20, 2, "")
    assert view.document()["at"].startswith("2026-01-02T03:04:05")


def test_an_event_without_a_moment_has_a_dash_in_its_place():
    never = event_view({"reason": "RunStarted", "message": "it begins"})
    assert event_line(never, AT) == ("–  ", Styled("RunStarted", "green"), "  it begins")


@pytest.mark.parametrize(
    "fields",
    [
        {"lastTimestamp": None, "eventTime": MOMENT},
        {"lastTimestamp": "yesterday", "eventTime": None, "firstTimestamp": MOMENT},
    ],
)
def test_an_events_moment_is_the_latest_that_it_names(fields: dict[str, Any]):
    assert event_view(an_event(**fields)).at == AT


def test_what_cannot_be_read_is_as_if_it_were_absent():
    view = event_view({"metadata": "x", "lastTimestamp": 5, "type": None})
    assert (view.at, view.type, view.reason, view.weight) == (None, "Normal", "", 0)
    assert event_view({"metadata": {"annotations": {WEIGHT: "x"}}}).weight == 0
    assert event_view({"metadata": {"annotations": 5}}).step == 0


def test_the_oldest_comes_first_and_what_is_older_is_left_out():
    early, late = event_view(an_event(lastTimestamp="2026-01-01T00:00:00Z")), event_view(an_event())
    never = event_view(an_event(lastTimestamp=None))
    assert since([late, never, early], None) == [never, early, late]
    assert since([late, never, early], AT) == [late]


@pytest.mark.parametrize(
    ("about", "ours"),
    [
        ({"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "shop"}, True),
        ({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop"}, False),
        ({"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "cart"}, False),
        ({"apiVersion": "tidegate.dev/v1beta1", "kind": "Pod", "name": "shop"}, False),
        ("x", False),
    ],
)
def test_an_event_is_of_the_canary_that_it_names(about: object, ours: bool):
    assert of_canary(an_event(involvedObject=about), "tidegate.dev", "shop") is ours
