"""`make image`: it builds with the tool that there is, and says so where there is none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.testbed.tools import ROOT

pytestmark = pytest.mark.delivery

#: What the Makefile itself runs.
SHELL = ("bash", "sed")


def make_image(
    folder: Path, *tools: str, setting: str = "PYTHON=python3"
) -> subprocess.CompletedProcess[str]:
    """Run the target where only these tools are; each writes down how it was called."""
    folder.mkdir(exist_ok=True)
    for name in SHELL:
        (folder / name).symlink_to(shutil.which(name) or name)
    for name in tools:
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/called"\n')
        (folder / name).chmod(0o755)
    make = shutil.which("make")
    assert make is not None
    return subprocess.run(
        [make, "-C", str(ROOT), "image", setting],
        env={**os.environ, "PATH": str(folder), "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def called(folder: Path) -> list[str]:
    record = folder / "called"
    return record.read_text().splitlines() if record.exists() else []


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("buildah", "podman", "docker"), "buildah"),
        (("docker", "podman"), "podman"),
        (("docker",), "docker"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_the_first_tool_that_is_there_builds_the_image(tmp_path, there, chosen):
    done = make_image(tmp_path / "bin", *there)

    assert done.returncode == 0, done.stderr
    assert called(tmp_path / "bin") == [f"{chosen} build --tag tidegate:0.1.0 --file Dockerfile ."]


@pytest.mark.parametrize(
    ("setting", "call"),
    [
        (
            "IMAGE=registry.example/tidegate:1",
            "podman build --tag registry.example/tidegate:1 --file Dockerfile .",
        ),
        ("BUILDER=docker", "docker build --tag tidegate:0.1.0 --file Dockerfile ."),
    ],
)
def test_the_name_and_the_tool_can_be_given(tmp_path, setting, call):
    done = make_image(tmp_path / "bin", "podman", "docker", setting=setting)

    assert done.returncode == 0, done.stderr
    assert called(tmp_path / "bin") == [call]


def test_without_a_tool_it_says_what_to_install(tmp_path):
    done = make_image(tmp_path / "bin")

    assert done.returncode != 0
    first, *_ = done.stderr.splitlines()
    assert first == (
        "There is no buildah, podman or docker: install one of them, "
        "or name another tool with BUILDER=..."
    )
