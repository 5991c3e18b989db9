"""`spec.service` of a Canary: the services made for the target, and the route to them.

The conditions and changes on requests inside a route are in `traffic.py`.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from canary.api.fields import (
    Document,
    DurationText,
    Flag,
    Form,
    GatewayName,
    Label,
    Port,
    PortOrName,
    RouteHost,
    Text,
)
from canary.api.meta import ApiModel
from canary.api.rules import DELEGATION_STANDS_ALONE, rules
from canary.api.traffic import (
    CorsPolicy,
    Headers,
    HttpMatch,
    Mirror,
    ParentReference,
    Retries,
    Rewrite,
)

_ENTRIES = 64

PortName = Annotated[
    str,
    Form(
        r"[a-z0-9]+(-[a-z0-9]+)*",
        "write a port's name: lower-case letters, digits and single hyphens",
        maximum=63,
    ),
]


class TrafficDistribution(StrEnum):
    """Which endpoints of a Service are preferred."""

    PREFER_CLOSE = "PreferClose"
    PREFER_SAME_ZONE = "PreferSameZone"
    PREFER_SAME_NODE = "PreferSameNode"


class Acceptance(StrEnum):
    """How many of a route's parents must accept it."""

    ALL = "All"
    ANY = "Any"


class GitOps(StrEnum):
    """What GitOps tools may do with objects that are adopted."""

    DISABLED = "Disabled"
    SHARED = "Shared"


class ServiceMetadata(ApiModel):
    """Labels and annotations of a generated object."""

    labels: dict[Text, Text] = Field(
        default_factory=dict, max_length=_ENTRIES, description="Labels by key."
    )
    annotations: dict[Text, Text] = Field(
        default_factory=dict, max_length=_ENTRIES, description="Annotations by key."
    )


class UnmanagedMetadata(ApiModel):
    """Keys on generated Services that others write and tidegate leaves alone."""

    labels: tuple[Text, ...] = Field(
        default=(), max_length=_ENTRIES, description="Keys of labels left alone."
    )
    annotations: tuple[Text, ...] = Field(
        default=(), max_length=_ENTRIES, description="Keys of annotations left alone."
    )


class Service(ApiModel):
    """The services made for the target, and the route to them."""

    model_config = ConfigDict(json_schema_extra=rules(DELEGATION_STANDS_ALONE))

    name: Label | None = Field(
        default=None,
        description="Name of the apex service, which clients call; the target's when left out. "
        "`<name>-primary` and `<name>-canary` are made beside it.",
    )
    port: Port = Field(description="Port of the services.")
    port_name: PortName = Field(
        default="http", description="Name of the port; meshes read the protocol from it."
    )
    target_port: PortOrName | None = Field(
        default=None,
        description="Port of the container, by number or name; the same as port when 0 or "
        "left out.",
    )
    app_protocol: Text | None = Field(
        default=None,
        description="Application protocol of the port; `tcp` makes Istio route connections.",
    )
    traffic_distribution: TrafficDistribution | None = Field(
        default=None, description="Which endpoints the services prefer."
    )
    port_discovery: Flag = Field(
        default=False, description="Whether the services get every port of the target's containers."
    )
    headless: Flag = Field(
        default=False, description="Whether the services are made without a cluster address."
    )
    timeout: DurationText | None = Field(
        default=None, description="Time limit of a request, retries included."
    )
    backend_timeout: DurationText | None = Field(
        default=None, description="Time limit of one call to a pod (Gateway API)."
    )
    gateways: tuple[GatewayName, ...] = Field(
        default=(),
        max_length=_ENTRIES,
        description="Istio gateways that the route is bound to; only `mesh` when left out.",
    )
    gateway_refs: tuple[ParentReference, ...] = Field(
        default=(),
        max_length=32,
        description="Gateways, or Services inside a mesh, that the HTTPRoute attaches to.",
    )
    acceptance: Acceptance | None = Field(
        default=None,
        description="How many of gatewayRefs must accept the route before its traffic counts: `All` "
        "(when left out) or `Any` (Gateway API).",
    )
    hosts: tuple[RouteHost, ...] = Field(
        default=(), max_length=_ENTRIES, description="Host names that the route answers to."
    )
    delegation: Flag = Field(
        default=False,
        description="Whether the VirtualService has no hosts and gateways, because another one "
        "delegates to it.",
    )
    traffic_policy: Document | None = Field(
        default=None, description="Istio TrafficPolicy, copied to both DestinationRules."
    )
    match: tuple[HttpMatch, ...] = Field(
        default=(),
        max_length=_ENTRIES,
        description="Requests that the route takes; one condition is enough. All when left out.",
    )
    rewrite: Rewrite | None = Field(
        default=None, description="What the workload sees in place of what was asked for."
    )
    retries: Retries | None = Field(
        default=None, description="How the proxy repeats a failed request."
    )
    headers: Headers | None = Field(
        default=None, description="Changes to the headers of requests and responses."
    )
    mirror: tuple[Mirror, ...] = Field(
        default=(),
        max_length=16,
        description="Third workloads that get a copy of every request (Gateway API).",
    )
    cors_policy: CorsPolicy | None = Field(
        default=None, description="Which pages of other origins may call."
    )
    canonical_name: Flag = Field(
        default=False,
        description="Whether the pods of the primary carry the target's name in the label "
        "`service.istio.io/canonical-name`, so that Kiali and Istio's metrics show target and "
        "primary as one application. Of Deployments and DaemonSets; from the next promotion on.",
    )
    mesh_name: Text | None = Field(default=None, description="Name of the mesh (App Mesh).")
    backends: tuple[Text, ...] = Field(
        default=(), max_length=_ENTRIES, description="Services that the target calls (App Mesh)."
    )
    apex: ServiceMetadata | None = Field(
        default=None, description="Metadata of the apex service and of the route."
    )
    primary: ServiceMetadata | None = Field(
        default=None, description="Metadata of the primary service."
    )
    canary: ServiceMetadata | None = Field(
        default=None, description="Metadata of the canary service."
    )
    unmanaged_metadata: UnmanagedMetadata | None = Field(
        default=None,
        description="Keys on generated Services that others write and tidegate leaves alone.",
    )
    gitops: GitOps | None = Field(
        default=None,
        description="What GitOps tools do with an adopted Service or route. `Disabled` (when left "
        "out): an annotation tells Flux to leave it alone until the Canary is deleted. `Shared`: "
        "they go on writing it, by ignore rules of your own.",
    )

    @property
    def shared_with_gitops(self) -> bool:
        """Whether GitOps tools go on writing what is adopted."""
        return self.gitops is GitOps.SHARED

    @property
    def container_port(self) -> int | str:
        """The port that the pods listen on, by number or name."""
        return self.target_port or self.port
