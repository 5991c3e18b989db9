"""Files of Go modules, read from the module cache: facts of other projects that are none of ours."""

import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.routers.published import modules
from tests.testbed.tools import find_go


class ModuleMissing(Exception):
    """A Go module is neither in the module cache nor to be had."""


@cache
def module_archive(module: str) -> Path:
    """Have a module (`PATH@VERSION`) in the module cache, and give its archive.

    Raises:
        ModuleMissing: says why.
    """
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [find_go(), "mod", "download", "-json", module],
            cwd=folder,
            env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        archive = json.loads(done.stdout).get("Zip", "")
    except ValueError:
        archive = ""
    if not archive:
        raise ModuleMissing(
            f"`go mod download {module}` gave no archive ({(done.stderr or done.stdout).strip()}); "
            "check the network and GOPROXY, or put the module into the Go module cache"
        )
    return Path(archive)


def module_files(module: str, prefix: str, suffix: str = "") -> Mapping[str, str]:
    """Read the files of a module whose path begins and ends so, by their path."""
    with zipfile.ZipFile(module_archive(module)) as archive:
        paths = [each.removeprefix(f"{module}/") for each in archive.namelist()]
        return {
            path: archive.read(f"{module}/{path}").decode()
            for path in paths
            if path.startswith(prefix) and path.endswith(suffix)
        }


if __name__ == "__main__":
    for each in modules():
        print(f"{each}: {module_archive(each)}", flush=True)
