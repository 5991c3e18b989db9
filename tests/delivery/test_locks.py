"""The locks: what is installed is what was meant to be."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
NAME = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    return dict(NAME.findall((ROOT / "locks" / f"{lock}.txt").read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_has_hashes(lock):
    requirements = lock.read_text().replace("\\\n", " ").splitlines()
    assert requirements
    assert [each for each in requirements if "--hash=sha256:" not in each] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_no_address(lock):
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", ["build", "demo", "runtime"])
def test_the_locks_agree_so_that_one_environment_serves_every_target(lock):
    assert pinned(lock).items() <= pinned("dev").items()


def asked(requirements: list[str]) -> set[str]:
    """Name what is asked for; our other distribution comes from the tree, and is never locked."""
    return {re.split(r"[<>=\[]", each)[0] for each in requirements} - {"tidegate-embedded"}


def test_what_the_project_asks_for_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert asked(project["dependencies"]) <= set(pinned("runtime"))


def test_what_the_embedded_cluster_asks_for_is_locked_for_the_demonstration():
    project = tomllib.loads((ROOT / "embedded" / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = asked(project["dependencies"] + [each for extra in extras.values() for each in extra])
    assert wanted <= set(pinned("demo"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_our_own_distributions_are_installed_from_the_tree(lock):
    assert {each for each in pinned(lock.stem) if each.startswith("tidegate")} == set()
