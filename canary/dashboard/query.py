"""What a page of the fleet is asked for: which Canaries, and which page of them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode

from canary.dashboard.answers import Place
from canary.dashboard.kept import KeptCanary
from canary.views.standing import CanaryStanding

ROWS = 100
"""The rows of a page."""
_LONGEST = 256
"""The characters of a filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Filters as they stand in an address; an empty one leaves everything in."""

    search: str = ""
    namespace: str = ""
    standing: str = ""
    phase: str = ""
    label: str = ""
    page: int = 1

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Read an address; what is not understood is left out."""
        text = {
            name: parameters.get(name, "").strip()[:_LONGEST]
            for name in ("search", "namespace", "standing", "phase", "label")
        }
        number = parameters.get("page", "")
        page = int(number) if number.isascii() and number.isdecimal() and len(number) < 7 else 1
        return cls(**text, page=max(page, 1))

    def address(self, **changes: Any) -> str:
        """Write the query of an address, with something changed."""
        changed = replace(self, **changes)
        pairs = {name: value for name, value in asdict(changed).items() if value}
        if changed.page == 1:
            del pairs["page"]
        return f"?{urlencode(pairs)}" if pairs else "?"

    def takes(self, kept: KeptCanary) -> bool:
        """Tell whether a Canary is meant."""
        _, namespace, name = kept.key
        return (
            self.search.lower() in f"{namespace}/{name}"
            and self.namespace in {"", namespace}
            and self.standing in {"", kept.standing}
            and self.phase in {"", kept.phase}
            and (not self.label or self.label in kept.labels)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a query finds: the rows of its page, and how many there are of which."""

    rows: tuple[KeptCanary, ...]
    number: int
    """How many were found."""
    page: int
    pages: int
    counts: Mapping[CanaryStanding, int]
    """How all that the viewer may see stand, whatever is asked for."""


def search(fleet: Iterable[KeptCanary], query: Query, seen: Collection[Place] | None) -> Found:
    """Find what a query asks for in the places that the viewer sees; None for all."""
    visible = [each for each in fleet if seen is None or each.key[:2] in seen]
    counts = dict.fromkeys(CanaryStanding, 0)
    for each in visible:
        counts[each.standing] += 1
    found = sorted(filter(query.takes, visible), key=lambda kept: (kept.order, kept.key))
    pages = max(-(-len(found) // ROWS), 1)
    page = min(query.page, pages)
    return Found(
        rows=tuple(found[(page - 1) * ROWS : page * ROWS]),
        number=len(found),
        page=page,
        pages=pages,
        counts=counts,
    )
