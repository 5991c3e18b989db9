"""The role that the chart gives the controller: granted to an account, and held against requests.

A right that no request has used is one too many, unless `KEPT` says what it is there for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx
import yaml

from canary.api.kinds import Manifest
from tests.delivery.helm import CHART, RELEASE, render
from tests.testbed.audit import AuditEntry

NAMESPACE = "tidegate-system"
_PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts/",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles/",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles/",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/",
}
_TOKEN_SECONDS = 24 * 3600


class Right(NamedTuple):
    """What a role lets its holder do; a subresource is part of the resource, as in a rule."""

    group: str
    resource: str
    verb: str


class Asked(NamedTuple):
    """A request: the right that it takes, and how it was answered."""

    right: Right
    status: int
    forbidden: bool = False
    """Whether it was refused because the right is lacking."""


class Place(Protocol):
    """A cluster on which everything may be done."""

    kubeconfig: Path

    def client(self) -> httpx.AsyncClient:
        """Connect to it."""
        ...


def rights(rules: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Give every right that rules hold."""
    return {
        Right(group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for verb in rule["verbs"]
    }


_FILE = yaml.safe_load((CHART / "files" / "rights.yaml").read_text())
#: The rights that kinds of workload and of autoscaler need.
_OF_PLUGINS = rights((*_FILE["scalers"], *_FILE["targets"]))
#: The groups of Kubernetes' own workloads and autoscalers.
_KUBERNETES = frozenset({"apps", "autoscaling"})

#: Rights that are kept though a story may never ask for them, by what they are there for. The group
#: of Canaries is written once for all that are served.
KEPT: Mapping[Right, str] = {
    Right("tidegate.dev", "canaries/finalizers", "update"): (
        "no request asks for it: where OwnerReferencesPermissionEnforcement is on, an owner "
        "reference with blockOwnerDeletion is refused without it"
    ),
    Right("apps", "controllerrevisions", "list"): (
        "a DaemonSet's former templates are looked up where its primary is gone during a run"
    ),
    Right("autoscaling", "horizontalpodautoscalers", "update"): (
        "the primary's autoscaler follows the target's where that one is changed"
    ),
    Right("autoscaling", "horizontalpodautoscalers", "delete"): (
        "the primary's autoscaler goes when the Canary names none any longer"
    ),
    Right("networking.istio.io", "destinationrules", "update"): (
        "DestinationRules of the sides are repaired, and follow the Canary's trafficPolicy"
    ),
    **dict.fromkeys(
        (
            Right("gateway.networking.k8s.io", "gateways", "get"),
            Right("gateway.networking.k8s.io", "gatewayclasses", "get"),
        ),
        "Gateways are asked about for Canaries that need what not every implementation does",
    ),
    **dict.fromkeys(
        (right for right in _OF_PLUGINS if right.group not in _KUBERNETES),
        "kinds of others' are installed in no world of the stories",
    ),
    **dict.fromkeys(
        (Right("", "configmaps", "patch"), Right("", "secrets", "patch")),
        "a copy of an earlier release that several Canaries use gets each of them as an owner",
    ),
    **dict.fromkeys(
        (
            Right("security.istio.io", "authorizationpolicies", "list"),
            Right("security.istio.io", "peerauthentications", "list"),
            Right("security.istio.io", "requestauthentications", "list"),
            Right("networking.k8s.io", "networkpolicies", "list"),
            Right("cilium.io", "ciliumnetworkpolicies", "list"),
            Right("linkerd.io", "serviceprofiles", "list"),
        ),
        "policies are listed where their kinds are installed",
    ),
    **dict.fromkeys(
        (
            Right("tidegate.dev", "canaries", "get"),
            Right("tidegate.dev", "deliverypolicies", "get"),
            Right("", "services", "get"),
            Right("autoscaling", "horizontalpodautoscalers", "get"),
            Right("policy", "poddisruptionbudgets", "get"),
            Right("networking.istio.io", "virtualservices", "get"),
            Right("networking.istio.io", "destinationrules", "get"),
            Right("gateway.networking.k8s.io", "httproutes", "get"),
            Right("networking.k8s.io", "ingresses", "get"),
        ),
        "what is written on a version is read again after a conflict, and there may be none",
    ),
}


# ------------------------------------------------------------------------------------- granting


def account(release: str = RELEASE, namespace: str = NAMESPACE) -> str:
    """Give the name that the API server knows the release's account by, as audits show it."""
    return f"system:serviceaccount:{namespace}:{release}"


def role_objects(
    *values: str, release: str = RELEASE, namespace: str = NAMESPACE
) -> list[Manifest]:
    """Render the account, its roles and what binds them, as `helm install` would create them."""
    own = "rbac.people=false"  # the roles of people are bound to nobody
    objects = render(*values, own, release=release, namespace=namespace)
    return [each for each in objects if each["kind"] in _PATHS]


def rules_of(objects: Iterable[Manifest]) -> list[Mapping[str, Any]]:
    """Give the rules of the roles among objects that a binding among them gives to the account."""
    objects = list(objects)
    bound = [each["roleRef"] for each in objects if "roleRef" in each]
    given = {(each["kind"], each["name"]) for each in bound}
    return [
        rule
        for each in objects
        if (each["kind"], each["metadata"]["name"]) in given
        for rule in each["rules"]
    ]


async def granted(
    place: Place,
    folder: Path,
    *values: str,
    routers: Sequence[str] = ("istio",),
    namespaces: Sequence[str] = (),
    release: str = RELEASE,
    namespace: str = NAMESPACE,
) -> Path:
    """Create the chart's account and roles, and give a kubeconfig of that account, in `folder`.

    No namespace is all of them, by a ClusterRole; otherwise those named get a Role each. More
    values of the chart are given as `name=JSON`.
    """
    given = (
        *values,
        f"routers={json.dumps(list(routers))}",
        f"watchNamespaces={json.dumps(list(namespaces))}",
    )
    objects = role_objects(*given, release=release, namespace=namespace)
    await _create(place, objects, (namespace, *namespaces))
    return await account_kubeconfig(place, folder, release=release, namespace=namespace)


def routes_account(release: str = RELEASE) -> str:
    """Give the name of the release's account in the cluster of the routes."""
    return f"{release}-routes"


def routes_role_objects(
    *, release: str = RELEASE, routers: Sequence[str] = ("istio",)
) -> list[Manifest]:
    """Render what the chart's page has applied in the cluster of the routes."""
    values = ("routesCluster.role=true", f"routers={json.dumps(list(routers))}")
    rendered = render(*values, release=release, namespace=NAMESPACE)
    account = routes_account(release)
    return [each for each in rendered if each["metadata"]["name"] == account]


async def granted_routes(place: Place, folder: Path, *, release: str = RELEASE) -> Path:
    """Create the chart's account and role in the cluster of the routes; give a kubeconfig of it."""
    await _create(place, routes_role_objects(release=release), (NAMESPACE,))
    return await account_kubeconfig(place, folder, release=routes_account(release))


async def _create(place: Place, objects: Iterable[Manifest], namespaces: Iterable[str]) -> None:
    async with place.client() as client:
        for name in dict.fromkeys(namespaces):
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await _apply(client, f"/api/v1/namespaces/{name}", manifest)
        for each in objects:
            path = _PATHS[each["kind"]].format(each["metadata"].get("namespace", ""))
            await _apply(client, path + each["metadata"]["name"], each)


async def account_kubeconfig(
    place: Place, folder: Path, *, release: str = RELEASE, namespace: str = NAMESPACE
) -> Path:
    """Give a kubeconfig of a release's account, in `folder`."""
    async with place.client() as client:
        answer = await client.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{release}/token",
            json={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": _TOKEN_SECONDS},
            },
        )
    answer.raise_for_status()
    config = json.loads(place.kubeconfig.read_text())
    config["users"] = [{"name": release, "user": {"token": answer.json()["status"]["token"]}}]
    for context in config["contexts"]:
        context["context"] |= {"user": release, "namespace": namespace}
    kubeconfig = folder / f"{namespace}-{release}.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(config))
    return kubeconfig


