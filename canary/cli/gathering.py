"""The objects of some files, and which of them is meant by a name."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from canary.api.kinds import Kind
from canary.api.managed_routes import ManagedKind
from canary.api.meta import VERSION
from canary.api.metrictemplate import MetricTemplate
from canary.api.raw import items, part
from canary.api.resources import KINDS
from canary.api.route_references import IngressReference, RouteReference
from canary.api.validation import parse_metric_template
from canary.cli.manifests import Document
from canary.controller.references import alert_field
from canary.errors import InvalidSpec, NotFound
from canary.scalers import scaler_kinds
from canary.targets import TARGETS


def kinds_named() -> frozenset[str]:
    """Name the kinds of others' objects that ours refer to."""
    targets = (each.partition(".")[0] for each in TARGETS.names())
    routes = (each.to("").kind for each in (IngressReference, RouteReference))
    return frozenset({*(each.kind for each in scaler_kinds()), *targets, *routes, *ManagedKind})


def kind_of(document: Document) -> Kind | None:
    """Tell which of our kinds a document is; None for any other."""
    for each in KINDS if document.ours else ():
        if each.name == document.kind:
            return Kind(
                group=document.group, versions=(VERSION,), kind=each.name, plural=each.plural
            )
    return None


def named_in(document: Document) -> Iterator[tuple[str, str, object]]:
    """Give what a Canary names of ours as it is written, be the rest of it wrong: field and kind."""
    spec = part(document.obj, "spec")
    analysis = part(spec, "analysis")
    owners = [("spec.analysis", analysis)]
    owners += [
        (f"spec.analysis.steps[{n}]", each) for n, each in enumerate(items(part(analysis, "steps")))
    ]
    for path, owner in owners:
        for place, metric in enumerate(items(part(owner, "metrics"))):
            field = f"{path}.metrics[{place}].templateRef"
            yield field, "MetricTemplate", part(metric, "templateRef")
    for place, alert in enumerate(items(part(analysis, "alerts"))):
        yield alert_field(place), "AlertProvider", part(alert, "providerRef")
    for place, other in enumerate(items(part(spec, "dependsOn"))):
        yield f"spec.dependsOn[{place}]", "Canary", other


class Files:
    """The objects of some files."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._named: defaultdict[tuple[str, str], list[Document]] = defaultdict(list)
        for each in documents:
            self._named[each.kind, each.name].append(each)

    def find(self, kind: str, namespace: str, name: str) -> Document | None:
        """Find an object; what names no namespace may be in any."""
        found = self._named.get((kind, name), [])
        exact = (each for each in found if each.namespace == namespace)
        return next(exact, None) or next(
            (each for each in found if not (each.namespace and namespace)), None
        )

    def nearest(self, kind: str, name: str) -> str:
        """Name an object of a kind whose name is much like another; empty without one."""
        names = [each for of_kind, each in self._named if of_kind == kind and each]
        return next(iter(get_close_matches(name, names, 1, 0.75)), "")

    def of_kind(self, kind: str, namespace: str) -> Iterator[Document]:
        """Give the objects of a kind that are, or may be, in a namespace."""
        for (each, _), found in self._named.items():
            if each == kind:
                yield from (one for one in found if one.namespace in {"", namespace})

    def metric_template(self, group: str, namespace: str, name: str) -> MetricTemplate:
        """Find a template that can be used.

        Raises:
            NotFound: there is none; what is wrong with one is said where it is.
        """
        document = self.find("MetricTemplate", namespace, name)
        if document is not None and document.group == group:
            try:
                return parse_metric_template(document.obj)
            except InvalidSpec as invalid:
                raise NotFound(str(invalid)) from invalid
        raise NotFound(f"MetricTemplate {namespace}/{name} does not exist")
