"""The exceptions of the analysis engine.

    Exception
    └── AnalysisError
        ├── QueryError             the provider answered, and refused the query
        │   ├── LoginRefused       it refused the credentials
        │   ├── Ambiguous          the query gives several values where one is expected
        │   └── EgressRefused      no request may go to this address
        ├── Busy                   it was not asked: too many wait for their turn before it
        ├── ProviderUnavailable    the provider could not be asked, or did not answer in time
        │   ├── Throttled          it wants to be asked later
        │   └── Partial            it answered with a part of the data
        └── UnknownPlugin          no router, provider, notifier or judge has this name

A metric without data, or outside its bounds, is a value (`analysis.model`), never an exception.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

PLUGIN_NOUNS = {
    "tidegate.routers": "router",
    "tidegate.providers": "metric provider",
    "tidegate.notifiers": "alert type",
    "tidegate.judges": "judge",
    "tidegate.targets": "kind of workload",
    "tidegate.scalers": "kind of autoscaler",
}
"""The families of plug-ins, in the words of those who name one in a manifest."""


class FailureKind(StrEnum):
    """Why a question got no answer, in a word for metrics."""

    QUERY = "query"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    PARTIAL = "partial"
    PENDING = "pending"
    """A check that was started had no answer in its time."""

    @property
    def retryable(self) -> bool:
        """Whether the same question may be answered later."""
        return self in {
            FailureKind.UNAVAILABLE,
            FailureKind.THROTTLED,
            FailureKind.PARTIAL,
            FailureKind.PENDING,
        }


class AnalysisError(Exception):
    """Anything the analysis engine raises."""

    kind: ClassVar[FailureKind] = FailureKind.UNAVAILABLE


class QueryError(AnalysisError):
    """A provider answered, and refused the query; asking again as it is will not help."""

    kind = FailureKind.QUERY


class LoginRefused(QueryError):
    """A provider refused the credentials, or they lack a right."""

    kind = FailureKind.REFUSED


class Ambiguous(QueryError):
    """A query gives several values where one is expected."""

    kind = FailureKind.AMBIGUOUS


class EgressRefused(QueryError):
    """No request may go to `host`: `reason` says by which rule, and what would allow it."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host} may not be called: {reason}")
        self.host = host
        self.reason = reason

    def __reduce__(self) -> tuple[type["EgressRefused"], tuple[str, str]]:
        """Rebuild from the parts, so that the exception survives a process boundary."""
        return type(self), (self.host, self.reason)


class Busy(AnalysisError):
    """Nothing was asked: too many wait for their turn already. No answer, and no failure either."""


class ProviderUnavailable(AnalysisError):
    """A provider could not be asked, or did not answer in time; asking again may help."""


class Throttled(ProviderUnavailable):
    """A provider has been asked too often; `retry_after` are the seconds that it wants to wait."""

    kind = FailureKind.THROTTLED

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["Throttled"], tuple[str, float | None]]:
        """Rebuild from the parts, so that the exception survives a process boundary."""
        return type(self), (str(self), self.retry_after)


class Partial(ProviderUnavailable):
    """A provider answered with a part of the data, which says nothing about the rest."""

    kind = FailureKind.PARTIAL


class UnknownPlugin(AnalysisError):
    """No plug-in of the group has this name.

    `group` is the entry-point group, empty for any; `name` what was asked for; `known` the names that
    exist and `dormant` those that installed packages bring and that are not enabled, both sorted.
    """

    kind = FailureKind.QUERY

    def __init__(
        self, group: str, name: str, known: Iterable[str], dormant: Iterable[str] = ()
    ) -> None:
        self.group = group
        # A name may be of a type that shows itself otherwise than as text.
        self.name = f"{name}"
        self.known = tuple(sorted(known))
        self.dormant = tuple(sorted(dormant))
        super().__init__(f"there is no {self.noun} {self.name!r}; {self.remedy}")

    @property
    def noun(self) -> str:
        """What the group's plug-ins are called."""
        return PLUGIN_NOUNS.get(self.group, "plug-in" if self.group else "installed plug-in")

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.name in self.dormant:
            return f"it is installed and not enabled: add {self.name} to --plugins"
        install = f"install a plug-in that brings this {self.noun}"
        if not self.group:
            install = "install the package that brings it"
        one = "one of " if len(self.known) > 1 else ""
        known = f"name {one}{', '.join(self.known)}, or {install}" if self.known else install
        if self.dormant:
            return f"{known}; installed and not enabled by --plugins: {', '.join(self.dormant)}"
        return known

    def __reduce__(
        self,
    ) -> tuple[type["UnknownPlugin"], tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
        """Rebuild from the parts, so that the exception survives a process boundary."""
        return type(self), (self.group, self.name, self.known, self.dormant)


def causes(error: BaseException) -> list[BaseException]:
    """List an error with everything behind it, groups included, nearest first."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if any(current is known for known in found):
            continue
        found.append(current)
        waiting += [cause for cause in (current.__cause__, current.__context__) if cause]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
    return found
