"""What is asked of admission webhooks before an object is written, and how a write asks it.

A write is a generator: it yields each `Review`, is sent what has become of it, and returns its
outcome. Between two steps others may write; a write whose object has changed meanwhile raises
`Overtaken`, and is begun again.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.values import Object

Phase = Literal["Mutating", "Validating"]
Operation = Literal["CREATE", "UPDATE", "DELETE"]
#: The group, version and kind of an object.
Kind = tuple[str, str, str]

Outcome = TypeVar("Outcome")
#: Steps up to an outcome; each review is answered with the object as changed, or None.
Steps = Generator["Review", Object | None, Outcome]


class Overtaken(Exception):
    """The object has changed while webhooks were asked about a write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One question: may this be written, and what should be changed before?

    Objects are in the version they are stored in. `kind` is that of a subresource which has a kind
    of its own; `name` is empty where the request names none.
    """

    phase: Phase
    operation: Operation
    resource: Resource
    namespace: str
    name: str
    object: Object | None
    old: Object | None
    dry_run: bool
    subresource: str = ""
    kind: Kind | None = None


def in_both_phases(asked: Review) -> Steps[None]:
    """Ask in both phases about a write that keeps nothing of what webhooks would change."""
    yield asked
    yield replace(asked, phase="Validating")


def settled(steps: Steps[Outcome]) -> Outcome:
    """Take the steps of a write without asking anyone."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
