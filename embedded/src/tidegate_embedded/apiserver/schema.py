"""Schemas of the built-in kinds, made from the official client's models.

The models name every field, its type and text; what they do not tell (which lists are merged by
which keys) is a table here.
A schema is a structural OpenAPI schema as in a CustomResourceDefinition, so that one validator, one
merge and one server-side apply serve built-in and custom kinds.
Parts that several kinds have are one shared dict: a schema is never changed once made.
"""

import re
from functools import cache
from typing import Any, NamedTuple

from tidegate_embedded.apiserver.values import Object


class Merge(NamedTuple):
    """How a list of a built-in kind is merged: by patches, and by server-side apply."""

    patch_key: str | None
    map_keys: tuple[str, ...] = ()
    strategy: str = "merge"


_BY_NAME = Merge("name", ("name",))
_BY_TYPE = Merge("type", ("type",))
_SET = Merge(None)

#: Lists that are merged, by model and field; every other list of a built-in kind is atomic.
MERGED_LISTS: dict[tuple[str, str], Merge] = {
    ("V1ObjectMeta", "ownerReferences"): Merge("uid", ("uid",)),
    ("V1ObjectMeta", "finalizers"): _SET,
    ("V1PodSpec", "containers"): _BY_NAME,
    ("V1PodSpec", "initContainers"): _BY_NAME,
    ("V1PodSpec", "ephemeralContainers"): _BY_NAME,
    ("V1PodSpec", "volumes"): Merge("name", ("name",), "merge,retainKeys"),
    ("V1PodSpec", "imagePullSecrets"): _BY_NAME,
    ("V1PodSpec", "hostAliases"): Merge("ip", ("ip",)),
    ("V1PodSpec", "resourceClaims"): Merge("name", ("name",), "merge,retainKeys"),
    ("V1PodSpec", "schedulingGates"): _BY_NAME,
    ("V1PodSpec", "topologySpreadConstraints"): Merge(
        "topologyKey", ("topologyKey", "whenUnsatisfiable")
    ),
    ("V1PodStatus", "conditions"): _BY_TYPE,
    ("V1PodStatus", "podIPs"): Merge("ip", ("ip",)),
    ("V1PodStatus", "hostIPs"): Merge("ip"),
    ("V1ServiceSpec", "ports"): Merge("port", ("port", "protocol")),
    ("V1ServiceStatus", "conditions"): _BY_TYPE,
    ("V1ServiceAccount", "secrets"): _BY_NAME,
    ("V1DeploymentStatus", "conditions"): _BY_TYPE,
    ("V1ReplicaSetStatus", "conditions"): _BY_TYPE,
    ("V1DaemonSetStatus", "conditions"): _BY_TYPE,
    ("V1StatefulSetStatus", "conditions"): _BY_TYPE,
    ("V1NamespaceStatus", "conditions"): _BY_TYPE,
    ("V1NodeStatus", "conditions"): _BY_TYPE,
    ("V1NodeStatus", "addresses"): _BY_TYPE,
    ("V1PodDisruptionBudgetStatus", "conditions"): _BY_TYPE,
    ("V2HorizontalPodAutoscalerStatus", "conditions"): _BY_TYPE,
    ("V1CustomResourceDefinitionStatus", "conditions"): _BY_TYPE,
    ("V1ValidatingWebhookConfiguration", "webhooks"): _BY_NAME,
    ("V1MutatingWebhookConfiguration", "webhooks"): _BY_NAME,
    ("V1Endpoint", "addresses"): _SET,
}
for _container in ("V1Container", "V1EphemeralContainer"):
    MERGED_LISTS |= {
        (_container, "env"): _BY_NAME,
        (_container, "ports"): Merge("containerPort", ("containerPort", "protocol")),
        (_container, "volumeMounts"): Merge("mountPath", ("mountPath",)),
        (_container, "volumeDevices"): Merge("devicePath", ("devicePath",)),
    }

