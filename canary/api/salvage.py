"""Reading what can be read of a broken object.

Of a Canary, so that it can still be deleted safely; of a DeliveryPolicy, whom it may bind.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from canary.api.canary import Canary
from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.kinds import copy_of

_Path = tuple[int | str, ...]


def salvage(document: Mapping[str, Any]) -> Canary | None:
    """Read a Canary without the parts that do not decode; None where its target is among them."""
    remaining = copy_of(dict(document))
    # Each round removes something, and an empty analysis is a sound one: the loop ends.
    while True:
        _have_analysis(remaining)
        try:
            return Canary.model_validate(remaining)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            paths = {_existing(remaining, problem["loc"]) for problem in problems}
            if paths == {()}:
                return None
            _remove(remaining, paths)


def salvage_reach(document: Mapping[str, Any]) -> DeliveryPolicySpec:
    """Read which Canaries a DeliveryPolicy binds: all of them where that is what is broken."""
    written, reach = document.get("spec"), DeliveryPolicySpec()
    spec = written if isinstance(written, Mapping) else {}
    for name in ("namespaces", "selector"):
        with suppress(ValidationError):
            read = DeliveryPolicySpec.model_validate({name: spec.get(name)})
            reach = reach.but(**{name: getattr(read, name)})
    return reach


def _have_analysis(document: dict[str, Any]) -> None:
    """Put an analysis in where there is none: a deletion needs the target, and no metrics."""
    spec = document.get("spec")
    if isinstance(spec, dict) and not isinstance(spec.get("analysis"), dict):
        spec["analysis"] = {}


def _existing(document: Any, location: _Path) -> _Path:
    """Cut a location to what exists of it; it may go on into a union or to what is missing."""
    here = document
    for depth, part in enumerate(location):
        inside = isinstance(here, Mapping) and part in here
        inside = inside or (isinstance(here, list) and isinstance(part, int) and part < len(here))
        if not inside:
            return location[:depth]
        here = here[part]
    return location


def _remove(document: Any, paths: Iterable[_Path]) -> None:
    """Remove parts, the last ones of a list first, so that no other part changes its place."""
    for path in sorted(filter(None, paths), key=_place, reverse=True):
        here = document
        for part in path[:-1]:
            here = here[part]
        del here[path[-1]]


def _place(path: _Path) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (0, part) for part in path]
