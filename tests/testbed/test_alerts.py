"""Each alert, as Prometheus itself evaluates it: quiet, firing, and resolved again."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from canary.monitoring.alerts import ALERTS
from canary.monitoring.files import RULES, render
from tests.testbed.promtool import hold

pytestmark = pytest.mark.control_plane

CART = 'namespace="shop", name="cart"'
LOOK = {alert.name: alert for alert in ALERTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Series, a value a minute, and the minutes at which an alert is quiet, fires, and is over."""

    series: Mapping[str, str]
    quiet: int
    firing: int
    over: int
    fires: int = field(default=1)
    """How many alerts fire then: others of its kind stay quiet."""


def waiting(reason: str, name: str = "cart") -> str:
    labels = f'namespace="shop", name="{name}", reason="{reason}"'
    return f"tidegate_canary_waiting_since_timestamp_seconds{{{labels}}}"


CASES = {
    "TidegateDown": Case(
        series={'tidegate_info{version="1", router="istio"}': "1x10 _x20 1x30"},
        quiet=5,
        firing=25,
        over=45,
    ),
    "TidegateNobodyActs": Case(
        series={
            'tidegate_leader{instance="a"}': "1x10 0x20 1x30",
            'tidegate_leader{instance="b"}': "0x60",
        },
        quiet=5,
        firing=20,
        over=45,
    ),
    "TidegateCanariesUnowned": Case(
        series={
            'tidegate_canaries_owned{instance="a"}': "50x60",
            'tidegate_canaries_owned{instance="b"}': "50x10 _x20 50x30",
            'tidegate_members{instance="a"}': "2x10 1x20 2x30",
        },
        quiet=5,
        firing=25,
        over=45,
    ),
    "TidegateCertificateEnds": Case(
        # One replica has read the renewed files, and the other not yet; a third serves no webhook.
        series={
            'tidegate_admission_certificate_end_timestamp_seconds{instance="a"}': (
                "8640000x10 200000x20 8640000x30"
            ),
            'tidegate_admission_certificate_end_timestamp_seconds{instance="b"}': "8640000x60",
            'tidegate_admission_certificate_end_timestamp_seconds{instance="c"}': "NaN " * 60,
        },
        quiet=5,
        firing=25,
        over=45,
    ),
    "TidegateRunFailed": Case(
        series={
            f'tidegate_canary_phase{{{CART}, phase="Failed"}}': "0x10 1x20 0x30",
            f'tidegate_canary_phase{{{CART}, phase="Succeeded"}}': "1x10 0x20 1x30",
        },
        quiet=5,
        firing=20,
        over=45,
    ),
    "TidegatePromotionFailed": Case(
        series={
            f'tidegate_canary_last_run_timestamp_seconds{{{CART}, outcome="PromotionFailed"}}': (
                "_x9 600x60"
            ),
            f'tidegate_canary_last_run_timestamp_seconds{{{CART}, outcome="RolledBack"}}': (
                "600x60"
            ),
        },
        quiet=5,
        firing=15,
        over=30,
    ),
    "TidegateGateWaits": Case(
        series={waiting("PromotionGate"): "0x90", waiting("AnalysisDue", "other"): "0x120"},
        quiet=30,
        firing=70,
        over=110,
    ),
    "TidegateGateEnds": Case(
        series={
            f'tidegate_canary_deadline_timestamp_seconds{{{CART}, reason="TrafficGate"}}': (
                "7200x90"
            ),
            f'tidegate_canary_deadline_timestamp_seconds{{{CART}, reason="CanaryNotReady"}}': (
                "7200x90"
            ),
        },
        quiet=30,
        firing=70,
        over=110,
    ),
    "TidegateStuck": Case(
        series={
            waiting("RouteRefused"): "0x40",
            **{
                waiting(reason, reason.lower()): "0x90"
                for reason in ("AnalysisDue", "RolloutGate", "Paused", "Suspended", "Dependency")
            },
        },
        quiet=20,
        firing=35,
        over=55,
    ),
    "TidegateNoVerdict": Case(
        series={
            f'tidegate_canary_check_verdict{{{CART}, metric="a", verdict="inconclusive"}}': (
                "0x5 1x30 0x30"
            ),
            f'tidegate_canary_phase{{{CART}, phase="Progressing"}}': "1x70",
            'tidegate_canary_check_verdict{namespace="shop", name="rests", metric="a", '
            'verdict="inconclusive"}': "1x70",
            'tidegate_canary_phase{namespace="shop", name="rests", phase="Progressing"}': "0x70",
        },
        quiet=3,
        firing=25,
        over=50,
    ),
    "TidegateInvalid": Case(
        series={f"tidegate_canary_invalid{{{CART}}}": "_x4 1x30"}, quiet=2, firing=25, over=45
    ),
    "TidegateQueriesFail": Case(
        series={
            f'tidegate_query_errors_total{{{CART}, provider="prometheus", reason="refused"}}': (
                "0x5 0+2x10 20x40"
            ),
            'tidegate_query_duration_seconds_count{provider="prometheus"}': "0+3x60",
            f'tidegate_query_errors_total{{{CART}, provider="datadog", reason="refused"}}': (
                "0+1x60"
            ),
            'tidegate_query_duration_seconds_count{provider="datadog"}': "0+9x60",
        },
        quiet=3,
        firing=14,
        over=45,
    ),
    "TidegateHooksFail": Case(
        series={
            f'tidegate_webhook_errors_total{{{CART}, type="{type_}", reason="503"}}': (
                "0x5 0+2x10 20x40"
            )
            for type_ in ("rollout", "confirm-rollout")
        }
        | {
            f'tidegate_webhook_duration_seconds_count{{type="{type_}"}}': "0+3x60"
            for type_ in ("rollout", "confirm-rollout")
        },
        quiet=3,
        firing=14,
        over=45,
    ),
    "TidegateApiFails": Case(
        series={
            'tidegate_api_request_errors_total{verb="PATCH", resource="canaries", reason="500"}': (
                "0x5 0+2x10 20x40"
            ),
            'tidegate_api_request_errors_total{verb="PATCH", resource="services", reason="409"}': (
                "0x5 0+2x10 20x40"
            ),
            **{
                f'tidegate_api_request_duration_seconds_count{{verb="PATCH", resource="{each}"}}': (
                    "0+3x60"
                )
                for each in ("canaries", "services")
            },
        },
        quiet=3,
        firing=14,
        over=45,
    ),
    "TidegateNotificationsLost": Case(
        series={"tidegate_notifications_given_up_total": "0x5 1x100"}, quiet=3, firing=10, over=80
    ),
    "TidegateBehind": Case(
        series={
            f'tidegate_reconcile_lag_seconds_bucket{{le="{le}"}}': values
            for le, values in (
                ("10", "0x100"),
                ("30", "0x5 0+5x30 150x60"),
                ("+Inf", "0x5 0+5x30 150x60"),
            )
        },
        quiet=3,
        firing=25,
        over=60,
    ),
    # Two replicas, of which each counts all objects: neither their sum nor one owner's is enough.
    "TidegateClusterFills": Case(
        series={
            f'tidegate_objects{{kind="{kind}", owner="{owner}", instance="{instance}"}}': values
            for kind, owner, values in (
                ("services", "canary", "6000x60"),
                ("services", "other", "2000x10 2001x40 2000x60"),
                ("configmaps", "canary", "90000x60"),
            )
            for instance in "ab"
        },
        quiet=10,
        firing=40,
        over=60,
    ),
    "TidegateNamespaceFills": Case(
        series={
            **{
                f'tidegate_objects_fullest_namespace{{{of}, instance="{instance}"}}': values
                for of, values in (
                    ('kind="services", namespace="shop"', "4000x10 4001x40 4000x60"),
                    ('kind="deployments.apps", namespace="shop"', "1600x10 1601x40 1600x60"),
                    ('kind="services", namespace="web"', "4000x110"),
                )
                for instance in "ab"
            },
        },
        quiet=10,
        firing=40,
        over=60,
        fires=2,
    ),
    "TidegateRollbacksHigh": Case(
        series={
            f'tidegate_canary_runs_total{{{CART}, outcome="{outcome}"}}': "0x5 0+1x10 10x1700"
            for outcome in ("RolledBack", "Promoted")
        },
        quiet=3,
        firing=30,
        over=1620,
    ),
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / RULES
    file.write_text(render()[RULES])
    return file


def test_prometheus_finds_nothing_wrong_with_the_rules(promtool: Path, rules: Path) -> None:
    told = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", rules],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    "series",
    [
        pytest.param(
            {"tidegate_canaries_owned": "10x10 5x50", "tidegate_members": "2x60"},
            id="Canaries are deleted",
        ),
        pytest.param(
            # Who takes over is scraped before who has let go.
            {
                'tidegate_canaries_owned{pod="a"}': "50x12 33 50x47",
                'tidegate_canaries_owned{pod="b"}': "50x12 33 50x47",
                'tidegate_canaries_owned{pod="c"}': "_x11 33x2 stale",
                "tidegate_members": "2x10 3x2 2x48",
            },
            id="a replica more is there for a while, as in an update",
        ),
    ],
)
def test_canaries_that_another_acts_on_or_nobody_has_are_missed_by_no_alert(
    promtool: Path, rules: Path, tmp_path: Path, series: dict[str, str]
) -> None:
    suite = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "promql_expr_test": [
                    {"expr": 'ALERTS{alertname="TidegateCanariesUnowned"}', "eval_time": "30m"}
                ],
            }
        ],
    }
    hold(promtool, suite, tmp_path)


def test_every_alert_has_a_case() -> None:
    assert CASES.keys() == LOOK.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_no_longer(
    promtool: Path, rules: Path, name: str, tmp_path: Path
) -> None:
    case, severity = CASES[name], LOOK[name].severity
    firing = f'count by (severity) (ALERTS{{alertname="{name}", alertstate="firing"}})'
    labels = f'{{severity="{severity}"}}'
    suite = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": values} for series, values in case.series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": firing,
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": labels, "value": count}] if count else [],
                    }
                    for minute, count in (
                        (case.quiet, 0),
                        (case.firing, case.fires),
                        (case.over, 0),
                    )
                ],
            }
        ],
    }
    hold(promtool, suite, tmp_path)
