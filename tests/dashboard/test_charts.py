"""Charts: every line and mark is inside the picture, and the words say what it shows."""

import re
from datetime import timedelta

import pytest

from analysis.model import Bounds
from canary.dashboard.charts import (
    HEIGHT,
    WIDTH,
    Chart,
    ends_chart,
    metric_chart,
    share_chart,
)
from canary.dashboard.recent import SeenShare, SeenValue
from canary.simulation.summary import Ends
from tests.views.fleet import NOW

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
ODD = {
    "one value": [5.0],
    "the same values": [5.0, 5.0, 5.0],
    "zeros": [0.0, 0.0],
    "far apart": [-1e90, 1e90],
    "close together": [99.99999, 99.999991],
}


def points(values: list[float], verdict: str = "pass") -> list[SeenValue]:
    return [SeenValue(NOW + timedelta(minutes=n), each, verdict) for n, each in enumerate(values)]


def drawn(values: list[float], bounds: Bounds | None = None, verdict: str = "pass") -> Chart:
    chart = metric_chart(
        *("latency", points(values, verdict), bounds or Bounds()), bound="value ≤ 500", now=NOW
    )
    assert chart is not None
    return chart


def places(path: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for each in path.removeprefix("M").split("L")
        for x, y in [NUMBER.findall(each)]
    ]


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
def test_every_value_is_inside_the_picture(values):
    chart = drawn(values, Bounds(min=-3, max=7))
    inside = [(0 <= x <= WIDTH, 0 <= y <= HEIGHT) for x, y in places(chart.lines[0])]
    assert inside == [(True, True)] * len(values)
    assert all(0 <= each.y <= HEIGHT for each in (*chart.bounds, *chart.levels))


def test_a_value_that_no_picture_can_show_is_left_out():
    chart = drawn([1.0, float("inf"), float("nan"), 1e300, 2.0], Bounds(max=1e200))
    assert (len(places(chart.lines[0])), chart.bounds) == (2, ())
    assert metric_chart("x", points([float("nan")]), Bounds(), bound="", now=NOW) is None


def test_the_words_say_the_last_value_its_bound_and_how_many_failed():
    chart = metric_chart(
        *("latency", [*points([300.0]), *points([612.0], "fail")], Bounds(max=500)),
        bound="value ≤ 500",
        now=NOW,
    )
    assert chart is not None
    assert chart.description == "last 612, value ≤ 500; 1 of 2 values failed"
    assert [row[1:] for row in chart.rows] == [("612", "fail"), ("300", "pass")]
    assert [each.text for each in chart.bounds] == ["500"]


def test_what_failed_and_what_is_unsure_differ_in_shape():
    failed, unsure = drawn([1.0], verdict="fail"), drawn([1.0], verdict="inconclusive")
    assert (bool(failed.fails), bool(failed.doubts)) == (True, False)
    assert (bool(unsure.fails), bool(unsure.doubts)) == (False, True)


def test_a_share_holds_until_the_next_one():
    shares = [SeenShare(NOW, 10, None), SeenShare(NOW + timedelta(minutes=5), 50, None)]
    chart = share_chart(shares, NOW + timedelta(minutes=10))
    assert chart is not None
    (_, first), (corner, held), (_, second), (end, last) = places(chart.lines[0])
    assert (first == held, second == last, corner < end) == (True, True, True)
    assert (chart.description, len(chart.lines)) == ("50 % asked", 1)


def test_a_share_that_is_seen_is_a_line_of_its_own():
    chart = share_chart([SeenShare(NOW, 50, 33)], NOW)
    assert chart is not None
    assert (len(chart.lines), chart.description) == (2, "50 % asked, 33 % seen")
    assert share_chart([], NOW) is None


def test_releases_that_end_are_stairs_that_rise_with_each_end():
    ends = Ends(label="twice as often", of=4, rolled_back=(60.0, 60.0, 1800.0), promoted=(3600.0,))
    chart = ends_chart(ends, timedelta(hours=1))
    rolled_back, promoted = map(places, chart.lines)
    heights = [y for _, y in rolled_back]
    assert heights == sorted(heights, reverse=True)
    assert rolled_back[-1][0] == promoted[-1][0] == chart.last[0]
    assert chart.last[1] == heights[-1]
    assert chart.description == ("75 % rolled back (solid), 25 % promoted (dashed), of 4 releases")
    assert chart.rows == (("1m", "50 %"), ("30m", "75 %"))
    assert (chart.begins, chart.ends) == ("0s", "1h")


def test_where_no_release_ends_the_line_stays_at_nothing():
    chart = ends_chart(
        Ends(label="as often", of=3, rolled_back=(), promoted=()), timedelta(hours=1)
    )
    assert {y for _, y in places(chart.lines[0])} == {chart.levels[0].y}
    assert chart.rows == ()
