"""Reading what can be read of a broken Canary, so that it can still be deleted safely."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from canary.api.canary import Canary

_ROUNDS = 50
"""More rounds than a spec is deep: each one removes every part that the last one stumbled over."""


def salvage(document: Mapping[str, Any]) -> Canary | None:
    """Read a Canary without the parts that do not decode; None where its target is among them."""
    remaining = deepcopy(dict(document))
    for _ in range(_ROUNDS):
        try:
            return Canary.model_validate(remaining)
        except ValidationError as error:
            removed = [
                _remove(remaining, problem["loc"])
                for problem in error.errors(include_url=False, include_context=False)
            ]
            if not any(removed):
                return None
    return None


def _remove(document: Any, location: tuple[int | str, ...]) -> bool:
    """Remove the innermost part of a location that exists; tell whether there was one."""
    parents: list[tuple[Any, int | str]] = []
    here = document
    for part in location:
        inside = isinstance(here, Mapping) and part in here
        inside = inside or (isinstance(here, list) and isinstance(part, int) and part < len(here))
        if not inside:
            break
        parents.append((here, part))
        here = here[part]
    if not parents:
        return False
    parent, part = parents[-1]
    del parent[part]
    return True
