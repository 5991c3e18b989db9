"""The helm commands of the pages: the chart renders with them what the page promises."""

import re
import shlex
import tomllib
from typing import Any

import pytest
import yaml

from canary.api.kinds import Manifest
from tests.delivery.helm import run_helm
from tests.docs.pages import DOCS, ROOT, Command, commands

pytestmark = pytest.mark.delivery

INSTALL = "install.md"
RENDERING = [each for each in commands("helm") if each.words[1] in {"install", "upgrade"}]
IMAGE = "registry.example/tidegate:0.1.0"
#: What the page adds to the command on other clusters, in a table.
ADDED = [
    tuple(shlex.split(flags))
    for flags in re.findall(r"`(--set [^`]+)`", (DOCS / INSTALL).read_text(encoding="utf-8"))
]


def rendered(command: Command, *more: str) -> list[Manifest]:
    """Render what a command would install; HelmFailed says which value is refused."""
    _, _, release, chart, *flags = command.words
    assert (ROOT / chart).is_dir(), command
    # The values of a release that is there already: here there is none.
    flags = [each for each in flags if each != "--reuse-values"]
    text = run_helm("template", release, str(ROOT / chart), *flags, *more)
    return [each for each in yaml.safe_load_all(text) if each]


def install_command() -> Command:
    """The one install command of the page that goes from nothing to a first canary."""
    (command,) = (each for each in RENDERING if each.page == DOCS / INSTALL)
    return command


def one(objects: list[Manifest], kind: str) -> Any:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


@pytest.mark.parametrize("command", RENDERING, ids=str)
def test_every_command_renders_the_chart(command: Command) -> None:
    deployments = [each for each in rendered(command) if each["kind"] == "Deployment"]
    assert {each["metadata"]["namespace"] for each in deployments} == {"tidegate-system"}


@pytest.mark.parametrize(
    "command", [each for each in RENDERING if each.words[1] == "install"], ids=str
)
def test_every_install_says_where_the_image_is(command: Command) -> None:
    (container,) = one(rendered(command), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert container["image"] == IMAGE


def test_the_image_that_is_built_and_pushed_is_the_one_that_is_installed() -> None:
    built = [each for each in commands("make") if each.page == DOCS / INSTALL]
    shipped = {word for each in commands("podman") for word in each.words if "tidegate:" in word}

    assert [each.words for each in built] == [("make", "image", f"IMAGE={IMAGE}")]
    assert shipped == {IMAGE}


def test_the_wheel_that_is_installed_is_the_one_that_is_built() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wheel,) = (each.words[-1] for each in commands("pipx") if each.words[1] == "install")

    assert wheel == f"dist/{project['name']}-{project['version']}-py3-none-any.whl"


@pytest.mark.parametrize("flags", ADDED, ids=" ".join)
def test_what_the_page_adds_for_other_clusters_is_taken(flags: tuple[str, ...]) -> None:
    assert one(rendered(install_command(), *flags), "Deployment")


def test_the_rollout_that_is_waited_for_is_the_one_of_the_chart() -> None:
    deployment = one(rendered(install_command()), "Deployment")["metadata"]
    (waited,) = (
        each
        for each in commands("kubectl")
        if each.page == DOCS / INSTALL and each.words[1] == "rollout"
    )

    assert waited.words[3:] == (
        f"deployment/{deployment['name']}",
        "--namespace",
        deployment["namespace"],
    )
