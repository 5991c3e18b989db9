"""What a hook is sent, and what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPayload:
    """The body of a call: the peer's fields, and where the run is."""

    name: str
    namespace: str
    phase: str
    checksum: str
    """Identifies a revision with its configs."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    weight: int
    """Percent of traffic to the canary."""
    step: int
    revision: str
    images: str
    """The images of the revision, or what it changes in them, for people."""
    cluster: str

    def as_json(self) -> bytes:
        """Write the body of the call."""
        body = {
            "name": self.name,
            "namespace": self.namespace,
            "phase": str(self.phase),
            "checksum": self.checksum,
            "metadata": dict(self.metadata),
            "weight": self.weight,
            "step": self.step,
            "revision": self.revision,
            "images": self.images,
            "cluster": self.cluster,
        }
        return orjson.dumps(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What a hook answered."""

    passed: bool
    """Whether the answer was any 2xx."""
    status: int | None = None
    """None where no whole answer came."""
    body: str = ""
    """The beginning of the answer's body as one printable line."""
    message: str = ""
    """Why it did not pass, in words; the body where it did."""

    @property
    def broken(self) -> bool:
        """Whether the hook itself has failed, and not only said no."""
        return self.status is None or self.status >= 500
