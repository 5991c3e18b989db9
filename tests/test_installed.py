"""The compliance suites hold the plug-ins of installed packages too: `tests/thirdparty` is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.thirdparty.building import installed_in

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed_in(tmp_path_factory.mktemp("thirdparty"))


@pytest.mark.parametrize(
    ("suite", "plugin"),
    [("targets", "CloneSet"), ("scalers", "EffectiveHorizontalPodAutoscaler")],
)
def test_a_plugin_of_an_installed_package_is_found_and_keeps_what_its_family_promises(
    site: Path, suite: str, plugin: str
) -> None:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", plugin)
    # pytest fails where no test has the plug-in's name: the table did not find it.
    ran = subprocess.run(
        (*command, f"tests/{suite}/test_compliance.py"),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
