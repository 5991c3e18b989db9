"""Programs in Java: their libraries are fetched by Maven, once, and kept in the cache.

What is fetched lies under a hash of the list of libraries, so that it is fetched again when a
version moves and never otherwise.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.testbed.tools import made_once

_HERE = Path(__file__).parent
_NEEDED = ("java", "mvn")


class LibrariesMissing(Exception):
    """Maven's libraries are not to be had; says why."""


def opensearch() -> tuple[Path, Sequence[str]]:
    """Give the program and the first arguments that run a node of OpenSearch.

    Raises:
        LibrariesMissing: says why.
    """
    source = _HERE / "opensearch" / "Server.java"
    libraries = _libraries("opensearch")
    # Java compiles a program of one file as it starts it.
    return Path(str(shutil.which("java"))), ("-Xmx512m", "-cp", f"{libraries}/*", str(source))


def _libraries(name: str) -> Path:
    if missing := [each for each in _NEEDED if not shutil.which(each)]:
        raise LibrariesMissing(f"{name}: there is no {' and no '.join(missing)}: install it")
    listed = _HERE / name / "pom.xml"
    digest = hashlib.sha256(listed.read_bytes()).hexdigest()[:16]

    def fetch(folder: Path) -> None:
        # Maven writes beside the list that it reads.
        folder.mkdir()
        copy = shutil.copy(listed, folder / "pom.xml")
        ask = ("mvn", "--quiet", "--batch-mode", "--file", str(copy))
        where = f"-DoutputDirectory={folder / 'lib'}"
        command = (*ask, "dependency:copy-dependencies", where)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LibrariesMissing(f"`{' '.join(command)}` failed: {done.stdout[-2000:]}")

    return made_once(f"maven/{name}-{digest}", fetch) / "lib"
