"""S3: no object of another owner is taken: it is never written, and outlives the Canary.

Some have a place of their own: copies of configs in `tests/controller/test_copies.py`, budgets in
`test_budgets.py`, baselines in `test_baselines.py`, what is beside a kept target in `test_kept.py`.
"""

from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER, DEPLOYMENT, SERVICE, Kind, Manifest
from canary.demo import manifests
from canary.routers.ingresses import INGRESS
from tests.controller.running import CANARY, DEMO, World, until
from tests.controller.test_former_names import referring, users_ingress

RULE = Kind(
    group="networking.istio.io", versions=("v1",), kind="DestinationRule", plural="destinationrules"
)
REFERENCE = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
SCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
SCALED = {"apiVersion": "apps/v1", "kind": "Deployment"}


def foreign(api_version: str, kind: str, name: str, **fields: Any) -> Manifest:
    """Make an object that somebody else has created."""
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {"name": name, "namespace": DEMO, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def deployment() -> Manifest:
    manifest = manifests.deployment("7", name="podinfo-primary", replicas=1)
    manifest["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    return manifest


PORTS = {"selector": {"app": "other"}, "ports": [{"port": 80}]}
FOREIGN = {
    "a primary": (DEPLOYMENT, deployment()),
    "the primary's service": (SERVICE, foreign("v1", "Service", "podinfo-primary", spec=PORTS)),
    "the canary's service": (SERVICE, foreign("v1", "Service", "podinfo-canary", spec=PORTS)),
    "a rule": (
        RULE,
        foreign(
            "networking.istio.io/v1",
            "DestinationRule",
            "podinfo-primary",
            spec={"host": "podinfo-primary"},
        ),
    ),
    "an autoscaler": (
        AUTOSCALER,
        foreign(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "podinfo-primary",
            spec={"scaleTargetRef": {**SCALED, "name": "other"}, "maxReplicas": 2},
        ),
    ),
    "the Ingress beside the user's": (
        INGRESS,
        foreign(
            "networking.k8s.io/v1",
            "Ingress",
            "web-canary",
            spec={"rules": [{"host": "other.example.com"}]},
        ),
    ),
}
#: What a Canary needs beside the rest for the name to be asked for.
ASKING = {"the Ingress beside the user's": referring("web")}


@pytest.mark.parametrize("what", FOREIGN)
async def test_what_somebody_else_has_holds_the_initialisation_and_stays_as_it_is(
    world: World, what: str
):
    kind, manifest = FOREIGN[what]
    await world.create_app()
    scaler = {"scaleTargetRef": {**SCALED, "name": "podinfo"}, "maxReplicas": 3}
    metadata = {"name": "podinfo", "namespace": DEMO}
    await world.api.create({**SCALER, "metadata": metadata, "spec": scaler}, AUTOSCALER)
    await world.api.create(users_ingress("web"), INGRESS)
    await world.api.create(manifest, kind)
    before = await world.read(kind, manifest["metadata"]["name"])
    async with world.running_controller():
        await world.create_canary(
            autoscalerRef=REFERENCE, revertOnDeletion=True, **ASKING.get(what, {})
        )
        message = await world.until_condition("Stalled", "True")
        assert f"{kind.kind} demo/{manifest['metadata']['name']} exists already" in message
        assert "Helm" in message
        assert "rename or delete it" in message
        (event,) = await until(lambda: world.events("NameTaken"), "it is told")
        assert "exists already" in event["message"]
        assert (await world.status())["phase"] == "Initializing"
        await world.api.delete(CANARY, DEMO, "podinfo")

        async def gone() -> bool:
            return await world.read(CANARY, "podinfo") is None

        await until(gone, "the Canary has gone")
    after = await world.read(kind, manifest["metadata"]["name"])
    assert written(after) == written(before)


def written(obj: Manifest | None) -> Manifest:
    """Leave out what controllers of the cluster say of an object by themselves."""
    assert obj is not None
    metadata = {
        name: each
        for name, each in obj["metadata"].items()
        if name not in {"resourceVersion", "managedFields", "annotations"}
    }
    annotations = dict(obj["metadata"].get("annotations") or {})
    annotations.pop("deployment.kubernetes.io/revision", None)
    return {**obj, "metadata": metadata | {"annotations": annotations}, "status": None}


async def test_a_name_that_becomes_free_lets_the_initialisation_go_on(world: World):
    kind, manifest = FOREIGN["the primary's service"]
    await world.create_app()
    await world.api.create(manifest, kind)
    async with world.running_controller():
        await world.create_canary()
        await world.until_condition("Stalled", "True")
        await world.api.delete(kind, DEMO, manifest["metadata"]["name"])
        await world.until_phase("Initialized")
