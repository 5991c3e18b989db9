"""`tidegate backtest`: what a gate would have made of many past times, beside another."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.cli.conftest import PastStore, a_gate
from tests.cli.running import tidegate

HOURS = ("--from", "2026-03-01T12:00:00Z", "--to", "2026-03-01T18:00:00Z", "--within", "30m")


async def backtested(store: PastStore, kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    return await tidegate(
        "backtest", "podinfo", *HOURS, *arguments, "--metrics-server", store.address,
        "--kubeconfig", str(kubeconfig),
    )  # fmt: skip


def against(folder: Path, **analysis: object) -> tuple[str, str]:
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(a_gate(**analysis)), encoding="utf-8")
    return "--against", str(path)


@pytest.mark.usefixtures("stored")
async def test_a_gate_is_tried_in_every_hour_of_the_past_on_the_primary(
    store: PastStore, kubeconfig: Path
) -> None:
    # The bad minutes are 10 to 14 minutes after two: two o'clock's release is over by then.
    code, output = await backtested(store, kubeconfig, "--every", "20m", "-o", "json")
    assert code == 0, output
    said: dict[str, Any] = json.loads(output.splitlines()[0])
    assert [each["count"] for each in said["table"]] == [17]
    assert "podinfo-primary" in store.queries[0]
    assert len(store.queries) == 1


async def test_the_primary_of_a_kept_target_is_the_target_itself(
    stored: Cluster, store: PastStore, kubeconfig: Path
) -> None:
    spec = {"spec": {"keepTarget": True}}
    await stored.merge_patch(canary_kind(GROUP), "default", "podinfo", spec)
    code, output = await backtested(store, kubeconfig, "--every", "20m", "-o", "json")
    assert code == 0, output
    assert '"podinfo"' in store.queries[0]
    assert "podinfo-" not in store.queries[0]


@pytest.mark.usefixtures("stored")
async def test_two_gates_are_counted_in_one_table_and_where_they_disagree_is_listed(
    store: PastStore, kubeconfig: Path, tmp_path: Path
) -> None:
    slower = against(tmp_path, steps=[{"weight": 10, "duration": "20m"}], stepWeight=None, maxWeight=None)  # fmt: skip
    html, png = tmp_path / "report.html", tmp_path / "report.png"
    code, output = await backtested(
        store, kubeconfig, *slower, "--every", "1h", "--html", str(html), "--png", str(png)
    )
    assert code == 0, output
    lines = [each.split() for each in output.splitlines()]
    assert ["PRESENT", "GATE", "OTHER:", "PROMOTED", "OTHER:", "ROLLED", "BACK"] in lines
    assert ["promoted", "5", "1"] in lines
    assert ["rolled", "back", "0", "0"] in lines
    assert (
        "2026-03-01 14:00 UTC: promoted after 5m10s; by the other gate rolled back after 12m"
        in output
    )
    page = html.read_text(encoding="utf-8")
    assert "by the other gate rolled back" in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert png.read_bytes().startswith(b"\x89PNG")
    # Both gates ask the same query: it is read once.
    assert len(store.queries) == 1


@pytest.mark.usefixtures("stored")
async def test_many_disagreements_are_cut_for_people_alone(
    store: PastStore, kubeconfig: Path, tmp_path: Path
) -> None:
    strict = against(tmp_path, metrics=[{"name": "request-success-rate", "thresholdRange": {"min": 99.95}}])  # fmt: skip
    code, output = await backtested(store, kubeconfig, *strict, "--every", "10m")
    assert code == 0, output
    assert output.count("by the other gate") == 20
    assert "… and 13 more; -o json has all of them" in output


@pytest.mark.usefixtures("stored")
async def test_without_another_gate_the_ends_are_counted(
    store: PastStore, kubeconfig: Path
) -> None:
    code, output = await backtested(store, kubeconfig, "--every", "1h", "--side", "canary")
    assert code == 0, output
    assert ["promoted", "6", "100", "%"] in [each.split() for each in output.splitlines()]


async def test_a_gate_without_a_metric_that_can_be_judged_is_refused(
    store: PastStore, kubeconfig: Path, cluster: Cluster
) -> None:
    metrics = [{"name": "request-success-rate", "judge": "sequential"}]
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": a_gate(metrics=metrics)["spec"]}
    )
    code, output = await backtested(store, kubeconfig)
    assert code == 1
    assert "no metric of default/podinfo can be judged: request-success-rate: judge" in output


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--within", "30h"), "no release fits into the time"),
        (("--every", "1s"), "releases are too many"),
    ],
)
async def test_a_time_that_makes_no_sense_says_what_to_write(
    arguments: tuple[str, ...], says: str, store: PastStore, kubeconfig: Path
) -> None:
    code, output = await backtested(store, kubeconfig, *arguments)
    assert (code, says in output) == (1, True), output
