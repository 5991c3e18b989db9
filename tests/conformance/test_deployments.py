"""What the controller of Deployments does with pods while one is paused or scaled amid a rollout.

Where no kubelet runs, the tests say that pods are ready.
"""

from typing import Any

from tests.conformance.conftest import JSON_PATCH, MERGE_PATCH, eventually

DEPLOYMENTS = "apps/v1/deployments"
SETS = "apps/v1/replicasets"
LONG_AGO = "2026-01-01T00:00:00Z"
BROKEN = "broken"


def template(tag: str) -> dict[str, Any]:
    """Give the template of a version; the pods of `broken` never serve."""
    metadata: dict[str, Any] = {"labels": {"app": "web"}}
    spec: dict[str, Any] = {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": f"app:{tag}"}],
    }
    if tag == BROKEN:
        metadata["annotations"] = {"tidegate.dev/simulate": "never-ready"}
        spec["nodeSelector"] = {"conformance": "no-such-node"}
    return {"metadata": metadata, "spec": spec}


class Deployment:
    """A Deployment of three pods, in a namespace of its own, that adds one at a time."""

    def __init__(self, api: Any) -> None:
        self.api = api
        api.create(
            DEPLOYMENTS,
            {
                "metadata": {"name": "web"},
                "spec": {
                    "replicas": 3,
                    "selector": {"matchLabels": {"app": "web"}},
                    "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                    "template": template("1"),
                },
            },
        )

    def change(self, **spec: Any) -> None:
        changes = [{"op": "add", "path": f"/spec/{field}", "value": spec[field]} for field in spec]
        response = self.api.patch(self.api.path(DEPLOYMENTS, "web"), JSON_PATCH, changes)
        assert response.status_code == 200, response.text
        generation = response.json()["metadata"]["generation"]
        eventually(lambda: self.status.get("observedGeneration") == generation, "it is seen")

    @property
    def status(self) -> dict[str, Any]:
        return self.api.read(DEPLOYMENTS, "web").get("status") or {}

    def pods(self) -> list[dict[str, Any]]:
        found = self.api.get(self.api.path("pods")).json()["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def uids(self) -> set[str]:
        return {each["metadata"]["uid"] for each in self.pods()}

    def serve(self) -> None:
        """Say that the pods are ready, but for the broken ones."""
        for pod in self.pods():
            conditions = (pod.get("status") or {}).get("conditions") or ()
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO}
            known = any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)
            if known or tag(pod) == BROKEN:
                continue
            path = f"{self.api.path('pods', pod['metadata']['name'])}/status"
            # It may have gone meanwhile.
            self.api.patch(
                path, MERGE_PATCH, {"status": {"phase": "Running", "conditions": [ready]}}
            )

    def sets(self) -> dict[str, dict[str, Any]]:
        """Give its ReplicaSets by what they run."""
        found = self.api.get(self.api.path(SETS)).json()["items"]
        return {tag(each["spec"]["template"]): each for each in found}

    def until(self, *tags: str, **counts: int) -> None:
        """Wait until the pods run these and are counted so in the status, which follows them."""

        def so() -> bool:
            self.serve()
            status = self.status
            counted = all(status.get(name, 0) == count for name, count in counts.items())
            return counted and sorted(map(tag, self.pods())) == sorted(tags)

        eventually(so, f"pods of {tags} with {counts}")


def tag(pod: dict[str, Any]) -> str:
    return pod["spec"]["containers"][0]["image"].rpartition(":")[2]


def test_a_new_template_starts_no_pod_and_lost_pods_come_back_as_they_were(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3, updatedReplicas=3)
    web.change(paused=True)
    web.change(template=template("2"))
    web.until("1", "1", "1", replicas=3, availableReplicas=3, updatedReplicas=0)
    lost = web.pods()[0]["metadata"]
    api.delete(api.path("pods", lost["name"]))
    eventually(lambda: lost["uid"] not in web.uids(), "it is gone")
    web.until("1", "1", "1", availableReplicas=3)
    web.change(replicas=4)
    web.until("1", "1", "1", "1", availableReplicas=4)
    web.change(replicas=2)
    web.until("1", "1", replicas=2, updatedReplicas=0)
    assert [*web.sets()] == ["1"]


