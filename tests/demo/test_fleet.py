"""What the demonstration shows of several clusters."""

from io import StringIO

from rich.console import Console

from canary.demo.fleet import FleetSnapshot, shown
from tests.demo.snapshots import LOAD

BEFORE = FleetSnapshot(
    {"one": ("Progressing", 10, LOAD), "two": ("Waiting", 0, LOAD)}, "wave first waits"
)
AFTER = FleetSnapshot(
    {"one": ("Succeeded", 0, LOAD), "two": ("Waiting", 0, LOAD)}, "wave first waits"
)


def test_without_a_terminal_what_has_changed_is_said_in_lines():
    assert BEFORE.lines(None) == [
        "one: Progressing, canary 10 %",
        "two: Waiting, canary 0 %",
        "plan: wave first waits",
    ]
    assert AFTER.lines(BEFORE) == ["one: Succeeded, canary 0 %"]
    assert AFTER.lines(AFTER) == []
    assert FleetSnapshot(AFTER.clusters, "done").lines(AFTER) == ["plan: done"]


def test_on_a_terminal_there_is_a_row_for_each_cluster_and_what_the_plan_says():
    shown = StringIO()
    Console(file=shown, width=80).print(BEFORE.picture())
    rows = [line.split() for line in shown.getvalue().splitlines()]
    assert [
        "│",
        "one",
        "│",
        "Progressing",
        "│",
        "10",
        "%",
        "│",
        "1200",
        "│",
        "3",
        "│",
        "1",
        "│",
    ] in rows
    assert "FleetPlan releases/podinfo: wave first waits" in shown.getvalue()


async def test_what_is_shown_on_request_is_said_however_soon_it_changes_again():
    now, said = BEFORE, StringIO()

    async def look() -> FleetSnapshot:
        return now

    async with shown(look, Console(file=said)) as show:
        for plan in ("promoted", "next one waits"):
            now = FleetSnapshot(AFTER.clusters, plan)
            await show()
    assert said.getvalue().splitlines()[-2:] == ["plan: promoted", "plan: next one waits"]
