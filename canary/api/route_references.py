"""The user's objects that a route is made from, and the texts by which a status remembers them."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from canary.api.fields import ApiVersion, Name, Namespace
from canary.api.managed_routes import ManagedRoute
from canary.api.meta import ApiModel


class IngressReference(ApiModel):
    """The Ingress that leads to the apex service."""

    api_version: ApiVersion = Field(description="API group and version: networking.k8s.io/v1.")
    kind: Literal["Ingress"] = Field(description="Kind of the object.")
    name: Name = Field(description="Name of the Ingress, in the namespace of the Canary.")

    @classmethod
    def to(cls, name: str) -> "IngressReference":
        """Refer to the Ingress with a name, whatever that is."""
        return cls.model_construct(api_version="networking.k8s.io/v1", kind="Ingress", name=name)


class RouteReference(ApiModel):
    """The ApisixRoute that leads to the apex service."""

    api_version: ApiVersion = Field(description="API group and version: apisix.apache.org/v2.")
    kind: Literal["ApisixRoute"] = Field(description="Kind of the object.")
    name: Name = Field(description="Name of the ApisixRoute, in the namespace of the Canary.")

    @classmethod
    def to(cls, name: str) -> "RouteReference":
        """Refer to the ApisixRoute with a name, whatever that is."""
        return cls.model_construct(
            api_version="apisix.apache.org/v2", kind="ApisixRoute", name=name
        )


class UpstreamReference(ApiModel):
    """The Gloo Upstream that Flagger copies for both sides."""

    api_version: ApiVersion = Field(description="API group and version: gloo.solo.io/v1.")
    kind: Literal["Upstream"] = Field(description="Kind of the object.")
    name: Name = Field(description="Name of the Upstream.")
    namespace: Namespace | None = Field(
        default=None, description="Its namespace; that of the Canary when left out."
    )


Reference = IngressReference | RouteReference | UpstreamReference | ManagedRoute

_MANAGED = "managedRoutes"


def named_references(field: str, value: Reference | tuple[Reference, ...] | None) -> Iterator[str]:
    """Name the objects that a field refers to, each as field/name, or as field/kind/name."""
    listed = value if isinstance(value, tuple) else (value,)
    return (
        f"{to_camel(field)}/{each.place if isinstance(each, ManagedRoute) else each.name}"
        for each in listed
        if each is not None
    )


def known_of_old(references: tuple[str, ...]) -> tuple[str, ...]:
    """Pick the references that releases had before they remembered any."""
    return tuple(each for each in references if not each.startswith(f"{_MANAGED}/"))


def referring(references: tuple[str, ...]) -> dict[str, object]:
    """Give the fields of a spec that refer to objects, each named as field/name."""
    named: dict[str, list[str]] = {}
    for each in references:
        field, _, name = each.partition("/")
        named.setdefault(field, []).append(name)
    routes = (ManagedRoute.at(place) for place in named.get(_MANAGED, ()))
    managed: dict[str, object] = {"managed_routes": tuple(filter(None, routes))}
    if not references:
        # A route of its own, or one of a release that remembered none.
        return managed
    ingresses, apisix = named.get("ingressRef", ()), named.get("routeRef", ())
    return managed | {
        "ingress_ref": next(map(IngressReference.to, ingresses), None),
        "ingress_refs": tuple(map(IngressReference.to, named.get("ingressRefs", ()))),
        "route_ref": next(map(RouteReference.to, apisix), None),
    }
