"""Canaries in rows: at every width, in every order."""

import pytest

from canary.api.status import Phase, Shares, Weights
from canary.views.canary import canary_view
from canary.views.fleet import (
    Selection,
    by_age,
    by_attention,
    cause,
    clipped,
    columns,
    header,
    row,
    standing_line,
)
from tests.builders import a_status
from tests.views.fleet import MANIFESTS, NOW, manifest
from tests.views.test_printed import WIDTHS, table

ROLLED_BACK = {
    "revision": "1-new",
    "outcome": "RolledBack",
    "message": "3 of 3 failed checks: errors 3 is above 1",
    "durationSeconds": 720,
}
VIEWS = [canary_view(each) for each in MANIFESTS]


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_stay_straight(width):
    lines = table(width)
    place = columns(lines[0].partition("SINCE")[0])
    for line in lines[1:]:
        before = ""
        for each in line:
            if columns(before) == place:
                break
            before += each
        assert (columns(before), before[-2:]) == (place, "  ")


@pytest.mark.parametrize(
    ("phase", "step", "shown"),
    [
        (Phase.PROGRESSING, 2, "2/5"),
        (Phase.WAITING, 0, "0/5"),
        (Phase.FINALISING, 0, "–"),
        (Phase.SUCCEEDED, 0, "–"),
    ],
)
def test_a_step_is_shown_of_a_run_that_takes_them(phase, step, shown):
    view = canary_view(manifest("shop", a_status(phase, step=step, steps=5)))
    cells = dict(
        zip(
            header(everywhere=True, wide=False),
            row(view, NOW, everywhere=True, wide=False),
            strict=True,
        )
    )
    assert cells["STEP"] == shown


def test_wide_characters_take_two_columns_and_marks_none():
    assert (columns("昼休み"), columns("e\u0301"), columns("shop")) == (6, 1, 4)
    assert (clipped("昼休み", 5), clipped("shop", 4), clipped("shops", 4)) == (
        "昼休…",
        "shop",
        "sho…",
    )


def test_the_check_that_decides_comes_first_because_the_end_of_a_line_is_cut():
    check = {
        "name": "errors",
        "verdict": "fail",
        "bound": "value ≤ 1",
        "value": 3.0,
        "message": "errors 3 is above 1",
        "at": "2026-11-01T08:00:00Z",
    }
    status = {"phase": "Failed", "metrics": [check], "history": [ROLLED_BACK]}
    view = canary_view({"status": status})
    assert cause(view) == "errors 3 is above 1 (3 of 3 failed checks)"
    waits = {
        "reason": "ChecksFailing",
        "message": "the next analysis, after 1 of 3 failed checks: errors 3 is above 1",
        "since": "2026-11-01T08:00:00Z",
    }
    view = canary_view(
        {"status": {"phase": "Progressing", "metrics": [check], "waitingFor": waits}}
    )
    assert cause(view) == (
        "ChecksFailing: errors 3 is above 1 (the next analysis, after 1 of 3 failed checks)"
    )
    # A check that has not decided is no cause.
    other = ROLLED_BACK | {"message": "the gate by hand was rejected"}
    view = canary_view({"status": status | {"history": [other]}})
    assert cause(view) == "the gate by hand was rejected"
    alone = canary_view(
        {"status": status | {"history": [ROLLED_BACK | {"message": check["message"]}]}}
    )
    assert cause(alone) == check["message"]


def test_a_line_says_where_a_canary_is_and_at_rest_how_its_last_run_ended():
    view = canary_view({"metadata": {"name": "shop"}, "status": {"phase": "Succeeded"}})
    assert standing_line(view) == "shop  Succeeded  0 %"
    status = {"phase": "Succeeded", "history": [ROLLED_BACK | {"outcome": "Promoted"}]}
    view = canary_view({"metadata": {"name": "shop"}, "status": status})
    assert standing_line(view) == "shop  Succeeded  0 %  Promoted after 12m"
    waits = {"reason": "Routing", "message": "for the route", "since": "2026-11-01T08:00:00Z"}
    view = canary_view({"metadata": {"name": "shop"}, "status": status | {"waitingFor": waits}})
    assert standing_line(view) == "shop  Succeeded  0 %  Routing: for the route"


def test_copies_of_requests_are_shown_in_place_of_a_weight():
    mirrored = a_status(Phase.PROGRESSING).but(weights=Weights(mirror=20))
    written = row(canary_view(manifest("shop", mirrored)), NOW, everywhere=False, wide=False)
    assert "mirror 20 %" in written


def test_in_wide_rows_the_share_that_is_seen_stands_beside_the_weight():
    by_pods = a_status(Phase.PROGRESSING, weight=20, shares=Shares(asked=20, possible=25, seen=25))
    written = row(canary_view(manifest("shop", by_pods)), NOW, everywhere=False, wide=True)
    names = header(everywhere=False, wide=True)
    assert dict(zip(names, written, strict=True))["SEEN"] == "25 %"


def test_by_attention_those_come_first_that_need_a_person():
    names = [each.name for each in sorted(VIEWS, key=by_attention)]
    assert names == ["cart", "search", "invalid", "paused", "prices", "shop", "catalogue", "ticker"]


def test_by_age_the_longest_unchanged_comes_first_and_a_new_one_last():
    names = [each.name for each in sorted(VIEWS, key=by_age)]
    assert names == ["invalid", "paused", "search", "ticker", "cart", "prices", "shop", "catalogue"]


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(), [each.name for each in VIEWS]),
        (Selection(phases=frozenset({"Progressing", "New"})), ["catalogue", "paused", "shop"]),
        (Selection(held=True), ["cart", "paused"]),
        (Selection(failing=True), ["invalid", "search", "shop"]),
        (Selection(failing=True, phases=frozenset({"Failed"})), ["search"]),
    ],
)
def test_a_selection_takes_what_is_meant(selection, names):
    assert [each.name for each in VIEWS if selection.takes(each)] == names
