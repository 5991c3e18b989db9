"""What `list`, `get`, `explain`, `history` and `events` print, in terminals of five widths."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from canary.core.plan import plan
from canary.views.canary import canary_view
from canary.views.events import event_line, event_view, since
from canary.views.explain import explanation
from canary.views.fleet import Columns, columns, header, row, subject_line
from canary.views.history import runs_block
from canary.views.journey import way
from canary.views.pods import pod_view, pods_block
from canary.views.status import status_view
from canary.views.units import units
from tests.builders import a_spec
from tests.cli.test_status import drawn
from tests.views.fleet import EVENTS, MANIFESTS, NOW, PODS, RUNS, STATUSES

GOLDEN = Path(__file__).parents[1] / "golden" / "views"
WIDTHS = (72, 80, 100, 120, 160)
VIEWS = {each["metadata"]["name"]: canary_view(each) for each in MANIFESTS}
FORESEEN = {each["metadata"]["name"]: canary_view(each, foresees=True) for each in MANIFESTS}
SHOP = next(each for each in MANIFESTS if each["metadata"]["name"] == "shop")


def table(width: int | None, *, wide: bool = False) -> list[str]:
    names = header(everywhere=True, wide=wide)
    rows = [names, *(row(each, NOW, everywhere=True, wide=wide) for each in VIEWS.values())]
    made = Columns.of(rows, flexible=names.index("WAITING FOR"), width=width)
    return [made.line(each) for each in rows]


def got(width: int) -> Iterator[str]:
    steps = plan(a_spec(analysis={"stepWeights": [10, 20, 30, 40, 50]}).analysis)
    for name, status in STATUSES.items():
        yield f"$ tidegate get {name}"
        drawn_way = [way(steps, FORESEEN[name], NOW)] if status.run else []
        around = [(subject_line(VIEWS[name], NOW),), *drawn_way]
        shown = status_view(f"web/{name}", status, NOW, around, units(SHOP))
        yield from drawn(shown.whole, width=width)
    yield "$ tidegate get shop --pods"
    yield from drawn(pods_block([pod_view(*each) for each in PODS], NOW), width=width)


def explained(width: int) -> Iterator[str]:
    for name, view in VIEWS.items():
        yield f"$ tidegate explain {name}"
        yield from drawn(explanation(view, NOW, program="tidegate"), width=width)


def past(width: int) -> list[str]:
    return drawn(runs_block(RUNS, NOW), width=width)


def happened(width: int) -> list[str]:
    listed = since(map(event_view, EVENTS), None)
    return [line for each in listed for line in drawn((event_line(each, NOW),), width=width)]


PRINTED: dict[str, Callable[[int], Iterator[str] | list[str]]] = {
    "list": table,
    "get": got,
    "explain": explained,
    "history": past,
    "events": happened,
}


def compare(name: str, lines: list[str], *, update: bool) -> None:
    """Hold lines against what was read over, or keep them as such."""
    path, written = GOLDEN / f"{name}.txt", "\n".join(lines) + "\n"
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", PRINTED)
def test_what_a_command_prints_is_as_it_was_read_over(
    command: str, width: int, *, update_golden: bool
) -> None:
    compare(f"{command}-{width}", list(PRINTED[command](width)), update=update_golden)


@pytest.mark.parametrize(("name", "wide"), [("list-pipe", False), ("list-wide", True)])
def test_where_a_line_has_no_end_the_list_is_whole(
    name: str, wide: bool, *, update_golden: bool
) -> None:
    lines = table(None, wide=wide)
    assert "…" not in "".join(lines)
    compare(name, lines, update=update_golden)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", PRINTED)
def test_no_line_is_wider_than_the_terminal_but_a_command_to_be_copied(
    command: str, width: int
) -> None:
    lines = [each for each in PRINTED[command](width) if not each.lstrip().startswith("tidegate ")]
    assert [each for each in lines if columns(each) > width] == []
