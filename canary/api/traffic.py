"""How requests are matched and changed on their way: the parts that routers translate.

The shapes are those of Istio's VirtualService where users know them from there.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from canary.api.fields import (
    CallerNamespace,
    DurationText,
    Flag,
    GatewayName,
    HeaderName,
    HeaderValue,
    Name,
    Namespace,
    Port,
    Text,
    Whole,
    wrong,
)
from canary.api.meta import ApiModel
from canary.api.rules import ONE_WAY_TO_MATCH, rules

_MATCHES = 64
_HEADERS = 64


class StringMatch(ApiModel):
    """A condition on text: exactly one way to match."""

    model_config = ConfigDict(json_schema_extra=rules(ONE_WAY_TO_MATCH))

    exact: Text | None = Field(default=None, description="The whole text.")
    prefix: Text | None = Field(default=None, description="What the text begins with.")
    suffix: Text | None = Field(default=None, description="What the text ends with.")
    regex: Text | None = Field(
        default=None, description="A regular expression (RE2) for the whole text."
    )

    @model_validator(mode="after")
    def _says_how(self) -> Self:
        """Keep the rule here as well: a router reads how a text is matched, even of a broken spec."""
        if sum(text is not None for _, text in self) != 1:
            raise wrong(ONE_WAY_TO_MATCH.remedy)
        return self


StringMatches = Annotated[dict[HeaderName, StringMatch], Field(max_length=_HEADERS)]


class HttpMatch(ApiModel):
    """A condition on a request; all its parts must hold."""

    name: Text | None = Field(default=None, description="A name for the condition, for people.")
    uri: StringMatch | None = Field(default=None, description="The path.")
    scheme: StringMatch | None = Field(default=None, description="The scheme, http or https.")
    method: StringMatch | None = Field(default=None, description="The HTTP method.")
    authority: StringMatch | None = Field(default=None, description="The host asked for.")
    headers: StringMatches = Field(
        default_factory=dict,
        description="Headers by lower-case name; every one must match. "
        "A cookie is matched in the header named cookie.",
    )
    without_headers: StringMatches = Field(
        default_factory=dict, description="Headers by lower-case name; none may match."
    )
    query_params: StringMatches = Field(
        default_factory=dict, description="Query parameters by name; every one must match."
    )
    source_labels: dict[Text, Text] = Field(
        default_factory=dict,
        max_length=_HEADERS,
        description="Labels that the calling workload must have; known inside a mesh only.",
    )
    source_namespace: CallerNamespace | None = Field(
        default=None, description="Namespace of the calling workload; known inside a mesh only."
    )
    gateways: tuple[GatewayName, ...] = Field(
        default=(),
        max_length=_MATCHES,
        description="Gateways that the condition applies to; all of the route's when left out.",
    )
    port: Port | None = Field(default=None, description="The port asked for.")
    ignore_uri_case: Flag | None = Field(
        default=None, description="Whether upper and lower case of the path are the same."
    )


class Rewrite(ApiModel):
    """What the workload sees in place of what was asked for."""

    uri: Text | None = Field(default=None, description="The path, or its prefix, in its place.")
    authority: Text | None = Field(default=None, description="The host in its place.")
    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"] = Field(
        default="ReplaceFullPath",
        description="Whether uri replaces the whole path or the matched prefix (Gateway API).",
    )


class Retries(ApiModel):
    """How the proxy repeats a failed request."""

    attempts: Annotated[int, Whole(0, 100)] | None = Field(
        default=None, description="How often a request is repeated; 0 turns repeating off."
    )
    per_try_timeout: DurationText | None = Field(
        default=None, description="Time limit of each attempt."
    )
    retry_on: Text | None = Field(
        default=None,
        description="Which failures are repeated, such as `gateway-error,connect-failure`.",
    )


class HeaderChanges(ApiModel):
    """Changes to headers, made by the proxy."""

    add: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, max_length=_HEADERS, description="Values added to what is there."
    )
    set: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, max_length=_HEADERS, description="Values that replace what is there."
    )
    remove: tuple[HeaderName, ...] = Field(
        default=(), max_length=_HEADERS, description="Names of headers taken out."
    )


class Headers(ApiModel):
    """Changes to the headers of requests and responses."""

    request: HeaderChanges | None = Field(
        default=None, description="Changes before the workload sees the request."
    )
    response: HeaderChanges | None = Field(
        default=None, description="Changes before the caller sees the response."
    )


class CorsPolicy(ApiModel):
    """Which pages of other origins may call."""

    allow_origin: tuple[Text, ...] = Field(
        default=(), max_length=_MATCHES, description="Origins allowed, each in full, or `*`."
    )
    allow_origins: tuple[StringMatch, ...] = Field(
        default=(), max_length=_MATCHES, description="Origins allowed, by condition."
    )
    allow_methods: tuple[Text, ...] = Field(
        default=(), max_length=_MATCHES, description="HTTP methods allowed."
    )
    allow_headers: tuple[HeaderName, ...] = Field(
        default=(), max_length=_MATCHES, description="Headers that a page may send."
    )
    expose_headers: tuple[HeaderName, ...] = Field(
        default=(), max_length=_MATCHES, description="Headers that a page may read."
    )
    max_age: DurationText | None = Field(
        default=None, description="How long a browser may keep the answer."
    )
    allow_credentials: Flag | None = Field(
        default=None, description="Whether a page may send cookies and authorisation."
    )


class BackendReference(ApiModel):
    """Where mirrored requests go."""

    group: Text = Field(default="", description="API group; empty for a Service.")
    kind: Text = Field(default="Service", description="Kind of the object.")
    name: Name = Field(description="Name of the object.")
    namespace: Namespace | None = Field(
        default=None, description="Namespace of the object; that of the Canary when left out."
    )
    port: Port | None = Field(default=None, description="Port of the Service.")


class Mirror(ApiModel):
    """A copy of every request for a third workload, whose answers are dropped."""

    backend_ref: BackendReference = Field(description="Where the copies go.")


class ParentReference(ApiModel):
    """What an HTTPRoute attaches to: a Gateway, or a Service inside a mesh."""

    group: Text = Field(
        default="gateway.networking.k8s.io",
        description="API group; empty or `core` for a Service.",
    )
    kind: Text = Field(default="Gateway", description="Gateway, or Service inside a mesh.")
    name: Name = Field(description="Name of the Gateway or Service.")
    namespace: Namespace | None = Field(
        default=None, description="Its namespace; that of the Canary when left out."
    )
    section_name: Text | None = Field(
        default=None, description="The one listener (or port's name) to attach to."
    )
    port: Port | None = Field(default=None, description="The one port to attach to.")
