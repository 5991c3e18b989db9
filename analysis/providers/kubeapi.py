"""APIs that Kubernetes serves metrics by: what providers of them share.

Where a template names no address, the one who made the spec has named the API server, with the
credentials for it. To this package it is a store like any other.
"""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from analysis.errors import QueryError
from analysis.providers.store import StoreProvider
from analysis.providers.windows import Window

_MADE = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/tidegate-[0-9a-f]{32}")
_SUFFIXES = {
    **{suffix: Decimal(10) ** -(3 * power) for power, suffix in enumerate("mun", 1)},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


class KubernetesApiProvider(StoreProvider):
    """Ask an API server, which answers with the newest value that it has."""

    asks_cluster: ClassVar[bool] = True
    root = "that of an API server"
    settle = timedelta(0)

    def words(self, payload: Any) -> str:
        """Find what a Status says."""
        return status_words(payload)


def status_words(payload: Any) -> str:
    """Find what a Status of an API server says; empty where it is none."""
    match payload:
        case {"kind": "Status", "message": str(message)}:
            return message
        case _:
            return ""


def named_by(namespace: str, key: str) -> tuple[str, str]:
    """Give the name of an object that is made by a key, and the handle that finds it."""
    name = f"tidegate-{key}"
    return name, f"{namespace}/{name}"


def found_by(handle: str) -> tuple[str, str]:
    """Give the namespace and the name of an object that was made by a key.

    Raises:
        QueryError: the handle, which is kept where others may write, names another.
    """
    if _MADE.fullmatch(handle) is None:
        raise QueryError("the handle in status.storeChecks names nothing that tidegate has made")
    namespace, _, name = handle.partition("/")
    return namespace, name


def fresh(timestamp: str, window: Window) -> bool:
    """Tell whether a value is no older than two windows."""
    taken = datetime.fromisoformat(timestamp)
    return taken >= window.end - 2 * (window.end - window.start)


def quantity(text: str) -> float:
    """Read a quantity of Kubernetes: `812500m`, `93012Ki`, `1e3`.

    Raises:
        ValueError: it is none.
    """
    suffix = next((each for each in _SUFFIXES if text.endswith(each)), "")
    number = text.removesuffix(suffix) if suffix else text
    if not number or not set(number) <= set("+-.eE0123456789"):
        raise ValueError("no quantity")
    return float(Decimal(number) * (_SUFFIXES[suffix] if suffix else 1))
