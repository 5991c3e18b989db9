"""The controller's metrics: what a Canary shows, what is counted, and that nothing stays behind."""

from datetime import UTC, datetime, timedelta
from math import exp, inf, nan
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analysis.evidence import BothCounts, Count, better_than, worse_than
from analysis.tally import read_tally
from canary.api.status import (
    CanaryStatus,
    CommandRecord,
    MetricStatus,
    Outcome,
    Pause,
    Phase,
    Run,
    RunRecord,
    Shares,
    Wait,
    Weights,
    write_status,
)
from canary.controller.canaries import CanaryKey, CanaryRecord
from canary.controller.controller import Controller
from canary.controller.gauges import CanaryGauge
from canary.controller.metrics import Metrics
from canary.controller.reading import CanaryReader
from canary.core.verified import SHARE
from canary.settings import Settings

BORN = datetime(2026, 1, 1, 12, tzinfo=UTC)
PODINFO = CanaryKey("tidegate.dev", "test", "podinfo")
PLACE = (PODINFO.namespace, PODINFO.name)
OF_CANARY = (("namespace", "test"), ("name", "podinfo"))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3", router="istio", clock=lambda: BORN)


SPEC = {
    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
    "service": {"port": 80},
    "analysis": {
        "interval": "10s",
        "threshold": 1,
        "stepWeights": [50],
        "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}}],
    },
}


def a_record(key: CanaryKey = PODINFO, **status: Any) -> CanaryRecord:
    manifest = {
        "apiVersion": f"{key.group}/v1beta1",
        "kind": "Canary",
        "metadata": {"namespace": key.namespace, "name": key.name, "uid": "0b5e", "generation": 1},
        "spec": SPEC,
        "status": write_status(CanaryStatus(**status)),
    }
    return CanaryReader("istio").read(manifest)


def a_run(outcome: str = "Promoted", *, minutes: int = 1, seconds: int = 90) -> RunRecord:
    return RunRecord(
        revision="5d8c9f",
        outcome=outcome,
        started_at=BORN + timedelta(minutes=minutes),
        duration_seconds=seconds,
    )


def series(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = metrics.page()[0].decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, series_name: str, /, **labels: str) -> float | None:
    return series(metrics).get((series_name, frozenset(labels.items())))


def of_canary(metrics: Metrics, series_name: str, **labels: str) -> float | None:
    return value(metrics, series_name, namespace="test", name="podinfo", **labels)


def under_way() -> Run:
    return Run(id="1-r", revision="r", started_at=BORN)


def ends(metrics: Metrics) -> dict[str, float]:
    """Give the counters of the ends of runs, by outcome."""
    return {
        dict(labels)["outcome"]: number
        for (name, labels), number in series(metrics).items()
        if name == "tidegate_canary_runs_total"
    }


COUNTED = MetricStatus(name=SHARE, verdict="pass", value=19.5)


