"""What is missing to decide: a need is returned instead of a decision, answered, and asked once.

A need is a value and the key of its answer.
"""

from dataclasses import dataclass

from analysis.model import Report
from canary.api.people import WebhookType


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The revision that hooks are asked about; at the first gate the status does not name it yet."""

    revision: str
    images: str
    """Its images, or what it changes in them, for people."""
    configs: tuple[tuple[str, str], ...] = ()
    """Checksums of its tracked ConfigMaps and Secrets, by kind/name, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskHooks:
    """Call the hooks of one type, in their order, up to the first that does not pass."""

    type: WebhookType
    key: str
    """Names this very question: the same after a crash, so that receivers can drop a repeat."""
    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyse:
    """Judge all metrics once."""

    key: str
    memories: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """What the judges have kept so far, by the metric's name; as pairs, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """What the hooks of one type said."""

    passed: bool
    hook: str = ""
    """The hook that did not pass."""
    message: str = ""


Need = AskHooks | Analyse
Answer = HookAnswer | Report
