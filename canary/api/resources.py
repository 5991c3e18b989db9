"""The kinds that tidegate brings: their models, names, and columns of `kubectl get`."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from canary.api.alertprovider import AlertProvider, AlertProviderSpec
from canary.api.canary import Canary, CanarySpec
from canary.api.deliverypolicy import DeliveryPolicy, DeliveryPolicySpec
from canary.api.metrictemplate import MetricTemplate, MetricTemplateSpec
from canary.api.policy_status import DeliveryPolicyStatus
from canary.api.status import CanaryStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def render(self) -> dict[str, Any]:
        """Write the column as a CRD holds it."""
        return {
            "name": self.name,
            "type": self.type,
            "jsonPath": self.path,
            "priority": int(self.wide),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomResource:
    """A kind of ours: its names, models and columns."""

    model: type[BaseModel]
    spec: type[BaseModel]
    status: type[BaseModel] | None = None
    plural: str
    short_name: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """The name of the kind."""
        return self.model.__name__


_ANALYSIS = ".spec.analysis"
KINDS = (
    CustomResource(
        model=Canary,
        spec=CanarySpec,
        status=CanaryStatus,
        plural="canaries",
        short_name="cn",
        columns=(
            Column(name="Status", path=".status.state"),
            Column(name="Weight", path=".status.canaryWeight", type="integer"),
            Column(name="Step", path=".status.step", type="integer"),
            Column(name="Waiting", path=".status.waitingFor.reason"),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
            Column(name="Images", path=".status.images", wide=True),
            Column(name="Phase", path=".status.phase", wide=True),
            Column(name="Steps", path=".status.steps", type="integer", wide=True),
            Column(name="Suspended", path=".spec.suspend", type="boolean", wide=True),
            Column(name="FailedChecks", path=".status.failedChecks", type="integer", wide=True),
            Column(name="Interval", path=f"{_ANALYSIS}.interval", wide=True),
            Column(name="Mirror", path=f"{_ANALYSIS}.mirror", type="boolean", wide=True),
            Column(name="StepWeight", path=f"{_ANALYSIS}.stepWeight", type="integer", wide=True),
            Column(name="StepWeights", path=f"{_ANALYSIS}.stepWeights", wide=True),
            Column(name="MaxWeight", path=f"{_ANALYSIS}.maxWeight", type="integer", wide=True),
            Column(name="LastTransitionTime", path=".status.lastTransitionTime", wide=True),
        ),
    ),
    CustomResource(
        model=MetricTemplate,
        spec=MetricTemplateSpec,
        plural="metrictemplates",
        short_name="mt",
        columns=(Column(name="Provider", path=".spec.provider.type"),),
    ),
    CustomResource(
        model=AlertProvider,
        spec=AlertProviderSpec,
        plural="alertproviders",
        short_name="ap",
        columns=(Column(name="Type", path=".spec.type"),),
    ),
    CustomResource(
        model=DeliveryPolicy,
        spec=DeliveryPolicySpec,
        status=DeliveryPolicyStatus,
        plural="deliverypolicies",
        short_name="dp",
        columns=(
            Column(name="Open", path=".status.open", type="boolean"),
            Column(name="Reason", path=".status.reason"),
            Column(name="Running", path=".status.granted", type="integer"),
            Column(name="Queued", path=".status.queued", type="integer"),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
            Column(name="NextChange", path=".status.nextChange", wide=True),
            Column(name="Stop", path=".spec.stop.mode", wide=True),
            Column(name="By", path=".spec.stop.by", wide=True),
            Column(name="Zone", path=".spec.timeZone", wide=True),
            Column(name="Limit", path=".spec.maxConcurrent", type="integer", wide=True),
            Column(name="Budget", path=".spec.budget.metric.name", wide=True),
            Column(name="Namespaces", path=".spec.namespaces", wide=True),
        ),
    ),
)
