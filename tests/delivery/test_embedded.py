"""tidegate-embedded as others install it: its wheel, without tidegate beside it."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.testbed.tools import ROOT

pytestmark = pytest.mark.delivery

#: Runs pytest where only the wheel and what is installed can be imported: `-S` leaves out the .pth
#: files, and so this tree.
PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[1:3]; import pytest; sys.exit(pytest.main(sys.argv[3:]))"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution, built from the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT / "embedded")], check=True)
    (made,) = folder.iterdir()
    return made


def test_the_wheel_holds_the_package_with_its_types_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = next(name for name in names if name.endswith("/METADATA"))
        asked = re.findall(r"^Requires-Dist: ([\w-]+)", archive.read(about).decode(), re.MULTILINE)
    assert {name.partition("/")[0] for name in names} == {
        "tidegate_embedded",
        about.partition("/")[0],
    }
    assert "tidegate_embedded/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "tidegate" not in asked


def test_the_examples_of_its_readme_pass_without_tidegate(wheel: Path, tmp_path: Path) -> None:
    # Given the examples in a file, as the page says
    text = (ROOT / "embedded" / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    alone = "import importlib.util\nassert importlib.util.find_spec('canary') is None\n"
    (tmp_path / "test_sleep.py").write_text(alone + "\n\n".join(examples), encoding="utf-8")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")

    # When they are run by pytest where tidegate is not installed
    packages = (str(tmp_path / "installed"), sysconfig.get_path("purelib"))
    ran = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            PROGRAM,
            *packages,
            "-q",
            str(tmp_path / "test_sleep.py"),
        ],
        cwd=tmp_path,
        # Without the virtual environment's configuration its programs are found by the PATH alone.
        env={"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    # Then they pass
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(rf"^{len(examples)} passed", ran.stdout, re.MULTILINE), ran.stdout
