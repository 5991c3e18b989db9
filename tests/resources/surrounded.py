"""A Canary whose surroundings are looked at before it is initialised."""

from typing import Any

from canary.api.canary import Canary


def a_canary(service: dict[str, Any], **spec: Any) -> Canary:
    return Canary.model_validate(
        {
            "apiVersion": "tidegate.dev/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "shop", "namespace": "prod"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "service": {"port": 80, **service},
                "analysis": {"interval": "10s", "threshold": 1, "stepWeight": 10},
                **spec,
            },
        }
    )
