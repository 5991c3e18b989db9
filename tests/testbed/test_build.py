"""Where the programs of the control plane come from."""

import shutil
from pathlib import Path

import pytest

from tests.testbed.build import PROGRAMS, found, modules_hash

MODULES = Path(__file__).parent
BY_NAME = {each.name: each for each in PROGRAMS}


def installed(folder: Path, name: str, says: str) -> Path:
    """Write a program that only tells its version."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_on_the_path_is_used_when_it_is_of_our_release(tmp_path, program):
    present = installed(tmp_path, program.name, f"Version: {program.version}")
    assert found(program, {"PATH": str(tmp_path)}) == present


@pytest.mark.parametrize(
    ("says", "used"),
    [
        ("etcd Version: 3.4.23\nGit SHA: Not provided", False),
        ("etcd Version: 3.6.0", True),
        ("etcd Version: 3.7.1", True),
        ("etcd Version: 4.0.0", True),
        ("what version?", False),
    ],
)
def test_an_older_program_on_the_path_is_passed_over(tmp_path, says, used):
    present = installed(tmp_path, "etcd", says)
    assert (found(BY_NAME["etcd"], {"PATH": str(tmp_path)}) == present) == used


def test_the_programs_that_the_user_names_are_taken_before_those_on_the_path(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "bin").mkdir()
    named = installed(tmp_path / "assets", "kube-apiserver", "Kubernetes v1.34.0")
    installed(tmp_path / "bin", "kube-apiserver", "Kubernetes v1.99.0")
    environ = {"PATH": str(tmp_path / "bin"), "KUBEBUILDER_ASSETS": str(tmp_path / "assets")}
    assert found(BY_NAME["kube-apiserver"], environ) == named


def test_a_server_of_kubernetes_tells_the_release_of_its_module():
    stamps = BY_NAME["kube-apiserver"].stamps.split()
    version = BY_NAME["kube-apiserver"].version
    assert f"k8s.io/component-base/version.gitVersion={version}" in stamps
    major, minor, _ = version.removeprefix("v").split(".")
    assert f"k8s.io/component-base/version.gitMajor={major}" in stamps
    assert f"k8s.io/component-base/version.gitMinor={minor}" in stamps


def test_another_version_in_a_module_file_is_built_again(tmp_path):
    copy = tmp_path / "modules"
    shutil.copytree(MODULES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert modules_hash(copy) == modules_hash()
    file = copy / "etcd" / "go.mod"
    file.write_text(file.read_text().replace(BY_NAME["etcd"].version, "v3.6.99"))
    assert modules_hash(copy) != modules_hash()