class TestACanary:
    @pytest.mark.parametrize("phase", Phase)
    def test_its_phase_is_the_only_one_that_is_shown(self, metrics: Metrics, phase: Phase) -> None:
        metrics.decided(a_record(phase=Phase.PROGRESSING))
        metrics.decided(a_record(phase=phase))
        shown = {
            dict(labels)["phase"]: number
            for (name, labels), number in series(metrics).items()
            if name == "tidegate_canary_phase"
        }
        assert shown == {phase.value or "New": 1}

    def test_a_rest_has_no_step_and_a_run_that_begins_has(self, metrics: Metrics) -> None:
        names = ("tidegate_canary_step", "tidegate_canary_failed_checks")
        metrics.decided(a_record(phase=Phase.SUCCEEDED))
        assert [of_canary(metrics, each) for each in names] == [None, None]
        metrics.decided(a_record(phase=Phase.PROGRESSING, run=under_way()))
        assert [of_canary(metrics, each) for each in names] == [0, 0]

    def test_the_evidence_of_its_judges_is_there_while_a_run_is(self, metrics: Metrics) -> None:
        seen = BothCounts(canary=Count(600, 30), primary=Count(600, 3), seconds=60)
        tally = read_tally({}, worse_than(1), better_than(2)).add(seen, BORN, clustering=0)
        kept = [
            MetricStatus(name="errors", verdict="fail", judge="sequential", memory=tally.memory),
            MetricStatus(name="broken", verdict="fail", judge="sequential", memory={"to": "never"}),
            MetricStatus(
                name="memory", verdict="pass", judge="mann-whitney", memory={"canary": ""}
            ),
            MetricStatus(name="gone", verdict="pass", judge="gone", memory={"any": "thing"}),
            MetricStatus(name="duration", verdict="pass", value=100),
        ]

        def shown() -> dict[tuple[str, ...], float]:
            return {
                (
                    name.removeprefix("tidegate_canary_evidence"),
                    *map(dict(labels).get, ("metric", "bound")),
                ): number
                for (name, labels), number in series(metrics).items()
                if name.startswith("tidegate_canary_evidence")
            }

        metrics.decided(a_record(phase=Phase.PROGRESSING, run=under_way(), metrics=kept))
        assert shown() == {
            ("", "errors", None): pytest.approx(exp(tally.evidence_of_harm)),
            ("_ratio", "errors", "low"): pytest.approx(seen.ratio[0]),
            ("_ratio", "errors", "high"): pytest.approx(seen.ratio[1]),
        }
        # An end is told by its verdicts; what proved it is in the record of the run.
        metrics.decided(a_record(phase=Phase.FAILED, metrics=kept))
        assert shown() == {}

    def test_its_weights_step_failed_checks_and_last_transition(self, metrics: Metrics) -> None:
        metrics.decided(
            a_record(
                weights=Weights(primary=60, canary=40),
                step=2,
                failed_checks=1,
                last_transition_time=BORN,
            )
        )
        assert of_canary(metrics, "tidegate_canary_weight", side="primary") == 60
        assert of_canary(metrics, "tidegate_canary_weight", side="canary") == 40
        assert of_canary(metrics, "tidegate_canary_step") == 2
        assert of_canary(metrics, "tidegate_canary_failed_checks") == 1
        shown = of_canary(metrics, "tidegate_canary_last_transition_timestamp_seconds")
        assert shown == BORN.timestamp()

    @pytest.mark.parametrize(
        ("status", "seen"),
        [
            ({"shares": Shares(asked=20, possible=25, seen=25)}, 25),
            ({"run": under_way(), "metrics": (COUNTED,)}, 19.5),
            ({"run": under_way(), "metrics": (COUNTED.but(value=None),)}, None),
            ({"run": under_way(), "metrics": (COUNTED.but(name="success"),)}, None),
            ({"metrics": (COUNTED,)}, None),
            ({}, None),
        ],
        ids=["by pods", "counted", "not counted", "not verified", "of a run that ended", "at rest"],
    )
    def test_its_traffic_is_shown_as_it_was_seen_where_it_is_measured(
        self, metrics: Metrics, status: dict[str, Any], seen: float | None
    ) -> None:
        metrics.decided(a_record(**status))
        shown = {
            dict(labels)["side"]: number
            for (name, labels), number in series(metrics).items()
            if name == "tidegate_canary_observed_weight"
        }
        assert shown == ({} if seen is None else {"primary": 100 - seen, "canary": seen})

    def test_each_check_has_its_value_and_its_verdict(self, metrics: Metrics) -> None:
        failing = MetricStatus(name="success", verdict="fail", value=87.5)
        metrics.decided(a_record(metrics=(failing,), run=under_way()))
        assert of_canary(metrics, "tidegate_canary_check_value", metric="success") == 87.5
        for verdict, number in (("pass", None), ("fail", 1), ("inconclusive", None)):
            shown = of_canary(
                metrics, "tidegate_canary_check_verdict", metric="success", verdict=verdict
            )
            assert shown == number

    def test_a_check_without_a_value_shows_none_and_a_check_that_is_gone_goes(
        self, metrics: Metrics
    ) -> None:
        for check in (
            MetricStatus(name="a", verdict="pass", value=1),
            MetricStatus(name="b", verdict="inconclusive"),
        ):
            metrics.decided(a_record(metrics=(check,), run=under_way()))
        checks = {
            (name, dict(labels)["metric"])
            for name, labels in series(metrics)
            if name.startswith("tidegate_canary_check")
        }
        assert checks == {("tidegate_canary_check_verdict", "b")}

    def test_a_shadow_has_a_value_and_no_verdict_that_could_raise_an_alert(
        self, metrics: Metrics
    ) -> None:
        shadow = MetricStatus(name="a", verdict="inconclusive", value=1, shadow=True)
        metrics.decided(a_record(metrics=(shadow,), run=under_way()))
        checks = {name for name, _ in series(metrics) if name.startswith("tidegate_canary_check")}
        assert checks == {"tidegate_canary_check_value"}

    def test_what_it_waits_for_is_shown_only_while_it_waits(self, metrics: Metrics) -> None:
        gate = Wait(reason="PromotionGate", since=BORN, deadline=BORN + timedelta(hours=1))
        metrics.decided(a_record(waiting_for=gate))
        since = "tidegate_canary_waiting_since_timestamp_seconds"
        deadline = "tidegate_canary_deadline_timestamp_seconds"
        assert of_canary(metrics, since, reason="PromotionGate") == BORN.timestamp()
        assert of_canary(metrics, deadline, reason="PromotionGate") == BORN.timestamp() + 3600
        metrics.decided(a_record(waiting_for=Wait(reason="AnalysisDue", since=BORN)))
        assert of_canary(metrics, since, reason="AnalysisDue") == BORN.timestamp()
        shown = {name for name, _ in series(metrics)}
        assert deadline not in shown
        metrics.decided(a_record())
        assert since not in {name for name, _ in series(metrics)}

    @pytest.mark.parametrize(
        ("name", "status"),
        [("paused", {"paused": Pause(since=BORN)}), ("invalid", {"state": "Invalid"})],
    )
    def test_that_it_is_paused_or_invalid_is_shown_only_then(
        self, metrics: Metrics, name: str, status: dict[str, Any]
    ) -> None:
        metrics.decided(a_record())
        assert of_canary(metrics, f"tidegate_canary_{name}") is None
        metrics.decided(a_record(**status))
        assert of_canary(metrics, f"tidegate_canary_{name}") == 1

    def test_its_target_and_its_router(self, metrics: Metrics) -> None:
        metrics.decided(a_record())
        shown = {"target_kind": "Deployment", "target": "podinfo", "router": "istio"}
        assert of_canary(metrics, "tidegate_canary_info", **shown) == 1

    def test_a_run_has_its_number_of_steps(self, metrics: Metrics) -> None:
        metrics.decided(a_record(steps=5, run=under_way()))
        assert of_canary(metrics, "tidegate_canary_steps") == 5

    @pytest.mark.parametrize(
        ("phase", "verdicts"), [(Phase.SUCCEEDED, []), (Phase.FAILED, ["fail"])], ids=str
    )
    def test_what_a_run_failed_by_is_shown_until_the_next_and_no_check_of_one_that_was_promoted(
        self, metrics: Metrics, phase: Phase, verdicts: list[str]
    ) -> None:
        failing = MetricStatus(name="success", verdict="fail", value=87.5)
        metrics.decided(a_record(metrics=(failing,), run=under_way()))
        metrics.decided(a_record(metrics=(failing,), phase=phase))
        checks = [
            (name, dict(labels).get("verdict"))
            for name, labels in series(metrics)
            if name.startswith("tidegate_canary_check")
        ]
        assert [verdict for name, verdict in checks if name.endswith("verdict")] == verdicts
        assert len(checks) == 2 * len(verdicts)

    @pytest.mark.parametrize(
        ("number", "written"),
        [
            (3, "3"),
            (0.0, "0"),
            (99.5, "99.5"),
            (1e15, "1e+15"),
            (1e300, "1e+300"),
            (-0.001, "-0.001"),
            (inf, "+Inf"),
            (-inf, "-Inf"),
            (nan, "NaN"),
        ],
        ids=["whole", "nought", "part", "long", "huge", "less", "without end", "below", "none"],
    )
    def test_a_value_is_written_as_short_as_prometheus_reads_it(
        self, number: float, written: str
    ) -> None:
        gauge = CanaryGauge("any", "Any.")
        gauge.show(PLACE, [((), number)])
        line = gauge.page().decode().splitlines()[-1]
        assert line == f'tidegate_canary_any{{namespace="test",name="podinfo"}} {written}'

    def test_a_moment_is_told_to_the_second_and_is_never_one_that_is_still_to_come(
        self, metrics: Metrics
    ) -> None:
        metrics.decided(a_record(last_transition_time=BORN + timedelta(microseconds=1_634_567)))
        shown = of_canary(metrics, "tidegate_canary_last_transition_timestamp_seconds")
        assert shown == BORN.timestamp() + 1

    @pytest.mark.parametrize(
        ("status", "canary"),
        [
            ({"phase": Phase.SUCCEEDED}, None),
            ({"phase": Phase.FAILED}, None),
            ({"phase": Phase.PROGRESSING, "run": under_way()}, 0),
            ({"weights": Weights(primary=60, canary=40), "run": under_way()}, 40),
            ({"weights": Weights(primary=60, canary=40)}, 40),
        ],
        ids=["at rest", "rolled back", "begun", "a step", "not yet given back"],
    )
    def test_its_weights_are_shown_unless_it_rests(
        self, metrics: Metrics, status: dict[str, Any], canary: int | None
    ) -> None:
        metrics.decided(a_record(**status))
        assert of_canary(metrics, "tidegate_canary_weight", side="canary") == canary

    def test_at_rest_it_has_four_series(self, metrics: Metrics) -> None:
        metrics.decided(
            a_record(
                phase=Phase.SUCCEEDED,
                history=(a_run(minutes=-60),),
                last_transition_time=BORN,
                metrics=(MetricStatus(name="success", verdict="pass", value=99.5),),
                steps=5,
            )
        )
        shown = sorted(name for name, labels in series(metrics) if ("name", "podinfo") in labels)
        of_rest = ("info", "last_run_timestamp_seconds", "last_transition_timestamp_seconds")
        assert shown == [f"tidegate_canary_{each}" for each in (*of_rest, "phase")]

    def test_bounds_of_its_checks_are_shown_during_a_run(self, metrics: Metrics) -> None:
        checks = (MetricStatus(name="request-success-rate", verdict="pass", value=99.9),)
        name, labels = "tidegate_canary_check_bound", {"metric": "request-success-rate"}
        run = Run(id="1-1-a", revision="a", started_at=BORN)
        metrics.decided(a_record(metrics=checks, run=run))
        assert of_canary(metrics, name, side="min", **labels) == 99
        assert of_canary(metrics, name, side="max", **labels) is None
        metrics.decided(a_record(metrics=checks))
        assert of_canary(metrics, name, side="min", **labels) is None

    def test_how_and_when_its_last_run_ended(self, metrics: Metrics) -> None:
        metrics.decided(a_record(history=(a_run("RolledBack"), a_run(minutes=-60))))
        ended = of_canary(
            metrics, "tidegate_canary_last_run_timestamp_seconds", outcome="RolledBack"
        )
        assert ended == (BORN + timedelta(seconds=150)).timestamp()

    def test_everything_of_it_goes_with_it_and_nothing_of_another(self, metrics: Metrics) -> None:
        other = CanaryKey("tidegate.dev", "test", "other")
        empty = set(series(metrics))
        metrics.decided(a_record(other, history=(a_run(),)))
        before = set(series(metrics))
        metrics.decided(
            a_record(
                history=(a_run(), a_run("RolledBack")),
                metrics=(MetricStatus(name="a", verdict="pass", value=1),),
                last_transition_time=BORN,
            )
        )
        metrics.forget(PODINFO)
        left = set(series(metrics))
        assert not [labels for _, labels in left if ("name", "podinfo") in labels]
        assert before <= left
        metrics.forget(other)
        metrics.forget(other)
        left = {each for each in series(metrics) if "run_duration" not in each[0]}
        assert left <= empty


