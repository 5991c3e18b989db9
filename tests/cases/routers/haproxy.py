"""HAProxy Technologies' controller: an Ingress beside the user's, and a service with a condition."""

from tests.case import RouterCase
from tests.cases.routers.nginx import AB, ingress, reference
from tests.routers.vocabulary import METADATA

USERS = ingress("web", ingressClassName="haproxy")
USERS["metadata"]["annotations"]["kubernetes.io/ingress.class"] = "haproxy"
CANARYS = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "podinfo-canary", "namespace": "test"},
    "spec": {
        "selector": {"app": "podinfo"},
        "ports": [{"name": "http", "port": 9898, "protocol": "TCP", "targetPort": 9898}],
    },
}
CASE = RouterCase(
    spec={"ingressRef": reference("web")},
    canaries=(
        {"service": METADATA},
        {"analysis": {**AB, "match": [{"headers": {"cookie": {"regex": "side=canary.*"}}}]}},
    ),
    foreign={
        "Ingress": {"defaultBackend": {"service": {"name": "old", "port": {"number": 80}}}},
        "Service": {"ports": [{"port": 80}], "selector": {"app": "old"}},
    },
    read=(USERS, CANARYS),
    annotations=frozenset({"kubernetes.io/ingress.class", "haproxy.org/route-acl"}),
)
