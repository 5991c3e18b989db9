"""Services: always ready, without pods of their own, a history, or anything to scale."""

from tests.case import TargetCase

CASE = TargetCase(
    written={
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test", "uid": "t"},
        "spec": {
            "type": "ClusterIP",
            "selector": {"app": "podinfo", "version": "1"},
            "ports": [{"name": "http", "port": 80, "targetPort": 9898, "protocol": "TCP"}],
        },
    },
)
