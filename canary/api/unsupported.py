"""What Flagger's manifests name and no plug-in of this version brings."""

from collections.abc import Mapping

from analysis.errors import UnknownPlugin
from canary.api.shown import shown
from canary.errors import Problem

#: What Flagger's manifests name and no plug-in of this version brings, by family. An installed
#: package may bring it.
LATER: Mapping[str, frozenset[str]] = {
    "tidegate.routers": frozenset(),
    "tidegate.targets": frozenset(),
}


#: What Flagger's manifests name and no version will bring, with the reason and the way out.
ENDED: Mapping[str, Mapping[str, str]] = {
    "tidegate.routers": {
        "appmesh": "AWS ended App Mesh on 30 September 2026: move to istio, or to gatewayapi",
    },
}


def not_installed(field: str, unknown: UnknownPlugin) -> Problem:
    """Say that no plug-in has the name that a field holds; one of Flagger's is no mistyped one."""
    return Problem(field, shown(unknown.name), _told(unknown, unknown.remedy))


def not_started_with(flag: str, unknown: UnknownPlugin) -> str:
    """Say the same of what the controller was started with."""
    return f"{flag}: {_told(unknown, str(unknown))}"


def _told(unknown: UnknownPlugin, remedy: str) -> str:
    name = unknown.name.partition(":")[0]
    known = name in LATER.get(unknown.group, ())
    why = "this version does not support it" if known else ENDED.get(unknown.group, {}).get(name)
    return "; ".join(filter(None, (why, remedy)))