#: Objects that are replaced as a whole under server-side apply, by model, or by model and field.
ATOMIC_MODELS = {
    "V1LabelSelector",
    "V1ObjectReference",
    "V1LocalObjectReference",
    "V1ConfigMapKeySelector",
    "V1SecretKeySelector",
    "V1ObjectFieldSelector",
    "V1ResourceFieldSelector",
    "V1NodeSelector",
    "V1NodeSelectorTerm",
    "V1TypedLocalObjectReference",
    "V1SecretReference",
    "V1IngressServiceBackend",
    "V1ServiceBackendPort",
    "RbacV1Subject",
    "V1RoleRef",
    "V1OwnerReference",
    "V2CrossVersionObjectReference",
}
ATOMIC_FIELDS = {
    ("V1ServiceSpec", "selector"),
    ("V1PodSpec", "nodeSelector"),
    ("V1Endpoint", "deprecatedTopology"),
}
#: Patches keep only the keys that they name in these objects.
RETAIN_KEYS = {
    ("V1DeploymentSpec", "strategy"),
}
#: Numbers are int32 in these models' ports and replicas; the rest takes any integer.
INT_OR_STRING = {"port", "targetPort", "maxSurge", "maxUnavailable", "minAvailable"}
QUANTITIES = {"limits", "requests", "capacity", "allocatable", "hard", "used"}
#: What the API server fills in where a field is missing and its parent is there.
#: Defaults that depend on other fields are in `defaults`.
DEFAULTS: dict[tuple[str, str], Any] = {
    ("V1ConfigMapVolumeSource", "defaultMode"): 420,
    ("V1Container", "resources"): {},
    ("V1Container", "terminationMessagePath"): "/dev/termination-log",
    ("V1Container", "terminationMessagePolicy"): "File",
    ("V1ContainerPort", "protocol"): "TCP",
    ("V1CronJobSpec", "concurrencyPolicy"): "Allow",
    ("V1CronJobSpec", "failedJobsHistoryLimit"): 1,
    ("V1CronJobSpec", "successfulJobsHistoryLimit"): 3,
    ("V1CronJobSpec", "suspend"): False,
    ("V1CustomResourceConversion", "strategy"): "None",
    ("V1CustomResourceDefinitionSpec", "conversion"): {"strategy": "None"},
    ("V1DaemonSetSpec", "revisionHistoryLimit"): 10,
    ("V1DaemonSetSpec", "updateStrategy"): {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    },
    ("V1DeploymentSpec", "progressDeadlineSeconds"): 600,
    ("V1DeploymentSpec", "replicas"): 1,
    ("V1DeploymentSpec", "revisionHistoryLimit"): 10,
    ("V1DeploymentSpec", "strategy"): {"type": "RollingUpdate"},
    ("V1DeploymentStrategy", "type"): "RollingUpdate",
    ("DiscoveryV1EndpointPort", "name"): "",
    ("DiscoveryV1EndpointPort", "protocol"): "TCP",
    ("AdmissionregistrationV1ServiceReference", "port"): 443,
    ("V1HTTPGetAction", "path"): "/",
    ("V1HTTPGetAction", "scheme"): "HTTP",
    ("V1ObjectFieldSelector", "apiVersion"): "v1",
    ("V1PodSpec", "dnsPolicy"): "ClusterFirst",
    ("V1PodSpec", "restartPolicy"): "Always",
    ("V1PodSpec", "schedulerName"): "default-scheduler",
    ("V1PodSpec", "securityContext"): {},
    ("V1PodSpec", "terminationGracePeriodSeconds"): 30,
    ("V1Probe", "failureThreshold"): 3,
    ("V1Probe", "periodSeconds"): 10,
    ("V1Probe", "successThreshold"): 1,
    ("V1Probe", "timeoutSeconds"): 1,
    ("V1ReplicaSetSpec", "replicas"): 1,
    ("V1Secret", "type"): "Opaque",
    ("V1SecretVolumeSource", "defaultMode"): 420,
    ("V1ServicePort", "protocol"): "TCP",
    ("V1ServiceSpec", "sessionAffinity"): "None",
    ("V1ServiceSpec", "type"): "ClusterIP",
    ("V1StatefulSetSpec", "persistentVolumeClaimRetentionPolicy"): {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    },
    ("V1StatefulSetSpec", "podManagementPolicy"): "OrderedReady",
    ("V1StatefulSetSpec", "replicas"): 1,
    ("V1StatefulSetSpec", "revisionHistoryLimit"): 10,
    ("V1StatefulSetSpec", "updateStrategy"): {
        "type": "RollingUpdate",
        "rollingUpdate": {"partition": 0},
    },
    ("V1MutatingWebhook", "reinvocationPolicy"): "Never",
    ("V1RuleWithOperations", "scope"): "*",
    ("V2HorizontalPodAutoscalerSpec", "minReplicas"): 1,
}
for _webhook in ("V1MutatingWebhook", "V1ValidatingWebhook"):
    DEFAULTS |= {
        (_webhook, "failurePolicy"): "Fail",
        (_webhook, "matchPolicy"): "Equivalent",
        (_webhook, "namespaceSelector"): {},
        (_webhook, "objectSelector"): {},
        (_webhook, "timeoutSeconds"): 10,
    }
