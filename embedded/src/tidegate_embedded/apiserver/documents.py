"""Documents about the API itself, by their paths: versions, discovery, schemas."""

from tidegate_embedded.apiserver import discovery
from tidegate_embedded.apiserver.errors import PathNotFound
from tidegate_embedded.apiserver.openapi import Documents
from tidegate_embedded.apiserver.resources import Registry
from tidegate_embedded.apiserver.values import Object

_ROOTS = (
    "/api",
    "/api/v1",
    "/apis",
    "/healthz",
    "/livez",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
)


def document_at(path: str, registry: Registry, schemas: Documents) -> Object:
    """Return the document at a path; raises `PathNotFound`."""
    first, *rest = path.strip("/").split("/")
    if first == "":
        groups = (f"/apis/{name}" for name in registry.groups() if name)
        return {"paths": sorted([*_ROOTS, *groups])}
    if first == "version" and not rest:
        return discovery.VERSION
    if first == "api":
        return _core(path, rest, registry)
    if first == "apis":
        return _groups(path, rest, registry)
    if first == "openapi":
        return _schemas(path, rest, schemas)
    raise PathNotFound(path)


def _core(path: str, rest: list[str], registry: Registry) -> Object:
    match rest:
        case []:
            return discovery.core_versions()
        case [version]:
            return discovery.resource_list(registry, "", version)
        case _:
            raise PathNotFound(path)


def _groups(path: str, rest: list[str], registry: Registry) -> Object:
    match rest:
        case []:
            return discovery.groups(registry)
        case [group] if versions := registry.groups().get(group):
            return discovery.group(group, versions)
        case [group, version]:
            return discovery.resource_list(registry, group, version)
        case _:
            raise PathNotFound(path)


def _schemas(path: str, rest: list[str], schemas: Documents) -> Object:
    match rest:
        case ["v2"]:
            return schemas.version2()
        case ["v3"]:
            return schemas.index()
        case ["v3", "api", version]:
            return schemas.version3("", version)
        case ["v3", "apis", group, version]:
            return schemas.version3(group, version)
        case _:
            raise PathNotFound(path)
