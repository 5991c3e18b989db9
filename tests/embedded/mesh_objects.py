"""Objects that a mesh routes by, each from the little that matters to a test."""

from typing import Any

from tidegate_embedded.apiserver.storage import Storage

NAMESPACE = "test"
PORT = 9898
KEYS = {
    "Service": ("", "services"),
    "EndpointSlice": ("discovery.k8s.io", "endpointslices"),
    "VirtualService": ("networking.istio.io", "virtualservices"),
    "DestinationRule": ("networking.istio.io", "destinationrules"),
    "TrafficSplit": ("split.smi-spec.io", "trafficsplits"),
    "HTTPRoute": ("gateway.networking.k8s.io", "httproutes"),
    "Ingress": ("networking.k8s.io", "ingresses"),
}

Manifest = dict[str, Any]


def put(storage: Storage, *items: Manifest) -> None:
    """Store objects as the API server does."""
    for item in items:
        metadata = item["metadata"]
        storage.put(KEYS[item["kind"]], (metadata["namespace"], metadata["name"]), item)


def an_object(kind: str, name: str, spec: Any = None, **fields: Any) -> Manifest:
    body = {} if spec is None else {"spec": spec}
    return {"kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **body, **fields}


def a_service(name: str, *ports: int) -> Manifest:
    numbers = ports or (PORT,)
    return an_object(
        "Service", name, {"ports": [{"name": f"p{each}", "port": each} for each in numbers]}
    )


def endpoints(
    service: str, *ready: str, ending: tuple[str, ...] = (), unready: tuple[str, ...] = ()
) -> Manifest:
    conditions = [
        *((ip, {"ready": True, "serving": True, "terminating": False}) for ip in ready),
        *((ip, {"ready": False, "serving": True, "terminating": True}) for ip in ending),
        *((ip, {"ready": False, "serving": False, "terminating": False}) for ip in unready),
    ]
    item = an_object(
        "EndpointSlice",
        f"{service}-1",
        addressType="IPv4",
        ports=[{"name": f"p{PORT}", "port": PORT}],
        endpoints=[{"addresses": [ip], "conditions": each} for ip, each in conditions],
    )
    item["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    return item


def a_virtual_service(primary: int, canary: int, **http: Any) -> Manifest:
    sides = (("podinfo-primary", primary), ("podinfo-canary", canary))
    routes = [{"destination": {"host": host}, "weight": weight} for host, weight in sides]
    return an_object(
        "VirtualService",
        "podinfo",
        {"hosts": ["podinfo"], "gateways": ["mesh"], "http": [{"route": routes, **http}]},
    )


def a_traffic_split(primary: int, canary: int) -> Manifest:
    sides = (("podinfo-primary", primary), ("podinfo-canary", canary))
    backends = [{"service": service, "weight": weight} for service, weight in sides]
    return an_object("TrafficSplit", "podinfo", {"service": "podinfo", "backends": backends})


def an_http_route(
    primary: int, canary: int, *, spec: Manifest | None = None, **rule: Any
) -> Manifest:
    """Build a route that hangs on the Service, as inside a mesh, unless `spec` says otherwise."""
    sides = (("podinfo-primary", primary), ("podinfo-canary", canary))
    backends = [{"name": name, "port": PORT, "weight": weight} for name, weight in sides]
    parent = {"group": "", "kind": "Service", "name": "podinfo"}
    return an_object(
        "HTTPRoute",
        "podinfo",
        {
            "parentRefs": [parent],
            "rules": [{"backendRefs": backends, **rule}],
            **(spec or {}),
        },
    )


ROUTES = {"istio": a_virtual_service, "smi": a_traffic_split, "gatewayapi": an_http_route}


def a_pod(name: str, *, tag: str = "1.0", uid: str = "", **container: Any) -> Manifest:
    """Build a pod that listens on PORT and is asked at /readyz every second."""
    env = container.pop("environment", {})
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid or f"uid-{name}"},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": f"registry.example.com/podinfo:{tag}",
                    "ports": [{"name": "http", "containerPort": PORT}],
                    "readinessProbe": {
                        "httpGet": {"path": "/readyz", "port": "http"},
                        "periodSeconds": 1,
                    },
                    "env": [{"name": key, "value": value} for key, value in env.items()],
                    **container,
                }
            ]
        },
    }
