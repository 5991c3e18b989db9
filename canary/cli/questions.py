"""The Canary that a command is about: of the cluster, or of files with what else they hold."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from canary.api.kinds import Manifest
from canary.api.metrictemplate import MetricTemplate
from canary.api.namespaces import OPEN, Boundary
from canary.api.raw import part, text
from canary.cli.connection import Place
from canary.cli.ending import Failed
from canary.cli.finding import read_canary
from canary.cli.gathering import Files, kinds_named
from canary.cli.manifests import Document, Unreadable, documents, texts
from canary.cluster.cluster import Cluster
from canary.controller.canaries import BrokenCanary, CanaryRecord
from canary.controller.reading import CanaryReader
from canary.errors import InvalidSpec, NotFound
from canary.simulation.release import RouterTraits


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCanary:
    """A Canary that a command is about, with what the files hold beside it."""

    place: Place
    manifest: Manifest
    target: Manifest | None = None
    files: Files


def read_documents(names: Iterable[str], command: str) -> Iterator[Document]:
    """Read the objects of files; `command` is the one that reads them.

    Raises:
        Failed: one cannot be read.
    """
    for file in texts(names):
        for each in documents(file, command, kinds_named()):
            if isinstance(each, Unreadable):
                raise Failed(f"{each.file}:{each.line}: {each.message}")
            yield each


def in_files(read: tuple[Document, ...], namespace: str, name: str | None) -> Iterator[AskedCanary]:
    """Give the Canaries of files, or the one that is named.

    Raises:
        Failed: there is none.
    """
    within = tuple(each.within(namespace) for each in read)
    files = Files(within)
    found = [
        each for each in within if each.ours and each.kind == "Canary" and name in {None, each.name}
    ]
    if not found:
        raise Failed(f"no Canary{f' {name}' if name else ''} is in the files")
    for each in found:
        spec = part(each.obj, "spec")
        target = part(spec, "targetRef")
        there = files.find(text(target, "kind"), each.namespace, text(target, "name"))
        yield AskedCanary(
            place=Place(namespace=each.namespace, name=each.name, group=each.group),
            manifest=each.obj,
            target=there.obj if there else None,
            files=files,
        )


def of_file(names: Iterable[str], place: Place, command: str) -> AskedCanary:
    """Give the Canary of files that has the name of the cluster's.

    Raises:
        Failed: there is none.
    """
    return next(in_files(tuple(read_documents(names, command)), place.namespace, place.name))


def templates_of(question: AskedCanary) -> dict[tuple[str, str], MetricTemplate]:
    """Give the templates of the files, by namespace and name."""
    found = {}
    for each in question.files.of_kind("MetricTemplate", question.place.namespace):
        with suppress(NotFound):
            template = question.files.metric_template(each.group, each.namespace, each.name)
            found[each.namespace, each.name] = template
    return found


async def stored_canary(cluster: Cluster, place: Place) -> AskedCanary:
    """Read a Canary of the cluster.

    Raises:
        Failed: there is no such Canary.
        ClusterError: it cannot be read.
    """
    return AskedCanary(place=place, manifest=await read_canary(cluster, place), files=Files(()))


def record_of(asked: AskedCanary, router: str, boundary: Boundary = OPEN) -> CanaryRecord:
    """Make the record of a Canary; `router` is the controller's default.

    `boundary` says which namespaces it may refer to.

    Raises:
        InvalidSpec: too little of it can be read.
    """
    record = CanaryReader(router, boundary).read(asked.manifest)
    if isinstance(record, BrokenCanary):
        raise InvalidSpec(record.problems)
    return record


def traits_of(record: CanaryRecord) -> RouterTraits:
    """Give what its router can do, as far as it changes a release."""
    abilities = record.router.abilities(record.canary) if record.router else None
    if abilities is None:
        return RouterTraits(name=record.provider)
    return RouterTraits(
        name=record.provider,
        splits=abilities.splits,
        by_replicas=abilities.by_replicas,
        settling=abilities.settles,
    )
