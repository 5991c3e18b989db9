"""The status of a `flagger.app` Canary: ours, inside the fields that its CRD keeps.

The API server drops every field that the peer's CRD does not name. What tidegate remembers beyond
those is kept as text under one key of `trackedConfigs`, the only map of the peer's status, so that
it is written in the same patch as the phase and the weight it belongs to.
"""

import json
from collections.abc import Mapping
from typing import Any

from canary.api.status import CanaryStatus, read_status, write_status

STATE_KEY = "tidegate.dev/state"

_PEER_FIELDS = frozenset(
    {
        "phase",
        "failedChecks",
        "canaryWeight",
        "iterations",
        "trackedConfigs",
        "lastAppliedSpec",
        "lastPromotedSpec",
        "lastTransitionTime",
        "conditions",
    }
)
_PEER_CONDITION_FIELDS = frozenset(
    {"type", "status", "reason", "message", "lastUpdateTime", "lastTransitionTime"}
)


def write_peer_status(
    status: CanaryStatus, *, before: CanaryStatus | None = None
) -> dict[str, Any]:
    """Write a status in the shape of the peer's CRD, as a merge patch of `before`."""
    document = write_status(status, before=before)
    peer = {key: value for key, value in document.items() if key in _PEER_FIELDS}
    # Conditions are there for people and tools; ours say more than the peer's CRD lets through.
    peer["conditions"] = [
        {key: value for key, value in condition.items() if key in _PEER_CONDITION_FIELDS}
        for condition in document["conditions"]
    ]
    rest = {key: value for key, value in document.items() if key not in peer}
    rest["conditions"] = document["conditions"]
    state = json.dumps(rest, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return peer | {"trackedConfigs": {**document["trackedConfigs"], STATE_KEY: state}}


def read_peer_status(raw: object) -> CanaryStatus:
    """Read a status that was written by `write_peer_status`, or by the peer itself."""
    document = dict(raw) if isinstance(raw, Mapping) else {}
    configs = document.get("trackedConfigs")
    configs = dict(configs) if isinstance(configs, Mapping) else {}
    state = _decode(configs.pop(STATE_KEY, ""))
    kept = {key: value for key, value in state.items() if key not in _PEER_FIELDS}
    if "conditions" in document and "conditions" in state:
        kept["conditions"] = state["conditions"]
    return read_status(document | {"trackedConfigs": configs} | kept)


def _decode(text: object) -> dict[str, Any]:
    try:
        state = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return dict(state) if isinstance(state, Mapping) else {}