class TestRuns:
    def test_a_run_is_counted_once_when_it_ends(self, metrics: Metrics) -> None:
        metrics.decided(a_record())
        for _ in range(3):
            metrics.decided(a_record(history=(a_run(),)))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Promoted") == 1
        name = "tidegate_canary_run_duration_seconds"
        assert value(metrics, f"{name}_sum", outcome="Promoted") == 90
        assert value(metrics, f"{name}_bucket", outcome="Promoted", le="60.0") == 0
        assert value(metrics, f"{name}_bucket", outcome="Promoted", le="120.0") == 1

    def test_every_end_that_a_run_may_have_is_0_before_it_is_counted_and_gone_at_rest(
        self, metrics: Metrics
    ) -> None:
        metrics.decided(a_record())
        assert ends(metrics) == {}
        metrics.decided(a_record(phase=Phase.PROGRESSING, run=under_way()))
        assert ends(metrics) == dict.fromkeys(Outcome, 0.0)
        metrics.decided(a_record(history=(a_run(),)))
        assert ends(metrics) == {"Promoted": 1.0}
        metrics.decided(a_record(phase=Phase.PROGRESSING, run=under_way(), history=(a_run(),)))
        assert ends(metrics) == dict.fromkeys(Outcome, 0.0) | {"Promoted": 1.0}
        metrics.forget(PODINFO)
        assert ends(metrics) == {}

    def test_every_reason_why_queries_of_a_run_may_fail_is_0_before_it_is_counted(
        self, metrics: Metrics
    ) -> None:
        metrics.decided(a_record(phase=Phase.PROGRESSING, run=under_way()))
        metrics.query("prometheus", 0.1, place=PLACE)
        errors = "tidegate_query_errors_total"
        assert of_canary(metrics, errors, provider="prometheus", reason="throttled") == 0
        metrics.query("prometheus", 0.1, "throttled", place=PLACE)
        metrics.decided(a_record())
        assert of_canary(metrics, errors, provider="prometheus", reason="throttled") == 1
        assert of_canary(metrics, errors, provider="prometheus", reason="refused") is None

    def test_alerts_that_fail_are_0_from_the_start(self, metrics: Metrics) -> None:
        errors = "tidegate_notification_errors_total"
        for type_, kind in (("event", "alert"), ("slack", "alert"), ("slack", "update")):
            labels = {"type": type_, "kind": kind, "reason": "not-delivered"}
            assert value(metrics, errors, **labels) == 0
            assert value(metrics, "tidegate_notifications_given_up_total", type=type_) == 0

    @pytest.mark.parametrize(
        ("run", "status", "leads"),
        [
            (a_run(), {}, [3750.0]),
            (a_run("RolledBack"), {}, []),
            (a_run(), {"last_applied_spec": "another"}, []),
            (a_run(), {"committed_at": None}, []),
            (a_run(), {"committed_at": BORN + timedelta(hours=1)}, []),
            (a_run().but(started_at=None), {}, []),
        ],
        ids=[
            *("promoted", "rolled back", "another revision since", "no moment of a commit"),
            *("a clock ahead", "no moment of a run"),
        ],
    )
    def test_how_long_a_commit_took_to_its_promotion_is_measured_once(
        self, metrics: Metrics, run: RunRecord, status: dict[str, Any], leads: list[float]
    ) -> None:
        known = {"last_applied_spec": run.revision, "committed_at": BORN - timedelta(hours=1)}
        metrics.decided(a_record(**known, run=under_way()))
        for _ in range(2):
            metrics.decided(a_record(**known | status, history=(run,)))
        name = "tidegate_canary_lead_time_seconds"
        assert value(metrics, f"{name}_count") == len(leads)
        assert value(metrics, f"{name}_sum") == sum(leads)

    def test_runs_that_end_between_two_looks_are_all_counted(self, metrics: Metrics) -> None:
        first, second, third = a_run(), a_run("RolledBack", minutes=9), a_run(minutes=20)
        metrics.decided(a_record(history=(first,)))
        metrics.decided(a_record(history=(third, second, first)))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Promoted") == 2
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="RolledBack") == 1

    def test_runs_of_an_earlier_process_are_not_counted_again(self, metrics: Metrics) -> None:
        earlier = a_run(minutes=-60)
        metrics.decided(a_record(history=(earlier,)))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Promoted") is None
        metrics.decided(a_record(history=(a_run(), earlier)))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Promoted") == 1

    def test_a_run_that_ends_at_the_first_look_is_counted(self, metrics: Metrics) -> None:
        metrics.decided(a_record(history=(a_run(minutes=-1), a_run(minutes=-60))))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Promoted") == 1

    def test_a_run_whose_time_is_lost_is_not_counted_at_the_first_look(
        self, metrics: Metrics
    ) -> None:
        metrics.decided(a_record(history=(RunRecord(revision="5d8c9f", outcome="Promoted"),)))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Promoted") is None

    def test_an_outcome_that_was_written_by_hand_makes_no_series_of_its_own(
        self, metrics: Metrics
    ) -> None:
        metrics.decided(a_record(history=(a_run("Wonderful"),)))
        assert of_canary(metrics, "tidegate_canary_runs_total", outcome="Unknown") == 1


