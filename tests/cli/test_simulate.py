"""`tidegate simulate`: how often a gate would be wrong, without a cluster."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import CANARY
from tests.cli.running import tidegate


@pytest.fixture
def canary_file(tmp_path: Path) -> str:
    return written(tmp_path)


def written(folder: Path, *, suspend: bool = False, **analysis: object) -> str:
    canary = deepcopy(CANARY)
    canary["spec"]["analysis"] |= {"maxWeight": 20} | analysis
    canary["spec"]["suspend"] = suspend
    path = folder / "canary.yaml"
    path.write_text(yaml.safe_dump(canary), encoding="utf-8")
    return str(path)


async def simulated(*arguments: str) -> dict[str, Any]:
    code, output = await tidegate("simulate", *arguments, "-o", "json")
    assert code == 0, output
    (simulation,) = json.loads(output)["simulations"]
    return dict(simulation)


async def test_good_and_bad_releases_are_counted_apart(canary_file: str) -> None:
    said = await simulated(
        canary_file, "--runs", "10", "--errors", "0", "--regression", "30%", "--regression", "5"
    )
    assert (said["canary"], said["runs"], said["seed"]) == ("default/podinfo", 10, 0)
    counted = {each["label"]: each for each in said["scenarios"]}
    assert counted["as often"]["promoted"]["count"] == 10
    assert counted["30 %"]["rolledBack"]["count"] == 10
    assert counted["30 %"]["rollbackSeconds"]["median"] >= 60
    # Five times nothing is nothing.
    assert counted["5 times as often"]["promoted"]["count"] == 10
    (assumption,) = said["assumptions"]
    assert assumption.startswith("orders always passes; say what it measures: --metric orders=")


async def test_the_same_seed_gives_the_same_answer(canary_file: str) -> None:
    arguments = (canary_file, "--runs", "5", "--errors", "1", "--seed")
    first = await simulated(*arguments, "4")
    assert await simulated(*arguments, "4") == first
    assert await simulated(*arguments, "5") != first


async def test_a_table_is_for_people(canary_file: str) -> None:
    code, output = await tidegate(
        "simulate", canary_file, "--runs", "4", "--errors", "0", "--regression", "50%",
        "--metric", "orders=400~0", "--router", "smi",
    )  # fmt: skip
    assert code == 0
    assert "4 releases each; 600 requests a minute, of which 0 % fail" in output
    assert "false rollbacks: 0 % (95 % confidence: 0 to 49 %)" in output
    assert "50 %, not promoted: ChecksFailed 4" in output
    assert "assumed" not in output


async def test_what_people_and_hooks_say_is_taken_for_granted(tmp_path: Path) -> None:
    gate = {"name": "gate", "type": "confirm-promotion", "deadline": "5m"}
    said = await simulated(written(tmp_path, webhooks=[gate]), "--runs", "2", "--errors", "0")
    assert said["assumptions"][-1] == "every hook passes, and people approve at once"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--regression", "none"), "'none' is no regression; write how many times as often"),
        (("--regression", "0"), "'0' is no regression"),
        (("--regression", "200%"), "'200%' is no regression"),
        (("--metric", "orders"), "'orders' says no measure; write NAME=success"),
        (("--metric", "orders=nan"), "'orders=nan' says no measure"),
        (("--metric", "orders=1~-1"), "'orders=1~-1' says no measure"),
    ],
)
async def test_an_option_that_makes_no_sense_says_what_to_write(
    arguments: tuple[str, ...], says: str, canary_file: str
) -> None:
    code, output = await tidegate("simulate", canary_file, *arguments)
    assert code == 2
    assert says in " ".join(output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stepWeight": None}, "spec.analysis"),
        ({"interval": "never"}, "spec.analysis.interval"),
    ],
)
async def test_a_canary_that_cannot_be_acted_on_is_refused(
    changes: dict[str, object], says: str, tmp_path: Path
) -> None:
    code, output = await tidegate("simulate", written(tmp_path, **changes, maxWeight=None))
    assert code == 1
    assert says in output


async def test_a_canary_that_would_not_come_up_is_refused(tmp_path: Path) -> None:
    code, output = await tidegate("simulate", written(tmp_path, suspend=True))
    assert code == 1
    assert "default/podinfo: it cannot be simulated: " in output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("kind: ConfigMap", "no Canary is in the files"),
        ("apiVersion: tidegate.dev/v1beta1\nkind: MetricTemplate", "no Canary is in the files"),
        ("apiVersion: tidegate.dev/v1beta1\nkind: Canary\nmetadata: [", "canary.yaml:"),
    ],
)
async def test_a_file_without_a_canary_is_refused(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "canary.yaml"
    path.write_text(content, encoding="utf-8")
    code, output = await tidegate("simulate", str(path))
    assert code == 1
    assert says in output


async def test_a_file_must_be_named() -> None:
    code, output = await tidegate("simulate")
    assert (code, "name a file with a Canary" in output) == (2, True)


async def test_a_report_and_a_picture_show_when_releases_end(
    canary_file: str, tmp_path: Path
) -> None:
    html, png = tmp_path / "report.html", tmp_path / "report.png"
    code, output = await tidegate(
        "simulate", canary_file, "--runs", "4", "--errors", "0", "--regression", "50%",
        "--html", str(html), "--png", str(png),
    )  # fmt: skip
    assert code == 0, output
    assert "false rollbacks: 0 %" in output
    page = html.read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "0 % rolled back (solid), 100 % promoted (dashed), of 4 releases" in page
    assert "100 % rolled back (solid), 0 % promoted (dashed), of 4 releases" in page
    assert "<script" not in page
    assert png.read_bytes().startswith(b"\x89PNG")
    assert f"saved {html}" in output


async def test_a_report_of_several_canaries_names_each(canary_file: str, tmp_path: Path) -> None:
    other = deepcopy(CANARY)
    other["metadata"]["name"] = other["spec"]["targetRef"]["name"] = "other"
    other["spec"]["analysis"] |= {"maxWeight": 20}
    second, html = tmp_path / "other.yaml", tmp_path / "report.html"
    second.write_text(yaml.safe_dump(other))
    code, output = await tidegate(
        "simulate", canary_file, str(second), "--runs", "2", "--regression", "50%",
        "--html", str(html), "-o", "json",
    )  # fmt: skip
    assert code == 0, output
    page = html.read_text(encoding="utf-8")
    assert "default/podinfo: as often" in page
    assert "default/other: 50 %" in page
