"""What is kept of the fleet, how it is searched, and what was seen of its runs."""

from datetime import timedelta
from typing import Any

import pytest

from canary.api.status import MetricStatus, Phase
from canary.controller.canaries import CanaryKey
from canary.dashboard.kept import KeptCanary
from canary.dashboard.query import ROWS, Query, search
from canary.dashboard.recent import MOST_CANARIES, MOST_POINTS, Recent
from canary.views.canary import CanaryView, canary_view
from canary.views.standing import CanaryStanding
from tests.builders import a_run, a_status
from tests.views.fleet import MANIFESTS, NOW, manifest

FLEET = [KeptCanary.of(each) for each in MANIFESTS]
KEY = CanaryKey("tidegate.dev", "web", "shop")


def names(**asked: Any) -> list[str]:
    return [each.key.name for each in search(FLEET, Query(**asked), None).rows]


def view(weight: int, run: str = "1-new", **metric: Any) -> CanaryView:
    metrics = (MetricStatus(name="latency", verdict="pass", **metric),) if metric else ()
    status = a_status(Phase.PROGRESSING, weight=weight, metrics=metrics, run=a_run(id=run))
    return canary_view(manifest("shop", status))


def test_what_is_kept_is_read_again_as_it_was():
    assert [each.view for each in FLEET] == [canary_view(each) for each in MANIFESTS]


@pytest.mark.parametrize("labels", [None, [], {"a": 1, "b": None}])
def test_whatever_the_labels_hold_a_canary_is_kept(labels):
    hostile = manifest("shop", a_status())
    hostile["metadata"]["labels"] = labels
    assert KeptCanary.of(hostile).key == KEY


def test_those_come_first_that_need_a_person_and_then_those_with_a_run():
    first = ["cart", "search", "invalid", "paused", "prices", "shop"]
    assert names() == [*first, "catalogue", "ticker"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"search": "SHO"}, ["shop"]),
        ({"search": "web/ti"}, ["ticker"]),
        ({"namespace": "other"}, []),
        ({"namespace": "web", "standing": "quiet"}, ["catalogue", "ticker"]),
        ({"phase": "Failed"}, ["search"]),
        ({"label": "app=cart"}, ["cart"]),
        ({"standing": "nonsense"}, []),
    ],
)
def test_a_query_finds_what_it_asks_for(asked, found):
    assert names(**asked) == found


def test_what_a_viewer_may_not_see_is_not_even_counted():
    found = search(FLEET, Query(), {"other"})
    assert (found.rows, sum(found.counts.values())) == ((), 0)


def test_a_long_list_has_pages_and_none_is_past_the_last():
    many = [KeptCanary.of(manifest(f"c{n:04}", a_status())) for n in range(ROWS + 1)]
    last = search(many, Query(page=99), None)
    assert (len(last.rows), last.page, last.pages, last.number) == (1, 2, 2, ROWS + 1)
    assert last.counts[CanaryStanding.QUIET] == ROWS + 1


@pytest.mark.parametrize("page", ["", "0", "-1", "9" * 99, "x", "²"])
def test_a_page_that_is_none_is_the_first(page):
    assert Query.read({"page": page}).page == 1


def test_an_address_is_read_as_it_was_written():
    query = Query(search="a&b=c", namespace="web", standing="gate", label="x=y z", page=3)
    parameters = dict(pair.split("=", 1) for pair in query.address().removeprefix("?").split("&"))
    assert parameters["search"] == "a%26b%3Dc"
    assert Query().address() == "?"


def test_the_points_of_a_run_are_bounded():
    recent = Recent()
    for n in range(MOST_POINTS + 10):
        at = NOW + timedelta(seconds=n)
        recent.see(KEY, view(n % 100, value=float(n), at=at), at)
    track = recent.of(KEY)
    assert track is not None
    assert (len(track.shares), len(track.metrics["latency"])) == (MOST_POINTS, MOST_POINTS)


def test_a_judgement_is_one_point_however_often_it_is_seen():
    recent = Recent()
    for _ in range(3):
        recent.see(KEY, view(10, value=1.0, at=NOW), NOW)
    recent.see(KEY, view(10, at=NOW + timedelta(seconds=1)), NOW)
    track = recent.of(KEY)
    assert track is not None
    assert (len(track.shares), len(track.metrics["latency"])) == (1, 1)


def test_another_run_starts_another_track_and_an_ended_one_stays():
    recent = Recent()
    recent.see(KEY, view(10), NOW)
    recent.see(KEY, canary_view(manifest("shop", a_status())), NOW + timedelta(minutes=1))
    track = recent.of(KEY)
    assert track is not None
    assert [each.asked for each in track.shares] == [10, 0]
    recent.see(KEY, view(20, run="2-next"), NOW)
    assert [each.asked for each in recent.of(KEY).shares] == [20]
    recent.forget(KEY)
    assert recent.of(KEY) is None


def test_the_tracks_of_the_fleet_are_bounded():
    recent = Recent()
    for n in range(MOST_CANARIES + 1):
        recent.see(KEY._replace(name=f"c{n}"), view(10), NOW)
    assert recent.of(KEY._replace(name="c0")) is None
    assert recent.of(KEY._replace(name="c1")) is not None
