"""The compliance suites hold the plug-ins of installed packages too: `tests/thirdparty` is one.

`docs/plugins.md` says how its author runs them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.thirdparty.building import CASES, PLUGINS, installed_in

ROOT = Path(__file__).parent.parent
SUITES = (
    "tests/analysis/judges/test_compliance.py",
    "tests/analysis/providers/test_compliance.py",
    "tests/notifiers/test_compliance.py",
    "tests/routers/test_compliance.py",
    "tests/scalers/test_compliance.py",
    "tests/targets/test_compliance.py",
)

#: It runs suites in processes of their own.
pytestmark = pytest.mark.delivery


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed_in(tmp_path_factory.mktemp("thirdparty"))


def run_pytest(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_plugins_of_an_installed_package_keep_what_their_families_promise(site: Path) -> None:
    named = ("--plugins", ",".join(PLUGINS), "--cases", str(CASES))
    ran = run_pytest(site, *named, "-rA", "-k", " or ".join(PLUGINS), *SUITES)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [name for name in PLUGINS if name not in ran.stdout] == []


def test_a_plugin_that_is_not_named_is_not_found_by_a_suite(site: Path) -> None:
    ran = run_pytest(site, "-k", " or ".join(PLUGINS), "--collect-only", *SUITES)
    assert ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, ran.stdout
