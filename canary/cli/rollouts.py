"""What an Argo Rollouts' Rollout is as a Deployment and a Canary, and what of it has no place there.

Only the Rollout itself is read: its AnalysisTemplates ask other stores in other words, and its
Services and routes are named, and not touched. Long because each field of a Rollout goes its own way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION
from canary.api.raw import items, part, present, text
from canary.cli.rollout_routes import managed_by_gateway, managed_routes

GROUP = "argoproj.io"
KIND = "Rollout"

_OF_DEPLOYMENT = (
    "replicas",
    "selector",
    "template",
    "minReadySeconds",
    "revisionHistoryLimit",
    "progressDeadlineSeconds",
)
_READ = frozenset({*_OF_DEPLOYMENT, "strategy", "workloadRef", "rollbackWindow"})
_READ_OF_CANARY = frozenset(
    {
        "steps",
        "trafficRouting",
        "canaryService",
        "stableService",
        "maxSurge",
        "maxUnavailable",
        "scaleDownDelaySeconds",
        "analysis",
    }
)
_READ_OF_BLUE_GREEN = frozenset(
    {
        "activeService",
        "previewService",
        "autoPromotionEnabled",
        "scaleDownDelaySeconds",
        "prePromotionAnalysis",
        "postPromotionAnalysis",
    }
)
_KEPT_METADATA = ("name", "namespace", "labels", "annotations")
_BY_INGRESS = (("nginx", "stableIngress", "stableIngresses"), ("alb", "ingress", "ingresses"))
_NO_SERVICE = "the Rollout names no Service"
_BY_HAND = "write it into spec.analysis.metrics or a MetricTemplate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A place of a Rollout that is not carried over as it is."""

    field: str
    message: str
    blocks: bool = False
    """Whether the Canary cannot be acted on before a person has seen to it."""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.field}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a Rollout becomes."""

    objects: tuple[Manifest, ...]
    remarks: tuple[Remark, ...]


@dataclass(slots=True)
class _Draft:
    """A Canary's spec as it comes about."""

    analysis: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    service: str = ""
    remarks: list[Remark] = field(default_factory=list)

    def say(self, place: str, message: str, *, blocks: bool = False) -> None:
        """Note what is not carried over."""
        self.remarks.append(Remark(field=place, message=message, blocks=blocks))


def converted(rollout: Manifest, services: Mapping[str, Manifest]) -> Conversion:
    """Turn a Rollout into a Deployment and a Canary; `services` are those of its files by name."""
    spec, draft = part(rollout, "spec"), _Draft()
    strategy = part(spec, "strategy")
    if present(strategy, "blueGreen"):
        _blue_green(part(strategy, "blueGreen"), draft)
    else:
        _canary(part(strategy, "canary"), draft)
    if revisions := part(part(spec, "rollbackWindow"), "revisions"):
        draft.analysis["rollbackWindow"] = {"revisions": revisions}
    _beyond("spec", spec, _READ, draft)
    reference, objects = part(spec, "workloadRef"), []
    if reference is None:
        objects.append(_deployment(rollout, spec, part(strategy, "canary")))
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": _name(rollout)}
    else:
        names = ("apiVersion", "kind", "name")
        target = {each: text(reference, each) for each in names if text(reference, each)}
    service = {
        **({"name": draft.service} if draft.service not in {"", target.get("name")} else {}),
        "port": _port(draft, services, spec),
    }
    deadline = part(spec, "progressDeadlineSeconds")
    canary = {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "metadata": _metadata(rollout),
        "spec": {
            "targetRef": target,
            **draft.spec,
            **({"progressDeadlineSeconds": deadline} if deadline is not None else {}),
            "service": service,
            "analysis": draft.analysis,
        },
    }
    return Conversion(objects=(*objects, canary), remarks=tuple(draft.remarks))


# -------------------------------------------------------------------------------- strategies


