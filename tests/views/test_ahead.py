"""What a run can still see, by what its judges have counted: from the status alone."""

from datetime import timedelta

import pytest

from analysis.evidence import BothCounts, Count, better_than, worse_than
from analysis.tally import read_tally
from canary.api.status import MetricStatus, Run, write_status
from canary.views.ahead import Ahead, ahead
from canary.views.canary import canary_view
from canary.views.explain import explanation
from tests.api.examples import a_canary, patched
from tests.builders import a_run, a_status, at
from tests.cli.test_status import drawn

MINUTE = timedelta(minutes=1)
NAME = "request-success-rate"
METRIC = {"name": NAME, "judge": "sequential"}
FAIR = BothCounts(canary=Count(60, 1), primary=Count(540, 3), seconds=60)


def memory(counted: BothCounts = FAIR) -> dict[str, str]:
    """Give what the sequential judge keeps of a minute."""
    tally = read_tally({}, worse_than(1.0), better_than(2.0))
    return dict(tally.add(counted, at(60), clustering=0).memory)


def a_manifest(metric: dict[str, object] | None = None, **changes: object) -> dict[str, object]:
    tens = {"interval": "1m", "stepWeight": 10, "maxWeight": 30, "metrics": [metric or METRIC]}
    return patched(a_canary(), {f"analysis/{key}": each for key, each in (tens | changes).items()})


def a_state(run: Run | None, kept: dict[str, str] | None = None, judge: str = "sequential"):
    found = MetricStatus(
        name=NAME, verdict="pass", judge=judge, memory=memory() if kept is None else kept
    )
    return a_status().but(run=run, metrics=(found,))


def seen(run: Run | None, kept=None, manifest=None) -> tuple[Ahead, ...]:
    return ahead(manifest or a_manifest(), a_state(run, kept))


def test_during_a_run_the_rest_of_it_adds_to_what_was_counted():
    (found,) = seen(a_run(step=1, step_since=at(30)))
    assert (found.running, found.counted_to) == (True, at(60))
    assert (found.sight.requests, round(found.sight.rate, 4)) == (600, 0.0056)
    ends = [(each.name, each.end) for each in found.sight.steps]
    assert ends == [("1", MINUTE / 2), ("2", 1.5 * MINUTE), ("3", 2.5 * MINUTE)]
    times = [each.times or 0 for each in found.sight.steps]
    assert times == sorted(times, reverse=True)
    (longer,) = seen(a_run(step=1, step_since=at(0)))
    assert longer.sight.steps[0].end == timedelta(0)
    assert (longer.sight.steps[0].times or 0) > times[0]


def test_steps_that_are_over_are_not_shown():
    (found,) = seen(a_run(step=3, step_since=at(30)))
    assert [each.name for each in found.sight.steps] == ["3"]


def test_a_step_that_is_overdue_ends_with_the_last_count():
    (found,) = seen(a_run(step=2, step_since=at(-600)))
    assert [each.end for each in found.sight.steps] == [timedelta(0), MINUTE]


def test_before_the_first_step_each_step_is_to_come():
    (found,) = seen(a_run(step=0))
    assert [each.end for each in found.sight.steps] == [MINUTE, 2 * MINUTE, 3 * MINUTE]


def test_between_runs_the_next_one_is_foreseen_at_the_traffic_of_the_last():
    (found,) = seen(None)
    assert not found.running
    assert [each.end for each in found.sight.steps] == [MINUTE, 2 * MINUTE, 3 * MINUTE]
    (during,) = seen(a_run(step=0))
    # What was counted in the last run proves nothing in the next.
    assert all(
        (alone.times or 0) > (added.times or 0)
        for alone, added in zip(found.sight.steps, during.sight.steps, strict=True)
    )


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param({}, id="nothing kept"),
        pytest.param({"to": "yesterday"}, id="damaged"),
        pytest.param(memory(BothCounts(canary=Count(9, 0), primary=Count(0, 0), seconds=60)), id="no requests of the primary"),
        pytest.param(memory(BothCounts(canary=Count(9, 0), primary=Count(9, 0), seconds=0)), id="no time"),
    ],
)  # fmt: skip
def test_where_too_little_is_known_nothing_is_said(kept):
    assert seen(None, kept) == ()


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param({}, id="not a Canary"),
        pytest.param(patched(a_manifest(), {"skipAnalysis": True}), id="nothing is judged"),
        pytest.param(a_manifest({"name": NAME, "thresholdRange": {"min": 99}}), id="another judge by now"),
        pytest.param(a_manifest({"name": "request-duration", "judge": "sequential", "thresholdRange": {"max": 500}}), id="another metric"),
        pytest.param(a_manifest(METRIC | {"judgeOptions": {"alpha": "2"}}), id="options that cannot be used"),
    ],
)  # fmt: skip
def test_where_the_spec_judges_otherwise_nothing_is_said(manifest):
    assert ahead(manifest, a_state(None)) == ()


def test_a_run_whose_steps_are_over_sees_no_more():
    assert seen(a_run(step=4, step_since=at(30))) == ()


def told(run, manifest=None) -> list[str]:
    whole = (manifest or a_manifest()) | {"status": write_status(a_state(run))}
    view = canary_view(whole, foresees=True)
    lines = drawn(explanation(view, at(90), program="tidegate"), width=160)
    return [
        each.rstrip() for each in lines if "prove" in each or "times" in each or "BY THE" in each
    ]


def test_people_read_during_a_run_what_it_can_prove_and_when():
    assert told(a_run(step=2, step_since=at(60))) == [
        f"What {NAME} can prove in this run, at 600 requests a minute, 0.556 % of the primary's were bad:",
        "BY THE END OF STEP  AT THE EARLIEST  FROM",
        "2                   00:02:00         7.4 times as many bad requests",
        "3                   00:03:00         5.3 times as many bad requests",
    ]


def test_people_read_between_runs_what_the_next_one_can_prove():
    lines = told(None)
    assert lines[0] == (
        f"What {NAME} can prove in the next run, at 600 requests a minute, 0.556 % of the primary's "
        "were bad, as in the last run until 00:01:00:"
    )
    assert lines[2].split()[:3] == ["1", "after", "1m"]


def test_people_read_where_a_run_can_prove_nothing():
    matched = a_manifest(match=[{"headers": {"x": {"exact": "y"}}}], iterations=3)
    del matched["spec"]["analysis"]["stepWeight"], matched["spec"]["analysis"]["maxWeight"]
    assert told(None, matched)[0].startswith(f"{NAME} can prove no regression in the next run, at")


def test_a_view_foresees_only_where_it_is_asked_to():
    whole = a_manifest() | {"status": write_status(a_state(None))}
    assert canary_view(whole).sights == ()
    document = canary_view(whole, foresees=True).document()
    assert document["sights"][0]["metric"] == NAME
    assert [each["afterSeconds"] for each in document["sights"][0]["steps"]] == [60, 120, 180]
