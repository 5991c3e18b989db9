"""Values that all parts share: objects of Kubernetes, and durations as routing APIs write them."""

import re
from typing import Any

Manifest = dict[str, Any]
"""An object as the API server reads and writes it."""

_PART = r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)"
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def parse_duration(text: str) -> float:
    """Read a duration of Istio or the Gateway API (`90s`, `1m30s`) as seconds.

    Raises:
        ValueError: the text is no duration.
    """
    if re.fullmatch(f"(?:{_PART})+", text) is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 1m30s or 500ms")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in re.findall(_PART, text))
