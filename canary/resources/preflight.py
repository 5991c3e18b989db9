"""Preflight: what around a target would stop to hold once a primary serves in its place.

Policies that select pods by the label that the primary's pods have with another value no longer
cover those that serve. They are other people's, and are never written: they are named.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.facts import Risk, Survey
from canary.objects.ownership import owned
from canary.resources.baseline import BASELINE
from canary.resources.gitops import rule_for
from canary.resources.names import NO_LABEL, SelectorLabel
from canary.resources.rival_routes import HTTP_ROUTE, VIRTUAL_SERVICE, rival_routes
from canary.resources.selecting import (
    cilium_selectors,
    istio_selectors,
    network_policy_selectors,
    selects,
)

SELECTORS_LOST = "SelectorsLost"
WEIGHTS_IGNORED = "WeightsIgnored"
POLICY_IGNORED = "PolicyIgnored"

_SECURITY = "security.istio.io"
_ISTIO = tuple(
    Kind(group=_SECURITY, versions=("v1", "v1beta1"), kind=kind, plural=plural)
    for kind, plural in (
        ("AuthorizationPolicy", "authorizationpolicies"),
        ("PeerAuthentication", "peerauthentications"),
        ("RequestAuthentication", "requestauthentications"),
    )
)
NETWORK_POLICY = Kind(
    group="networking.k8s.io", versions=("v1",), kind="NetworkPolicy", plural="networkpolicies"
)
CILIUM_POLICY = Kind(
    group="cilium.io", versions=("v2",), kind="CiliumNetworkPolicy", plural="ciliumnetworkpolicies"
)
SERVICE_PROFILE = Kind(
    group="linkerd.io", versions=("v1alpha2",), kind="ServiceProfile", plural="serviceprofiles"
)
DESTINATION_RULE = Kind(
    group="networking.istio.io",
    versions=("v1", "v1beta1"),
    kind="DestinationRule",
    plural="destinationrules",
)

Selectors = Callable[[Manifest], Iterator[Mapping[str, Any]]]
SELECTING: Mapping[Kind, Selectors] = MappingProxyType(
    {
        **dict.fromkeys(_ISTIO, istio_selectors),
        NETWORK_POLICY: network_policy_selectors,
        CILIUM_POLICY: cilium_selectors,
    }
)
"""The kinds that select pods by label, with how each of them does."""

#: Routers whose weights a ServiceProfile of Linkerd overrides.
_UNDER_PROFILES = frozenset({"smi", "linkerd", "gatewayapi"})
#: A longer trafficPolicy is not kept in a status.
_POLICY_LENGTH = 4096

Found = Mapping[Kind, tuple[Manifest, ...]]
"""The objects of each kind in the Canary's namespace; of kinds that can't be read there are none."""


def surveyed_kinds(routers: tuple[str, ...]) -> tuple[Kind, ...]:
    """Name the kinds that matter to a Canary with some routers."""
    named = frozenset(routers)
    profiles = (SERVICE_PROFILE,) if named & _UNDER_PROFILES else ()
    rules = (DESTINATION_RULE, VIRTUAL_SERVICE) if "istio" in named else ()
    routes = (HTTP_ROUTE,) if "gatewayapi" in named else ()
    return (*SELECTING, *profiles, *rules, *routes)


def survey(
    canary: Canary,
    routers: tuple[str, ...],
    target: Manifest,
    label: SelectorLabel,
    found: Found,
    *,
    by_subsets: bool = False,
) -> Survey:
    """Name the risks of a Canary, and the trafficPolicy that its sides take over.

    `by_subsets` says that a DestinationRule for the apex tells them apart.
    """
    rules = tuple(_apex_rules(canary, found))
    policy = "" if canary.spec.service.traffic_policy or not rules else _written(rules[0])
    fits = len(policy) <= _POLICY_LENGTH
    ignored = rules[1:] if policy and fits else rules
    return Survey(
        risks=(
            *(risks(canary, target, label, found) if label != NO_LABEL else ()),
            *(_profiles(canary, found) if _UNDER_PROFILES.intersection(routers) else ()),
            *(_ignored(canary, rule) for rule in ignored),
            *(_instead(canary, found) if by_subsets else ()),
            *(_rival(canary, *each) for each in rival_routes(canary, routers, found)),
        ),
        traffic_policy=policy if fits else "",
        gitops=rule_for(target, keeps=canary.spec.keep_target),
    )


def risks(canary: Canary, target: Manifest, label: SelectorLabel, found: Found) -> tuple[Risk, ...]:
    """Name the policies that cover the target's pods and not the primary's, or a baseline's."""
    template = target["spec"]["template"].get("metadata") or {}
    pods = {
        **(target["spec"]["selector"].get("matchLabels") or {}),
        **(template.get("labels") or {}),
    }
    return tuple(
        _lost(kind, policy["metadata"]["name"], label, twin)
        for twin in _twins(canary, label)
        for kind, selectors in SELECTING.items()
        for policy in found.get(kind, ())
        if _only(selectors, policy, pods, pods | {label.key: twin.value})
        # A policy for the twin's pods alone was written with them in mind.
        and not any(
            _only(selectors, other, pods | {label.key: twin.value}, pods) for other in found[kind]
        )
    )


