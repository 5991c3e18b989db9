"""The table of built-in resources: names, behaviour and schema of each."""

from typing import Any

from tidegate_embedded.apiserver.resources import Generation, Resource, ScalePaths
from tidegate_embedded.apiserver.schema import model_schema

STATUS = frozenset({"status"})
SCALED = frozenset({"status", "scale"})
SCALE = ScalePaths(selector=".status.selector")


def _core(
    kind: str, plural: str, *short_names: str, model: str | None = None, **how: Any
) -> Resource:
    return _resource("", "v1", kind, plural, *short_names, model=model, **how)


def _resource(
    group: str,
    version: str,
    kind: str,
    plural: str,
    *short_names: str,
    model: str | None = None,
    **how: Any,
) -> Resource:
    return Resource(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        short_names=short_names,
        schema=model_schema(model or f"V1{kind}"),
        list_kind=f"{kind}List",
        **how,
    )


def _review(group: str, kind: str, plural: str, *, namespaced: bool = False) -> Resource:
    return _resource(group, "v1", kind, plural, verbs=("create",), namespaced=namespaced)


def builtin_resources() -> list[Resource]:
    """Return every built-in resource, in the order of discovery."""
    workload: dict[str, Any] = {"categories": ("all",), "generation": Generation.SPEC}
    rbac: dict[str, Any] = {"creates_on_update": True}
    return [
        _core("ConfigMap", "configmaps", "cm"),
        _core(
            "Endpoints",
            "endpoints",
            "ep",
            creates_on_update=True,
            warning=("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        ),
        _core("Event", "events", "ev", model="CoreV1Event", creates_on_update=True),
        _core(
            "Namespace",
            "namespaces",
            "ns",
            namespaced=False,
            subresources=frozenset({"status", "finalize"}),
            verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        ),
        _core("Node", "nodes", "no", namespaced=False, subresources=STATUS),
        _core(
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            "pvc",
            subresources=STATUS,
            returns_deleted=True,
        ),
        _core(
            "Pod",
            "pods",
            "po",
            categories=("all",),
            subresources=frozenset({"status", "eviction"}),
            generation=Generation.SPEC,
            returns_deleted=True,
        ),
        _core("Secret", "secrets"),
        _core("ServiceAccount", "serviceaccounts", "sa", returns_deleted=True),
        _core(
            "Service",
            "services",
            "svc",
            categories=("all",),
            subresources=STATUS,
            creates_on_update=True,
            returns_deleted=True,
        ),
        _resource(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            "crd",
            "crds",
            namespaced=False,
            categories=("api-extensions",),
            subresources=STATUS,
            generation=Generation.SPEC,
            unconditional_update=False,
        ),
        _resource("apps", "v1", "ControllerRevision", "controllerrevisions"),
        _resource("apps", "v1", "DaemonSet", "daemonsets", "ds", subresources=STATUS, **workload),
        _resource(
            "apps",
            "v1",
            "Deployment",
            "deployments",
            "deploy",
            subresources=SCALED,
            scale=ScalePaths(),
            **workload,
        ),
        _resource(
            "apps",
            "v1",
            "ReplicaSet",
            "replicasets",
            "rs",
            subresources=SCALED,
            scale=ScalePaths(),
            **workload,
        ),
        _resource(
            "apps",
            "v1",
            "StatefulSet",
            "statefulsets",
            "sts",
            subresources=SCALED,
            scale=ScalePaths(),
            **workload,
        ),
        _resource(
            "events.k8s.io",
            "v1",
            "Event",
            "events",
            "ev",
            model="EventsV1Event",
            creates_on_update=True,
            storage_group="",
            storage_version="v1",
        ),
        _review("authentication.k8s.io", "TokenReview", "tokenreviews"),
        _review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
        _review(
            "authorization.k8s.io",
            "LocalSubjectAccessReview",
            "localsubjectaccessreviews",
            namespaced=True,
        ),
        _review("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        _review("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
        _review("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews"),
        _resource(
            "autoscaling",
            "v2",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            "hpa",
            model="V2HorizontalPodAutoscaler",
            categories=("all",),
            subresources=STATUS,
        ),
        _resource("batch", "v1", "Job", "jobs", subresources=STATUS, **workload),
        _resource("batch", "v1", "CronJob", "cronjobs", "cj", subresources=STATUS, **workload),
        _resource(
            "networking.k8s.io",
            "v1",
            "Ingress",
            "ingresses",
            "ing",
            subresources=STATUS,
            generation=Generation.SPEC,
        ),
        _resource(
            "networking.k8s.io",
            "v1",
            "IngressClass",
            "ingressclasses",
            namespaced=False,
            generation=Generation.SPEC,
        ),
        _resource(
            "networking.k8s.io",
            "v1",
            "NetworkPolicy",
            "networkpolicies",
            "netpol",
            generation=Generation.SPEC,
        ),
        _resource(
            "policy",
            "v1",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            "pdb",
            subresources=STATUS,
            generation=Generation.SPEC,
            unconditional_update=False,
        ),
        _resource(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRoleBinding",
            "clusterrolebindings",
            namespaced=False,
            **rbac,
        ),
        _resource(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRole",
            "clusterroles",
            namespaced=False,
            **rbac,
        ),
        _resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", **rbac),
        _resource("rbac.authorization.k8s.io", "v1", "Role", "roles", **rbac),
        _resource(
            "admissionregistration.k8s.io",
            "v1",
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            namespaced=False,
            categories=("api-extensions",),
            generation=Generation.ALL,
        ),
        _resource(
            "admissionregistration.k8s.io",
            "v1",
            "ValidatingWebhookConfiguration",
            "validatingwebhookconfigurations",
            namespaced=False,
            categories=("api-extensions",),
            generation=Generation.ALL,
        ),
        _resource(
            "coordination.k8s.io",
            "v1",
            "Lease",
            "leases",
            creates_on_update=True,
            unconditional_update=False,
        ),
        _resource(
            "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", generation=Generation.ALL
        ),
        _resource(
            "scheduling.k8s.io",
            "v1",
            "PriorityClass",
            "priorityclasses",
            "pc",
            namespaced=False,
            generation=Generation.ALL,
        ),
    ]
