"""Lists: what is selected, in which order, page by page and as of which version."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from tidegate_embedded.apiserver import errors, table
from tidegate_embedded.apiserver.conversion import as_json, from_stored
from tidegate_embedded.apiserver.negotiation import Form
from tidegate_embedded.apiserver.requests import ApiRequest, integer, resource_version
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.selectors import Predicate, both, field_selector, label_selector
from tidegate_embedded.apiserver.storage import Name, Storage, Stored
from tidegate_embedded.apiserver.values import Object, from_json, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list, its version, and where the next one begins."""

    items: list[Stored]
    version: int
    token: str = ""
    remaining: int | None = None

    @property
    def metadata(self) -> Object:
        """Render the list's metadata."""
        metadata: Object = {"resourceVersion": str(self.version)}
        if self.token:
            metadata["continue"] = self.token
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        return metadata


def selection(request: ApiRequest) -> Predicate | None:
    """Return what a request's selectors and namespace select; None for everything."""
    selected = both(
        label_selector(request.query.get("labelSelector", "")),
        field_selector(_field_selector(request), request.resource),
    )
    namespace = request.namespace
    if namespace is None:
        return selected
    return both(lambda item: item["metadata"].get("namespace") == namespace, selected)


def _field_selector(request: ApiRequest) -> str:
    text = request.query.get("fieldSelector", "")
    if request.name:
        by_name = f"metadata.name={request.name}"
        return f"{text},{by_name}" if text else by_name
    return text


def listed(storage: Storage, request: ApiRequest) -> Page:
    """Return a page of a list; raises a 400, 410 or 504."""
    asked = resource_version(request)
    match = request.query.get("resourceVersionMatch", "")
    token = request.query.get("continue", "")
    _check(request, asked, match, token)
    history = storage.history(request.resource.storage_key)
    version, start = storage.version, None
    objects = history.objects
    if token:
        version, start = _position(token)
        if version != storage.version:
            objects = history.as_of(version)
    elif match == "Exact" and asked is not None:
        version = asked
        if asked > storage.version:
            raise errors.too_large_version(asked, storage.version)
        objects = history.as_of(asked)
    elif asked is not None and asked > storage.version:
        raise errors.too_large_version(asked, storage.version)
    selected = selection(request)
    names = sorted(name for name in objects if start is None or name > start)
    items = [
        stored
        for stored in (objects[name] for name in names)
        if selected is None or selected(stored.object)
    ]
    limit = integer(request, "limit") or 0
    if not 0 < limit < len(items):
        return Page(items=items, version=version)
    last = items[limit - 1].object["metadata"]
    plain = not request.query.get("labelSelector") and not request.query.get("fieldSelector")
    return Page(
        items=items[:limit],
        version=version,
        token=_token(version, (last.get("namespace", ""), last["name"])),
        remaining=len(items) - limit if plain else None,
    )


def _check(request: ApiRequest, asked: int | None, match: str, token: str) -> None:
    causes = []
    given = request.query.get("resourceVersion", "")
    if "sendInitialEvents" in request.query:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if match:
        if not given:
            causes.append(
                _forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                )
            )
        if token:
            causes.append(
                _forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden when continue is provided",
                )
            )
        if match not in {"Exact", "NotOlderThan"}:
            causes.append(
                errors.unsupported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""])
            )
        if match == "Exact" and given == "0":
            causes.append(
                _forbidden(
                    "resourceVersionMatch",
                    'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
                )
            )
    if causes:
        raise errors.invalid("meta.k8s.io", "ListOptions", "", causes)
    if token and asked:
        raise errors.bad_request("specifying resource version is not allowed when using continue")


def _forbidden(field: str, message: str) -> errors.Cause:
    return errors.Cause(errors.FORBIDDEN, field, f"Forbidden: {message}")


def _token(version: int, name: Name) -> str:
    position = {"v": "meta.k8s.io/v1", "rv": version, "start": list(name)}
    return base64.urlsafe_b64encode(to_json(position)).decode().rstrip("=")


def _position(token: str) -> tuple[int, Name]:
    try:
        position = from_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = position["start"]
        return int(position["rv"]), (str(namespace), str(name))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise errors.bad_request(
            f"invalid continue token: continue key is not valid: {error}"
        ) from error


#: Writes the representation of an object that a form asks for.
Writer = Callable[[Stored], bytes]


def item_writer(resource: Resource, form: Form, include: str) -> Writer:
    """Return what writes an object as an item of a list."""
    if form == "metadata":
        return lambda stored: stored.represented("metadata", table.partial_metadata)
    if form == "table":
        return lambda stored: to_json(
            table.row(from_stored(stored.object, resource), resource, include)
        )
    if resource.custom:
        return lambda stored: as_json(stored, resource)
    # As the real API server does, items of built-in lists come without kind and version.
    form_name = f"item {resource.api_version}"
    return lambda stored: stored.represented(form_name, lambda item: _bare(item, resource))


def _bare(item: Object, resource: Resource) -> Object:
    converted = from_stored(item, resource)
    return {name: part for name, part in converted.items() if name not in {"kind", "apiVersion"}}


def list_body(page: Page, resource: Resource, form: Form, include: str) -> bytes:
    """Serialise a page from the bytes of its items."""
    write = item_writer(resource, form, include)
    items = b",".join([write(stored) for stored in page.items])
    if form == "table":
        head = table.table([], resource, page.metadata)
        del head["rows"]
        field = b"rows"
    else:
        kind, api_version = resource.list_kind, resource.api_version
        if form == "metadata":
            kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        head = {"kind": kind, "apiVersion": api_version, "metadata": page.metadata}
        field = b"items"
    return to_json(head)[:-1] + b',"' + field + b'":[' + items + b"]}"
