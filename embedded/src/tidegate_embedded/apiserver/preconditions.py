"""What must hold before an object is written: where it belongs, and which version is meant."""

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.apply import Writable
from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.values import Object, child


def place(item: Object, resource: Resource, namespace: str, name: str | None = None) -> None:
    """Check that an object belongs where the request's path says, and say so in it."""
    metadata = child(item, "metadata")
    if resource.namespaced:
        if metadata.setdefault("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
    else:
        metadata.pop("namespace", None)
    if name is not None and metadata.setdefault("name", name) != name:
        raise errors.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({name})"
        )


def check_update(resource: Resource, before: Object, metadata: Object) -> None:
    """Refuse an update that was made for another object or another version; raises a 409."""
    name, uid = before["metadata"]["name"], before["metadata"]["uid"]
    if metadata.get("uid") and metadata["uid"] != uid:
        raise errors.conflict(
            resource.group,
            resource.plural,
            name,
            f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta:"
            f" {uid}",
        )
    version = metadata.get("resourceVersion")
    if version and version != before["metadata"]["resourceVersion"]:
        raise errors.conflict(resource.group, resource.plural, name)


def check_deletion(resource: Resource, item: Object, options: DeleteOptions) -> None:
    """Refuse a deletion that was meant for another object or another version; raises a 409."""
    metadata = item["metadata"]
    for label, wanted, actual, meaning in (
        ("UID", options.uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"], "modified"),
    ):
        if wanted is not None and wanted != actual:
            raise errors.conflict(
                resource.group,
                resource.kind,
                metadata["name"],
                f"the {label} in the precondition ({wanted}) does not match the {label} in record"
                f" ({actual}). The object might have been {meaning}",
            )


def writable_by(resource: Resource, subresource: str) -> Writable:
    """Return which fields a server-side apply of the object, or of its status, may write."""
    if subresource == "status":
        return lambda path: path[0] == "f:status"
    if resource.has_status:
        return lambda path: path[0] != "f:status"
    return lambda _path: True
