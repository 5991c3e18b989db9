"""What a run would be: its steps, their earliest times, and who is asked."""

from datetime import timedelta

import pytest

from canary.api.validation import parse_canary
from canary.views.blocks import Rows
from canary.views.outlook import outlook, shown
from tests.api.examples import GONE, a_canary, patched

WEIGHTS = {"analysis/stepWeight": GONE, "analysis/maxWeight": GONE}


def foreseen(changes, settling=0):
    return outlook(parse_canary(patched(a_canary(), changes)), timedelta(seconds=settling))


def rows(changes, settling=0):
    return [
        (each.name, each.traffic, int(each.earliest.total_seconds()), *each.gates)
        for each in foreseen(changes, settling).steps
    ]


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        (
            {"analysis/stepWeight": 25},
            [("1", "25 %", 0), ("2", "50 %", 30), ("promotion", "–", 60)],
        ),
        (
            {"analysis/stepWeight": 50, "analysis/mirror": True},
            [("1", "copies of 100 %", 0), ("2", "50 %", 30), ("promotion", "–", 60)],
        ),
        (
            WEIGHTS | {"analysis/iterations": 10},
            [("1", "none", 0), ("2", "100 %", 300), ("promotion", "–", 330)],
        ),
        (
            WEIGHTS
            | {
                "analysis/iterations": 4,
                "analysis/match": [{"headers": {"x-user": {"exact": "insider"}}}],
            },
            [("1", "requests that match", 0), ("promotion", "–", 120)],
        ),
        (
            {"analysis/stepWeight": 50, "analysis/bakeTime": "1h"},
            [("1", "50 %", 0), ("bake", "50 %", 30), ("promotion", "–", 3630)],
        ),
        (
            WEIGHTS
            | {
                "analysis/steps": [
                    {"name": "smoke", "weight": 1, "duration": "10m", "approval": True},
                    {"weight": 20, "mirror": 10, "passes": 3},
                    {"weight": 5, "match": [{"headers": {"x": {"exact": "y"}}}]},
                ]
            },
            [
                ("smoke", "1 %", 0),
                ("2", "20 %, copies of 10 %", 600, "a person, at the end of step smoke"),
                ("3", "5 % of requests that match", 690),
                ("promotion", "–", 720),
            ],
        ),
        (
            WEIGHTS
            | {
                "analysis/steps": [{"weight": 5, "passes": 9}, {"weight": 9, "duration": "1h"}],
                "analysis/bakeTime": "10m",
                "analysis/advanceOnProof": True,
            },
            [("1", "5 %", 0), ("2", "9 %", 30), ("bake", "9 %", 60), ("promotion", "–", 660)],
        ),
        ({"skipAnalysis": True}, [("promotion", "–", 0)]),
    ],
)
def test_steps_are_taken_at_these_times_at_the_earliest(changes, steps):
    assert rows(changes) == steps


SETTLING = {
    "pods are known before the first traffic, and an interval is longer than proxies take": (
        {"analysis/stepWeight": 25},
        5,
        [("1", "25 %", 5), ("2", "50 %", 35), ("promotion", "–", 65)],
    ),
    "no step is judged before proxies follow its traffic": (
        {"analysis/stepWeight": 25, "analysis/interval": "5s"},
        15,
        [("1", "25 %", 15), ("2", "50 %", 30), ("promotion", "–", 45)],
    ),
    "they follow once in a step, whatever the passes": (
        WEIGHTS
        | {
            "analysis/interval": "5s",
            "analysis/steps": [{"weight": 5, "passes": 3}, {"weight": 9}],
        },
        15,
        [("1", "5 %", 15), ("2", "9 %", 40), ("promotion", "–", 55)],
    ),
    "a step that is longer than both lasts as long as it says": (
        {"analysis/stepWeight": 50, "analysis/interval": "5s", "analysis/bakeTime": "1m"},
        15,
        [("1", "50 %", 15), ("bake", "50 %", 30), ("promotion", "–", 90)],
    ),
    "a proof ends no step before they follow": (
        WEIGHTS
        | {
            "analysis/interval": "5s",
            "analysis/steps": [{"weight": 5, "passes": 9}],
            "analysis/advanceOnProof": True,
        },
        15,
        [("1", "5 %", 15), ("promotion", "–", 30)],
    ),
    "they learn of pods without an analysis, too": (
        {"skipAnalysis": True},
        15,
        [("promotion", "–", 15)],
    ),
}


