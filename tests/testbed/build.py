"""The programs of a real Kubernetes control plane: found, or built from the modules beside this.

What is built lies in the cache under a hash of the module files, so that it is built again when a
version moves and never otherwise.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread

from tests.testbed.tools import CACHE, find_go, made_once

_HERE = Path(__file__).parent
_PROGRESS_SECONDS = 15.0


class BuildFailed(Exception):
    """Go did not build a program; carries the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of the control plane: where it comes from, and which release it is."""

    name: str
    folder: str
    """The folder of its Go module, beside this file."""
    package: str
    module: str
    """The module whose version is the program's."""

    @property
    def version(self) -> str:
        """The release that the module file asks for, such as v1.36.3."""
        text = (_HERE / self.folder / "go.mod").read_text()
        found = re.search(rf"^\t?{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        assert found, f"{self.folder}/go.mod requires no {self.module}"
        return found[1]

    @property
    def stamps(self) -> str:
        """The linker's flags; clients that parse the server's version fail without the stamp."""
        if self.module != "k8s.io/kubernetes":
            return "-s -w"
        major, minor = _release(self.version)
        stamps = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor}
        package = "k8s.io/component-base/version"
        return " ".join(["-s -w", *(f"-X {package}.{key}={it}" for key, it in stamps.items())])

    @property
    def built(self) -> Path:
        """Where the cache has the program once it is built."""
        return CACHE / "control-plane" / modules_hash() / self.name


def _kubernetes(name: str) -> Program:
    module = "k8s.io/kubernetes"
    return Program(name=name, folder="apiserver", package=f"{module}/cmd/{name}", module=module)


_ETCD = "go.etcd.io/etcd/server/v3"
PROGRAMS = (
    Program(name="etcd", folder="etcd", package=_ETCD, module=_ETCD),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
)


def modules_hash(folder: Path = _HERE) -> str:
    """Tell one set of module files from another."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*/go.*")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def found(program: Program, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Find a program that needs no building.

    `KUBEBUILDER_ASSETS` is taken at its word. On the PATH a program must be of the release that the
    module file asks for or a later one: distributions carry an etcd that no current API server
    can work with.
    """
    assets = environ.get("KUBEBUILDER_ASSETS")
    if assets and (given := shutil.which(program.name, path=assets)):
        return Path(given)
    installed = shutil.which(program.name, path=environ.get("PATH", os.defpath))
    if installed and _version_of(Path(installed)) >= _release(program.version):
        return Path(installed)
    return program.built if program.built.exists() else None


def found_programs(environ: Mapping[str, str] = os.environ) -> dict[str, Path] | None:
    """Find every program, or nothing where one would have to be built."""
    everything = {each.name: found(each, environ) for each in PROGRAMS}
    present = {name: path for name, path in everything.items() if path is not None}
    return present if len(present) == len(everything) else None


def provide_programs() -> dict[str, Path]:
    """Find every program, and build those that are missing.

    Raises:
        BuildFailed: Go did not build one.
    """
    programs: dict[str, Path] = {}
    for number, program in enumerate(PROGRAMS, 1):
        present = found(program)
        label = f"{program.name} ({number} of {len(PROGRAMS)})"
        if present is not None:
            _say(f"{label}: {present}")
        else:
            started = time.monotonic()
            _say(f"{label}: building {program.version}")
            present = _build(program)
            _say(f"{label}: built in {_elapsed(started)}")
        programs[program.name] = present
    return programs


def _version_of(program: Path) -> tuple[int, ...]:
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return _release(asked.stdout)


def _release(text: str) -> tuple[int, ...]:
    """Read the first major and minor number out of a text; nothing where there is none."""
    numbers = re.search(r"(\d+)\.(\d+)\.\d+", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else ()


def _build(program: Program) -> Path:
    go = find_go()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}

    def make(target: Path) -> None:
        command = (str(go), "build", "-v", "-mod=readonly", "-ldflags", program.stamps)
        with TemporaryFile("w+") as said:
            building = subprocess.Popen(
                [*command, "-o", str(target), program.package],
                cwd=_HERE / program.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert building.stdout is not None
            with building:
                for line in _reporting(program.name, building.stdout):
                    said.write(line)
            if building.returncode:
                said.seek(0)
                last = "".join(said.readlines()[-20:])
                raise BuildFailed(f"{program.name}: {' '.join(command)} failed:\n{last}")

    return made_once(str(program.built.relative_to(CACHE)), make)


def _reporting(name: str, lines: Iterable[str]) -> Iterator[str]:
    """Pass on the lines of a build, and say from time to time how far it has come."""
    started, seen, ended = time.monotonic(), ["reading modules"], Event()

    def report() -> None:
        while not ended.wait(_PROGRESS_SECONDS):
            packages = sum("/" in line and not line.startswith("go: ") for line in seen)
            _say(f"  {name}: {_elapsed(started)}, {packages} packages compiled, at: {seen[-1]}")

    reporter = Thread(target=report, daemon=True)
    reporter.start()
    try:
        for line in lines:
            seen.append(line.strip())
            yield line
    finally:
        ended.set()
        reporter.join()


def _elapsed(since: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - since), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        provide_programs()
    except BuildFailed as failed:
        sys.exit(str(failed))
