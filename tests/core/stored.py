"""How the API server keeps a status: as merge patches leave it, less what its CRD does not name."""

from typing import Any

JsonObject = dict[str, Any]


def merged(document: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


#: The fields of a status in the peer's CRD, with their JSON types; every other one is dropped.
PEER_TYPES: dict[str, type | tuple[type, ...]] = {
    "phase": str,
    "failedChecks": (int, float),
    "canaryWeight": (int, float),
    "iterations": (int, float),
    "trackedConfigs": dict,
    "lastAppliedSpec": str,
    "lastPromotedSpec": str,
    "lastTransitionTime": str,
    "sessionAffinityCookie": str,
    "primarySessionAffinityCookie": str,
    "previousSessionAffinityCookie": str,
    "conditions": list,
}
PEER_CONDITION_FIELDS = (
    "type",
    "status",
    "reason",
    "message",
    "lastUpdateTime",
    "lastTransitionTime",
)


def pruned(status: JsonObject) -> JsonObject:
    """Keep of a status what the peer's CRD names, and refuse what has another type there."""
    kept = {key: value for key, value in status.items() if key in PEER_TYPES}
    for key, value in kept.items():
        assert isinstance(value, PEER_TYPES[key]), key
    assert all(isinstance(value, str) for value in kept.get("trackedConfigs", {}).values())
    if "conditions" in kept:
        kept["conditions"] = [
            {key: value for key, value in condition.items() if key in PEER_CONDITION_FIELDS}
            for condition in kept["conditions"]
        ]
        for condition in kept["conditions"]:
            assert {"type", "status", "reason"} <= condition.keys()
            assert all(isinstance(value, str) for value in condition.values())
    return kept
