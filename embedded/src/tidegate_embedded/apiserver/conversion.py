"""Objects between the versions of their kind.

Custom kinds differ in `apiVersion` alone; Events of the two groups name the same fields otherwise.
"""

from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.storage import Stored
from tidegate_embedded.apiserver.values import Object

_NEW_EVENTS = "events.k8s.io/v1"

#: Fields of events.k8s.io/v1 and what they are called in v1.
_EVENT_FIELDS = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}


def _renamed(item: Object, names: dict[str, str], api_version: str) -> Object:
    renamed = {names.get(field, field): value for field, value in item.items()}
    return {**renamed, "apiVersion": api_version}


def to_stored(item: Object, resource: Resource) -> Object:
    """Convert an object from the version of a request to the version kept."""
    if item.get("apiVersion") == resource.stored_api_version:
        return item
    if resource.api_version == _NEW_EVENTS:
        stored = _renamed(item, _EVENT_FIELDS, resource.stored_api_version)
        # A v1 Event always has these, empty where it was made in the other group.
        stored.setdefault("source", {})
        stored.setdefault("firstTimestamp", None)
        stored.setdefault("lastTimestamp", None)
        return stored
    return {**item, "apiVersion": resource.stored_api_version}


def from_stored(item: Object, resource: Resource) -> Object:
    """Convert an object from the version kept to the version of a request."""
    if item.get("apiVersion") == resource.api_version:
        return item
    if resource.api_version == _NEW_EVENTS:
        names = {old: new for new, old in _EVENT_FIELDS.items()}
        return _renamed(item, names, resource.api_version)
    return {**item, "apiVersion": resource.api_version}


def as_json(stored: Stored, resource: Resource) -> bytes:
    """Serialise an object in the version of a request, once for all who ask."""
    if stored.object.get("apiVersion") == resource.api_version:
        return stored.represented("json")
    form = f"json {resource.api_version}"
    return stored.represented(form, lambda item: from_stored(item, resource))
