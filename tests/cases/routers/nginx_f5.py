"""F5 NGINX Ingress Controller: VirtualServerRoutes."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import AFFINITY, METADATA

MATCH = [
    {"headers": {"x-canary": {"exact": "insider"}, "x-plan": {"prefix": "gold"}}},
    {"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}},
]

CASE = RouterCase(
    needed={"hosts": ["vs.example.com"]},
    canaries=(
        {"service": METADATA},
        {"analysis": {"match": MATCH}},
        {"analysis": {"sessionAffinity": AFFINITY}},
        {
            "analysis": {
                "match": MATCH[:1],
                "sessionAffinity": {"cookieName": "stick"},
            }
        },
    ),
    foreign={
        "VirtualServerRoute": {
            "host": "old.example.com",
            "upstreams": [{"name": "old", "service": "old", "port": 80}],
            "subroutes": [{"path": "/", "action": {"pass": "old"}}],
        }
    },
    published=((OURS, "k8s.nginx.org_virtualserverroutes.yaml"),),
)
