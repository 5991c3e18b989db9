"""`tidegate status`: what it prints of a status, and of a controller that is not there."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from canary.api.meta import GROUP
from canary.api.status import (
    CanaryStatus,
    Condition,
    ContainerImage,
    MetricStatus,
    Outcome,
    Pause,
    Phase,
    RunRecord,
    Shares,
    Wait,
    Weights,
)
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.canaries import FINALIZER, canary_kind
from canary.views.blocks import Block
from canary.views.moments import moment, span
from canary.views.status import status_view
from tests.builders import a_run, a_status
from tests.cli.leases import create_lease
from tests.cli.running import tidegate

CANARY = canary_kind(GROUP)
THEN = datetime(2026, 1, 1, 3, 4, 14, tzinfo=UTC)
NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAYS = timedelta(days=3)


def shown(status: CanaryStatus, now: datetime = NOW, *, width: int = 0) -> list[str]:
    """Show a status in a terminal of a width, or without one."""
    return drawn(status_view("default/podinfo", status, now).whole, width=width)


def drawn(block: Block, *, width: int = 0) -> list[str]:
    """Draw a block in a terminal of a width, or without one."""
    written = StringIO()
    console = Console(
        file=written, width=width or None, force_terminal=width > 0, color_system=None
    )
    Screen(console).show(block)
    return [line.rstrip() for line in written.getvalue().splitlines()]


LONG = "checkout-latency-p99-of-region-eu-west-{}-by-payment-provider"
GATES = [f"ask-the-payments-team-{number}" for number in range(5)]
CROWDED = CanaryStatus(
    phase=Phase.PROGRESSING,
    waiting_for=Wait(
        reason="TrafficGate",
        message=f"confirm-traffic-increase gate {', '.join(GATES)} waits for a person",
        since=THEN,
        deadline=THEN + DAYS,
    ),
    metrics=tuple(
        MetricStatus(
            name=LONG.format(number),
            verdict="fail" if number % 2 else "pass",
            value=612.25,
            bound="100 ≤ value ≤ 500",
            message=f"latency {number} is above 500 ms",
        )
        for number in range(12)
    ),
)
"""Long names, five gates, and more than a small terminal shows at once."""


@pytest.mark.parametrize("width", [60, 80, 120])
def test_in_a_terminal_words_are_kept_whole_and_no_name_is_cut(width):
    lines = shown(CROWDED, width=width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert all(any(gate in line for line in lines) for gate in GATES)
    rows = lines[next(n for n, line in enumerate(lines) if "metric" in line and "bound" in line) :]
    column = rows[0].index("metric")
    names = "".join(line[column : rows[0].index("value")].strip() for line in rows[1:])
    assert names == "".join(metric.name for metric in CROWDED.metrics)


def test_what_does_not_pass_is_explained_before_the_table_of_all():
    lines = shown(CROWDED)
    explained = [line for line in lines if "is above 500 ms" in line]
    assert explained == [
        f"✘ {LONG.format(n)}: latency {n} is above 500 ms" for n in range(1, 12, 2)
    ]
    assert lines.index(explained[-1]) < next(n for n, line in enumerate(lines) if "bound" in line)


def test_without_a_terminal_no_line_is_broken():
    lines = shown(CROWDED)
    assert len(lines) == 3 + 6 + 1 + 12
    assert all(any(f"  {metric.name}  " in line for line in lines) for metric in CROWDED.metrics)


@pytest.mark.parametrize(("height", "more"), [(10, True), (60, False)])
def test_a_painted_terminal_says_that_there_is_more(height, more):
    written = StringIO()
    console = Console(
        file=written, width=80, height=height, force_terminal=True, _environ={"TERM": "xterm"}
    )
    with Screen(console).painting() as paint:
        paint(status_view("default/podinfo", CROWDED, NOW).whole)
        painted = written.getvalue()
    assert (" more lines" in painted) == more


@pytest.mark.parametrize(
    ("weights", "iterations", "said"),
    [
        (Weights(primary=80, canary=20), 0, "primary 80 % / canary 20 %  step 1 of 2  failed"),
        (
            Weights(primary=0, canary=100, matched=True),
            2,
            "primary 0 % / canary 100 % of the requests that match  step 1 of 2  iterations 2  f",
        ),
        (
            Weights(primary=80, canary=20, baseline=20),
            0,
            "primary 60 %, baseline 20 % / canary 20 %  step 1 of 2  failed",
        ),
        (Weights(mirror=40), 0, "primary 100 % / canary 0 %, mirrored 40 %  step 1 of 2  failed"),
        (
            Weights(primary=80, canary=20, scope="cluster"),
            0,
            "primary 80 % / canary 20 % of what begins in this cluster  step 1 of 2  failed",
        ),
    ],
)
def test_what_the_canary_gets_is_said_of_every_strategy(weights, iterations, said):
    status = CanaryStatus(
        phase=Phase.PROGRESSING, weights=weights, step=1, steps=2, iterations=iterations
    )
    assert shown(status)[1].startswith(said)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (CanaryStatus(), "primary 100 % / canary 0 %"),
        (a_status(Phase.SUCCEEDED, steps=5), "primary 100 % / canary 0 %"),
        (
            a_status(Phase.FAILED, steps=5, failed_checks=3),
            "primary 100 % / canary 0 %  failed checks 3",
        ),
        (
            a_status(Phase.WAITING, run=a_run(), steps=5),
            "primary 100 % / canary 0 %  before step 1 of 5  failed checks 0",
        ),
        (a_status(Phase.FINALISING, run=a_run(), steps=5), "primary 100 % / canary 0 %"),
    ],
    ids=["new", "at rest", "failed", "before the first step", "after the last"],
)
def test_a_step_is_said_of_a_run_alone(status, said):
    assert shown(status)[1] == said


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (Shares(asked=20, possible=25, seen=20), " (by pods: possible 25 %, now 20 %)  step"),
        (Shares(asked=20, possible=20, seen=0), " (by pods: possible 20 %, now 0 %)  step"),
        (Shares(asked=20, possible=20, seen=20), "  step"),
    ],
)
def test_what_a_share_comes_to_is_said_where_pods_decide_it(shares, said):
    weights = Weights(primary=80, canary=20)
    status = CanaryStatus(phase=Phase.PROGRESSING, weights=weights, shares=shares, step=1, steps=2)
    assert shown(status)[1].startswith(f"primary 80 % / canary 20 %{said}")


def test_a_moment_has_its_date_where_that_is_not_todays():
    assert moment(THEN, NOW) == "03:04:14"
    assert moment(THEN + DAYS, NOW) == "2026-01-04 03:04:14"


def test_a_wait_of_days_tells_on_which_day_it_ends():
    wait = Wait(reason="TrafficGate", message="qa has to agree", since=THEN, deadline=THEN + DAYS)
    status = CanaryStatus(phase=Phase.PROGRESSING, waiting_for=wait)
    assert shown(status)[2] == (
        "waiting since 03:04:14, until 2026-01-04 03:04:14: TrafficGate – qa has to agree"
    )
    assert shown(status, NOW + DAYS)[2].startswith(
        "waiting since 2026-01-01 03:04:14, until 03:04:14: "
    )


def test_a_reference_that_is_broken_is_said_while_the_canary_is_idle():
    problem = "spec.analysis.alerts[0].providerRef: 'ops/chat': create it"
    broken = Condition(type="ReferencesResolved", status="False", reason="R", message=problem)
    assert shown(CanaryStatus(phase=Phase.SUCCEEDED, conditions=(broken,)))[2] == problem
    sound = broken.but(status="True", message="all is there")
    assert "all is there" not in "".join(shown(CanaryStatus(conditions=(sound,))))


def test_a_canary_that_is_refused_says_so_first_and_why():
    problem = "spec.provider: 'nope': name one of gatewayapi, istio"
    refused = Condition(type="Invalid", status="True", reason="Invalid", message=problem)
    lines = shown(CanaryStatus(state="Invalid", conditions=(refused,)))
    assert lines[0] == "default/podinfo  Invalid"
    assert lines[2] == problem


def test_the_images_are_named_before_anything_that_is_waited_for():
    old, new = (ContainerImage(container="app", image=f"r/podinfo:{tag}") for tag in ("6.1", "6.2"))
    wait = Wait(reason="TrafficGate", message="qa has to agree", since=THEN)
    status = CanaryStatus(
        phase=Phase.PROGRESSING, promoted_images=(old,), applied_images=(new,), waiting_for=wait
    )
    assert shown(status)[2] == "images podinfo:6.1 → podinfo:6.2"
    assert "images" not in "".join(shown(CanaryStatus()))


def test_warnings_about_the_spec_are_shown_while_they_hold():
    message = "spec.service.timeout: '5s': linkerd ignores it: the route sets no time limit"
    for holds, lines in (("True", [f"warning: {message}"]), ("False", [])):
        said = Condition(type="SpecWarnings", status=holds, reason="SpecWarnings", message=message)
        status = CanaryStatus(phase=Phase.INITIALIZED, conditions=(said,))
        assert shown(status)[2:] == lines


def test_a_pause_tells_since_when_and_by_whom():
    pause = Pause(by="by alice: lunch", since=THEN)
    assert shown(CanaryStatus(phase=Phase.PROGRESSING, paused=pause))[2] == (
        "paused since 03:04:14 by alice: lunch"
    )


def test_the_history_tells_when_a_run_began_its_images_and_who_had_a_hand_in_it():
    run = RunRecord(
        revision="1-abc",
        images="podinfo:6.1 → podinfo:6.2",
        outcome=Outcome.ROLLED_BACK,
        message="Aborted by alice: wrong image",
        started_at=THEN,
        duration_seconds=3725,
        commands=("approve by bob", "abort by alice"),
    )
    first = RunRecord(revision="1-old", outcome=Outcome.PROMOTED, message="promoted")
    status = CanaryStatus(phase=Phase.FAILED, history=(run, first))
    assert shown(status)[2:] == [
        (
            "2026-01-01 03:04  1-abc (podinfo:6.1 → podinfo:6.2)  RolledBack after 1h2m  "
            "Aborted by alice: wrong image (approve by bob, abort by alice)"
        ),
        "–  1-old  Promoted after 0s  promoted",
    ]


def test_what_others_have_written_is_no_markup():
    status = CanaryStatus(
        phase=Phase.PROGRESSING,
        weights=Weights(primary=80, canary=20),
        waiting_for=Wait(reason="TrafficGate", message="[/done] [bold]", since=THEN),
        metrics=(MetricStatus(name="a[/b]", verdict="fail", bound="[x]", message="[/]"),),
        history=(RunRecord(revision="1-a", images="[/i]", outcome="[/x]", message="[/done]"),),
    )
    assert shown(status)[2].endswith("[/done] [bold]")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3725, "1h2m"), (273_600, "3d4h"), (86_401, "1d1s")],
)
def test_a_span_is_written_by_its_two_largest_units(seconds, text):
    assert span(timedelta(seconds=seconds)) == text


async def test_where_no_controller_runs_that_is_said(cluster: Cluster, kubeconfig: Path) -> None:
    code, output = await tidegate("status", "podinfo", "--kubeconfig", str(kubeconfig))
    assert code == 0, output
    assert "no controller is running" in output


async def test_of_a_controller_that_runs_nothing_is_said(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await create_lease(cluster, datetime.now(UTC) + timedelta(hours=1))
    _, output = await tidegate("status", "podinfo", "--kubeconfig", str(kubeconfig))
    assert "controller" not in output


async def test_a_deletion_that_nobody_ends_is_told_with_its_remedy(
    cluster: Cluster, kubeconfig: Path
) -> None:
    held = {"metadata": {"finalizers": [FINALIZER]}}
    await cluster.merge_patch(CANARY, "default", "podinfo", held)
    await cluster.delete(CANARY, "default", "podinfo")
    _, output = await tidegate("status", "podinfo", "--kubeconfig", str(kubeconfig))
    assert "no controller is running to finish the deletion" in output
    assert "tidegate orphans --help" in output
