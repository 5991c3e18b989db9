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
from dataclasses import dataclass
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
    return revision_of(template_digest(template, version), configs, version)


def template_digest(template: Manifest, version: int = CURRENT) -> str:
    """Compute the part of a revision that is the template's: what a cache keeps of it."""
    return _ALGORITHMS[version].template(template)


def revision_of(digest: str, configs: Mapping[str, str], version: int = CURRENT) -> str:
    """Compute a revision from the digest of a template."""
    return f"{version}-{_ALGORITHMS[version].combined(digest, configs)}"


def version_of(recorded: str) -> int:
    """Tell with which algorithm to compare with a recorded revision; the current one if unknown."""
    text = recorded.partition("-")[0]
    version = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else CURRENT
    return version if version in _ALGORITHMS else CURRENT


def _digest(written: object) -> str:
    """Hash canonical JSON (sorted keys, no spaces, ASCII) with sha256."""
    text = json.dumps(_without_nulls(written), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()[:_DIGITS]


def _template(template: Manifest) -> str:
    metadata = {
        key: value
        for key, value in (template.get("metadata") or {}).items()
        if key != "creationTimestamp"
    }
    return _digest({**template, "metadata": metadata})


def _combined(digest: str, configs: Mapping[str, str]) -> str:
    return _digest({"configs": dict(configs), "template": digest})


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """A way to hash a template, and to combine it with its configs."""

    template: Callable[[Manifest], str]
    combined: Callable[[str, Mapping[str, str]], str]


_ALGORITHMS: Mapping[int, _Algorithm] = MappingProxyType({1: _Algorithm(_template, _combined)})
