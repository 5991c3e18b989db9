"""A real browser: Debian's Chromium, and the package that drives it, each installed when missing.

`python -m tests.dashboard.browsing` installs both, and says where they are.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.testbed.tools import CACHE, ROOT, made_once

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 180_000
_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq")


def find_chromium() -> Path:
    """Find Chromium on the PATH, or install Debian's.

    Raises:
        FileNotFoundError: there is none, and this is no Debian, or not its administrator.
    """
    return _chromium() or _installed_chromium()


def _chromium() -> Path | None:
    return next((Path(found) for each in NAMES if (found := shutil.which(each))), None)


def _installed_chromium() -> Path:
    if os.geteuid() or not shutil.which("apt-get"):
        raise FileNotFoundError(
            "There is no Chromium: install it. On Debian: apt-get install chromium"
        )
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _chromium():
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for asked in (("update",), ("install", "--yes", "--no-install-recommends", NAMES[0])):
                subprocess.run([*_APT, *asked], env=quiet, check=True, stdout=sys.stderr)
    found = _chromium()
    assert found is not None
    return found


@cache
def find_packages() -> Path:
    """Find the folder of the packages that drive it, installed once from their lock."""
    lock = ROOT / "locks" / "browser.txt"

    def install(folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder))
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], check=True)

    return made_once("browser", install)


def use_packages() -> Path:
    """Make the packages importable; give the script that looks for what keeps people out (axe)."""
    folder = find_packages()
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return next(folder.glob("axe_playwright_python/**/axe.min.js"))


if __name__ == "__main__":
    print(find_chromium(), find_packages())
