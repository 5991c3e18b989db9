"""A small release as `make release` leaves one, and the programs with which a runner signs it."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.testbed.tools import ROOT

SOURCE, COMMIT = "git+https://git.example.com/tidegate", "1f" * 20
BUILDER = "https://ci.example.com/runners/release"
SUMS, STATEMENT = "SHA256SUMS", "tidegate.intoto.json"
WHEEL = "tidegate-1.0-py3-none-any.whl"
_TOOLS = ROOT / "deploy" / "release"


def a_release(folder: Path) -> Path:
    """Put two files and their list into a folder."""
    folder.mkdir()
    files = {WHEEL: b"a wheel", "tidegate.cdx.json": b"{}"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = (f"{hashlib.sha256(each).hexdigest()}  {name}\n" for name, each in files.items())
    (folder / SUMS).write_text("".join(sums))
    return folder


def stated(folder: Path) -> Path:
    """Say where the files of a release come from."""
    said = ("--source", SOURCE, "--commit", COMMIT, "--builder", BUILDER)
    subprocess.run([sys.executable, _TOOLS / "provenance.py", folder, *said], check=True)
    return folder


def signed(folder: Path, *key: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Sign a release as a runner does."""
    command = [_TOOLS / "sign.sh", folder, *key]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)
