"""Counters over time: what came on top in a window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.counters import Record, Snapshot, increases

A, B = (("pod", "a"),), (("pod", "b"),)


def everything(_):
    return True


def snapshots(*values: dict, name: str = "requests") -> tuple[Snapshot, ...]:
    return tuple(Snapshot(at=at, series={name: series}) for at, series in enumerate(values))


@pytest.mark.parametrize(
    ("shown", "increase"),
    [
        pytest.param([{A: 5}, {A: 8}], {A: 3}, id="the difference comes on top"),
        pytest.param([{A: 5}], {A: 0}, id="the first snapshot is history"),
        pytest.param([{A: 5}, {A: 5}], {A: 0}, id="what stands still adds nothing"),
        pytest.param([{A: 5}, {A: 8}, {A: 2}, {A: 6}], {A: 9}, id="a counter that falls has been reset"),
        pytest.param([{}, {A: 3}], {A: 3}, id="a series that was not there has counted from zero"),
        pytest.param([{A: 5}, {}, {A: 2}], {A: 2}, id="a series that comes back has counted from zero"),
        pytest.param([{A: 5}, {}], {A: 0}, id="a series that goes takes nothing back"),
        pytest.param([{A: 1, B: 1}, {A: 2, B: 4}], {A: 1, B: 3}, id="each series counts for itself"),
        pytest.param([{}, {}], {}, id="no series is no increase of any"),
    ],
)  # fmt: skip
def test_increases(shown, increase):
    assert increases(snapshots(*shown), "requests", everything) == increase


def test_only_matching_series_count():
    found = increases(snapshots({A: 1, B: 1}, {A: 2, B: 4}), "requests", lambda labels: labels == B)
    assert found == {B: 3}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.sets(st.integers(1, 29)))
def test_whatever_is_reset_every_request_after_the_first_look_is_counted(growth, restarts):
    shown, count = [], 0
    for step, amount in enumerate(growth):
        # A process that has counted past what it showed before cannot be told from one that went
        # on, so only those restart that have not.
        restarted = step in restarts and amount < count
        count = amount if restarted else count + amount
        shown.append(count)
    series = snapshots(*({A: value} for value in shown))
    assert increases(series, "requests", everything) == {A: sum(growth[1:])}


def a_record(*times: float, spacing: float = 0, horizon: float = -1, name: str = "m") -> Record:
    record = Record()
    for at in times:
        record.add(Snapshot(at=at, series={name: {A: at}}), spacing=spacing, horizon=horizon)
    return record


def times(record: Record, start: float, name: str = "m") -> list[float]:
    return [snapshot.at for snapshot in record.window(name, start)]


def test_a_window_begins_with_the_last_snapshot_before_it():
    record = a_record(0, 10, 20, 30)
    assert times(record, 15) == [10, 20, 30]
    assert times(record, 20) == [20, 30]
    assert times(record, 99) == [30]


def test_a_window_that_reaches_past_the_beginning_is_all_there_is():
    assert times(a_record(5, 10), 0) == [5, 10]


def test_snapshots_that_did_not_read_a_metric_say_nothing_of_it():
    record = a_record(0, 10)
    record.add(Snapshot(at=20, series={"m": {}, "new": {A: 500}}), spacing=0, horizon=-1)
    record.add(Snapshot(at=30, series={"m": {}, "new": {A: 501}}), spacing=0, horizon=-1)
    assert times(record, 0, "new") == [20, 30]
    assert increases(record.window("new", 0), "new", everything) == {A: 1}


def test_what_lies_past_the_horizon_is_dropped_but_for_the_last():
    record = a_record(0, 10, 20)
    record.add(Snapshot(at=30, series={"m": {}}), spacing=0, horizon=15)
    assert times(record, 0) == [10, 20, 30]


def test_snapshots_closer_than_the_spacing_are_thinned():
    assert times(a_record(0, 1, 2, 3, 4, 5, 6, spacing=3), 0) == [0, 3, 6]


def test_thinning_keeps_the_first_snapshot_of_a_metric():
    record = a_record(0)
    for at in (1, 2, 3):
        record.add(Snapshot(at=at, series={"m": {}, "new": {}}), spacing=10, horizon=-1)
    assert times(record, 0, "new") == [1, 3]


@pytest.mark.parametrize(
    ("shown", "increase"),
    [
        pytest.param([1, 2, 3, 4], 3, id="a counter that rises"),
        pytest.param([100, 110, 5, 8, 3, 9], 10 + 5 + 3 + 3 + 6, id="a counter that is reset"),
    ],
)
def test_thinning_loses_nothing_of_what_came_on_top(shown, increase):
    record = Record()
    for at, value in enumerate(shown):
        record.add(Snapshot(at=at, series={"m": {A: value}}), spacing=99, horizon=-1)
    assert increases(record.window("m", 0), "m", everything) == {A: increase}


def test_a_cleared_record_knows_nothing():
    record = a_record(0, 10)
    record.clear()
    assert times(record, 0) == []


def test_a_snapshot_with_which_a_count_has_ended_is_kept_for_the_next_one():
    record = Record()
    for at in range(4):
        record.add(
            Snapshot(at=at, series={"requests": {A: float(at)}}), spacing=10.0, horizon=-100.0
        )
        if at == 1:
            assert [each.at for each in record.block("requests", 0, 1)] == [0, 1]
    assert [each.at for each in record.window("requests", 1)] == [1, 3]
    record.clear()
    assert record.window("requests", 0) == ()
