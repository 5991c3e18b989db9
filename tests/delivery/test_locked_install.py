"""A lock installs exactly what it names, whatever has been released since.

Each lock is modelled by tiny packages of the same names and versions, which ask for what the real
ones ask for, in a local index that offers a newer release of every one of them.
"""

import base64
import hashlib
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.testbed.tools import ROOT

pytestmark = pytest.mark.delivery

LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PIPS = {"Debian 12's pip": "pip-oldest", "the newest pip": "pip-newest"}
NEWER = "9999"


def installations() -> dict[str, list[str]]:
    """Find how each file of the project installs a lock: the flags, by where it is done."""
    found = {}
    for name in ("Makefile", "Dockerfile", "tests/testbed/tools.py"):
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            if "--require-hashes" in line:
                found[f"{name}:{number}"] = re.findall(r"--(?:require-hashes|no-deps)\b", line)
    return found


INSTALLATIONS = installations()


def asked_for() -> dict[str, list[str]]:
    """Give what each installed package asks for, by its canonical name."""
    return {
        canonicalize_name(each.metadata["Name"]): [
            asked for asked in each.requires or () if "extra ==" not in asked
        ]
        for each in distributions()
    }


def wheel(folder: Path, name: str, version: str, requires: Iterable[str]) -> str:
    """Make a package that holds nothing and asks for something; give its hash."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    asked = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        f"{asked}Provides-Extra: toml\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        rows = []
        for place, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            rows.append(f"{place},sha256={digest.rstrip(b'=').decode()},{len(text)}\n")
            archive.writestr(place, text)
        archive.writestr(f"{stem}.dist-info/RECORD", "".join(rows))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model(lock: Path, folder: Path) -> dict[str, str]:
    """Make an index and a lock of the same form in a folder; give what is locked for this machine."""
    index, asked = folder / "index", asked_for()
    index.mkdir()
    lines, locked = [], {}
    for line in lock.read_text().replace("\\\n", " ").splitlines():
        requirement = Requirement(line.partition(" --hash")[0])
        name = canonicalize_name(requirement.name)
        (version,) = (each.version for each in requirement.specifier)
        # pip itself is what installs; a model of it would be an empty pip.
        model_name = "model-of-pip" if name == "pip" else name
        digest = wheel(index, model_name, version, asked.get(name, ()))
        wheel(index, model_name, NEWER, asked.get(name, ()))
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        lines.append(f"{model_name}=={version}{marker} --hash=sha256:{digest}\n")
        if requirement.marker is None or requirement.marker.evaluate():
            locked[model_name] = version
    (folder / "lock.txt").write_text("".join(lines))
    return locked


@pytest.fixture(scope="session")
def pips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The oldest and the newest pip, each in a folder of its own."""
    found = {}
    for said, lock in PIPS.items():
        folder = tmp_path_factory.mktemp(lock)
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
        source = ("--require-hashes", "-r", str(ROOT / "locks" / f"{lock}.txt"))
        subprocess.run([*command, *source, "--target", str(folder)], check=True)
        found[said] = folder
    return found


def run_pip(pip: Path, environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a pip for a virtual environment that has none."""
    python = str(environment / "bin" / "python")
    return subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *arguments],
        env={"PYTHONPATH": str(pip), "PIP_CONFIG_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        check=False,
    )


def install(pip: Path, folder: Path, flags: Iterable[str]) -> subprocess.CompletedProcess[str]:
    venv.create(folder / "environment")
    index = ("--no-index", "--find-links", str(folder / "index"))
    source = (*flags, "-r", str(folder / "lock.txt"))
    return run_pip(pip, folder / "environment", "install", "--quiet", *index, *source)


def installed(folder: Path) -> dict[str, str]:
    (packages,) = (folder / "environment").glob("lib/python*/site-packages")
    return {
        canonicalize_name(each.metadata["Name"]): each.version
        for each in distributions(path=[str(packages)])
    }


@pytest.mark.parametrize("place", INSTALLATIONS)
def test_wherever_a_lock_is_installed_its_hashes_are_asked_for_and_nothing_is_resolved(place):
    assert sorted(INSTALLATIONS[place]) == ["--no-deps", "--require-hashes"]


def test_every_lock_is_installed_somewhere():
    text = "".join((ROOT / place.partition(":")[0]).read_text() for place in INSTALLATIONS)
    text += Path(__file__).read_text()
    assert [lock.name for lock in LOCKS if lock.stem not in text] == []


@pytest.mark.parametrize("pip", PIPS)
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_installs_what_it_names_though_newer_releases_are_out(lock, pip, pips, tmp_path):
    locked = model(lock, tmp_path)
    (flags,) = {tuple(sorted(each)) for each in INSTALLATIONS.values()}
    done = install(pips[pip], tmp_path, flags)
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path) == locked
    checked = run_pip(pips[pip], tmp_path / "environment", "check")
    assert checked.returncode == 0, checked.stdout


def test_the_model_shows_what_would_go_wrong(pips, tmp_path):
    model(ROOT / "locks" / "dev.txt", tmp_path)
    done = install(pips["Debian 12's pip"], tmp_path, ["--require-hashes"])
    assert done.returncode != 0
    assert "coverage" in done.stderr
