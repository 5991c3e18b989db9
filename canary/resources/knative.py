"""Knative Services: whether the newest Revision is that of the template as it is, and ready.

A status is behind the spec after each write of the traffic block, until Knative has looked at that,
although no template has changed. So the template that a Revision was made from is remembered in an
annotation, written together with the traffic.
"""

from typing import Any

from canary.api.annotations import READY_REVISION
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.resources.revision import HASHING

CONFIGURED = "ConfigurationsReady"
"""The condition that tells whether the newest Revision is ready."""


def ready_revision(manifest: Manifest) -> str:
    """Name the Revision of the template as it is; empty where it is not ready, or not known yet."""
    status = manifest.get("status")
    newest = text(status, "latestCreatedRevisionName")
    if newest != text(status, "latestReadyRevisionName") or configured(manifest) != "True":
        return ""
    return newest if is_observed(manifest) or _remembers(manifest, newest) else ""


def configured(manifest: Manifest) -> str:
    """Read whether the newest Revision is ready: True, False or Unknown, empty where it is not said."""
    conditions = items(part(manifest.get("status"), "conditions"))
    found = (text(each, "status") for each in conditions if text(each, "type") == CONFIGURED)
    return next(found, "")


def is_observed(manifest: Manifest) -> bool:
    """Tell whether the status speaks of the spec as it is."""
    observed: Any = part(manifest.get("status"), "observedGeneration") or 0
    return bool(observed >= manifest["metadata"].get("generation", 0))


def revision_mark(manifest: Manifest) -> dict[str, str]:
    """Give the annotation that remembers the Revision of the template.

    While that is not ready, it is the one that is there; empty where there is none.
    """
    if revision := ready_revision(manifest):
        return {READY_REVISION: _mark(manifest, revision)}
    before = _annotations(manifest)
    return {READY_REVISION: before[READY_REVISION]} if READY_REVISION in before else {}


def _remembers(manifest: Manifest, revision: str) -> bool:
    return _annotations(manifest).get(READY_REVISION) == _mark(manifest, revision)


def _mark(manifest: Manifest, revision: str) -> str:
    return f"{revision} {HASHING.revision(manifest['spec']['template'], {})}"


def _annotations(manifest: Manifest) -> dict[str, str]:
    return part(manifest["metadata"], "annotations") or {}