class TestCommands:
    def test_each_is_counted_once_by_verb_and_tool(self, metrics: Metrics) -> None:
        def command(minutes: int, **fields: Any) -> CommandRecord:
            return CommandRecord(
                **{"verb": "approve", "at": BORN + timedelta(minutes=minutes)} | fields
            )

        earlier, first = command(-5, tool="cli"), command(1, tool="cli")
        metrics.decided(a_record(commands=(first, earlier)))
        metrics.decided(a_record(commands=(first.but(cleared=True), earlier)))
        later = (command(2, accepted=False), command(2, verb="sing", tool="piano"))
        metrics.decided(a_record(commands=(*later, first)))
        name = "tidegate_commands_total"
        counted = {
            tuple(dict(labels)[each] for each in ("verb", "accepted", "tool")): number
            for (series_name, labels), number in series(metrics).items()
            if series_name == name
        }
        assert counted == {
            ("approve", "true", "cli"): 1,
            ("approve", "false", "other"): 1,
            ("other", "true", "other"): 1,
        }


class TestCalls:
    def test_latency_and_errors_of_each_kind_of_call(self, metrics: Metrics) -> None:
        metrics.decided(a_record())
        metrics.query("prometheus", 0.2, place=PLACE)
        metrics.query("prometheus", 0.4, error="unavailable", place=PLACE)
        metrics.webhook("rollout", 0.5, error="503", place=PLACE)
        metrics.api_request("PATCH", "canaries", 0.1, error="409")
        metrics.reconciled(0.5, 0.25)
        metrics.reconciled(0.5, 0.25, "Conflict")
        metrics.notification("failed", 2, "slack")
        metrics.notification("delivered", 1, "slack")
        metrics.notification("delivered", 5, "slack", kind="update")
        metrics.notification("given-up", 0, "slack")
        expected = {
            ("query_duration_seconds_count", ("provider", "prometheus")): 2,
            (
                "query_errors_total",
                *OF_CANARY,
                ("provider", "prometheus"),
                ("reason", "unavailable"),
            ): 1,
            ("webhook_duration_seconds_count", ("type", "rollout")): 1,
            ("webhook_errors_total", *OF_CANARY, ("type", "rollout"), ("reason", "503")): 1,
            (
                "api_request_errors_total",
                ("verb", "PATCH"),
                ("resource", "canaries"),
                ("reason", "409"),
            ): 1,
            ("reconcile_lag_seconds_sum",): 1,
            ("reconcile_duration_seconds_sum",): 0.5,
            ("reconcile_errors_total", ("reason", "Conflict")): 1,
            ("notification_duration_seconds_sum", ("type", "slack"), ("kind", "alert")): 3,
            ("notification_duration_seconds_sum", ("type", "slack"), ("kind", "update")): 5,
            (
                "notification_errors_total",
                ("type", "slack"),
                ("kind", "alert"),
                ("reason", "not-delivered"),
            ): 1,
            ("notifications_given_up_total", ("type", "slack")): 1,
        }
        for (name, *labels), number in expected.items():
            assert value(metrics, f"tidegate_{name}", **dict(labels)) == number, name

    def test_errors_of_queries_and_hooks_go_with_their_canary(self, metrics: Metrics) -> None:
        metrics.decided(a_record())
        for error in ("unavailable", "refused", "unavailable"):
            metrics.query("prometheus", 0.1, error=error, place=PLACE)
            metrics.webhook("rollout", 0.1, error="500", place=PLACE)
        metrics.forget(PODINFO)
        # A call that was under way when the Canary went.
        metrics.webhook("event", 0.1, error="500", place=PLACE)
        assert not [labels for _, labels in series(metrics) if ("name", "podinfo") in labels]
        nobody = {"namespace": "", "name": "", "type": "event", "reason": "500"}
        assert value(metrics, "tidegate_webhook_errors_total", **nobody) == 1

    def test_a_canary_that_another_replica_acts_on_shows_no_series(self, metrics: Metrics):
        metrics.awaiting(a_record(phase=Phase.PROGRESSING))
        assert of_canary(metrics, "tidegate_canary_phase", phase="Progressing") == 1
        metrics.stand_down({PODINFO})
        assert not [labels for _, labels in series(metrics) if ("name", "podinfo") in labels]

    def test_depth_of_the_queue_leadership_and_share_are_asked_for_when_read(
        self, metrics: Metrics
    ) -> None:
        depth, acts = [3], [True]
        metrics.queue_depth(lambda: depth[0])
        metrics.authority(lambda: acts[0], lambda: 7, lambda: 3)
        assert value(metrics, "tidegate_queue_depth") == 3
        assert value(metrics, "tidegate_leader") == 1
        assert value(metrics, "tidegate_canaries_owned") == 7
        assert value(metrics, "tidegate_members") == 3
        depth[0], acts[0] = 0, False
        assert value(metrics, "tidegate_queue_depth") == 0
        assert value(metrics, "tidegate_leader") == 0