async def _apply(client: httpx.AsyncClient, path: str, manifest: Manifest) -> None:
    answer = await client.patch(
        path,
        content=json.dumps(manifest),
        params={"fieldManager": "tester", "force": "true", "fieldValidation": "Strict"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    if answer.is_error:
        raise AssertionError(f"{path}: {answer.text}")


# --------------------------------------------------------------------------------------- judging


def asked(entries: Iterable[AuditEntry], user: str) -> Iterator[Asked]:
    """Read what a user asked of resources from the audit log of an API server."""
    for entry in entries:
        if entry.user == user and not entry.resource.startswith("/"):
            resource = "/".join(filter(None, (entry.resource, entry.subresource)))
            yield Asked(Right(entry.group, resource, entry.verb), entry.status, entry.forbidden)


def used(requests: Iterable[Asked]) -> set[Right]:
    """Give the rights that requests took; a refused one took none.

    What server-side apply creates takes the right to create as well.
    """
    taken = set()
    for right, status, forbidden in requests:
        if status == 401 or forbidden:
            continue
        taken.add(right)
        if right.verb == "patch" and status == 201:
            taken.add(right._replace(verb="create"))
    return taken


def unused(rules: Iterable[Mapping[str, Any]], requests: Iterable[Asked]) -> list[Right]:
    """Give the rights that no request took, and for which `KEPT` has no reason."""
    return sorted(rights(rules) - used(requests) - KEPT.keys())


def missing(rules: Iterable[Mapping[str, Any]], requests: Iterable[Asked]) -> list[Right]:
    """Give the rights that requests took, and that no rule holds."""
    return sorted(used(requests) - rights(rules))


def refused(requests: Iterable[Asked]) -> list[Right]:
    """Give the rights that the API server found lacking."""
    return sorted({each.right for each in requests if each.forbidden})
