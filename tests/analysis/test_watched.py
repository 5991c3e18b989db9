"""What several targets have shown, as one expression sees it: means weigh what each has answered."""

import pytest

from analysis.counters import Record, Snapshot
from analysis.evaluation import evaluate
from analysis.expression import parse
from analysis.model import NoData
from analysis.pages import read_page
from analysis.watched import Watched

MEAN = 'mean(time{side="canary"}, rq{side="canary"})'


def record(*pages: str) -> Record:
    """Give the record of a target that showed some pages, a minute apart."""
    kept = Record()
    for number, page in enumerate(pages):
        series = read_page(page.encode(), frozenset({"time", "rq"}), "the page")
        kept.add(Snapshot(at=60.0 * number, series=series), spacing=1, horizon=0)
    return kept


def page(good: int, bad: int, *, time: float, pod: str = "a", side: str = "canary") -> str:
    labels = f'pod="{pod}",side="{side}"'
    return (
        f'rq{{code="2xx",{labels}}} {good}\nrq{{code="5xx",{labels}}} {bad}\n'
        f"time{{{labels}}} {time}\n"
    )


@pytest.mark.parametrize(
    ("targets", "value"),
    [
        pytest.param([(page(0, 0, time=1), page(8, 2, time=5))], 5, id="what it shows last"),
        pytest.param(
            [
                (page(0, 0, time=1), page(20, 10, time=5)),
                (page(0, 0, time=1), page(10, 0, time=9)),
            ],
            6,
            id="each target by what it has answered",
        ),
        pytest.param(
            [
                (page(7, 0, time=900), page(7, 0, time=900)),
                (page(0, 0, time=1), page(9, 1, time=3)),
            ],
            3,
            id="one that has answered nothing does not count",
        ),
        pytest.param(
            [
                (
                    page(0, 0, time=1) + page(0, 0, time=1, pod="b"),
                    page(3, 0, time=2) + page(0, 1, time=6, pod="b"),
                )
            ],
            3,
            id="each pod by what it has answered",
        ),
        pytest.param(
            [
                (
                    page(0, 0, time=1) + page(0, 0, time=1, side="primary"),
                    page(3, 0, time=2) + page(90, 0, time=6, side="primary"),
                )
            ],
            2,
            id="not the other side",
        ),
    ],
)
def test_a_mean_weighs_what_each_has_answered(targets, value):
    records = {f"t{number}": record(*pages) for number, pages in enumerate(targets)}
    seen = Watched(records=records, failing=frozenset(), start=0)
    assert evaluate(parse(MEAN), seen) == value


def test_a_mean_is_that_of_the_targets_that_answer():
    pages = {"a": (3, 5), "b": (3, 50)}
    records = {
        name: record(page(0, 0, time=1), page(n, 0, time=t)) for name, (n, t) in pages.items()
    }
    records["c"] = record()
    assert evaluate(parse(MEAN), Watched(records=records, failing=frozenset({"b"}), start=0)) == 5


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        pytest.param((page(1, 0, time=1),), "first scrape: ", id="one look"),
        pytest.param((page(1, 0, time=1),) * 2, 'rq{side="canary"} did not increase', id="no requests"),
        pytest.param(("rq 1\n", "rq 2\n"), 'no series matches time{side="canary"}', id="no mean"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_weighed_there_is_no_data(pages, reason):
    seen = Watched(records={"a": record(*pages)}, failing=frozenset(), start=0)
    told = evaluate(parse(MEAN), seen)
    assert isinstance(told, NoData)
    assert told.reason.startswith(reason)
