"""Programs out of Debian's packages, unpacked into the cache: no root is needed, nothing installed.

`python -m tests.testbed.debian` provides those that the stories need.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.testbed.tools import made_once

_NEEDED = ("apt-get", "dpkg-deb")


class PackagesMissing(Exception):
    """Debian's packages are not to be had; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A program in a folder of unpacked packages, with the libraries beside it."""

    folder: Path
    name: str
    below: str = "sbin"

    @property
    def program(self) -> Path:
        """The program."""
        return self.folder / "usr" / self.below / self.name

    @property
    def environment(self) -> Mapping[str, str]:
        """What it needs so that it finds its libraries."""
        libraries = [str(each.parent) for each in sorted(self.folder.glob("**/lib/*/*.so.*"))]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(dict.fromkeys(libraries))}


def nginx() -> Unpacked:
    """Have nginx with its Lua module.

    Raises:
        PackagesMissing: says why.
    """
    return _unpacked("nginx", "libnginx-mod-http-lua", "lua-cjson")


def haproxy() -> Unpacked:
    """Have HAProxy, which Debian builds with its page of metrics.

    Raises:
        PackagesMissing: says why.
    """
    return _unpacked("haproxy")


def influxdb() -> Unpacked:
    """Have InfluxDB 1.

    Raises:
        PackagesMissing: says why.
    """
    folder = _unpacked("influxdb").folder
    return Unpacked(folder=folder, name="influxd", below="bin")


def fetch(folder: Path, *names: str) -> None:
    """Unpack packages, and what they need that is not installed, into a folder.

    Raises:
        PackagesMissing: says why.
    """
    if missing := [each for each in _NEEDED if not shutil.which(each)]:
        raise PackagesMissing(f"{', '.join(names)}: this is no Debian: no {', '.join(missing)}")
    with TemporaryDirectory() as workshop:
        try:
            _download(Path(workshop), names)
        except PackagesMissing:
            # The lists of packages that the machine has are missing or too old.
            own = _own_lists(Path(workshop))
            _ask("update", *own, folder=Path(workshop))
            _download(Path(workshop), names, *own)
        for package in sorted(Path(workshop).glob("*.deb")):
            subprocess.run(("dpkg-deb", "-x", package, folder), check=True)


def _unpacked(name: str, *beside: str) -> Unpacked:
    def make(folder: Path) -> None:
        folder.mkdir()
        fetch(folder, name, *beside)

    return Unpacked(folder=made_once(f"debian/{name}", make), name=name)


def _own_lists(folder: Path) -> tuple[str, ...]:
    """Give the options by which lists of packages are kept in a folder, for which no root is needed."""
    lists, archives = folder / "lists", folder / "cache" / "archives"
    for each in (lists, archives):
        (each / "partial").mkdir(parents=True)
    return ("-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={archives.parent}")


def _download(folder: Path, names: tuple[str, ...], *options: str) -> None:
    would = _ask(
        "--simulate", *options, "--no-install-recommends", "install", *names, folder=folder
    )
    needed = re.findall(r"^Inst (\S+)", would, re.MULTILINE)
    _ask("download", *options, *dict.fromkeys((*names, *needed)), folder=folder)


def _ask(*arguments: str, folder: Path) -> str:
    command = ("apt-get", "--quiet", *arguments)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagesMissing(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    try:
        for each in (nginx(), haproxy()):
            print(each.program, flush=True)
    except PackagesMissing as missing:
        sys.exit(str(missing))
