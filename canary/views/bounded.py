"""A view of a Canary that is sent to others: of a bounded size, whatever its status has grown to."""

import json
from typing import Any

from canary.views.canary import CanaryView

MOST_BYTES = 48 * 1024
"""A receiver that takes 64 KiB takes the alert around it as well."""
_LISTS = ("history", "commands", "sights", "warnings", "checks", "problems")
"""What is left out first; of runs and commands the oldest."""


def bounded_view(view: CanaryView, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Give a view as JSON has it, in so many bytes: its lists are cut where it would not fit."""
    document = view.document()
    for name in _LISTS:
        while document[name] and _bytes(document) > most_bytes:
            document[name] = document[name][: len(document[name]) // 2]
    return document


def _bytes(document: dict[str, Any]) -> int:
    return len(json.dumps(document, ensure_ascii=False).encode(errors="replace"))
