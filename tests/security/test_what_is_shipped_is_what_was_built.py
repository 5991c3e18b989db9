"""S12: what is shipped is what was built: the same bytes each time, and a list of all that is in it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.tools import ROOT

pytestmark = pytest.mark.delivery

#: What neither git nor a build knows of.
UNKNOWN = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".cache",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
    "__pycache__",
    "build",
    "dist",
)


def built(folder: Path, moment: int, mask: int) -> dict[str, str]:
    """Build the wheel and its source from a copy of the tree; give the hash of each file."""
    shutil.copytree(ROOT, folder / "tree", ignore=UNKNOWN)
    for path in (folder / "tree").rglob("*"):
        os.utime(path, (moment, moment))
        path.chmod(path.stat().st_mode & ~mask)
    command = (sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel")
    subprocess.run([*command, "-d", folder / "dist"], cwd=folder / "tree", check=True, umask=mask)
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "dist").iterdir()
    }


def test_a_build_has_the_same_bytes_in_every_folder_on_every_day_and_for_every_user(tmp_path):
    here, elsewhere = tmp_path / "here", tmp_path / "somewhere" / "else"
    first, second = built(here, 1_000_000_000, 0o022), built(elsewhere, 1_700_000_000, 0o077)
    assert {Path(name).suffix for name in first} == {".gz", ".whl"}
    assert first == second


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """What `make release` makes, in a copy of the tree that has this environment."""
    tree = tmp_path_factory.mktemp("release") / "tree"
    shutil.copytree(ROOT, tree, ignore=UNKNOWN)
    (tree / ".venv").symlink_to(Path(sys.prefix))
    # The environment is as new as what it was made from.
    command = ("make", "--old-file=.venv/.dev", "--old-file=.venv/.made", "release")
    subprocess.run(command, cwd=tree, check=True)
    return tree / "dist"


def locked() -> dict[str, str]:
    """Read the lock of the image: name and version of each package."""
    text = (ROOT / "locks" / "runtime.txt").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_the_list_of_a_release_has_each_package_of_the_image_with_its_hashes(release: Path):
    listed = json.loads((release / "tidegate.cdx.json").read_text())
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "tidegate",
    )
    components = listed["components"]
    assert {each["name"]: each["version"] for each in components} == locked()
    for each in components:
        hashes = [one for reference in each["externalReferences"] for one in reference["hashes"]]
        assert hashes
        assert {one["alg"] for one in hashes} == {"SHA-256"}


def test_the_checksums_of_a_release_are_those_of_its_files(release: Path):
    sums = (release / "SHA256SUMS").read_text().splitlines()
    written = {name: digest for digest, name in map(str.split, sums)}
    assert written == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in release.iterdir()
        if path.name != "SHA256SUMS"
    }