def _canary(canary: object, draft: _Draft) -> None:
    place = "spec.strategy.canary"
    draft.service = text(canary, "stableService")
    if other := text(canary, "canaryService"):
        draft.say(
            f"{place}.canaryService",
            f"Service {other} is no longer used: tidegate makes {draft.service or 'NAME'}-canary "
            "and -primary; delete it when the Rollout is gone",
        )
    _delay(canary, draft)
    _routing(part(canary, "trafficRouting"), f"{place}.trafficRouting", draft)
    if part(canary, "analysis") is not None:
        draft.say(f"{place}.analysis", f"the background analysis is not carried over; {_BY_HAND}")
    draft.analysis["threshold"] = 1
    draft.analysis["steps"] = _steps(items(part(canary, "steps")), f"{place}.steps", draft) or [
        {"weight": 100}
    ]
    _beyond(place, canary, _READ_OF_CANARY, draft)


def _steps(steps: Iterable[object], place: str, draft: _Draft) -> list[dict[str, Any]]:
    """Gather steps: a weight begins one, and what follows says how long it lasts and who is asked."""
    made: list[dict[str, Any]] = []
    scale: dict[str, Any] | None = None
    for number, step in enumerate(steps):
        at = f"{place}[{number}]"
        pause, mirror = part(step, "pause"), part(step, "setMirrorRoute")
        if present(step, "setWeight"):
            made.append({"weight": part(step, "setWeight")} | ({"scale": scale} if scale else {}))
        elif pause is not None and made:
            _pause(pause, made[-1])
        elif pause is not None:
            draft.say(
                at, "a pause before the first weight is no step here; use a gate confirm-rollout"
            )
        elif present(step, "setCanaryScale"):
            scale = _scale(part(step, "setCanaryScale"))
        elif mirror is not None and not items(part(mirror, "match")) and part(mirror, "percentage"):
            made.append({"weight": 0, "mirror": part(mirror, "percentage")})
        elif present(step, "analysis"):
            draft.say(at, f"the analysis of this step is not carried over; {_BY_HAND}")
        else:
            names = ", ".join(step) if isinstance(step, Mapping) else "this"
            draft.say(at, f"{names} has no counterpart", blocks=True)
    return made


def _pause(pause: object, step: dict[str, Any]) -> None:
    duration = part(pause, "duration")
    if duration is None:
        step["approval"] = True
    else:
        step["duration"] = f"{duration}s" if str(duration).isdecimal() else str(duration)


def _scale(scale: object) -> dict[str, Any] | None:
    """Give the canary's size for the steps that follow; None for that of its weight."""
    if part(scale, "matchTrafficWeight") is True:
        return {"matchTrafficWeight": True}
    if present(scale, "replicas"):
        return {"replicas": part(scale, "replicas")}
    return {"percent": part(scale, "weight")} if present(scale, "weight") else None


def _blue_green(blue_green: object, draft: _Draft) -> None:
    place = "spec.strategy.blueGreen"
    draft.service = text(blue_green, "activeService")
    draft.spec["provider"] = "kubernetes"
    draft.analysis |= {"interval": "30s", "threshold": 1, "iterations": 1}
    if other := text(blue_green, "previewService"):
        draft.say(
            f"{place}.previewService",
            f"Service {other} is no longer used: the new version is at "
            f"{draft.service or 'NAME'}-canary; delete it when the Rollout is gone",
        )
    if part(blue_green, "autoPromotionEnabled") is False:
        gate = {"name": "promote", "type": "confirm-promotion"}
        draft.analysis["webhooks"] = [gate]
    _delay(blue_green, draft)
    for name in ("prePromotionAnalysis", "postPromotionAnalysis"):
        if part(blue_green, name) is not None:
            draft.say(f"{place}.{name}", f"it is not carried over; {_BY_HAND}")
    _beyond(place, blue_green, _READ_OF_BLUE_GREEN, draft)


def _delay(strategy: object, draft: _Draft) -> None:
    seconds = part(strategy, "scaleDownDelaySeconds")
    if seconds:
        draft.analysis["scaleDownDelay"] = f"{seconds}s"


# ----------------------------------------------------------------------------------- traffic


