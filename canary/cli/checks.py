"""What can be said of objects in files without a cluster: each by itself, and what they name.

Every sentence about one object is the controller's own; only what follows from the other files is
worded here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analysis.errors import AnalysisError, QueryError
from analysis.template import check as check_template
from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey
from canary.api.meta import API_VERSIONS, NamespacedReference, SecretReference
from canary.api.namespaces import OPEN, Boundary
from canary.api.raw import part, text
from canary.api.resources import KINDS
from canary.api.validation import parse_canary
from canary.cli.findings import Finding, Level, one_for_each_field
from canary.cli.gathering import Files, kind_of, named_in
from canary.cli.lacking import TARGET, lacking, users
from canary.cli.manifests import Document
from canary.controller.canaries import CanaryRecord
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.reading import CanaryReader
from canary.controller.references import remedy_of, source
from canary.controller.secrets import SecretContent
from canary.controller.validator import Validator
from canary.core.peers import CanaryName, Peer, cyclic, rivalry
from canary.errors import CanaryError, NotFound, Problem, SpecWarning
from canary.scalers import scaler_kinds

_STORE = "http://prometheus:9090"
"""The store of metrics that name none: nothing is asked of it."""
_NAMESPACE = "default"
"""Where objects are that name no namespace, and are given none."""


class SecretUnknown(CanaryError):
    """What a Secret holds is not in the files."""


class _Secrets:
    async def read(
        self, _namespace: str, reference: SecretReference | None
    ) -> SecretContent | None:
        """Say that what a Secret holds is not known."""
        if reference is None:
            return None
        raise SecretUnknown(reference.name)


@dataclass(frozen=True, slots=True)
class _Read:
    """A Canary of a file, with what is made of it."""

    document: Document
    record: CanaryRecord
    whole: Canary | None
    """None where parts of it do not decode: places in lists are others then."""

    @property
    def peer(self) -> Peer:
        """The Canary as others see it."""
        return self.record.peer


class Checker:
    """Says everything that is wrong with the objects of some files."""

    def __init__(
        self, documents: Iterable[Document], *, router: str, boundary: Boundary = OPEN
    ) -> None:
        self._documents = tuple(documents)
        self._files = Files(self._documents)
        self._reader = CanaryReader(router)
        self._validator = Validator(CanaryReader(router, boundary))
        self._anywhere = Validator(self._reader)  # what it refers to may be of its own namespace
        self._queries = QueryBuilder(
            templates=self._files,
            secrets=_Secrets(),
            stores=Stores(address=_STORE, cluster="cluster"),
            default_router=router,
        )

    async def findings(self) -> list[Finding]:
        """Check every object of ours, what it names, and Canaries beside each other."""
        found: list[Finding] = []
        canaries: list[_Read] = []
        for document in self._documents:
            if not document.ours:
                continue
            told = [*_repeated(document), *self._said(document)]
            if document.kind == "MetricTemplate":
                told += _braces(document)
            read = self._read(document) if document.kind == "Canary" else None
            if read is not None:
                canaries.append(read)
                told += [*self._referred(read), *await self._questions(read)]
            found += one_for_each_field(told)
        return [*found, *_among(canaries)]

    def _said(self, document: Document) -> Iterator[Finding]:
        kind = kind_of(document)
        if kind is None:
            known = f"write one of {', '.join(each.name for each in KINDS)}"
            yield _about(document, Level.ERROR, Problem("kind", document.kind, known))
            return
        validator = self._validator if document.namespace else self._anywhere
        for problem in validator.problems(kind.plural, document.obj):
            yield _about(document, Level.ERROR, problem)
        for warning in self._validator.warnings(kind.plural, document.obj):
            yield _about(document, Level.WARNING, warning)

    def _read(self, document: Document) -> _Read | None:
        if not document.name or document.obj.get("apiVersion") not in API_VERSIONS:
            return None
        record = self._reader.read(document.within(_NAMESPACE).obj)
        if not isinstance(record, CanaryRecord):
            return None
        try:
            return _Read(document, record, parse_canary(document.obj))
        except CanaryError:
            return _Read(document, record, None)

    def _referred(self, read: _Read) -> Iterator[Finding]:
        """Check what a Canary names against the objects of the files."""
        spec = read.record.canary.spec
        target, scaler = spec.target_ref, spec.autoscaler_ref
        yield from self._mistyped(read, "spec.targetRef.name", target.kind, target.name)
        if scaler is not None:
            yield from self._mistyped(read, "spec.autoscalerRef.name", scaler.kind, scaler.name)
        elif spec.primary_name != target.name:
            yield from self._unscaled(read)
        yield from self._lacking(read)
        for field, kind, reference in named_in(read.document):
            yield from self._missing(read, field, kind, reference)

    def _lacking(self, read: _Read) -> Iterator[Finding]:
        """Check the user's objects that the router needs, as far as they are in the files.

        Without its status not everything can be said of a target.
        """
        if read.record.problems:
            return
        namespace, found = read.document.namespace, dict[ObjectKey, Manifest | None]()
        for field, key in users(read.record):
            document = self._files.find(key.kind.kind, namespace, key.name)
            if field == TARGET:
                continue
            if document is None:
                yield from self._missing(read, field, key.kind.kind, {"name": key.name})
            elif document.group == key.kind.group:
                found[key] = document.obj
        for problem in lacking(read.record, found):
            yield _about(read.document, Level.ERROR, problem)

    def _mistyped(self, read: _Read, field: str, kind: str, name: str) -> Iterator[Finding]:
        """Name an object that is meant where one of nearly this name is there, and not this one."""
        if self._files.find(kind, read.document.namespace, name) is None:
            near = self._files.nearest(kind, name)
            effect = f"no {kind} of this name is in the files; did you mean {near}?"
            if near:
                yield _about(read.document, Level.WARNING, SpecWarning(field, name, effect))

    def _unscaled(self, read: _Read) -> Iterator[Finding]:
        """Name an autoscaler that scales the target, and would not scale the primary."""
        target = read.record.canary.spec.target_ref
        for kind in sorted(each.kind for each in scaler_kinds()):
            for scaler in self._files.of_kind(kind, read.document.namespace):
                scaled = part(part(scaler.obj, "spec"), "scaleTargetRef")
                if text(scaled, "name") != target.name:
                    continue
                if (text(scaled, "kind") or "Deployment") == target.kind:
                    effect = (
                        f"{scaler} scales the target, and nothing scales the primary; name it here"
                    )
                    warning = SpecWarning("spec.autoscalerRef", None, effect)
                    yield _about(read.document, Level.WARNING, warning)

    def _missing(self, read: _Read, field: str, kind: str, reference: object) -> Iterator[Finding]:
        """Say of an object that it is not in the files, or, of ours, of the other API group."""
        name = text(reference, "name")
        namespace = text(reference, "namespace") or read.document.namespace
        found = self._files.find(kind, namespace, name)
        if not name:
            return
        if found is None:
            place = f"{namespace}/{name}" if namespace else name
            near = self._files.nearest(kind, name)
            hint = f"did you mean {near}?" if near else "it must be in the cluster"
            effect = f"{kind} {place} is not in the files; {hint}"
            level = Level.WARNING if near else Level.NOTICE
            yield _about(read.document, level, SpecWarning(field, name, effect))
        elif found.group != read.document.group:
            remedy = (
                f"{found} is of {found.group}, and a Canary of {read.document.group} names objects "
                "of its own group: change the apiVersion of one of the two"
            )
            yield _about(read.document, Level.ERROR, Problem(field, name, remedy))

    async def _questions(self, read: _Read) -> list[Finding]:
        """Build each query of a Canary whose parts are all known, without asking it."""
        found: list[Finding] = []
        if read.whole is None or read.record.router is None:
            return found
        for path, metric in read.whole.spec.analysis.placed_metrics():
            field, value = source(read.record.key, metric)
            try:
                await self._queries.metric(read.record, metric)
            except (SecretUnknown, NotFound):
                continue
            except (CanaryError, AnalysisError) as error:
                problem = Problem(f"{path}.{field}", value, remedy_of(error, value))
                if metric.template_ref is None or not self._is_broken(read, metric.template_ref):
                    found.append(_about(read.document, Level.ERROR, problem))
        return found

    def _is_broken(self, read: _Read, reference: NamespacedReference) -> bool:
        """Tell whether a template is at fault by itself: that is said where it is."""
        namespace = reference.namespace or read.document.namespace
        document = self._files.find("MetricTemplate", namespace, reference.name)
        return document is not None and any(_braces(document))


def _about(document: Document, level: Level, told: Problem | SpecWarning) -> Finding:
    return Finding(
        level=level,
        file=document.file,
        line=document.line(told.field),
        object=str(document),
        field=told.field,
        message=str(told),
    )


def _repeated(document: Document) -> Iterator[Finding]:
    for field, line in document.repeated:
        yield Finding(
            level=Level.ERROR,
            file=document.file,
            line=line,
            object=str(document),
            field=field,
            message=f"{field}: written twice: keep one of the two: kubectl refuses both",
        )


def _braces(document: Document) -> Iterator[Finding]:
    """Check that the queries of a MetricTemplate can be rendered at all."""
    spec = part(document.obj, "spec")
    queries = {"spec.query": part(spec, "query")} | {
        f"spec.counts.{name}": part(part(spec, "counts"), name)
        for name in ("requests", "bad", "good")
    }
    for field, query in queries.items():
        if not isinstance(query, str) or not query:
            continue
        try:
            check_template(query)
        except QueryError as error:
            yield Finding(
                level=Level.ERROR,
                file=document.file,
                line=document.line(field),
                object=str(document),
                field=field,
                message=f"{field}: {str(error).removeprefix('query: ')}",
            )


def _among(canaries: list[_Read]) -> Iterator[Finding]:
    """Name the Canaries that ask for what another one has, and those that wait for themselves."""
    peers = {CanaryName(each.peer.namespace, each.peer.name): each.peer for each in canaries}
    for read in canaries:
        others = [each.peer for each in canaries if _beside(read, each)]
        problems = [*rivalry(read.peer, others), *cyclic(read.peer, peers.get)]
        yield from (_about(read.document, Level.ERROR, each) for each in problems)


def _beside(one: _Read, other: _Read) -> bool:
    """Tell whether two Canaries will be in one cluster; without a namespace, those of one file are."""
    if (one.document.namespace, one.document.name) == (
        other.document.namespace,
        other.document.name,
    ):
        return False
    if one.document.namespace and other.document.namespace:
        return True
    return one.document.file == other.document.file
