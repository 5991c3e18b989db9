"""Where the programs of the control plane come from."""

import re
import shutil
from pathlib import Path

import pytest

from tests.testbed.build import (
    BESIDE,
    PROGRAMS,
    BuildFailed,
    found,
    found_programs,
    modules_hash,
    provide_programs,
)

MODULES = Path(__file__).parent
EVERYTHING = (*PROGRAMS, *BESIDE)
BY_NAME = {each.name: each for each in PROGRAMS}


def installed(folder: Path, name: str, says: str) -> Path:
    """Write a program that only tells its version."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("program", EVERYTHING, ids=lambda program: program.name)
def test_a_program_on_the_path_is_used_when_it_is_of_our_release(tmp_path, program):
    present = installed(tmp_path, program.name, f"Version: {program.oldest or program.version}")
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


@pytest.mark.parametrize("program", EVERYTHING, ids=lambda program: program.name)
def test_the_module_of_each_program_names_its_version_and_its_tool(program):
    assert re.fullmatch(r"v\d+\.\d+\.\d+(-[\w.-]+)?", program.version)
    folder = MODULES / program.folder
    tools = (folder / "go.mod").read_text().partition("\ntool ")[2]
    ours = program.package == "." and (folder / "main.go").exists()
    assert ours or program.package in tools


@pytest.mark.parametrize(
    ("says", "used"), [("2.31.2", False), ("2.42.0+ds", True), ("3.5.0", True)]
)
def test_prometheus_may_be_older_than_the_one_that_would_be_built(tmp_path, says, used):
    present = installed(tmp_path, "prometheus", f"prometheus, version {says}")
    assert (found(BY_NAME["prometheus"], {"PATH": str(tmp_path)}) == present) == used


def test_a_program_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(BuildFailed, match="kubelet: no such program; there are etcd, kube-api"):
        provide_programs(["etcd", "kubelet"])


def test_programs_can_be_asked_for_by_name(tmp_path):
    present = installed(tmp_path, "kwok", "kwok version v99.0.0")
    environ = {"KUBEBUILDER_ASSETS": str(tmp_path), "PATH": ""}
    assert found_programs(["kwok"], environ) == {"kwok": present}


def test_another_version_in_a_module_file_is_built_again(tmp_path):
    copies = {}
    for folder in ("etcd", "kwok"):
        copies[folder] = tmp_path / folder
        shutil.copytree(MODULES / folder, copies[folder])
        assert modules_hash(copies[folder]) == modules_hash(MODULES / folder)
    file = copies["etcd"] / "go.mod"
    file.write_text(file.read_text().replace(BY_NAME["etcd"].version, "v3.6.99"))
    assert modules_hash(copies["etcd"]) != modules_hash(MODULES / "etcd")
    (copies["kwok"] / "main.go").write_text("package main")
    assert modules_hash(copies["kwok"]) != modules_hash(MODULES / "kwok")
    assert BY_NAME["etcd"].built.parent != BY_NAME["kwok"].built.parent
    assert BY_NAME["kube-apiserver"].built.parent == BY_NAME["kube-scheduler"].built.parent


def test_what_is_only_measured_against_is_not_made_with_the_control_plane():
    assert {each.name for each in BESIDE}.isdisjoint(found_programs() or {})