@pytest.mark.parametrize(("changes", "settling", "steps"), SETTLING.values(), ids=SETTLING)
def test_the_time_that_proxies_have_to_follow_is_counted_in(changes, settling, steps):
    assert rows(changes, settling) == steps


def test_a_gate_is_shown_before_what_it_holds():
    gates = [
        {"name": "start", "type": "confirm-rollout", "url": "http://gate.test/secret/path"},
        {"name": "more", "type": "confirm-traffic-increase"},
        {"name": "go", "type": "confirm-promotion", "deadline": "2h"},
    ]
    seen = foreseen({"analysis/stepWeight": 50, "analysis/webhooks": gates})
    assert seen.gates == ("start (http://gate.test, for 3d at most)",)
    assert [each.gates for each in seen.steps] == [
        ("more (a person, for 3d at most)",),
        ("more (a person, for 3d at most)", "go (a person, for 2h at most)"),
    ]
    assert seen.people == ("confirm-promotion", "confirm-traffic-increase")


def test_the_gate_of_a_step_is_shown_at_that_step():
    gate = {"name": "ask", "type": "confirm-traffic-increase"}
    steps = [{"weight": 10}, {"weight": 20, "webhooks": [gate], "scale": {"percent": 50}}]
    seen = foreseen(WEIGHTS | {"analysis/steps": steps})
    assert [each.gates for each in seen.steps] == [(), ("ask (a person, for 3d at most)",), ()]
    assert [each.pods for each in seen.steps] == ["", "50 %", ""]
    (table,) = (each for each in shown(seen) if isinstance(each, Rows))
    assert table.header == ("STEP", "TRAFFIC", "PODS", "EARLIEST", "ASKED BEFORE")
    assert table.rows[1] == ("2", "20 %", "50 %", "30s", "ask (a person, for 3d at most)")


@pytest.mark.parametrize(
    ("scale", "pods"),
    [({"replicas": 3}, "3"), ({"matchTrafficWeight": True}, "as the traffic")],
)
def test_the_size_of_the_canary_is_told_in_words(scale, pods):
    assert foreseen({"analysis/canaryScale": scale}).steps[0].pods == pods


def test_what_is_judged_and_called_is_told_without_what_may_be_a_secret():
    hooks = [
        {"name": "load", "type": "rollout", "url": "http://user:password@load.test/token"},
        {"name": "undo", "type": "rollback", "url": "http://undo.test/?token=x"},
    ]
    steps = [{"weight": 10, "webhooks": [{"name": "own", "url": "http://own.test/"}]}]
    seen = foreseen(WEIGHTS | {"analysis/webhooks": hooks, "analysis/steps": steps})
    assert seen.hooks == (
        "load (rollout) at http://load.test",
        "undo (rollback) at http://undo.test",
        "own (rollout, steps[0]) at http://own.test",
    )
    assert seen.judged == (
        "judged every 30s: request-success-rate, request-duration; failed check 5 rolls back"
    )
    bare = foreseen({"analysis/metrics": [], "analysis/threshold": 1})
    assert bare.judged == (
        "judged every 30s: no metric, so that only pods and hooks decide; a failed check rolls back"
    )
    assert ("calls load (rollout) at http://load.test",) in shown(seen)


def test_a_step_that_waits_for_a_proof_says_how_long_and_what_comes_then():
    def judged(**limit: str) -> str:
        metric = {"name": "request-success-rate", "judge": "sequential", "holdLimit": limit}
        shadow = metric | {"name": "request-duration", "shadow": True}
        return foreseen({"analysis/metrics": [metric, shadow]}).judged

    assert judged(after="45m").endswith(
        "; request-success-rate without a proof holds each step for 45m, then the run is rolled back"
    )
    assert judged(after="1h", then="advance").endswith(
        "; request-success-rate without a proof holds each step for 1h, then the run goes on "
        "without one"
    )


def test_a_run_begins_with_leave_where_there_is_a_gate_before_it():
    gate = {"name": "start", "type": "confirm-rollout"}
    seen = foreseen({"analysis/webhooks": [gate]})
    assert shown(seen)[0] == ("before it begins: start (a person, for 3d at most)",)
    assert timedelta(0) == seen.steps[0].earliest


def test_a_baseline_is_told_of_with_what_it_takes():
    metric = {"name": "errors", "judge": "sequential", "query": "x", "compareWith": "baseline"}
    found = foreseen({"analysis/metrics": [metric]})
    assert found.baseline == (
        "podinfo-baseline runs the primary's revision beside the canary, with as many pods again and "
        "as much traffic"
    )
    assert (found.baseline,) in shown(found)
    assert foreseen({}).baseline == ""
