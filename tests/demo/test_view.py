"""What the terminal shows of a Canary, and what is told where there is none."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from canary.api.status import CanaryStatus, MetricStatus, Phase, Wait, Weights, write_status
from canary.demo.snapshot import CanaryView
from canary.demo.view import LiveView, lines, render
from tidegate_embedded.load import Failure, LoadStats, Window

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
CHECK = MetricStatus(
    name="request-success-rate", verdict="pass", value=99.87, bound="99 ≤ value", at=NOW
)
SLOW = MetricStatus(
    name="request-duration",
    verdict="fail",
    value=612.0,
    bound="value ≤ 500",
    message="612 ms is above 500 ms",
    at=NOW,
)


def a_canary(status: CanaryStatus | None = None, **analysis: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "test", "name": "podinfo"},
        "spec": {
            "provider": "istio",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "analysis": {"threshold": 5, "stepWeight": 20, "maxWeight": 60, **analysis},
        },
        "status": write_status(status or CanaryStatus()),
    }


def progressing(**changes: Any) -> CanaryStatus:
    fields: dict[str, Any] = {
        "phase": Phase.PROGRESSING,
        "canary_weight": 40,
        "weights": Weights(primary=60, canary=40),
        "step": 2,
        "steps": 3,
        "failed_checks": 1,
        "last_applied_spec": "1-new",
        "metrics": (CHECK, SLOW),
        "waiting_for": Wait(
            reason="Analysis",
            message="next analysis",
            since=NOW - timedelta(seconds=4),
            deadline=NOW + timedelta(seconds=56),
        ),
    }
    return CanaryStatus(**(fields | changes))


def an_event(name: str, reason: str, message: str, *, second: int, **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "test"},
        "involvedObject": {"kind": "Canary", "namespace": "test", "name": "podinfo"},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "lastTimestamp": f"2026-01-01T12:00:{second:02}Z",
        **fields,
    }


LOAD = LoadStats(
    requests=1200,
    failed=3,
    lost=1,
    by_cluster={
        "outbound|9898||podinfo.test.svc.cluster.local": 50,
        "outbound|9898||podinfo-primary.test.svc.cluster.local": 949,
        "outbound|9898||podinfo-canary.test.svc.cluster.local": 200,
    },
    failed_by_cluster={"outbound|9898||podinfo-canary.test.svc.cluster.local": 2},
    failures=(Failure(after_seconds=1.0, status=503, trouble="no healthy upstream"),),
    window=Window(requests=450, rate=150.2, canary_share=38.6, median_ms=4.0, p99_ms=31.4),
)
EVENTS = (
    an_event("b", "StepStarted", "Weight 40.", second=20),
    an_event("a", "RunStarted", "New revision 1-new.", second=10),
    an_event("c", "CheckFailed", "Too slow.", second=26, type="Warning"),
    an_event("other", "Other", "Not ours.", second=27)
    | {"involvedObject": {"kind": "Canary", "name": "another"}},
)


def a_snapshot(status: CanaryStatus | None = None, **fields: Any) -> CanaryView:
    return CanaryView.of(a_canary(status or progressing()), **({"now": NOW} | fields))


def drawn(snapshot: CanaryView, width: int = 100, height: int = 24) -> str:
    console = Console(
        width=width, height=height, file=StringIO(), color_system=None, force_terminal=False
    )
    with console.capture() as capture:
        console.print(render(snapshot))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


RUNNING = """\
╭─ Canary test/podinfo ────────────────────────────────────────────────────────────────────────────╮
│ Progressing   failed checks 1 of 5   revision 1-new   router istio                               │
│                                                                                                  │
│ asked for  █████████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  primary  60 %   canary  40 % │
│ measured   ██████████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  primary  61 %   canary  39 % │
│ steps      20 → [40] → 60 → promote                                                              │
│ requests   1200   failed 3   unanswered by any pod 1   150/s   p99 31 ms                         │
│ by side    primary 949   canary 200 (2 failed)   neither 51 (1 failed)                           │
│                                                                                                  │
│ ✔  request-success-rate  99.87  99 ≤ value   pass                                                │
│ ✘  request-duration      612    value ≤ 500  fail  612 ms is above 500 ms                        │
│                                                                                                  │
│ waiting for Analysis for 4 s, at most 56 s more: next analysis                                   │
│                                                                                                  │
│ 12:00:10  RunStarted  New revision 1-new.                                                        │
│ 12:00:20  StepStarted  Weight 40.                                                                │
│ 12:00:26  CheckFailed  Too slow.                                                                 │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯"""

NEW = """\
╭─ Canary test/podinfo ────────────────────────────────────────────────────────────────────────────╮
│ New   failed checks 0 of 5   router istio                                                        │
│                                                                                                  │
│ asked for  ███████████████████████████████████████████████████████  primary 100 %   canary   0 % │
│ steps      20 → 40 → 60 → promote                                                                │
│                                                                                                  │
│ no checks yet                                                                                    │
│                                                                                                  │
│ waiting for nothing                                                                              │
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
        asked = drawn(a_snapshot(progressing(canary_weight=weight)), width).splitlines()[3]
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

    def test_before_any_request_nothing_is_measured(self):
        assert "measured   no requests yet" in drawn(a_snapshot(load=LoadStats()))

    def test_a_pause_is_shown_in_place_of_the_wait(self):
        paused = {"by": "alice", "since": NOW - timedelta(seconds=9)}
        status = CanaryStatus.model_validate(
            write_status(progressing()) | {"paused": {**paused, "since": str(paused["since"])}}
        )
        assert "paused by alice for 9 s" in drawn(a_snapshot(status))

    def test_a_narrow_terminal_is_enough(self):
        assert all(len(line) <= 60 for line in drawn(a_snapshot(load=LOAD), 60).splitlines())

    def test_a_spec_and_status_edited_into_nonsense_are_shown_all_the_same(self):
        canary = a_canary(threshold="many")
        canary["status"] = {"phase": "Nowhere", "metrics": 3, "canaryWeight": "all"}
        assert "New" in drawn(CanaryView.of(canary, now=NOW))

    def test_events_of_one_second_are_in_the_order_in_which_they_were_written(self):
        first, last = an_event("b", "First", "", second=1), an_event("a", "Last", "", second=1)
        first["metadata"] |= {"resourceVersion": "9", "uid": "z"}
        last["metadata"] |= {"resourceVersion": "10", "uid": "a"}
        shown = a_snapshot(events=(last, first)).events
        assert [each.reason for each in shown] == ["First", "Last"]

    def test_square_brackets_of_others_are_text(self):
        event = an_event("a", "Odd", "[/bold] [red]x", second=1)
        assert "[/bold] [red]x" in drawn(a_snapshot(events=(event,)))


