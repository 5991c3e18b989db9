"""The revision of a target: a hash of what its user wrote.

What counts: the whole pod template (labels, annotations, spec), and the checksums of the tracked
ConfigMaps and Secrets. What does not: replicas, strategy, metadata of the Deployment, its status,
a null (the API reads it as absent), the order of keys, and creationTimestamp, which serialisers
write into a template by themselves.

A revision names the version of its algorithm, so that one which was recorded by an older tidegate
can be computed again: an upgrade starts no run.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from canary.api.kinds import Manifest

CURRENT = 1

#: 64 bits: a chance of 1e-13 that any two of a thousand revisions are the same.
_DIGITS = 16


def revision(template: Manifest, configs: Mapping[str, str], version: int = CURRENT) -> str:
    """Compute a revision from a pod template and the checksums of its configs, by kind/name.

    Raises:
        KeyError: no algorithm has this version.
    """
    return f"{version}-{_ALGORITHMS[version](template, configs)}"


def version_of(recorded: str) -> int:
    """Tell with which algorithm to compare with a recorded revision; the current one if unknown."""
    text = recorded.partition("-")[0]
    version = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else CURRENT
    return version if version in _ALGORITHMS else CURRENT


def _canonical_json(template: Manifest, configs: Mapping[str, str]) -> str:
    """Version 1: sha256 of canonical JSON (sorted keys, no spaces, ASCII)."""
    metadata = {
        key: value
        for key, value in (template.get("metadata") or {}).items()
        if key != "creationTimestamp"
    }
    written = {"configs": dict(configs), "template": {**template, "metadata": metadata}}
    text = json.dumps(_without_nulls(written), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()[:_DIGITS]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


_ALGORITHMS: Mapping[int, Callable[[Manifest, Mapping[str, str]], str]] = MappingProxyType(
    {1: _canonical_json}
)
