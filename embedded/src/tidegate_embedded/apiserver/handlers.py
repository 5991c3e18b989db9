"""Answers to requests for resources: from a resolved request to a body and its status.

They are made in steps, as writes are; see `reviewing`.
"""

from dataclasses import dataclass
from typing import Any

from tidegate_embedded.apiserver import errors, reading, subresources, table
from tidegate_embedded.apiserver.changes import Written
from tidegate_embedded.apiserver.conversion import as_json, from_stored
from tidegate_embedded.apiserver.negotiation import JSON, Form, parsed
from tidegate_embedded.apiserver.objects import Objects
from tidegate_embedded.apiserver.requests import ApiRequest, delete_options, write_options
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.reviewing import Steps
from tidegate_embedded.apiserver.storage import Stored
from tidegate_embedded.apiserver.values import Object, to_json
from tidegate_embedded.apiserver.writing import PatchKind

_PATCHES: dict[str, PatchKind] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON body and the warnings that go with it."""

    status: int
    body: bytes
    warnings: tuple[str, ...] = ()


def answer(
    objects: Objects, request: ApiRequest, body: bytes, media_type: str, form: Form
) -> Steps[Answer]:
    """Carry out a request other than a watch; raises an `ApiError`."""
    match request.verb:
        case "list":
            page = reading.listed(objects.storage, request)
            include = request.query.get("includeObject", "Metadata")
            return Answer(200, reading.list_body(page, request.resource, form, include))
        case "get":
            return _got(objects, request, form)
        case "create":
            return (yield from _created(objects, request, parsed(body, media_type)))
        case "update":
            return (yield from _updated(objects, request, parsed(body, media_type)))
        case "patch":
            return (yield from _patched(objects, request, body, media_type))
        case "delete":
            return (yield from _deleted(objects, request, _options_body(body, media_type)))
        case _:
            return (
                yield from _deleted_collection(objects, request, _options_body(body, media_type))
            )


def _options_body(body: bytes, media_type: str) -> Any:
    return parsed(body, media_type) if body.strip() else None


def _object_body(stored: Stored, resource: Resource, form: Form, include: str) -> bytes:
    if form == "metadata":
        return stored.represented("metadata", table.partial_metadata)
    if form == "table":
        item = from_stored(stored.object, resource)
        metadata = {"resourceVersion": str(stored.version)}
        return to_json(table.table([table.row(item, resource, include)], resource, metadata))
    return as_json(stored, resource)


def _got(objects: Objects, request: ApiRequest, form: Form) -> Answer:
    stored = objects.read(request.resource, request.place, request.name)
    if request.subresource == "scale":
        item = from_stored(stored.object, request.resource)
        return Answer(200, to_json(subresources.scale_of(item, request.resource)))
    include = request.query.get("includeObject", "Metadata")
    return Answer(200, _object_body(stored, request.resource, form, include))


def _created(objects: Objects, request: ApiRequest, item: Any) -> Steps[Answer]:
    resource = request.resource
    if request.subresource == "eviction":
        options = delete_options(request, (item or {}).get("deleteOptions"))
        status = yield from subresources.evict(
            objects, resource, request.place, request.name, item, options
        )
        return Answer(201, to_json(status))
    if "get" not in resource.verbs:
        review = subresources.reviewed(resource, item, request.user)
        return Answer(201, to_json(review))
    written = yield from objects.writes.create(
        resource, request.place, item, write_options(request)
    )
    return _written(written, resource)


def _updated(objects: Objects, request: ApiRequest, item: Any) -> Steps[Answer]:
    resource, options = request.resource, write_options(request)
    if request.subresource == "scale":
        scale = yield from subresources.put_scale(
            objects, resource, request.place, request.name, item, options
        )
        return Answer(200, to_json(scale))
    if request.subresource == "finalize":
        finalized = yield from subresources.finalize_namespace(
            objects, resource, request.name, item
        )
        return Answer(200, to_json(finalized))
    written = yield from objects.writes.replace(
        resource, request.place, request.name, item, options, subresource=request.subresource
    )
    return _written(written, resource)


def _patched(objects: Objects, request: ApiRequest, body: bytes, media_type: str) -> Steps[Answer]:
    resource = request.resource
    accepted = [*_PATCHES, _APPLY]
    if resource.custom:
        accepted.remove("application/strategic-merge-patch+json")
    if media_type not in accepted:
        raise errors.unsupported_media_type(accepted)
    options = write_options(request, applying=media_type == _APPLY)
    changes = parsed(body, media_type)
    if request.subresource == "scale":
        if media_type == _APPLY:
            kind: PatchKind = "merge"
        else:
            kind = _PATCHES[media_type]
        scale = yield from subresources.patch_scale(
            objects, resource, request.place, request.name, kind, changes, options
        )
        return Answer(200, to_json(scale))
    if media_type == _APPLY:
        written = yield from objects.writes.apply(
            resource,
            request.place,
            request.name,
            changes,
            options,
            subresource=request.subresource,
        )
    else:
        written = yield from objects.writes.patch(
            resource,
            request.place,
            request.name,
            _PATCHES[media_type],
            changes,
            options,
            subresource=request.subresource,
        )
    return _written(written, resource)


def _written(written: Written, resource: Resource) -> Answer:
    status = 201 if written.created else 200
    return Answer(status, as_json(written.stored, resource), written.warnings)


def _deleted(objects: Objects, request: ApiRequest, body: Any) -> Steps[Answer]:
    resource = request.resource
    written = yield from objects.writes.delete(
        resource, request.place, request.name, delete_options(request, body)
    )
    if not written.removed or resource.returns_deleted:
        return Answer(200, as_json(written.stored, resource))
    details: Object = {
        "name": request.name,
        "group": resource.group,
        "kind": resource.plural,
        "uid": written.stored.object["metadata"]["uid"],
    }
    if not resource.group:
        del details["group"]
    status = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    }  # fmt: skip
    return Answer(200, to_json(status))


def _deleted_collection(objects: Objects, request: ApiRequest, body: Any) -> Steps[Answer]:
    page = reading.listed(objects.storage, request)
    options = delete_options(request, body)
    for stored in page.items:
        metadata = stored.object["metadata"]
        yield from objects.writes.delete(
            request.resource,
            metadata.get("namespace", ""),
            metadata["name"],
            options,
            named=False,
        )
    return Answer(200, reading.list_body(page, request.resource, "object", "None"))


def json_status(error: errors.ApiError) -> Answer:
    """Answer with the Status of a refusal."""
    return Answer(error.code, to_json(error.status))


MEDIA_TYPE = JSON
