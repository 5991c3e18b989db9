"""`tidegate monitoring`: files that Prometheus and Grafana take."""

import json
from pathlib import Path

import yaml

from canary.monitoring.files import render
from tests.cli.running import tidegate


def files(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


async def test_it_writes_dashboards_and_rules(tmp_path: Path) -> None:
    code, _ = await tidegate(
        "monitoring", "--write", str(tmp_path), "--runbooks", "https://wiki.example"
    )
    assert code == 0
    written = files(tmp_path)
    assert written == render("https://wiki.example")
    assert all(json.loads(text) for name, text in written.items() if name.endswith(".json"))


async def test_without_a_folder_it_prints_the_rules() -> None:
    code, output = await tidegate("monitoring")
    assert code == 0
    assert [each["name"] for each in yaml.safe_load(output)["groups"]] == [
        "tidegate-runs",
        "tidegate",
    ]
