"""What is kept of a route that its user keeps: in an annotation of it, one for each Canary.

It holds the weights that its rules had, and what the user says to GitOps tools, which leave
it alone during a run.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from canary.api.annotations import PREFIX
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.raw import part, text
from canary.objects.ownership import GITOPS_ANNOTATIONS, decoded
from canary.routers.managed_rules import Weights

_PREFIX = f"{PREFIX}managed-routes."
#: The name of an annotation has 63 characters at most.
_LENGTH = 63 - len("managed-routes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRecord:
    """What one Canary has recorded in a route."""

    canary: str
    rules: Mapping[str, Weights] = field(default_factory=dict)
    """The weights before tidegate, by rule."""
    told: Mapping[str, str] | None = None
    """What the route said to GitOps tools before; None while they may write it."""

    @property
    def annotation(self) -> str:
        """The name of its annotation."""
        name = self.canary
        if len(name) > _LENGTH:
            name = f"{name[: _LENGTH - 9]}-{sha256(name.encode()).hexdigest()[:8]}"
        return f"{_PREFIX}{name}"

    @property
    def written(self) -> str:
        """Write it."""
        document = {"canary": self.canary, "rules": self.rules}
        told = {} if self.told is None else {"told": self.told}
        return json.dumps({**document, **told}, sort_keys=True, separators=(",", ":"))


def record_of(canary: Canary, found: Manifest) -> RouteRecord:
    """Read what a Canary has recorded; nothing where it has not, or someone has broken it."""
    empty = RouteRecord(canary=canary.metadata.name)
    return _read(_annotations(found).get(empty.annotation)) or empty


def records_of_others(canary: Canary, found: Manifest) -> Iterator[RouteRecord]:
    """Go through what other Canaries have recorded."""
    own = RouteRecord(canary=canary.metadata.name).annotation
    for name, value in _annotations(found).items():
        if name.startswith(_PREFIX) and name != own and (record := _read(value)):
            yield record


def gitops_before(found: Manifest) -> dict[str, str]:
    """Give what a route tells GitOps tools."""
    annotations = _annotations(found)
    return {name: str(annotations[name]) for name in GITOPS_ANNOTATIONS if name in annotations}


def _annotations(found: Manifest) -> Mapping[str, str]:
    annotations = part(found.get("metadata"), "annotations")
    return annotations if isinstance(annotations, Mapping) else {}


def _read(value: object) -> RouteRecord | None:
    document = decoded(value if isinstance(value, str) else None)
    rules = part(document, "rules")
    if not text(document, "canary") or not isinstance(rules, dict):
        return None
    told = part(document, "told")
    return RouteRecord(
        canary=text(document, "canary"),
        rules={name: each for name, each in rules.items() if isinstance(each, dict)},
        told={str(name): str(each) for name, each in told.items()}
        if isinstance(told, dict)
        else None,
    )