def test_resumed_it_rolls_to_the_newest_template_alone(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(paused=True)
    web.change(template=template("2"))
    web.change(template=template("3"))
    web.change(paused=False)
    web.until("3", "3", "3", replicas=3, updatedReplicas=3, availableReplicas=3)
    assert sorted(web.sets()) == ["1", "3"]


def test_a_template_that_comes_back_is_counted_as_updated(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(paused=True)
    web.change(template=template("2"))
    web.until("1", "1", "1", updatedReplicas=0)
    web.change(template=template("1"))
    web.until("1", "1", "1", updatedReplicas=3)


def test_scaled_up_from_nothing_it_starts_what_it_ran_before(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(paused=True, replicas=0)
    web.until()
    web.change(template=template("2"))
    web.change(replicas=2)
    web.until("1", "1", updatedReplicas=0, availableReplicas=2)


def test_scaled_up_from_nothing_it_starts_a_former_template_that_it_has_again(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(template=template("2"))
    web.until("2", "2", "2", replicas=3, availableReplicas=3)
    web.change(paused=True, replicas=0)
    web.until()
    web.change(template=template("1"))
    web.change(replicas=2)
    web.until("1", "1", updatedReplicas=2, availableReplicas=2)


def test_paused_amid_a_rollout_it_keeps_the_pods_of_both_in_proportion(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(template=template(BROKEN))
    web.until("1", "1", "1", BROKEN, updatedReplicas=1)
    web.change(paused=True)
    web.change(replicas=6)
    web.until(*"11111", BROKEN, BROKEN, updatedReplicas=2)
    web.change(replicas=3)
    web.until(*"111", BROKEN, updatedReplicas=1)


def test_a_scale_amid_a_rollout_is_in_proportion(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(template=template(BROKEN))
    web.until("1", "1", "1", BROKEN, updatedReplicas=1)
    web.change(replicas=6)
    web.until(*"11111", BROKEN, BROKEN, updatedReplicas=2)


def test_what_a_rollout_has_started_stays_when_it_is_paused_and_another_template_comes(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(template=template(BROKEN))
    web.until("1", "1", "1", BROKEN, updatedReplicas=1)
    web.change(paused=True)
    web.change(template=template("3"))
    web.until("1", "1", "1", BROKEN, updatedReplicas=0)
    assert sorted(web.sets()) == ["1", BROKEN]


def test_a_template_that_comes_back_takes_the_place_of_others_while_it_is_paused(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(template=template(BROKEN))
    web.until("1", "1", "1", BROKEN, updatedReplicas=1)
    web.change(paused=True)
    web.change(template=template("1"))
    web.until("1", "1", "1", replicas=3, updatedReplicas=3)


def test_a_replica_set_that_someone_scales_to_nothing_stays_so_while_it_is_paused(api):
    web = Deployment(api)
    web.until("1", "1", "1", availableReplicas=3)
    web.change(template=template(BROKEN))
    web.until("1", "1", "1", BROKEN, updatedReplicas=1)
    web.change(paused=True)
    name = web.sets()[BROKEN]["metadata"]["name"]
    response = api.patch(api.path(SETS, name), MERGE_PATCH, {"spec": {"replicas": 0}})
    assert response.status_code == 200, response.text
    web.until("1", "1", "1", replicas=3, updatedReplicas=0, availableReplicas=3)
    web.change(replicas=4)
    web.until(*"1111", replicas=4, updatedReplicas=0)
    web.change(paused=False)
    web.until(*"1111", BROKEN, updatedReplicas=1)
