"""The Canary: a workload, the route to it, and what healthy means.

Its status, which only the controller writes, is in `status.py`.
Long because it is a table: one entry for each field, with what people read about it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr

from canary.api.analysis_spec import Analysis
from canary.api.fields import (
    KIND,
    ApiVersion,
    Flag,
    Form,
    LongText,
    Name,
    TargetName,
    Url,
    Whole,
)
from canary.api.fleetreport import FleetReference
from canary.api.managed_routes import ManagedRoute
from canary.api.meta import ApiModel, NamespacedReference, ObjectMeta
from canary.api.ordering import CanaryGroup
from canary.api.route_references import (
    IngressReference,
    RouteReference,
    UpstreamReference,
    named_references,
    referring,
)
from canary.api.rules import (
    APEX_FITS,
    DELETION_IS_SAID_ONCE,
    GATEWAY_API_HAS_PARENT,
    REPLICAS_ARE_ORDERED,
    RESTART_RAMP_NEEDS_KEPT_TARGET,
    ROUTES_ARE_NAMED_ONCE,
    SERVICE_IS_GIVEN,
    TARGET_IS_NOT_PRIMARY,
    rules,
)
from canary.api.service import Service


class TargetReference(ApiModel):
    """The workload that the user edits."""

    model_config = ConfigDict(json_schema_extra=rules(TARGET_IS_NOT_PRIMARY))

    api_version: ApiVersion = Field(description="API group and version, such as apps/v1.")
    kind: Annotated[
        str,
        Form(KIND, "write the kind of a workload, such as Deployment or DaemonSet", maximum=63),
    ] = Field(description="Kind of the workload, such as Deployment or DaemonSet.")
    name: TargetName = Field(description="Name of the workload, in the namespace of the Canary.")


class ScalerReplicas(ApiModel):
    """Bounds of the primary's autoscaler, where they differ from the target's."""

    model_config = ConfigDict(json_schema_extra=rules(REPLICAS_ARE_ORDERED))

    min_replicas: Annotated[int, Whole(1)] | None = Field(
        default=None, description="Fewest replicas; as the target's when left out."
    )
    max_replicas: Annotated[int, Whole(1)] | None = Field(
        default=None, description="Most replicas; as the target's when left out."
    )


USUAL_AUTOSCALER = "HorizontalPodAutoscaler"
"""The kind of an autoscaler that a status remembers by its name alone."""


class AutoscalerReference(ApiModel):
    """The autoscaler of the target; the primary gets one like it."""

    api_version: ApiVersion = Field(description="API group and version, such as autoscaling/v2.")
    kind: Annotated[
        str,
        Form(KIND, "write the kind of an autoscaler, such as HorizontalPodAutoscaler", maximum=63),
    ] = Field(
        description="Kind of the autoscaler, such as HorizontalPodAutoscaler or ScaledObject."
    )
    name: Name = Field(description="Name of the autoscaler, in the namespace of the Canary.")
    primary_scaler_queries: dict[Annotated[str, Field(strict=True, max_length=253)], LongText] = (
        Field(
            default_factory=dict,
            max_length=64,
            description="Queries of the primary's triggers, by the trigger's name (ScaledObject).",
        )
    )
    primary_scaler_replicas: ScalerReplicas | None = Field(
        default=None, description="Bounds of the primary's autoscaler."
    )

    @property
    def remembered(self) -> str:
        """What a status remembers it by: kind/name, or the name alone of the usual kind."""
        return self.name if self.kind == USUAL_AUTOSCALER else f"{self.kind}/{self.name}"


class DeletionPolicy(StrEnum):
    """What becomes of target, primary and routes when a Canary is deleted."""

    RESTORE = "restore"
    ORPHAN = "orphan"


class CanarySpec(ApiModel):
    """What a user asks for."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            SERVICE_IS_GIVEN,
            APEX_FITS,
            GATEWAY_API_HAS_PARENT,
            DELETION_IS_SAID_ONCE,
            RESTART_RAMP_NEEDS_KEPT_TARGET,
        )
    )

    _primary: str = PrivateAttr(default="")

    provider: (
        Annotated[
            str,
            Form(
                r"[a-z][a-z0-9.:-]*([+][a-z][a-z0-9.:-]*)*",
                "write the name of a router, such as istio, smi or gatewayapi, or several with + "
                "between them",
                maximum=63,
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="The router that splits traffic, such as istio, linkerd, smi:v1alpha2 or "
        "gatewayapi:v1; several with + between them, such as gatewayapi+istio, whose routes move "
        "together. The controller's default when left out.",
    )
    metrics_server: Url | None = Field(
        default=None,
        description="Address of the Prometheus that built-in metrics and inline queries are asked "
        "from; the controller's default when left out.",
    )
    target_ref: TargetReference = Field(description="The workload that the user edits.")
    keep_target: Flag = Field(
        default=False,
        description="Whether the target's own pods stay the primary, with the target paused but "
        "while it is promoted, and the canary is a Deployment beside it. It is said once: for "
        "another value the Canary is deleted and created again.",
    )
    autoscaler_ref: AutoscalerReference | None = Field(
        default=None, description="The autoscaler of the target."
    )
    ingress_ref: IngressReference | None = Field(
        default=None,
        description="The Ingress that leads to the apex service (alb, haproxy, nginx, skipper).",
    )
    ingress_refs: tuple[IngressReference, ...] = Field(
        default=(),
        max_length=16,
        description="More Ingresses that lead to the apex service; their traffic moves together "
        "(alb, nginx).",
    )
    route_ref: RouteReference | None = Field(
        default=None, description="The ApisixRoute that leads to the apex service (apisix)."
    )
    upstream_ref: UpstreamReference | None = Field(
        default=None,
        description="Flagger's reference to a Gloo Upstream: ignored with a warning, because requests go "
        "to the Services of both sides, of which Gloo makes Upstreams itself.",
    )
    managed_routes: tuple[ManagedRoute, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=rules(ROUTES_ARE_NAMED_ONCE),
        description="Routes of your own whose rules lead to the app; tidegate writes the weights of "
        "these rules instead of making a route (istio, and the routers of the Gateway API).",
    )
    progress_deadline_seconds: Annotated[int, Whole(1)] = Field(
        default=600, description="How long a run may make no progress before it is rolled back."
    )
    skip_analysis: Flag = Field(
        default=False, description="Whether a new revision is promoted without analysis."
    )
    revert_on_deletion: Flag | None = Field(
        default=None,
        description="Whether deleting the Canary gives the target its replicas and traffic back; "
        "true when left out. Flagger's name for deletionPolicy.",
    )
    deletion_policy: DeletionPolicy | None = Field(
        default=None,
        description="What deleting the Canary does: restore gives the target its replicas and "
        "traffic back first, orphan leaves everything as it is: the primary and its route stay, and "
        "serve. As revertOnDeletion says when left out.",
    )
    suspend: Flag = Field(
        default=False, description="Whether the Canary is left as it is, weights included."
    )
    depends_on: tuple[NamespacedReference, ...] = Field(
        default=(),
        max_length=16,
        description="Canaries that must have promoted their new revisions before a run starts.",
    )
    priority: Annotated[int, Whole(-1000, 1000)] = Field(
        default=0,
        description="Its place in the line of a DeliveryPolicy with maxConcurrent: higher ones start "
        "first, equal ones by age.",
    )
    group: CanaryGroup | None = Field(
        default=None,
        description="The Canaries that take their steps together, where their targets carry the "
        "same tidegate.dev/release.",
    )
    fleet: FleetReference | None = Field(
        default=None,
        description="The waves in which this Canary's releases reach several clusters: a run starts "
        "when the plan grants it to this cluster.",
    )
    service: Service = Field(
        default_factory=lambda: Service(port=80),
        description="The services made for the target, and the route to them; left out for a "
        "Knative target only.",
    )
    analysis: Analysis = Field(
        description="How traffic moves to a new revision, and what healthy means."
    )

    @property
    def reverts_on_deletion(self) -> bool:
        """Whether deletion gives the target its replicas and traffic back."""
        if self.deletion_policy is not None:
            return self.deletion_policy is DeletionPolicy.RESTORE
        return self.revert_on_deletion is not False

    @property
    def service_name(self) -> str:
        """The name of the apex service, which clients call."""
        return self.service.name or self.target_ref.name

    @property
    def primary_service_name(self) -> str:
        """The name of the service that leads to the primary."""
        return f"{self.service_name}-primary"

    @property
    def canary_service_name(self) -> str:
        """The name of the service that leads to the target's own pods."""
        return f"{self.service_name}-canary"

    @property
    def baseline_name(self) -> str:
        """The name of the workload that runs the primary's revision beside the canary."""
        return f"{self.target_ref.name}-baseline"

    @property
    def baseline_service_name(self) -> str:
        """The name of the service that leads to the baseline."""
        return f"{self.service_name}-baseline"

    @property
    def ingress_names(self) -> tuple[str, ...]:
        """The names of the Ingresses that lead to the apex service, each once."""
        first = (self.ingress_ref,) if self.ingress_ref else ()
        return tuple(dict.fromkeys(each.name for each in (*first, *self.ingress_refs)))

    @property
    def usual_primary_name(self) -> str:
        """The name that a primary of this target begins with."""
        return f"{self.target_ref.name}-primary"

    @property
    def primary_name(self) -> str:
        """The name of the primary workload."""
        # As an attribute pydantic finds it a hundred times more slowly, and it is read all the time.
        private = self.__pydantic_private__ or {}
        return private["_primary"] or self.usual_primary_name

    @property
    def canary_name(self) -> str:
        """The name of the workload with the canary's pods: the target, or what is beside a kept one."""
        name = self.target_ref.name
        return f"{name}-canary" if self.keep_target else name

    def with_primary(self, name: str) -> Self:
        """Copy for a primary that came up under a name, be it of another target than now."""
        if not name or name == self.primary_name:
            return self
        copy = self.model_copy()
        copy._primary = name  # noqa: SLF001 - of its own kind
        return copy

    def with_target_kept(self, *, kept: bool) -> Self:
        """Copy for a target that is kept, or for one that is not."""
        return self if kept is self.keep_target else self.model_copy(update={"keep_target": kept})

    def with_kind(self, kind: str) -> Self:
        """Copy for a target of another kind."""
        target = self.target_ref.model_copy(update={"kind": kind})
        return self.model_copy(update={"target_ref": target})

    def references(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Name the user's objects that some fields refer to, each as field/name."""
        return tuple(
            named for field in fields for named in named_references(field, getattr(self, field))
        )

    def with_names(self, *, service: str, provider: str, references: tuple[str, ...] = ()) -> Self:
        """Copy with the names of an earlier spec; without references it keeps its own Ingresses."""
        former = self.service.model_copy(update={"name": service})
        return self.model_copy(
            update={"service": former, "provider": provider, **referring(references)}
        )


class Canary(ApiModel):
    """A workload whose new revisions get traffic in steps, and are promoted or rolled back."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1", "flagger.app/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["Canary"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: CanarySpec = Field(description="What is asked for.")
