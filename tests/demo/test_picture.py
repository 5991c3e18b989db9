"""The picture of the demonstration, in a terminal."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from canary.api.status import CanaryStatus, write_status
from canary.cli.screen import Screen
from canary.demo.picture import render
from canary.demo.snapshot import DemoSnapshot
from canary.views.status import status_view
from tests.demo.snapshots import (
    EVENTS,
    LOAD,
    NOW,
    a_canary,
    a_snapshot,
    an_event,
    progressing,
)
from tidegate_embedded.outcomes import LoadStats


def drawn(snapshot: DemoSnapshot, width: int = 100, height: int = 24) -> str:
    console = Console(
        width=width, height=height, file=StringIO(), color_system=None, force_terminal=False
    )
    with console.capture() as capture:
        console.print(render(snapshot))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


RUNNING = """\
╭─ tidegate status ────────────────────────────────────────────────────────────────────────────────╮
│ test/podinfo  Progressing                                                                        │
│ primary 60 % / canary 40 %  step 2 of 3  failed checks 1                                         │
│ waiting since 12:00:26, until 12:01:26: Analysis – next analysis                                 │
│ ✘ request-duration: 612 ms is above 500 ms                                                       │
│    metric                value  bound        verdict                                             │
│ ✔  request-success-rate  99.87  99 ≤ value   pass                                                │
│ ✘  request-duration      612    value ≤ 500  fail                                                │
│                                                                                                  │
│ asked for  █████████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  primary  60 %   canary  40 % │
│ measured   ██████████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  primary  61 %   canary  39 % │
│ steps      20 → [40] → 60 → promote                                                              │
│ requests   1200   failed 3   unanswered by any pod 1   150/s   p99 31 ms                         │
│ by side    primary 949   canary 200 (2 failed)   neither 51 (1 failed)                           │
│                                                                                                  │
│ 12:00:10  RunStarted  New revision 1-new.                                                        │
│ 12:00:20  StepStarted  Weight 40.                                                                │
│ 12:00:26  CheckFailed  Too slow.                                                                 │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯"""

NEW = """\
╭─ tidegate status ────────────────────────────────────────────────────────────────────────────────╮
│ test/podinfo  New                                                                                │
│ primary 100 % / canary 0 %                                                                       │
│                                                                                                  │
│ asked for  ███████████████████████████████████████████████████████  primary 100 %   canary   0 % │
│ steps      20 → 40 → 60 → promote                                                                │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯"""


class TestPicture:
    def test_of_a_run(self):
        assert drawn(a_snapshot(load=LOAD, events=EVENTS)) == RUNNING

    def test_of_a_canary_that_nobody_has_looked_at(self):
        assert drawn(a_snapshot(CanaryStatus())) == NEW

    @pytest.mark.parametrize(
        ("weight", "bar"),
        [
            (0, "█" * 30),
            (1, "█" * 29 + "▒"),
            (50, "█" * 15 + "▒" * 15),
            (99, "█" + "▒" * 29),
            (100, "▒" * 30),
        ],
    )
    def test_a_side_that_gets_anything_is_seen(self, weight, bar):
        assert f"  {bar}  " in drawn(a_snapshot(progressing(canary_weight=weight)), 75)

    @pytest.mark.parametrize("width", [56, 60, 80, 100, 120, 200])
    @pytest.mark.parametrize("weight", [10, 50, 90])
    def test_a_bar_keeps_its_shares_at_any_width(self, width, weight):
        asked = drawn(a_snapshot(progressing(canary_weight=weight)), width)
        (asked,) = (line for line in asked.splitlines() if "asked for" in line)
        primary, canary = asked.count("█"), asked.count("▒")
        assert primary + canary >= 10
        assert abs(canary - (primary + canary) * weight / 100) <= 0.5
        assert f"primary {100 - weight:3} %   canary {weight:3} %" in asked

    @pytest.mark.parametrize("height", [20, 24, 40])
    def test_the_newest_events_are_seen_at_any_height(self, height):
        long = "Long. " * 20
        events = [an_event(f"e{n}", f"Number{n}", long, second=n, uid=f"{n}") for n in range(9)]
        picture = drawn(a_snapshot(load=LOAD, events=events), 80, height)
        assert "Number8" in picture
        assert height < 24 or len(picture.splitlines()) < height
        assert ("Number1" in picture) == (height == 40)

    def test_the_requests_of_all_sides_are_all_requests(self):
        (total,) = re.findall(r"requests +(\d+)", drawn(a_snapshot(load=LOAD)))
        (parts,) = re.findall(r"by side +(.+) │", drawn(a_snapshot(load=LOAD)))
        counts = re.findall(r"(?:primary|canary|neither) (\d+)", parts)
        assert sum(map(int, counts)) == int(total)

    @pytest.mark.parametrize("width", [80, 100])
    def test_the_status_is_what_tidegate_status_prints(self, width):
        status = progressing()
        printed = StringIO()
        console = Console(file=printed, width=width - 4, force_terminal=True, color_system=None)
        Screen(console).show(status_view("test/podinfo", status, NOW).present)
        inside = [line.strip("│ ") for line in drawn(a_snapshot(status), width).splitlines()[1:]]
        for line in printed.getvalue().splitlines():
            assert inside.pop(0) == line.strip()

    def test_before_any_request_nothing_is_measured(self):
        assert "measured   no requests yet" in drawn(a_snapshot(load=LoadStats()))

    def test_a_pause_is_shown(self):
        paused = {"by": "alice", "since": NOW - timedelta(seconds=9)}
        status = CanaryStatus.model_validate(
            write_status(progressing()) | {"paused": {**paused, "since": str(paused["since"])}}
        )
        assert "paused since 12:00:21 alice" in drawn(a_snapshot(status))

    def test_a_narrow_terminal_is_enough(self):
        assert all(len(line) <= 60 for line in drawn(a_snapshot(load=LOAD), 60).splitlines())

    def test_a_spec_and_status_edited_into_nonsense_are_shown_all_the_same(self):
        canary = a_canary(threshold="many")
        canary["status"] = {"phase": "Nowhere", "metrics": 3, "canaryWeight": "all"}
        assert "New" in drawn(DemoSnapshot.of(canary, now=NOW))

    def test_events_of_one_second_are_in_the_order_in_which_they_were_written(self):
        first, last = an_event("b", "First", "", second=1), an_event("a", "Last", "", second=1)
        first["metadata"] |= {"resourceVersion": "9", "uid": "z"}
        last["metadata"] |= {"resourceVersion": "10", "uid": "a"}
        shown = a_snapshot(events=(last, first)).events
        assert [each.reason for each in shown] == ["First", "Last"]

    def test_square_brackets_of_others_are_text(self):
        event = an_event("a", "Odd", "[/bold] [red]x", second=1)
        assert "[/bold] [red]x" in drawn(a_snapshot(events=(event,)))
