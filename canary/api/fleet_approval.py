"""Approvals of waves: what a person writes on a FleetPlan, and what is read of it.

An approval names the releases that the person saw, and the rollbacks that they go on in spite of: it
opens nothing for a release that comes later, or for one that begins again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import orjson

from canary.api.meta import GROUP
from canary.api.raw import items, part

APPROVE = f"{GROUP}/approve-"
"""The annotation, with the name of the wave at its end."""
LONGEST = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveApproval:
    """A wave that a person opens for the releases that they saw."""

    wave: str
    by: str
    """Who, and why."""
    releases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By Canary, written as namespace/name."""
    since: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """When each of them began, by Canary, as `FleetCanary.began` says; who leaves it out opens any."""
    forgiven: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The rollbacks to go on in spite of, each as cluster/run, by Canary."""

    def opens(self, canary: str, release: str, began: str) -> bool:
        """Tell whether it is for a release of a Canary that began then."""
        same = self.since.get(canary, began) == began
        return bool(release) and self.releases.get(canary) == release and same

    @property
    def key(self) -> str:
        """The annotation that it is written as."""
        return APPROVE + self.wave

    @property
    def value(self) -> str:
        """The value of that annotation."""
        document = {
            "by": self.by,
            "releases": dict(self.releases),
            "since": dict(self.since),
            "forgiven": dict(self.forgiven),
        }
        return orjson.dumps({name: each for name, each in document.items() if each}).decode()


def read_approvals(annotations: Mapping[str, object]) -> Iterator[WaveApproval]:
    """Read the approvals of a plan; what is none is left alone."""
    for key, value in sorted(annotations.items()):
        if not key.startswith(APPROVE) or not isinstance(value, str) or len(value) > LONGEST:
            continue
        try:
            document = orjson.loads(value)
        except ValueError:
            continue
        releases, since = _mapping(document, "releases"), _mapping(document, "since")
        forgiven = _mapping(document, "forgiven")
        yield WaveApproval(
            wave=key.removeprefix(APPROVE),
            by=str(part(document, "by") or ""),
            releases={name: str(each) for name, each in releases.items()},
            since={name: str(each) for name, each in since.items()},
            forgiven={
                name: tuple(str(every) for every in items(each)) for name, each in forgiven.items()
            },
        )


def _mapping(document: object, name: str) -> Mapping[str, object]:
    found = part(document, name)
    return found if isinstance(found, Mapping) else {}
