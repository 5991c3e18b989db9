"""Which admission webhooks are asked about a write: rules, selectors and conditions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidegate_embedded.apiserver.conversion import from_stored
from tidegate_embedded.apiserver.resources import Registry, Resource, StorageKey
from tidegate_embedded.apiserver.reviewing import Phase, Review
from tidegate_embedded.apiserver.selectors import matches_labels
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.apiserver.values import Object

_GROUP = "admissionregistration.k8s.io"
_CONFIGURATIONS: dict[Phase, StorageKey] = {
    "Mutating": (_GROUP, "mutatingwebhookconfigurations"),
    "Validating": (_GROUP, "validatingwebhookconfigurations"),
}
#: Where configurations are stored.
WEBHOOKS = frozenset(_CONFIGURATIONS.values())
NAMESPACES = ("", "namespaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook to ask, and the resource in the version that its rules name."""

    webhook: Object
    resource: Resource

    @property
    def name(self) -> str:
        """The webhook's name."""
        name: str = self.webhook["name"]
        return name

    @property
    def required(self) -> bool:
        """Whether nothing is written without its answer."""
        return bool(self.webhook.get("failurePolicy") != "Ignore")


def hooks_for(review: Review, registry: Registry, storage: Storage) -> Iterator[Hook]:
    """Yield the webhooks that rules and selectors choose, in the order in which they are asked."""
    if review.resource.storage_key in WEBHOOKS:
        # So that a configuration which blocks everything can be taken away.
        return
    configurations = storage.history(_CONFIGURATIONS[review.phase]).objects
    for _, stored in sorted(configurations.items()):
        for webhook in stored.object.get("webhooks") or ():
            resource = _chosen(webhook, review, registry)
            if resource is not None and _selected(webhook, review, storage):
                yield Hook(webhook=webhook, resource=resource)


def object_for(hook: Hook, review: Review, item: Object | None) -> Object | None:
    """Return an object of a review in the version that a webhook asked for."""
    if item is None or review.kind is not None:
        return item
    return from_stored(item, hook.resource)


def _chosen(webhook: Object, review: Review, registry: Registry) -> Resource | None:
    """Return the version of the resource that a webhook's rules name, the request's own first."""
    exact = [review.resource]
    others = [
        resource
        for resource in registry
        if resource.storage_key == review.resource.storage_key and resource is not review.resource
    ]
    candidates = exact if webhook.get("matchPolicy") == "Exact" else exact + others
    rules = webhook.get("rules") or ()
    for resource in candidates:
        if any(_rule_names(rule, resource, review) for rule in rules):
            return resource
    return None


def _rule_names(rule: Object, resource: Resource, review: Review) -> bool:
    return (
        _among(review.operation, rule.get("operations"))
        and _among(resource.group, rule.get("apiGroups"))
        and _among(resource.version, rule.get("apiVersions"))
        and rule.get("scope", "*") in {"*", "Namespaced" if resource.namespaced else "Cluster"}
        and any(
            _resource_named(named, resource.plural, review.subresource)
            for named in rule.get("resources") or ()
        )
    )


def _among(value: str, listed: Any) -> bool:
    return "*" in (listed or ()) or value in (listed or ())


def _resource_named(named: str, plural: str, subresource: str) -> bool:
    resource, _, below = named.partition("/")
    return resource in {"*", plural} and below in {"*", subresource}


def _selected(webhook: Object, review: Review, storage: Storage) -> bool:
    by_object = webhook.get("objectSelector")
    labels = [_labels(item) for item in (review.object, review.old) if item is not None]
    if by_object and not any(matches_labels(by_object, each) for each in labels):
        return False
    by_namespace = webhook.get("namespaceSelector")
    if not by_namespace:
        return True
    if review.resource.storage_key == NAMESPACES:
        return matches_labels(by_namespace, labels[0])
    if not review.resource.namespaced:
        return True
    namespace = storage.find(NAMESPACES, ("", review.namespace))
    return namespace is not None and matches_labels(by_namespace, _labels(namespace.object))


def _labels(item: Object) -> Object:
    labels: Object = (item.get("metadata") or {}).get("labels") or {}
    return labels
