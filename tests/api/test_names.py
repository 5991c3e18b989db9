"""The names that a Canary gives to what is made for it."""

from tests.builders import a_spec


def test_a_primary_is_named_by_its_target_unless_it_came_up_under_another_name() -> None:
    spec = a_spec()
    assert spec.primary_name == "podinfo-primary"
    assert spec.with_primary("") is spec
    assert spec.with_primary("podinfo-primary") is spec
    named = spec.with_primary("shop-primary")
    assert (named.primary_name, named.usual_primary_name) == ("shop-primary", "podinfo-primary")
    assert spec.primary_name == "podinfo-primary"
    assert named != spec


def test_a_spec_is_read_by_the_names_of_an_earlier_one() -> None:
    former = a_spec(provider="smi").with_names(service="shop", provider="istio")
    assert (former.service_name, former.provider) == ("shop", "istio")
    assert former.primary_service_name == "shop-primary"
    assert former.primary_name == "podinfo-primary"


def test_a_spec_is_read_with_the_references_of_an_earlier_one() -> None:
    fields = ("ingress_ref", "ingress_refs", "route_ref")
    spec = a_spec(
        ingressRef=_reference("networking.k8s.io/v1", "Ingress", "web"),
        ingressRefs=[_reference("networking.k8s.io/v1", "Ingress", "admin")],
        routeRef=_reference("apisix.apache.org/v2", "ApisixRoute", "shop"),
    )
    named = spec.references(fields)
    assert named == ("ingressRef/web", "ingressRefs/admin", "routeRef/shop")
    former = a_spec().with_names(service="podinfo", provider="nginx", references=named)
    assert [getattr(former, each) for each in fields] == [getattr(spec, each) for each in fields]
    odd = a_spec().with_names(service="", provider="", references=("x", "ingressRef/No Name"))
    assert odd.ingress_names == ("No Name",)
    kept = spec.with_names(service="podinfo", provider="nginx")
    assert kept.references(fields) == named


def test_a_spec_is_read_with_the_managed_routes_of_an_earlier_one() -> None:
    fields = ("managed_routes",)
    shop = {"kind": "VirtualService", "name": "shop", "rules": [{"name": "api"}]}
    named = a_spec(managedRoutes=[shop]).references(fields)
    assert named == ("managedRoutes/VirtualService/shop",)
    former = a_spec().with_names(service="podinfo", provider="istio", references=named)
    assert former.references(fields) == named
    # Without any it had a route of its own.
    own = a_spec(managedRoutes=[shop]).with_names(service="podinfo", provider="istio")
    assert own.managed_routes == ()
    odd = ("managedRoutes/Ingress/shop", "managedRoutes/x")
    assert a_spec().with_names(service="", provider="", references=odd).managed_routes == ()


def test_a_managed_rule_is_called_by_its_name_its_port_or_its_host() -> None:
    rules = [{"name": "api"}, {"port": 3306}, {"sniHost": "db.example.com"}]
    (route,) = a_spec(
        managedRoutes=[{"kind": "VirtualService", "name": "shop", "rules": rules}]
    ).managed_routes
    assert [each.said for each in route.rules] == ["api", "port 3306", "host db.example.com"]


def _reference(api_version: str, kind: str, name: str) -> dict[str, str]:
    return {"apiVersion": api_version, "kind": kind, "name": name}
