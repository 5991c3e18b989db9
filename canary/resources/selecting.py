"""Which pods a policy selects, as the kinds that select pods by label write it."""

from collections.abc import Iterator, Mapping
from typing import Any

from canary.api.kinds import Manifest

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
#: Where Cilium says that a label comes from; a selector may name it.
_SOURCES = ("k8s:", "any:")
_CILIUM_NAMESPACE = "io.kubernetes.pod.namespace"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector takes pods with these labels; an empty one takes all."""
    wanted = _mapping(selector.get("matchLabels"))
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_agrees(each, labels) for each in _entries(selector.get("matchExpressions")))


def _agrees(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    found, values = labels.get(str(expression.get("key"))), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case _:
            return found is None


def istio_selectors(policy: Manifest) -> Iterator[Mapping[str, Any]]:
    """Give the selector of the pods that a policy of Istio is for."""
    yield _mapping(_spec(policy).get("selector"))


def network_policy_selectors(policy: Manifest) -> Iterator[Mapping[str, Any]]:
    """Give the selectors of a NetworkPolicy: the pods it is for, and those it lets in or out."""
    spec = _spec(policy)
    yield _mapping(spec.get("podSelector"))
    own = {NAMESPACE_LABEL: str(policy["metadata"].get("namespace", ""))}
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in _entries(spec.get(direction)):
            for peer in _entries(rule.get(side)):
                here = "namespaceSelector" not in peer or selects(
                    _mapping(peer["namespaceSelector"]), own
                )
                if here and peer.get("podSelector"):
                    yield _mapping(peer["podSelector"])


def cilium_selectors(policy: Manifest) -> Iterator[Mapping[str, Any]]:
    """Give the selectors of a CiliumNetworkPolicy, its labels without where they come from."""
    own = {_CILIUM_NAMESPACE: str(policy["metadata"].get("namespace", ""))}
    for spec in (_spec(policy), *_entries(policy.get("specs"))):
        found = [_mapping(spec.get("endpointSelector"))]
        for direction, side in (("ingress", "fromEndpoints"), ("egress", "toEndpoints")):
            found += [
                _mapping(peer)
                for rule in _entries(spec.get(direction))
                for peer in _entries(rule.get(side))
            ]
        for selector in map(_plain, found):
            labels = selector["matchLabels"]
            if labels.get(_CILIUM_NAMESPACE, own[_CILIUM_NAMESPACE]) == own[_CILIUM_NAMESPACE]:
                labels.pop(_CILIUM_NAMESPACE, None)
                yield selector


def _plain(selector: Mapping[str, Any]) -> dict[str, Any]:
    labels = {
        _without_source(key): value for key, value in _mapping(selector.get("matchLabels")).items()
    }
    expressions = [
        {**each, "key": _without_source(str(each.get("key")))}
        for each in _entries(selector.get("matchExpressions"))
    ]
    return {"matchLabels": labels, "matchExpressions": expressions}


def _without_source(key: str) -> str:
    for source in _SOURCES:
        key = key.removeprefix(source)
    return key


def _spec(obj: Manifest) -> Mapping[str, Any]:
    return _mapping(obj.get("spec"))


def _mapping(node: object) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def _entries(node: object) -> Iterator[Mapping[str, Any]]:
    yield from (
        (each for each in node if isinstance(each, Mapping)) if isinstance(node, list) else ()
    )
