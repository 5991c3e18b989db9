"""Who an object belongs to, as Kubernetes' own controllers mark it."""

from collections.abc import Mapping
from typing import Any

from canary.api.kinds import Manifest


def controller_of(item: Manifest) -> Mapping[str, Any]:
    """Give the owner reference of the controller of an object; an empty one where it has none."""
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def label_of(item: Manifest, key: str) -> str:
    """Read a label; empty where it is not set."""
    return str((item["metadata"].get("labels") or {}).get(key, ""))