class _Twin(NamedTuple):
    """A workload whose pods have the target's labels but for one."""

    workload: str
    value: str


def _twins(canary: Canary, label: SelectorLabel) -> Iterator[_Twin]:
    yield _Twin(canary.spec.primary_name, label.primary)
    if canary.spec.analysis.has_baseline:
        yield _Twin(canary.spec.baseline_name, f"{label.value}{BASELINE}")


def _only(
    selectors: Selectors, policy: Manifest, one: Mapping[str, str], other: Mapping[str, str]
) -> bool:
    """Tell whether a policy selects the pods of one side somewhere, and there not the other's."""
    return any(selects(each, one) and not selects(each, other) for each in selectors(policy))


def _lost(kind: Kind, name: str, label: SelectorLabel, twin: _Twin) -> Risk:
    return Risk(
        kind=kind.kind,
        name=name,
        reason=SELECTORS_LOST,
        message=f"{kind.kind} {name} selects pods by {label.key}={label.value}, and the pods of "
        f"{twin.workload} have {label.key}={twin.value}: select by a label that "
        "both have, or name another label in the controller's --selector-labels",
        holds=True,
    )


def _profiles(canary: Canary, found: Found) -> Iterator[Risk]:
    """Name the ServiceProfiles of the apex, by their names: Linkerd asks them and no route."""
    apex = canary.spec.service_name
    for profile in found.get(SERVICE_PROFILE, ()):
        name = str(profile["metadata"]["name"])
        if name.startswith(f"{apex}.{canary.metadata.namespace}.svc."):
            yield Risk(
                kind=SERVICE_PROFILE.kind,
                name=name,
                reason=WEIGHTS_IGNORED,
                message=f"Linkerd ignores the weights of routes to {apex} while there is a "
                f"ServiceProfile {name}: replace it with an HTTPRoute, or delete it",
                holds=True,
            )


def _rival(canary: Canary, kind: Kind, name: str) -> Risk:
    return Risk(
        kind=kind.kind,
        name=name,
        reason=WEIGHTS_IGNORED,
        message=f"{kind.kind} {name} takes the same requests as {kind.kind} "
        f"{canary.spec.service_name}, and which of the two they go by is chance: delete it, or have "
        "tidegate split its rules with spec.managedRoutes",
        holds=True,
    )


def _apex_rules(canary: Canary, found: Found) -> Iterator[Manifest]:
    """Find the DestinationRules with a trafficPolicy for the apex, by whatever name."""
    for rule in _for_apex(canary, found):
        policy = rule["spec"].get("trafficPolicy")
        # One of ours, or one that was taken over, says what the Canary says.
        said = policy == canary.spec.service.traffic_policy or owned(canary, rule)
        if policy and not said:
            yield rule


def _for_apex(canary: Canary, found: Found) -> Iterator[Manifest]:
    apex, namespace = canary.spec.service_name, canary.metadata.namespace
    hosts = {apex, *(f"{apex}.{namespace}{rest}" for rest in ("", ".svc", ".svc.cluster.local"))}
    for rule in found.get(DESTINATION_RULE, ()):
        if (rule.get("spec") or {}).get("host") in hosts:
            yield rule


def _instead(canary: Canary, found: Found) -> Iterator[Risk]:
    """Name the DestinationRules for the apex that Istio does not merge with that of its name."""
    apex = canary.spec.service_name
    for rule in _for_apex(canary, found):
        name = rule["metadata"]["name"]
        apart = [field for field in ("exportTo", "workloadSelector") if rule["spec"].get(field)]
        if name != apex and apart:
            yield Risk(
                kind=DESTINATION_RULE.kind,
                name=name,
                reason=WEIGHTS_IGNORED,
                message=f"DestinationRule {name} is for the host {apex} as well, and with spec."
                f"{apart[0]} Istio uses it instead of the one with the subsets of both sides: name "
                f"it {apex}, or remove {apart[0]}",
                holds=True,
            )


def _ignored(canary: Canary, rule: Manifest) -> Risk:
    name, spec = rule["metadata"]["name"], canary.spec
    sides = f"{spec.primary_service_name} and {spec.canary_service_name}"
    return Risk(
        kind=DESTINATION_RULE.kind,
        name=name,
        reason=POLICY_IGNORED,
        message=f"the trafficPolicy of DestinationRule {name} has no effect: requests go to "
        f"{sides}; move what you need of it to spec.service.trafficPolicy",
        holds=False,
    )


def _written(rule: Manifest) -> str:
    return json.dumps(rule["spec"]["trafficPolicy"], sort_keys=True, separators=(",", ":"))


def with_policy(canary: Canary, policy: str) -> Canary:
    """Give a Canary the trafficPolicy that was taken over, where it has none of its own."""
    service = canary.spec.service
    try:
        document = json.loads(policy) if policy and not service.traffic_policy else None
    except ValueError:  # a status may have been edited by hand
        document = None
    if not isinstance(document, dict):
        return canary
    taken = service.but(traffic_policy=document)
    return canary.but(spec=canary.spec.but(service=taken))
