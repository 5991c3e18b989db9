"""Where the record of a run is: a folder of its own, below that of its Canary."""

import re

_ODD = re.compile(r"[^A-Za-z0-9_.-]")


def records_of(where: str, namespace: str, name: str) -> str:
    """Give the address below which a Canary's runs are recorded; a log has none."""
    return f"{where.rstrip('/')}/{canary_folder(namespace, name)}" if "://" in where else ""


def canary_folder(namespace: str, name: str) -> str:
    """Name the folder of a Canary's runs."""
    return f"{namespace}/{name}/"


def run_folder(run: str) -> str:
    """Name the folder of a run; a status that was edited by hand leads nowhere else."""
    plain = _ODD.sub("_", run)
    return f"{plain.lstrip('.') or '_'}/"
