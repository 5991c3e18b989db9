"""How this program was called: by its name, or as a plug-in of kubectl."""

import sys
from pathlib import Path

from canary.cli import main

_PLUGIN = "kubectl-"


def called() -> str:
    """Give the words that call this program: `tidegate`, or `kubectl canary`."""
    name = Path(sys.argv[0]).name
    if name.startswith(_PLUGIN):
        return f"kubectl {name.removeprefix(_PLUGIN).replace('_', '-')}"
    return "tidegate"


def plugin() -> None:
    """Run as a plug-in of kubectl: usage and errors say `kubectl canary`."""
    main(prog_name=called())
