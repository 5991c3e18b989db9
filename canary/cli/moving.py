"""What changes in a manifest of Flagger's so that it is one of tidegate's: places in its text.

Only these places are written again; comments, order, quotes and every other object of a file stay.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import yaml

from canary.api.fields import go_duration
from canary.api.meta import API_VERSION, GROUP, PEER_GROUP
from canary.api.raw import part
from canary.api.tolerated import durations_written
from canary.cli.kustomizations import groups
from canary.cli.manifests import Document

_FORMER_ANALYSIS = "canaryAnalysis"
"""The name of `analysis` in Flagger's v1alpha3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """One place of a document that is written otherwise."""

    field: str
    before: str
    after: str
    start: int
    """Where the place begins and ends in its file, in characters."""
    end: int

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.field}: {self.before} → {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A document as it was, as it will be, and what changes."""

    before: Document
    after: Document
    changes: tuple[Replacement, ...]


def moved(document: Document) -> Moved:
    """Turn an object of Flagger's group into one of ours; any other stays as it is."""
    if document.group != PEER_GROUP:
        return Moved(before=document, after=document, changes=())
    obj = deepcopy(document.obj)
    changes = [*_value(document, "apiVersion", str(obj.get("apiVersion")), API_VERSION)]
    obj["apiVersion"] = API_VERSION
    spec, analysis = obj.get("spec"), "analysis"
    if isinstance(spec, dict) and _FORMER_ANALYSIS in spec and "analysis" not in spec:
        analysis = _FORMER_ANALYSIS
        changes += _key(document, f"spec.{analysis}", "analysis")
        obj["spec"] = {
            "analysis" if name == _FORMER_ANALYSIS else name: value for name, value in spec.items()
        }
    changes += _durations(document, obj, analysis)
    return Moved(before=document, after=replace(document, obj=obj), changes=tuple(changes))


def moved_targets(kustomization: Document) -> Moved:
    """Have the patches of a kustomization be for objects of our group."""
    changes = tuple(
        change
        for field in groups(kustomization)
        for change in _value(kustomization, field, PEER_GROUP, GROUP)
    )
    return Moved(before=kustomization, after=kustomization, changes=changes)


def written(content: str, changes: Iterable[Replacement]) -> str:
    """Write the changes of a file's documents into its text."""
    for each in sorted(set(changes), key=lambda change: change.start, reverse=True):
        there = content[each.start : each.end]
        content = (
            content[: each.start] + there.replace(each.before, each.after, 1) + content[each.end :]
        )
    return content


def _durations(
    document: Document, obj: dict[str, object], written_as: str
) -> Iterator[Replacement]:
    """Spell `1min` as `1m`, which is all that the schema of our group takes."""
    analysis = part(part(obj, "spec"), "analysis")
    for field, spelled in list(durations_written(analysis)):
        read = go_duration(spelled)
        if read != spelled:
            yield from _value(document, f"spec.{written_as}.{field}", spelled, read)
            _put(analysis, field, read)


def _put(owner: object, field: str, value: str) -> None:
    """Write a value where `metrics[0].interval` says."""
    *above, last = field.replace("[", ".").replace("]", "").split(".")
    here: object = owner
    for name in above:
        here = here[int(name)] if isinstance(here, list) else part(here, name)
    if isinstance(here, dict):
        here[last] = value


def _value(document: Document, field: str, before: str, after: str) -> Iterator[Replacement]:
    yield from _changed(document, document.value_of(field), field, before, after)


def _key(document: Document, field: str, after: str) -> Iterator[Replacement]:
    before = field.rpartition(".")[2]
    yield from _changed(document, document.key_of(field), field, before, after)


def _changed(
    document: Document, node: yaml.Node | None, field: str, before: str, after: str
) -> Iterator[Replacement]:
    if node is not None and before != after:
        start, end = (document.start + mark.index for mark in (node.start_mark, node.end_mark))
        yield Replacement(field=field, before=before, after=after, start=start, end=end)
