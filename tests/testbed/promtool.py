"""Prometheus's own test of rules and expressions, on series that are written out."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def hold(promtool: Path, suite: Mapping[str, Any], folder: Path) -> None:
    """Have Prometheus evaluate a suite, and fail with what it says where something does not hold."""
    file = folder / "suite.yaml"
    file.write_text(yaml.safe_dump(suite))
    told = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
