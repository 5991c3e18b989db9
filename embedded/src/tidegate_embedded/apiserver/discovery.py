"""Discovery: which groups, versions and resources there are, in both forms clients ask for."""

from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.values import Object

VERSION: Object = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3+tidegate",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "python",
    "platform": "any",
}

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_SUBRESOURCES = {
    "status": ("", "", ("get", "patch", "update")),
    "scale": ("autoscaling/v1", "Scale", ("get", "patch", "update")),
    "eviction": ("policy/v1", "Eviction", ("create",)),
    "finalize": ("", "", ("update",)),
}


def core_versions() -> Object:
    """Answer `/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def group(name: str, versions: list[str]) -> Object:
    """Answer `/apis/<group>`."""
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": listed,
        "preferredVersion": listed[0],
    }


def groups(registry: Registry) -> Object:
    """Answer `/apis`."""
    listed = []
    for name, versions in registry.groups().items():
        if name:
            described = group(name, versions)
            del described["kind"], described["apiVersion"]
            listed.append(described)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def resource_list(registry: Registry, group_name: str, version: str) -> Object:
    """Answer `/api/v1` and `/apis/<group>/<version>`."""
    listed = []
    resources = registry.served_at(group_name, version)
    for resource in resources:
        described: Object = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short_names:
            described["shortNames"] = list(resource.short_names)
        if resource.categories:
            described["categories"] = list(resource.categories)
        listed.append(described)
        listed += [_subresource(resource, name) for name in sorted(resource.subresources)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": resources[0].api_version,
        "resources": listed,
    }


def _subresource(resource: Resource, name: str) -> Object:
    api_version, kind, verbs = _SUBRESOURCES[name]
    described: Object = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": kind or resource.kind,
        "verbs": list(verbs),
    }
    if api_version:
        described["group"], _, described["version"] = api_version.rpartition("/")
    return described


def aggregated(registry: Registry, *, core: bool) -> Object:
    """Answer `/api` or `/apis` in one document with all resources."""
    items = []
    for name, versions in registry.groups().items():
        if bool(name) is core:
            continue
        metadata: Object = {"creationTimestamp": None}
        if name:
            metadata["name"] = name
        items.append(
            {
                "metadata": metadata,
                "versions": [
                    {
                        "version": version,
                        "resources": [
                            _aggregated_resource(resource)
                            for resource in registry.served_at(name, version)
                        ],
                        "freshness": "Current",
                    }
                    for version in versions
                ],
            }
        )
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _kind(resource: Resource, kind: str = "", api_version: str = "") -> Object:
    if not api_version:
        return {"group": resource.group, "version": resource.version, "kind": kind or resource.kind}
    group_name, _, version = api_version.rpartition("/")
    return {"group": group_name, "version": version, "kind": kind}


def _aggregated_resource(resource: Resource) -> Object:
    described: Object = {
        "resource": resource.plural,
        "responseKind": _kind(resource),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        described["shortNames"] = list(resource.short_names)
    if resource.categories:
        described["categories"] = list(resource.categories)
    if resource.subresources:
        described["subresources"] = []
        for name in sorted(resource.subresources):
            api_version, kind, verbs = _SUBRESOURCES[name]
            described["subresources"].append(
                {
                    "subresource": name,
                    "responseKind": _kind(resource, kind, api_version),
                    "verbs": list(verbs),
                }
            )
    return described
