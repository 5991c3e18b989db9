"""The revision of a target: a hash of what its user wrote.

What counts: the whole pod template (labels, annotations, spec), and the checksums of the tracked
ConfigMaps and Secrets. What does not: replicas, strategy, metadata of the workload, its status,
a null (the API reads it as absent), the order of keys, and creationTimestamp, which serialisers
write into a template by themselves.

A revision names the version of its algorithm, so that one which was recorded by an older tidegate
is known again: an upgrade starts no run, and a run that it meets ends as it would have.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from canary.api.kinds import Manifest

#: 64 bits: a chance of 1e-13 that any two of a thousand revisions are the same.
_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """A way to hash a template, and to combine it with the checksums of its configs."""

    template: Callable[[Manifest], str]
    combined: Callable[[str, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class Hashing:
    """The algorithms that are known, by version; what is new is hashed with the newest."""

    algorithms: Mapping[int, Algorithm]

    @property
    def current(self) -> int:
        """The version that new revisions get."""
        return max(self.algorithms)

    def template_digest(self, template: Manifest) -> str:
        """Compute the template's part of a revision, by every algorithm: what a cache keeps."""
        return " ".join(
            f"{version}-{algorithm.template(template)}"
            for version, algorithm in self.algorithms.items()
        )

    def revision_of(
        self, digest: str, configs: Mapping[str, str], recorded: Iterable[str] = ()
    ) -> str:
        """Name the revision of a template with its configs, by kind/name.

        It is the first of the `recorded` ones that it is by that one's own algorithm.
        """
        digests = dict(each.split("-", 1) for each in digest.split())
        for each in recorded:
            version = each.partition("-")[0]
            if version in digests and self._combined(version, digests, configs) == each:
                return each
        return self._combined(str(self.current), digests, configs)

    def revision(self, template: Manifest, configs: Mapping[str, str]) -> str:
        """Name the revision of a pod template with its configs, by kind/name."""
        return self.revision_of(self.template_digest(template), configs)

    def _combined(
        self, version: str, digests: Mapping[str, str], configs: Mapping[str, str]
    ) -> str:
        combined = self.algorithms[int(version)].combined(digests[version], configs)
        return f"{version}-{combined}"


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


HASHING = Hashing(MappingProxyType({1: Algorithm(template=_template, combined=_combined)}))
