"""Subresources other than the status (scale, eviction, finalize), and reviews that store nothing.

Webhooks are asked about them in the form that clients sent.
"""

from dataclasses import replace
from typing import Any

from tidegate_embedded.apiserver import errors, jsonpath, patch
from tidegate_embedded.apiserver.conversion import from_stored
from tidegate_embedded.apiserver.decoding import WriteOptions
from tidegate_embedded.apiserver.errors import PathNotFound
from tidegate_embedded.apiserver.lifecycle import DeleteOptions, may_go
from tidegate_embedded.apiserver.objects import Objects
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.reviewing import Kind, Overtaken, Review, Steps, in_both_phases
from tidegate_embedded.apiserver.selectors import selector_text
from tidegate_embedded.apiserver.values import Object, copied
from tidegate_embedded.apiserver.writing import PatchKind

_SCALE: Kind = ("autoscaling", "v1", "Scale")
_EVICTION: Kind = ("policy", "v1", "Eviction")


def scale_of(item: Object, resource: Resource) -> Object:
    """Return an object's scale."""
    paths = resource.scale
    if paths is None:
        raise PathNotFound(f"{resource.plural}/scale")
    if resource.custom:
        selector = jsonpath.first(item, paths.selector) if paths.selector else None
    else:
        selector = selector_text(item["spec"].get("selector") or {})
    metadata = item["metadata"]
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": jsonpath.first(item, paths.status_replicas) or 0}
    if selector:
        status["selector"] = selector
    replicas = jsonpath.first(item, paths.replicas)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in fields if field in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def put_scale(
    objects: Objects,
    resource: Resource,
    namespace: str,
    name: str,
    scale: Any,
    options: WriteOptions,
) -> Steps[Object]:
    """Set an object's replicas by its scale; returns the new scale."""
    stored = objects.read(resource, namespace, name)
    paths = resource.scale
    if paths is None:
        raise PathNotFound(f"{resource.plural}/scale")
    _check_scale(scale, name)
    before = scale_of(from_stored(stored.object, resource), resource)
    asked = Review(
        phase="Mutating",
        operation="UPDATE",
        resource=resource,
        namespace=namespace,
        name=name,
        object={**before, **scale},
        old=before,
        dry_run=options.dry_run,
        subresource="scale",
        kind=_SCALE,
    )
    scale = (yield asked) or scale
    _check_scale(scale, name)
    yield replace(asked, phase="Validating", object={**before, **scale})
    if objects.find(resource, namespace, name) is not stored:
        raise Overtaken
    wanted = copied(stored.object)
    wanted["apiVersion"] = resource.api_version
    jsonpath.put(wanted, paths.replicas, (scale.get("spec") or {}).get("replicas", 0))
    metadata = scale.get("metadata") or {}
    wanted["metadata"]["resourceVersion"] = (
        metadata.get("resourceVersion") or stored.object["metadata"]["resourceVersion"]
    )
    if metadata.get("uid"):
        wanted["metadata"]["uid"] = metadata["uid"]
    written = objects.replace(resource, namespace, name, wanted, options, subresource="scale")
    return scale_of(written.stored.object, resource)


def _check_scale(scale: Any, name: str) -> None:
    if not isinstance(scale, dict) or scale.get("kind") not in {None, "Scale"}:
        raise errors.bad_request("the body of a scale request must be a Scale of autoscaling/v1")
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise errors.bad_request(f"Scale.spec.replicas: {replicas!r} is not an integer")
    if replicas < 0:
        detail = "must be greater than or equal to 0"
        cause = errors.invalid_value("spec.replicas", replicas, detail)
        raise errors.invalid("autoscaling", "Scale", name, [cause])


def patch_scale(
    objects: Objects,
    resource: Resource,
    namespace: str,
    name: str,
    kind: PatchKind,
    changes: Any,
    options: WriteOptions,
) -> Steps[Object]:
    """Patch an object's scale; returns the new scale."""
    current = scale_of(objects.read(resource, namespace, name).object, resource)
    if kind == "json":
        scale: Any = patch.json_patched(current, changes)
    else:
        scale = patch.merge_patched(current, changes)
    return (yield from put_scale(objects, resource, namespace, name, scale, options))


def evict(
    objects: Objects,
    resource: Resource,
    namespace: str,
    name: str,
    eviction: Any,
    options: DeleteOptions,
) -> Steps[Object]:
    """Delete a pod on behalf of an Eviction; disruption budgets are stored, but protect no pod."""
    objects.read(resource, namespace, name)
    asked = Review(
        phase="Mutating",
        operation="CREATE",
        resource=resource,
        namespace=namespace,
        name=name,
        object=eviction,
        old=None,
        dry_run=options.dry_run,
        subresource="eviction",
        kind=_EVICTION,
    )
    yield from in_both_phases(asked)
    objects.delete(resource, namespace, name, options)
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    }  # fmt: skip


def finalize_namespace(objects: Objects, resource: Resource, name: str, body: Any) -> Steps[Object]:
    """Set a namespace's own finalizers; without any, a deleted namespace goes."""
    stored = objects.read(resource, "", name)
    last = copied(stored.object)
    last["spec"] = {"finalizers": ((body or {}).get("spec") or {}).get("finalizers") or []}
    asked = Review(
        phase="Mutating",
        operation="UPDATE",
        resource=resource,
        namespace=name,
        name=name,
        object=last,
        old=stored.object,
        dry_run=False,
        subresource="finalize",
    )
    yield from in_both_phases(asked)
    if objects.find(resource, "", name) is not stored:
        raise Overtaken
    if may_go(last):
        return objects.storage.remove(resource.storage_key, ("", name), last).object
    return objects.storage.put(resource.storage_key, ("", name), last).object


def reviewed(resource: Resource, body: Any, user: str) -> Object:
    """Answer a review: everything is allowed to everyone who is let in."""
    if not isinstance(body, dict):
        raise errors.bad_request(f"a {resource.kind} must be an object")
    answer = {**body, "apiVersion": resource.api_version, "kind": resource.kind}
    answer.setdefault("metadata", {})
    who: Object = {"username": user, "groups": ["system:masters", "system:authenticated"]}
    match resource.kind:
        case "SelfSubjectRulesReview":
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
            answer["status"] = {
                "resourceRules": [everything], "nonResourceRules": [urls], "incomplete": False,
            }  # fmt: skip
        case "SelfSubjectReview":
            answer["status"] = {"userInfo": who}
        case "TokenReview":
            answer["status"] = {"authenticated": True, "user": who}
        case _:
            answer["status"] = {"allowed": True}
    return answer