class TestThePage:
    def test_it_names_version_and_router(self, metrics: Metrics) -> None:
        assert value(metrics, "tidegate_info", version="1.2.3", router="istio") == 1

    def test_it_comes_in_the_format_that_is_accepted(self, metrics: Metrics) -> None:
        body, content_type = metrics.page("application/openmetrics-text; version=1.0.0")
        assert content_type.startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")
        assert metrics.page()[1].startswith("text/plain")

    @pytest.mark.parametrize("written", ['a "quoted" word', r"C:\a\b"], ids=ascii)
    def test_any_name_of_a_metric_is_read_as_it_was_written(
        self, metrics: Metrics, written: str
    ) -> None:
        check = MetricStatus(name=written, verdict="pass", value=1)
        metrics.decided(a_record(metrics=(check,), run=under_way()))
        assert of_canary(metrics, "tidegate_canary_check_value", metric=written) == 1

    def test_every_name_keeps_the_conventions(self, metrics: Metrics) -> None:
        metrics.decided(a_record(history=(a_run(),)))
        for family in text_string_to_metric_families(metrics.page()[0].decode()):
            if not family.name.startswith("tidegate_"):
                continue
            assert family.documentation.endswith("."), family.name
            if family.type == "histogram":
                assert family.name.endswith("_seconds"), family.name
            for sample in family.samples:
                if family.type == "counter":
                    assert sample.name.endswith(("_total", "_created")), sample.name

    def test_two_controllers_in_one_process_do_not_share_metrics(self, metrics: Metrics) -> None:
        other = Metrics(version="1", router="smi")
        metrics.decided(a_record())
        assert of_canary(other, "tidegate_canary_step") is None


def test_no_series_tells_when_another_one_began(metrics: Metrics) -> None:
    metrics.api_request("GET", "canaries", 0.1)
    metrics.decided(a_record(history=(a_run(),)))
    assert "_created" not in metrics.page()[0].decode()


@pytest.mark.parametrize(
    ("verb", "status", "errors"),
    [("GET", 404, False), ("DISCOVER", 404, False), ("PATCH", 404, True), ("GET", 403, True)],
)
def test_a_lookup_that_finds_nothing_is_no_error(verb: str, status: int, errors: bool) -> None:
    controller = Controller(Settings(), version="test")
    controller._observe_request(verb, "virtualservices", status, 0.1)
    assert (b"tidegate_api_request_errors_total{" in controller._metrics.page()[0]) is errors
