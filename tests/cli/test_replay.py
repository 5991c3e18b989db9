"""`tidegate replay`: what each check would have said in the past, from the store's range data."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.cli.conftest import FAILS, PastStore, a_gate
from tests.cli.running import tidegate

WINDOW = ("--from", "2026-03-01T14:00:00Z", "--to", "2026-03-01T14:30:00")


async def replayed(store: PastStore, kubeconfig: Path, *arguments: str) -> dict[str, Any]:
    code, output = await tidegate(
        "replay", "podinfo", *arguments, "--metrics-server", store.address,
        "--kubeconfig", str(kubeconfig), "-o", "json",
    )  # fmt: skip
    assert code == 0, output
    return dict(json.loads(output.splitlines()[0]))


@pytest.mark.usefixtures("stored")
async def test_every_check_of_the_time_is_judged_and_a_release_at_its_start(
    store: PastStore, kubeconfig: Path
) -> None:
    said = await replayed(store, kubeconfig, *WINDOW)
    (metric,) = said["metrics"]
    assert [each["verdict"] for each in metric["checks"]].count("fail") == len(FAILS)
    assert len(metric["checks"]) == 30
    failed = next(each for each in metric["checks"] if each["verdict"] == "fail")
    assert failed["at"] == "2026-03-01T14:10:00+00:00"
    assert failed["value"] == 90
    # Five steps of a minute have passed before it.
    assert said["release"]["outcome"] == "Promoted"
    # One read of a range is enough for all checks.
    assert len(store.queries) == 1


@pytest.mark.usefixtures("stored")
async def test_a_gate_of_a_file_is_judged_in_the_place_of_the_cluster_s(
    store: PastStore, kubeconfig: Path, tmp_path: Path
) -> None:
    path = tmp_path / "canary.yaml"
    slower = a_gate(interval="2m", metrics=[{"name": "request-success-rate", "thresholdRange": {"min": 99.95}}])  # fmt: skip
    path.write_text(yaml.safe_dump(slower), encoding="utf-8")
    said = await replayed(store, kubeconfig, *WINDOW, "-f", str(path))
    (metric,) = said["metrics"]
    assert {each["verdict"] for each in metric["checks"]} == {"fail"}
    assert len(metric["checks"]) == 15
    assert (said["release"]["outcome"], said["release"]["reason"]) == ("RolledBack", "ChecksFailed")


@pytest.mark.usefixtures("stored")
async def test_the_primary_can_be_asked_about(store: PastStore, kubeconfig: Path) -> None:
    await replayed(store, kubeconfig, *WINDOW, "--side", "primary")
    assert 'destination_workload=~"podinfo-primary"' in store.queries[0] or (
        'destination_workload="podinfo-primary"' in store.queries[0]
    )


async def test_a_past_run_is_judged_by_its_number(
    store: PastStore, kubeconfig: Path, stored: Cluster
) -> None:
    run = {"revision": "1-a", "outcome": "RolledBack", "startedAt": "2026-03-01T14:05:00Z", "durationSeconds": 600}  # fmt: skip
    await stored.merge_patch(
        canary_kind(GROUP),
        "default",
        "podinfo",
        {"status": {"history": [run]}},
        subresource="status",
    )
    said = await replayed(store, kubeconfig, "--run", "1")
    assert (said["start"], said["end"]) == (
        "2026-03-01T14:05:00+00:00",
        "2026-03-01T14:15:00+00:00",
    )
    code, output = await tidegate(
        "replay", "podinfo", "--run", "2", "--kubeconfig", str(kubeconfig)
    )
    assert (code, "the status remembers 1 runs" in output) == (1, True)


@pytest.mark.usefixtures("stored")
async def test_a_report_is_one_file_without_a_script_or_an_address(
    store: PastStore, kubeconfig: Path, tmp_path: Path
) -> None:
    html, png = tmp_path / "report.html", tmp_path / "picture.png"
    code, output = await tidegate(
        "replay", "podinfo", *WINDOW, "--metrics-server", store.address,
        "--kubeconfig", str(kubeconfig), "--html", str(html), "--png", str(png),
    )  # fmt: skip
    assert code == 0, output
    assert (
        "request-success-rate  99 ≤ value  30      25      5       0             after 10m"
        in output
    )
    assert "a release at the start: promoted after " in output
    page = html.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "5 of 30 values failed" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert png.read_bytes().startswith(b"\x89PNG")


async def test_what_cannot_be_judged_is_named(
    store: PastStore, kubeconfig: Path, cluster: Cluster
) -> None:
    metrics = [
        {"name": "request-success-rate", "judge": "sequential"},
        {"name": "orders", "templateRef": {"name": "orders"}, "thresholdRange": {"max": 500}},
    ]
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": a_gate(metrics=metrics)["spec"]}
    )
    code, output = await tidegate(
        "replay", "podinfo", *WINDOW, "--metrics-server", store.address, "--side", "primary",
        "--kubeconfig", str(kubeconfig),
    )  # fmt: skip
    assert code == 1
    assert "left out: request-success-rate: judge sequential compares the canary" in output
    assert "left out: orders cannot be queried: MetricTemplate default/orders does not" in output
    assert "no metric could be judged" in output


@pytest.mark.usefixtures("stored")
async def test_a_store_that_refuses_is_an_outage_of_every_check(
    store: PastStore, kubeconfig: Path, tmp_path: Path
) -> None:
    path = tmp_path / "canary.yaml"
    asked = {"name": "orders", "query": "broken", "thresholdRange": {"max": 5}}
    path.write_text(yaml.safe_dump(a_gate(metrics=[asked])), encoding="utf-8")
    said = await replayed(store, kubeconfig, *WINDOW, "-f", str(path))
    assert {each["verdict"] for each in said["metrics"][0]["checks"]} == {"inconclusive"}
    assert said["release"]["outcome"] == "RolledBack"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--since", "30s"), 1, "no analysis fits between"),
        (("--from", "2020-01-01"), 1, "analyses are too many"),
        (("--from", "yesterday"), 2, "'yesterday' is no moment; write it like"),
    ],
)
async def test_a_time_that_makes_no_sense_says_what_to_write(
    arguments: tuple[str, ...], code: int, says: str, kubeconfig: Path
) -> None:
    ended, output = await tidegate("replay", "podinfo", *arguments, "--kubeconfig", str(kubeconfig))
    assert (ended, says in output) == (code, True), output