def told(before: CanaryView | None, after: CanaryView) -> list[str]:
    place = "12:00:30  test/podinfo  "
    found = list(lines(before, after))
    assert all(each.startswith(place) for each in found)
    return [each.removeprefix(place) for each in found]


class TestLines:
    def test_the_first_snapshot_is_told_whole(self):
        assert told(None, a_snapshot(load=LOAD, events=EVENTS)) == [
            "phase Progressing",
            "weights primary 60 canary 40 (step 2 of 3)",
            "check request-success-rate 99.87 (99 ≤ value) pass, measured share of the canary 39 %",
            (
                "check request-duration 612 (value ≤ 500) fail: 612 ms is above 500 ms, "
                "measured share of the canary 39 %"
            ),
            "waiting for Analysis: next analysis",
            "event RunStarted: New revision 1-new.",
            "event StepStarted: Weight 40.",
            "event CheckFailed: Too slow.",
            "requests unanswered by any pod 1: no healthy upstream",
        ]

    def test_nothing_is_told_twice(self):
        snapshot = a_snapshot(load=LOAD, events=EVENTS)
        assert told(snapshot, snapshot) == []

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"phase": Phase.PROMOTING}, "phase Promoting"),
            (
                {"canary_weight": 60, "step": 3},
                "weights primary 40 canary 60 (step 3 of 3)",
            ),
            ({"failed_checks": 2}, "failed checks 2 of 5"),
            (
                {"metrics": (CHECK.but(at=NOW + timedelta(seconds=5), value=None), SLOW)},
                "check request-success-rate no value (99 ≤ value) pass",
            ),
            (
                {"waiting_for": Wait(reason="Approval", since=NOW)},
                "waiting for Approval",
            ),
        ],
    )
    def test_a_change_is_told_in_one_line(self, changes, line):
        assert told(a_snapshot(), a_snapshot(progressing(**changes))) == [line]

    def test_a_check_that_is_made_again_is_told_again_even_with_the_same_value(self):
        again = CHECK.but(at=NOW + timedelta(seconds=5))
        assert len(told(a_snapshot(), a_snapshot(progressing(metrics=(again, SLOW))))) == 1


class TestView:
    async def shown(self, *, terminal: bool) -> str:
        snapshots = [
            None,
            a_snapshot(),
            a_snapshot(progressing(phase=Phase.PROMOTING)),
            a_snapshot(progressing(phase=Phase.FINALISING)),
        ]
        asked, through = 0, asyncio.Event()

        async def source() -> CanaryView | None:
            nonlocal asked
            asked += 1
            if asked >= len(snapshots):
                through.set()
            return snapshots[min(asked, len(snapshots)) - 1]

        output = StringIO()
        console = Console(file=output, force_terminal=terminal, color_system=None, width=100)
        async with LiveView(source, console=console, refresh_seconds=0.001):
            await asyncio.wait_for(through.wait(), 60)
        return output.getvalue()

    async def test_without_a_terminal_every_change_is_a_line(self):
        output = await self.shown(terminal=False)
        phases = [line.split()[-1] for line in output.splitlines() if "phase" in line]
        assert phases == ["Progressing", "Promoting", "Finalising"]
        assert "╭" not in output

    async def test_in_a_terminal_the_last_picture_stays(self):
        output = await self.shown(terminal=True)
        assert "Finalising" in output.rpartition("╭")[2]

    async def test_a_source_that_fails_is_not_hidden(self):
        failed = asyncio.Event()

        async def source() -> CanaryView | None:
            if shown:
                failed.set()
                raise RuntimeError("no source")
            return None

        shown = False
        view = LiveView(source, console=Console(file=StringIO()), refresh_seconds=0.001)
        await view.__aenter__()
        shown = True
        await asyncio.wait_for(failed.wait(), 60)
        with pytest.raises(RuntimeError, match="no source"):
            await view.__aexit__(None, None, None)
