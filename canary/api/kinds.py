"""Kinds of Kubernetes objects, and the keys by which objects are found."""

from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

Manifest = dict[str, Any]
"""An object as the API server reads and writes it."""

_Json = TypeVar("_Json")


def copy_of(value: _Json) -> _Json:
    """Copy JSON: maps and lists are new, what is in them never changes."""
    copy: Any = value
    # Most values are text and numbers: each of them would cost a call.
    if isinstance(value, dict):
        copy = {
            name: copy_of(each) if isinstance(each, dict | list) else each
            for name, each in value.items()
        }
    elif isinstance(value, list):
        copy = [copy_of(each) if isinstance(each, dict | list) else each for each in value]
    return cast(_Json, copy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object, with the versions of its group that tidegate can speak."""

    group: str
    """Empty for the core group."""
    versions: tuple[str, ...]
    """The most preferred first; discovery picks the first one that is served."""
    kind: str
    plural: str
    namespaced: bool = True
    remedy: str = field(default="install it", compare=False)
    """What to do where no version of it is served."""

    def __hash__(self) -> int:
        """Hash what tells kinds apart: they are looked up all the time."""
        return hash(self.plural)

    @property
    def resource(self) -> str:
        """The kind's name in RBAC rules and messages: `virtualservices.networking.istio.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def missing(self) -> str:
        """Say that no version of it is served, and what to do."""
        return f"{self.resource} is not installed in the cluster: {self.remedy}"

    def api_version(self, version: str) -> str:
        """Give the `apiVersion` of an object of this kind."""
        return f"{self.group}/{version}" if self.group else version


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """Where an object is."""

    kind: Kind
    namespace: str
    name: str

    def __hash__(self) -> int:
        """Hash little: keys are looked up all the time."""
        return hash((self.kind.plural, self.namespace, self.name))

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"


DEPLOYMENT = Kind(group="apps", versions=("v1",), kind="Deployment", plural="deployments")
DAEMON_SET = Kind(group="apps", versions=("v1",), kind="DaemonSet", plural="daemonsets")
STATEFUL_SET = Kind(group="apps", versions=("v1",), kind="StatefulSet", plural="statefulsets")
REPLICA_SET = Kind(group="apps", versions=("v1",), kind="ReplicaSet", plural="replicasets")
CONTROLLER_REVISION = Kind(
    group="apps", versions=("v1",), kind="ControllerRevision", plural="controllerrevisions"
)
POD = Kind(group="", versions=("v1",), kind="Pod", plural="pods")
NAMESPACE = Kind(
    group="", versions=("v1",), kind="Namespace", plural="namespaces", namespaced=False
)
SERVICE = Kind(group="", versions=("v1",), kind="Service", plural="services")
KNATIVE_SERVICE = Kind(
    group="serving.knative.dev", versions=("v1",), kind="Service", plural="services"
)
GATEWAY = Kind(
    group="gateway.networking.k8s.io", versions=("v1", "v1beta1"), kind="Gateway", plural="gateways"
)
GATEWAY_CLASS = Kind(
    group="gateway.networking.k8s.io",
    versions=("v1", "v1beta1"),
    kind="GatewayClass",
    plural="gatewayclasses",
    namespaced=False,
)
CONFIG_MAP = Kind(group="", versions=("v1",), kind="ConfigMap", plural="configmaps")
SECRET = Kind(group="", versions=("v1",), kind="Secret", plural="secrets")
BUDGET = Kind(
    group="policy", versions=("v1",), kind="PodDisruptionBudget", plural="poddisruptionbudgets"
)
AUTOSCALER = Kind(
    group="autoscaling",
    versions=("v2",),
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
)
SCALED_OBJECT = Kind(
    group="keda.sh", versions=("v1alpha1",), kind="ScaledObject", plural="scaledobjects"
)