def _routing(routing: object, place: str, draft: _Draft) -> None:
    """Choose the router; without one, Argo's shares are those of the pods, as are ours."""
    if routing is None:
        draft.spec["provider"] = "kubernetes:replicas"
        return
    plugins = part(routing, "plugins")
    gateway = part(plugins, "argoproj-labs/gatewayAPI")
    for name, one, several in _BY_INGRESS:
        if present(routing, name):
            draft.spec["provider"] = name
            _ingress(part(routing, name), one, several, draft)
            return
    for name in ("istio", "smi", "traefik"):
        if present(routing, name):
            draft.spec["provider"] = name
            managed = tuple(managed_routes(part(routing, name))) if name == "istio" else ()
            if managed:
                _manage(managed, f"{place}.{name}", draft)
            elif name != "smi":
                draft.say(
                    f"{place}.{name}",
                    "its route is not carried over: tidegate writes one of its own; copy hosts and "
                    "gateways into spec.service, and delete the former route afterwards",
                )
            return
    if gateway is not None:
        provider, managed = managed_by_gateway(gateway)
        draft.spec["provider"] = provider
        if managed:
            _manage(managed, f"{place}.plugins", draft)
            return
        draft.say(
            f"{place}.plugins",
            "name the Gateway that the HTTPRoute is attached to in spec.service.gatewayRefs, and "
            "its hostnames in spec.service.hosts",
            blocks=True,
        )
        return
    names = ", ".join(routing) if isinstance(routing, Mapping) else "it"
    draft.say(place, f"{names} has no counterpart; name a router in spec.provider", blocks=True)


def _manage(routes: tuple[Manifest, ...], place: str, draft: _Draft) -> None:
    """Manage the same rules of the user's routes, which must lead to the apex first."""
    draft.spec["managedRoutes"] = list(routes)
    names = ", ".join(f"{each['kind']} {each['name']}" for each in routes)
    service = draft.service or "NAME"
    draft.say(
        place,
        f"the rules of {names} lead to the Rollout's Services: have each lead to Service {service} "
        f"alone, or to {service}-primary and {service}-canary; the Canary waits until then",
    )


def _ingress(routing: object, one: str, several: str, draft: _Draft) -> None:
    """Refer to the Ingresses that lead to the app."""
    names = [*filter(None, [text(routing, one)]), *items(part(routing, several))]
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    first, *others = (kind | {"name": str(name)} for name in names) if names else ({},)
    draft.spec |= {"ingressRef": first} if first else {}
    draft.spec |= {"ingressRefs": others} if others else {}


def _port(draft: _Draft, services: Mapping[str, Manifest], spec: object) -> int:
    """Find the port that clients call: that of the Service, or of the first container."""
    for each in items(part(part(services.get(draft.service), "spec"), "ports")):
        port = part(each, "port")
        if isinstance(port, int):
            return port
    pod = part(part(part(spec, "template"), "spec"), "containers")
    for container in items(pod):
        for each in items(part(container, "ports")):
            port = part(each, "containerPort")
            if isinstance(port, int):
                why = (
                    f"Service {draft.service} is not in the files" if draft.service else _NO_SERVICE
                )
                draft.say(
                    "spec.template.spec.containers",
                    f"spec.service.port is {port}, as the first container says: {why}; check it",
                )
                return port
    draft.say("spec.template", "no port is known: set spec.service.port", blocks=True)
    return 80


# ----------------------------------------------------------------------------------- objects


def _deployment(rollout: Manifest, spec: object, canary: object) -> Manifest:
    body = {name: part(spec, name) for name in _OF_DEPLOYMENT if present(spec, name)}
    rolling = {
        name: part(canary, name) for name in ("maxSurge", "maxUnavailable") if present(canary, name)
    }
    strategy = {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}} if rolling else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(rollout),
        "spec": {**body, **strategy},
    }


def _metadata(rollout: Manifest) -> dict[str, Any]:
    metadata = part(rollout, "metadata")
    return {name: part(metadata, name) for name in _KEPT_METADATA if part(metadata, name)}


def _name(rollout: Manifest) -> str:
    return text(part(rollout, "metadata"), "name")


def _beyond(place: str, value: object, known: frozenset[str], draft: _Draft) -> None:
    """Name the fields that nothing is made of."""
    for name in value if isinstance(value, Mapping) else ():
        if name not in known:
            draft.say(f"{place}.{name}", "it has no counterpart, and is left out")


def blocked(remarks: Iterable[Remark]) -> Iterator[Remark]:
    """Give the remarks that a person must see to first."""
    return (each for each in remarks if each.blocks)
