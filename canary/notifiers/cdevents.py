"""What a run comes to as an event of CDEvents, for tools that read those.

Only an end that changes what serves is one, and only where an image is known by its digest: an
event names an artifact, and a tag is none. It is carried by a CloudEvent, as CDEvents asks.
https://github.com/cdevents/spec/blob/v0.5.1/continuous-deployment.md
"""

import re
from collections.abc import Mapping
from typing import Any, TypedDict
from urllib.parse import quote

from canary.notifiers import Alert
from canary.notifiers.posting import timestamp

SPECVERSION = "0.5.1"
_TYPES: Mapping[str, str] = {
    "Promoted": "dev.cdevents.service.upgraded.0.3.0",
    "RolledBack": "dev.cdevents.service.rolledback.0.3.0",
}
_IMAGE = re.compile(
    r"(?P<repository>([^\s/@]+/)*(?P<name>[^\s/:@]+))(:(?P<tag>[\w.-]+))?"
    r"@(?P<digest>\w+:[0-9a-fA-F]{32,})"
)


class CDEvent(TypedDict):
    """What a promotion or a rollback is for tools that read CDEvents."""

    context: Mapping[str, str]
    """`specversion`, `id`, `source`, `type` and `timestamp`, as in the CloudEvent around it: `type` is
    `dev.cdevents.service.upgraded.0.3.0` or `dev.cdevents.service.rolledback.0.3.0`."""
    subject: Mapping[str, Any]
    """The service: its `id` is the target, its `content` has the `environment` by its `id`, the
    namespace with the cluster before it where that has a name, and `artifactId`, the image that serves
    from now on as a package URL."""


def cdevent(alert: Alert, source: str) -> CDEvent | None:
    """Write an alert as an event of CDEvents; None where it is none."""
    type_, artifact = _TYPES.get(alert.reason), package_url(alert.serving)
    if type_ is None or not artifact:
        return None
    environment = "/".join(filter(None, (alert.cluster, alert.namespace)))
    return {
        "context": {
            "specversion": SPECVERSION,
            # The source has an event of this alert's own id already.
            "id": f"{alert.id}/cdevents",
            "source": source,
            "type": type_,
            "timestamp": timestamp(alert.at),
        },
        "subject": {
            "id": f"{alert.namespace}/{alert.target}",
            "source": source,
            "content": {"environment": {"id": environment}, "artifactId": artifact},
        },
    }


def package_url(image: str) -> str:
    """Write an image as a package URL; empty where it has no digest."""
    named = _IMAGE.fullmatch(image)
    if named is None:
        return ""
    qualifiers = {"repository_url": named["repository"], "tag": named["tag"] or ""}
    query = "&".join(f"{key}={quote(value)}" for key, value in qualifiers.items() if value)
    name, digest = quote(named["name"].lower()), quote(named["digest"], safe="")
    return f"pkg:oci/{name}@{digest}?{query}"
