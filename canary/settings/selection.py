"""Which Canaries a controller takes, by their labels: a selector as kubectl writes it.

Two selectors can be compared: whether any labels at all are taken by both is decided key by key.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from canary.settings.options import LABEL_KEY

_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
#: Commas within parentheses stand between values.
_BETWEEN = re.compile(r",(?![^()]*\))")
_EQUALITY = re.compile(rf"(?P<key>{LABEL_KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>{_VALUE})")
_SET = re.compile(rf"(?P<key>{LABEL_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_PRESENCE = re.compile(rf"(?P<absent>!?)\s*(?P<key>{LABEL_KEY})")
_LONGEST = 4096
_REMEDY = (
    "write conditions on labels, separated by commas: tier=one, tier!=one, tier in (one, two), "
    "tier notin (one, two), tier or !tier"
)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What a label may be: missing, and one of some values, or any but these."""

    missing: bool
    values: frozenset[str]
    listed: bool
    """Whether `values` are those allowed; otherwise they are those that are not."""

    def takes(self, value: str | None) -> bool:
        return self.missing if value is None else (value in self.values) == self.listed

    def and_(self, other: Self) -> "_Allowed":
        missing = self.missing and other.missing
        match self.listed, other.listed:
            case True, True:
                return _Allowed(missing, self.values & other.values, listed=True)
            case False, False:
                return _Allowed(missing, self.values | other.values, listed=False)
            case True, _:
                return _Allowed(missing, self.values - other.values, listed=True)
            case _:
                return _Allowed(missing, other.values - self.values, listed=True)

    @property
    def nothing(self) -> bool:
        return not self.missing and self.listed and not self.values


@dataclass(frozen=True, slots=True)
class LabelSelection:
    """The labels of the Canaries that a controller takes; without any condition it takes all."""

    allowed: tuple[tuple[str, _Allowed], ...] = ()

    @classmethod
    def read(cls, written: str) -> "LabelSelection":
        """Read a selector.

        Raises:
            ValueError: it is none, or no labels could agree with it; with the remedy.
        """
        if len(written) > _LONGEST:
            raise ValueError(f"write {_LONGEST} characters at most")
        allowed: dict[str, _Allowed] = {}
        for key, condition in _conditions(written):
            allowed[key] = allowed[key].and_(condition) if key in allowed else condition
        for key, condition in allowed.items():
            if condition.nothing:
                raise ValueError(f"take a condition on {key} out: together they take no Canary")
        return cls(tuple(allowed.items()))

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is taken."""
        return all(condition.takes(labels.get(key)) for key, condition in self.allowed)

    def meets(self, other: Self) -> bool:
        """Tell whether there may be an object that both take."""
        others = dict(other.allowed)
        return not any(
            condition.and_(others[key]).nothing for key, condition in self.allowed if key in others
        )


ALL = LabelSelection()
"""Every Canary."""


def selector_problem(written: str) -> str:
    """Give the remedy for a selector; nothing where it is sound."""
    try:
        LabelSelection.read(written)
    except ValueError as error:
        return str(error)
    return ""


def _conditions(written: str) -> Iterator[tuple[str, _Allowed]]:
    if written.strip():
        yield from (_condition(each.strip()) for each in _BETWEEN.split(written))


def _condition(written: str) -> tuple[str, _Allowed]:
    if found := _EQUALITY.fullmatch(written):
        equal = found["operator"] != "!="
        return found["key"], _Allowed(not equal, frozenset({found["value"]}), listed=equal)
    if found := _SET.fullmatch(written):
        values = frozenset(each.strip() for each in found["values"].split(","))
        if all(re.fullmatch(_VALUE, each) for each in values):
            listed = found["operator"] == "in"
            return found["key"], _Allowed(not listed, values, listed=listed)
    if found := _PRESENCE.fullmatch(written):
        absent = bool(found["absent"])
        return found["key"], _Allowed(absent, frozenset(), listed=absent)
    raise ValueError(_REMEDY)
