"""The exceptions of the analysis engine.

    Exception
    └── AnalysisError
        ├── QueryError             the provider answered, and refused the query
        ├── ProviderUnavailable    the provider could not be asked, or did not answer in time
        └── UnknownPlugin          no router, provider, notifier or judge has this name

A metric without data, or outside its bounds, is a value (`analysis.model`), never an exception.
"""

from collections.abc import Iterable


class AnalysisError(Exception):
    """Anything the analysis engine raises."""


class QueryError(AnalysisError):
    """A provider answered, and refused the query; asking again as it is will not help."""


class ProviderUnavailable(AnalysisError):
    """A provider could not be asked, or did not answer in time; asking again may help."""


class UnknownPlugin(AnalysisError):
    """No plug-in of the group has this name.

    `group` is the entry-point group, `name` what was asked for, `known` the names that exist, sorted.
    """

    def __init__(self, group: str, name: str, known: Iterable[str]) -> None:
        self.group = group
        self.name = name
        self.known = tuple(sorted(known))
        choices = ", ".join(self.known) if self.known else "none are registered"
        super().__init__(
            f"{name!r} is not in {group}; known names: {choices}. "
            f"Use one of these, or install a package with an entry point in group {group!r}."
        )

    def __reduce__(self) -> tuple[type["UnknownPlugin"], tuple[str, str, tuple[str, ...]]]:
        """Rebuild from the parts, so that the exception survives a process boundary."""
        return type(self), (self.group, self.name, self.known)


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
