"""The exceptions of the controller.

    Exception
    └── CanaryError
        ├── InvalidSpec            what a user wrote cannot be acted on; carries every problem
        └── ClusterError           the Kubernetes API did not do what was asked
            ├── Conflict           409: the object has changed since it was read; decide again
            ├── NotFound           404: no such object, or no such kind
            ├── Forbidden          401, 403: the credentials do not allow it
            ├── Invalid            400, 422: the API server refuses the object as it is
            ├── NameTaken          another owner's object has the name that is needed
            ├── Gone               410: the resource version is too old; list again
            ├── Contested          the object is another owner's, and is never written
            └── Unreachable        no answer, or the server failed (429, 5xx); ask again later

"Refused", "not ready" and "no data" are values, never exceptions.
The analysis engine's exceptions are in `analysis.errors`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

#: A value longer than this is cut where it is shown: a message must fit a condition and an event.
SHOWN_VALUE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what a user wrote: the field's path, its value, and what to do."""

    field: str
    value: object
    remedy: str

    def __str__(self) -> str:
        """Name the field, the value and the remedy in one line."""
        return _told(self.field, self.value, self.remedy)


@dataclass(frozen=True, slots=True)
class SpecWarning:
    """One thing that a user wrote, and that is accepted but ignored or changed."""

    field: str
    value: object
    effect: str
    """What happens instead."""

    def __str__(self) -> str:
        """Name the field, the value and what happens instead in one line."""
        return _told(self.field, self.value, self.effect)


def _told(field: str, value: object, words: str) -> str:
    shown = _written(value)
    if len(shown) > SHOWN_VALUE_LENGTH:
        shown = f"{shown[: SHOWN_VALUE_LENGTH - 1]}…"
    return f"{field}: {shown}: {words}"


def _written(value: object) -> str:
    """Write a value as its author would: in YAML, and not in Python."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value.value if isinstance(value, Enum) else value)


class CanaryError(Exception):
    """Anything the controller raises."""


class InvalidSpec(CanaryError):
    """What a user wrote cannot be acted on; `problems` holds every reason, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        if not self.problems:
            message = "InvalidSpec needs at least one problem"
            raise ValueError(message)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Join every problem in the order found."""
        return "; ".join(str(problem) for problem in self.problems)


class ClusterError(CanaryError):
    """The Kubernetes API did not do what was asked; the message says what was asked of what."""

    def __init__(self, reason: str, *, asked: str = "") -> None:
        super().__init__(f"{asked}: {reason}" if asked else reason)
        self.reason = reason
        """Why, without what was asked: for people who asked for something else."""


class Conflict(ClusterError):
    """The object has changed since it was read, or exists already; read it and decide again."""


class NotFound(ClusterError):
    """There is no such object, or the cluster does not serve its kind."""


class Forbidden(ClusterError):
    """The credentials are missing, no longer valid, or do not allow this."""


class Invalid(ClusterError):
    """The API server refuses the object as it is; sending it again will not help."""


class NameTaken(ClusterError):
    """Another owner's object has the name of one that must be created."""


class Gone(ClusterError):
    """The resource version is older than what the API server remembers; list again."""


class Contested(ClusterError):
    """The object is marked as another owner's, and is never written."""


class Unreachable(ClusterError):
    """The API server gave no answer, or failed; asking again later may help."""
