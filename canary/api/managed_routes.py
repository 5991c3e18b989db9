"""Managed routes: rules of the user's own routes, whose weights alone are tidegate's."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from canary.api.fields import Host, Name, Port, RuleName
from canary.api.meta import ApiModel
from canary.api.rules import RULE_IS_NAMED_ONCE, rules


class ManagedKind(StrEnum):
    """The kinds of routes that have rules by name."""

    VIRTUAL_SERVICE = "VirtualService"
    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"
    TCP_ROUTE = "TCPRoute"
    TLS_ROUTE = "TLSRoute"


class ManagedRule(ApiModel):
    """One rule of a route."""

    model_config = ConfigDict(json_schema_extra=rules(RULE_IS_NAMED_ONCE))

    name: RuleName | None = Field(default=None, description="Name of the rule.")
    port: Port | None = Field(
        default=None,
        description="The port by which a TCP or TLS route of a VirtualService matches: these have "
        "no names.",
    )
    sni_host: Host | None = Field(
        default=None,
        description="The SNI host by which a TLS route of a VirtualService matches.",
    )

    @property
    def said(self) -> str:
        """What people call it, and what a record knows it by."""
        if self.name is not None:
            return self.name
        return f"port {self.port}" if self.port is not None else f"host {self.sni_host}"


class ManagedRoute(ApiModel):
    """A route that the user keeps, and the rules of it that lead to both sides."""

    kind: ManagedKind = Field(description="Kind of the route.")
    name: Name = Field(description="Name of the route, in the namespace of the Canary.")
    rules: tuple[ManagedRule, ...] = Field(
        default=(),
        max_length=16,
        description="The rules whose weights tidegate writes; when left out, the only one that "
        "leads to the app.",
    )

    @property
    def place(self) -> str:
        """Where it is, as kind/name."""
        return f"{self.kind}/{self.name}"

    @classmethod
    def at(cls, place: str) -> "ManagedRoute | None":
        """Refer to the route at a place, without its rules; None where that is no such kind."""
        kind, _, name = place.partition("/")
        known = (each for each in ManagedKind if each == kind)
        return next((cls.model_construct(kind=each, name=name, rules=()) for each in known), None)
