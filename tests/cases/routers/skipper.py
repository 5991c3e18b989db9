"""Skipper: an Ingress beside the user's, with both sides."""

from tests.case import RouterCase
from tests.cases.routers.nginx import ingress, reference
from tests.routers.vocabulary import METADATA

USERS = ingress("web", ingressClassName="skipper")
USERS["metadata"]["annotations"] |= {
    "kubernetes.io/ingress.class": "skipper",
    "zalando.org/skipper-filter": "compress()",
    "zalando.org/skipper-predicate": 'Host("app")',
}
CASE = RouterCase(
    spec={"ingressRef": reference("web")},
    canaries=(
        {"service": METADATA},
        {
            "analysis": {
                "match": [
                    {
                        "method": {"exact": "GET"},
                        "headers": {"x-a": {"exact": "1"}, "cookie": {"regex": "side=canary.*"}},
                        "queryParams": {"v": {"exact": "2"}, "a": {"prefix": "x"}},
                    }
                ],
                "mirror": True,
            }
        },
    ),
    foreign={"Ingress": {"defaultBackend": {"service": {"name": "old", "port": {"number": 80}}}}},
    read=(USERS,),
    annotations=frozenset(
        {
            "kubernetes.io/ingress.class",
            "zalando.org/backend-weights",
            "zalando.org/skipper-filter",
            "zalando.org/skipper-predicate",
        }
    ),
)
