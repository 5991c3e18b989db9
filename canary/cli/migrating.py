"""What becomes of the objects of files: Flagger's move to our group, and Argo's Rollouts are converted."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from canary.cli.checks import Checker
from canary.cli.ending import Failed
from canary.cli.findings import Finding, Level, in_order, unreadable
from canary.cli.gathering import kinds_named
from canary.cli.kustomizations import kustomizations, patches
from canary.cli.manifests import Document, Text, Unreadable, documents
from canary.cli.moving import Moved, moved, moved_targets, written
from canary.cli.rollouts import GROUP, KIND, Conversion, converted
from canary.views.migration import differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A Rollout of Argo's, and what it becomes."""

    before: Document
    conversion: Conversion

    @property
    def file(self) -> Text:
        """What it becomes, as a file beside its own."""
        folder = Path(self.before.file).parent
        name = f"{self.before.name or 'rollout'}-canary.yaml"
        content = yaml.safe_dump_all(self.conversion.objects, sort_keys=False)
        return Text(file=str(folder / name), content=content)

    def documents(self, namespace: str) -> Iterator[Document]:
        """Give the objects that it becomes, at its own place."""
        for obj in self.conversion.objects:
            yield replace(self.before, obj=obj, repeated=()).within(namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What was read, what becomes of it, and what is said about it."""

    read: tuple[Text, ...]
    moved: tuple[Moved, ...]
    converted: tuple[Converted, ...]
    found: tuple[Finding, ...]

    @property
    def moving(self) -> tuple[Document, ...]:
        """The objects that become something else."""
        moved = tuple(each.before for each in self.moved if each.changes)
        return (*moved, *(each.before for each in self.converted))

    @property
    def blocked(self) -> bool:
        """Whether something stands in the way."""
        return any(each.level is Level.ERROR for each in self.found)

    def files(self) -> Iterator[Text]:
        """Give each file that changes, as it will be, and those that come beside them."""
        for file in self.read:
            moving = (each for each in self.moved if each.before.file == file.file)
            if changes := [change for each in moving for change in each.changes]:
                yield replace(file, content=written(file.content, changes))
        yield from (each.file for each in self.converted)


def migration(
    read: tuple[Text, ...], busy: dict[str, str], *, namespace: str, router: str
) -> Migration:
    """Move the objects of files, and find out what must be said about them.

    Raises:
        Failed: none of Flagger's or of ours is in there.
    """
    found: list[Finding] = []
    every: list[Document] = []
    for file in read:
        for document in documents(file, "migrate", {*kinds_named(), KIND}):
            if isinstance(document, Unreadable):
                found.append(unreadable(document))
            else:
                every.append(document)
    rollouts = tuple(_converted(every))
    if not found and not rollouts and not any(each.ours for each in every):
        raise Failed("no object of Flagger, and no Rollout, is there")
    moving = tuple(moved(each.within(namespace)) for each in every)
    made = [made for each in rollouts for made in each.documents(namespace)]
    partial = patches(read)
    checked = (*(each.after for each in moving if each.before.file not in partial), *made)
    found += asyncio.run(Checker(checked, router=router).findings())
    moving += tuple(map(moved_targets, kustomizations(read)))
    for each in moving:
        found += _told(each, busy.get(each.before.file, ""), partial=each.before.file in partial)
    for rollout in rollouts:
        found += _remarks(rollout)
    return Migration(
        read=read,
        moved=moving,
        converted=rollouts,
        found=tuple(in_order(found, (each.file for each in read))),
    )


def _converted(every: Iterable[Document]) -> Iterator[Converted]:
    """Convert the Rollouts among objects, with the Services that are there."""
    found = tuple(every)
    services = {each.name: each.obj for each in found if (each.group, each.kind) == ("", "Service")}
    for each in found:
        if (each.group, each.kind) == (GROUP, KIND):
            yield Converted(before=each, conversion=converted(each.obj, services))


def _remarks(rollout: Converted) -> Iterator[Finding]:
    for each in rollout.conversion.remarks:
        level = Level.ERROR if each.blocks else Level.WARNING
        yield _finding(rollout.before, level, each.field, str(each))


def _told(each: Moved, phase: str, *, partial: bool) -> Iterator[Finding]:
    """Say what changes in an object, what becomes different, and that it must come to rest first."""
    for change in each.changes:
        if change.field != "apiVersion":
            yield _finding(each.before, Level.CHANGE, change.field, str(change))
    if not each.changes or partial:
        return
    for field, difference in differences(each.after.obj):
        yield _finding(each.before, Level.DIFFERENCE, field, f"{field}: {difference}")
    if phase:
        message = f"status.phase: {phase!r}: wait until its run has ended before Flagger is stopped"
        yield _finding(each.before, Level.ERROR, "status.phase", message)


def _finding(document: Document, level: Level, field: str, message: str) -> Finding:
    return Finding(
        level=level,
        file=document.file,
        line=document.line(field),
        object=str(document),
        field=field,
        message=message,
    )
