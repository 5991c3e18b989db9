"""The package of a third party, built as a wheel and put where packages are installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parent
CASES = SOURCE / "cases"
#: What it brings, of each family.
PLUGINS = (
    "borrowed",
    "ingress",
    "CloneSet",
    "EffectiveHorizontalPodAutoscaler",
    "numbers",
    "diary",
    "patient",
)


def installed_in(directory: Path) -> Path:
    """Build the wheel and unpack it; gives the folder that a Python path names."""
    wheels, site = directory / "wheels", directory / "site"
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels))
    subprocess.run(build, cwd=SOURCE, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site