#: Recursive or free-form models: kept as they are.
OPAQUE_MODELS = {"V1JSONSchemaProps"}

_LIST = re.compile(r"^list\[(.+)\]$", re.IGNORECASE)
_MAP = re.compile(r"^dict[\[(]str, ?(.+)[\])]$", re.IGNORECASE)
_SCALARS: dict[str, Object] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "datetime": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
}


@cache
def model_schema(name: str) -> Object:
    """Return the schema of a model of the official client, by the model's name."""
    from kubernetes.client import models

    model: Any = getattr(models, name)
    properties: Object = {}
    fields: dict[str, Any] = getattr(model, "model_fields", {})
    required: list[str] = []
    for attribute, json_name in model.attribute_map.items():
        schema = _typed(name, json_name, model.openapi_types[attribute])
        about = fields.get(attribute)
        if about is not None:
            if about.is_required():
                required.append(json_name)
            if about.description:
                schema = {"description": about.description, **schema}
        if (name, json_name) in DEFAULTS:
            schema = {**schema, "default": DEFAULTS[name, json_name]}
        properties[json_name] = schema
    described: Object = {"type": "object", "properties": properties, "x-model": name}
    if required:
        described["required"] = required
    if name in ATOMIC_MODELS:
        described["x-kubernetes-map-type"] = "atomic"
    return described


def _typed(model: str, field: str, type_name: str) -> Object:
    if field in INT_OR_STRING and type_name == "object":
        return {"x-kubernetes-int-or-string": True}
    if listed := _LIST.match(type_name):
        schema: Object = {"type": "array", "items": _typed(model, "", listed[1])}
        merge = MERGED_LISTS.get((model, field))
        if merge is None:
            schema["x-kubernetes-list-type"] = "atomic"
            return schema
        schema["x-kubernetes-patch-strategy"] = merge.strategy
        if merge.patch_key is None:
            schema["x-kubernetes-list-type"] = "set"
            return schema
        schema["x-kubernetes-patch-merge-key"] = merge.patch_key
        if merge.map_keys:
            schema["x-kubernetes-list-type"] = "map"
            schema["x-kubernetes-list-map-keys"] = list(merge.map_keys)
        else:
            schema["x-kubernetes-list-type"] = "atomic"
        return schema
    if mapped := _MAP.match(type_name):
        values = _typed(model, "", mapped[1])
        if field in QUANTITIES:
            values = {"x-kubernetes-int-or-string": True}
        schema = {"type": "object", "additionalProperties": values}
        if (model, field) in ATOMIC_FIELDS:
            schema["x-kubernetes-map-type"] = "atomic"
        return schema
    if type_name in _SCALARS:
        return dict(_SCALARS[type_name])
    if type_name in OPAQUE_MODELS:
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    nested = model_schema(type_name)
    if (model, field) in RETAIN_KEYS:
        nested = {**nested, "x-kubernetes-patch-strategy": "retainKeys"}
    return nested
