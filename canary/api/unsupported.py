"""What the schema has and this version does not act on yet: one row each, until it does.

A row is deleted by the change that makes its field work.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.errors import UnknownPlugin
from canary.api.canary import Canary
from canary.api.shown import shown
from canary.errors import Problem

#: What Flagger's manifests name and no plug-in of this version brings, by family. An installed
#: package may bring it.
LATER: Mapping[str, frozenset[str]] = {
    "tidegate.routers": frozenset(
        {
            "apisix",
            "knative",
            "skipper",
        }
    ),
    "tidegate.providers": frozenset(
        {
            "cloudwatch",
            "externalmetrics",
            "keptn",
            "splunk",
            "stackdriver",
        }
    ),
    "tidegate.targets": frozenset({"Service", "StatefulSet"}),
}


#: What Flagger's manifests name and no version will bring, with the reason and the way out.
ENDED: Mapping[str, Mapping[str, str]] = {
    "tidegate.routers": {
        "appmesh": "AWS ended App Mesh on 30 September 2026: move to istio, or to gatewayapi",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A field that has no effect yet."""

    field: str
    instead: str
    """What to do about it, after "this version does not support …"."""
    read: Callable[[Any], object]
    what: str = "this"
    """What the field asks for, where its name does not say so."""
    #: The values that do have an effect, beside "not set".
    supported: Iterable[object] = ()


_CANARY = (
    _Row(
        field="spec.analysis.sessionAffinity",
        read=lambda canary: canary.spec.analysis.session_affinity,
        what="session affinity",
        instead="remove it, or leave this workload to Flagger for now",
    ),
)


def unsupported(canary: Canary) -> tuple[Problem, ...]:
    """Name everything that a Canary asks for and that this version does not act on."""
    values = [(row, row.read(canary)) for row in _CANARY]
    return tuple(
        Problem(
            row.field,
            shown(value),
            f"this version does not support {row.what}; {row.instead}",
        )
        for row, value in values
        if value not in (None, False, (), {}) and value not in row.supported
    )


def not_installed(field: str, unknown: UnknownPlugin) -> Problem:
    """Say that no plug-in has the name that a field holds; one of Flagger's is no mistyped one."""
    name = unknown.name.partition(":")[0]
    known = name in LATER.get(unknown.group, ())
    why = "this version does not support it" if known else ENDED.get(unknown.group, {}).get(name)
    return Problem(field, shown(unknown.name), "; ".join(filter(None, (why, unknown.remedy))))
