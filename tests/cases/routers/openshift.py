"""OpenShift: Routes."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    canaries=({"service": {**METADATA, "hosts": ["app.example.com"]}},),
    foreign={"Route": {"host": "old.example.com", "to": {"kind": "Service", "name": "old"}}},
    annotations=frozenset({"haproxy.router.openshift.io/disable_cookies"}),
    published=((OURS, "route.openshift.io_routes.yaml"),),
)
