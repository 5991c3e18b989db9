"""What a request is about: its resource, namespace, name, subresource and verb."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.decoding import FieldValidation, WriteOptions
from tidegate_embedded.apiserver.errors import PathNotFound
from tidegate_embedded.apiserver.lifecycle import DeleteOptions, Propagation
from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.values import Object

_NAMESPACE_SUBRESOURCES = {"status", "finalize"}
_TRUE = {"true", "1"}
_MANAGER_LENGTH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request for a resource. `namespace` is None where all namespaces are meant."""

    resource: Resource
    namespace: str | None
    name: str
    subresource: str
    verb: str
    query: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = ""
    user: str = "system:admin"

    @property
    def place(self) -> str:
        """The namespace in storage: empty for what has none."""
        return self.namespace or ""


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in _TRUE


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


def resolve(
    registry: Registry, method: str, path: str, query: Mapping[str, str], user_agent: str, user: str
) -> ApiRequest:
    """Find what a path below /api or /apis is about; raises `PathNotFound` or a 405."""
    segments = [segment for segment in path.split("/") if segment]
    if segments[0] == "api":
        group, version, rest = "", segments[1], segments[2:]
    elif len(segments) > 3:
        group, version, rest = segments[1], segments[2], segments[3:]
    else:
        raise PathNotFound(path)
    namespace = None
    own = not group and len(rest) == 3 and rest[2] in _NAMESPACE_SUBRESOURCES
    if rest[0] == "namespaces" and len(rest) > 2 and not own:
        namespace, rest = rest[1], rest[2:]
    resource = registry.find(group, version, rest[0])
    name = rest[1] if len(rest) > 1 else ""
    subresource = "/".join(rest[2:])
    if namespace is not None and not resource.namespaced:
        raise PathNotFound(path)
    if resource.namespaced and namespace is None and (name or method == "POST"):
        if name:
            raise PathNotFound(path)
        raise errors.method_not_allowed()
    if subresource and subresource not in resource.subresources:
        raise PathNotFound(path)
    verb = _verb(method, resource, name, subresource, query)
    return ApiRequest(
        resource=resource,
        namespace=namespace,
        name=name,
        subresource=subresource,
        verb=verb,
        query=query,
        user_agent=user_agent,
        user=user,
    )


def _verb(
    method: str, resource: Resource, name: str, subresource: str, query: Mapping[str, str]
) -> str:
    if method == "GET":
        watching = _is_true(query.get("watch")) or ("watch" in query and not query["watch"])
        verb = "watch" if watching and not subresource else ("get" if name else "list")
    elif method == "DELETE":
        verb = "delete" if name else "deletecollection"
    else:
        verb = _VERBS.get(method, method.lower())
    known = verb in resource.verbs
    if subresource:
        known = verb in {"get", "update", "patch"} if subresource in {"status", "scale"} else True
    elif (name and verb == "create") or (not name and verb in {"update", "patch"}):
        known = False
    if not known:
        raise errors.method_not_allowed()
    return verb


def manager_of(user_agent: str) -> str:
    """Name the field manager of a client that names none itself."""
    return user_agent.partition("/")[0][:_MANAGER_LENGTH] or "unknown"


def write_options(request: ApiRequest, *, applying: bool = False) -> WriteOptions:
    """Read the options of a write; raises a 422 that names the parameter."""
    query = request.query
    causes = []
    manager = query.get("fieldManager", "")
    if applying and not manager:
        causes.append(errors.required("fieldManager", "is required for apply patch"))
    if len(manager) > _MANAGER_LENGTH:
        causes.append(
            errors.invalid_value("fieldManager", manager, "may not be more than 128 bytes")
        )
    force = query.get("force")
    if force is not None and not applying and request.verb == "patch":
        causes.append(
            errors.Cause(
                errors.FORBIDDEN, "force", "Forbidden: may not be specified for non-apply patch"
            )
        )
    validation = query.get("fieldValidation") or "Warn"
    if validation not in {"Strict", "Warn", "Ignore"}:
        causes.append(
            errors.unsupported("fieldValidation", validation, ["Ignore", "Strict", "Warn"])
        )
    dry_run = query.get("dryRun")
    if dry_run not in {None, "", "All"}:
        causes.append(errors.unsupported("dryRun", dry_run, ["All"]))
    if causes:
        kind = {"create": "CreateOptions", "update": "UpdateOptions"}.get(
            request.verb, "PatchOptions"
        )
        raise errors.invalid("meta.k8s.io", kind, "", causes)
    checked: FieldValidation = (
        "Strict" if validation == "Strict" else "Ignore" if validation == "Ignore" else "Warn"
    )
    return WriteOptions(
        manager=manager or manager_of(request.user_agent),
        dry_run=bool(dry_run),
        field_validation=checked,
        force=_is_true(force),
    )


def delete_options(request: ApiRequest, body: object) -> DeleteOptions:
    """Read the options of a deletion from its body or its query; raises a 422."""
    query = request.query
    options: Object = body if isinstance(body, dict) else {}
    grace = options.get("gracePeriodSeconds")
    if grace is None and query.get("gracePeriodSeconds"):
        grace = _integer("gracePeriodSeconds", query["gracePeriodSeconds"])
    policy = options.get("propagationPolicy") or query.get("propagationPolicy")
    policies: dict[str | None, Propagation | None] = {
        None: None,
        "Background": "Background",
        "Foreground": "Foreground",
        "Orphan": "Orphan",
    }
    if policy not in policies:
        cause = errors.unsupported(
            "propagationPolicy", policy, ["Background", "Foreground", "Orphan"]
        )
        raise errors.invalid("meta.k8s.io", "DeleteOptions", "", [cause])
    propagation = policies[policy]
    orphan = options.get("orphanDependents", query.get("orphanDependents"))
    if propagation is None and orphan is not None:
        propagation = "Orphan" if orphan in {True, "true"} else "Background"
    preconditions = options.get("preconditions") or {}
    return DeleteOptions(
        grace_seconds=grace,
        propagation=propagation,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run="All" in (options.get("dryRun") or [query.get("dryRun")]),
    )


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise errors.bad_request(f"{name}: {text!r} is not an integer") from None


def integer(request: ApiRequest, name: str) -> int | None:
    """Read an integer from a request's query; raises a 400."""
    text = request.query.get(name)
    return _integer(name, text) if text else None


def is_set(request: ApiRequest, name: str) -> bool:
    """Read a truth from a request's query."""
    return _is_true(request.query.get(name))


def resource_version(request: ApiRequest) -> int | None:
    """Read the resource version that a read asks for; raises a 400."""
    text = request.query.get("resourceVersion")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise errors.bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": strconv.ParseUint:'
            f' parsing "{text}": invalid syntax'
        ) from None
