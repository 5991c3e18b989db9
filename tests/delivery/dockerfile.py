"""The Dockerfile, its steps carried out by hand: in order, without Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from tests.testbed.tools import ROOT

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


def registries() -> dict[str, str]:
    """Give what of the environment says where packages come from."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.upper().endswith("_PROXY")
    }


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
        tools = self.root.parent / "tools"
        environment = {"HOME": str(self.root), "PATH": f"{tools}:/usr/bin:/bin"} | registries()
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

    def carry_out(self) -> None:
        """Carry out every instruction of the Dockerfile; what is left is its last stage."""
        for instruction, argument in instructions():
            match instruction:
                case "FROM":
                    self.begin(argument)
                case "ENV":
                    self.env |= dict(word.split("=", 1) for word in shlex.split(argument))
                case "WORKDIR":
                    self.workdir = argument
                    self.path(".").mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self.copy(argument)
                case "RUN":
                    self.run(argument)
                case "USER":
                    self.user = argument
                case "ENTRYPOINT":
                    self.entrypoint = json.loads(argument)
                case "CMD":
                    self.command = json.loads(argument)
                case "ARG" | "EXPOSE" | "LABEL":
                    pass  # nothing that is carried out
                case _:
                    raise AssertionError(
                        f"{instruction} {argument}: nobody knows how to carry it out"
                    )
