"""An API server, and a Prometheus, that write a text of others wherever commands read one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from canary.api.meta import GROUP
from canary.controller.canaries import FINALIZER

THEN = "2026-01-01T00:00:00Z"


def a_canary(text: str, address: str) -> dict[str, Any]:
    """Give a Canary that is being deleted, waits at a gate, and has a past."""
    wait = {"reason": text, "message": text, "since": THEN, "deadline": THEN}
    judged = {"name": text, "verdict": "fail", "value": 1, "bound": text, "message": text}
    past = {"revision": text, "outcome": text, "message": text, "commands": [text]}
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "Canary",
        "metadata": {
            "name": "podinfo",
            "namespace": "default",
            "resourceVersion": "1",
            "deletionTimestamp": THEN,
            "finalizers": [FINALIZER],
        },
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": {
                "stepWeight": 10,
                "metrics": [
                    {"name": text[:250], "query": "up", "thresholdRange": {"min": 1}},
                    {
                        "name": f"2 {text[:250]}",
                        "templateRef": {"name": "x"},
                        "thresholdRange": {"min": 1},
                    },
                ],
            },
            "metricsServer": address,
        },
        "status": {
            "phase": "Progressing",
            "canaryWeight": 10,
            "run": {
                "id": "1-1-new",
                "revision": "1-new",
                "startedAt": THEN,
                "holds": [{"reason": "TrafficGate", "since": THEN}],
            },
            "waitingFor": wait,
            "paused": {"by": text, "since": THEN},
            "metrics": [judged],
            "history": [past],
            "conditions": [{"type": "Invalid", "status": "True", "reason": "x", "message": text}],
        },
    }


class StrangeCluster:
    """Answers with a text of others, in errors where the cluster or its store refuses."""

    def __init__(self, text: str, *, refuses: int = 0, store_refuses: bool = False) -> None:
        self.text = text
        self.refuses = refuses
        self.store_refuses = store_refuses
        self.url = ""
        self._commands: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer any request."""
        path = request.path
        if path.startswith("/api/v1/query"):
            return self._series()
        if self.refuses:
            return web.json_response({"message": self.text}, status=self.refuses)
        if "/deliverypolicies" in path:
            policy = self._policy()
            listed = {"items": [policy], "metadata": {}}
            return web.json_response(listed if path.endswith("policies") else policy)
        if request.method == "PATCH":
            self._obey(await request.json())
        if "selfsubjectreviews" in path:
            return web.json_response({"status": {"userInfo": {"username": self.text}}}, status=201)
        kinds = {"leases": self._lease, "canaries": self._canary, "fleetplans": self._plan}
        if made := kinds.get(path.rpartition("/")[2]):
            found = made()
            found["metadata"]["name"] = self.text
            return web.json_response({"items": [found], "metadata": {}})
        if path.endswith("/canaries/podinfo"):
            return web.json_response(self._canary())
        if path.count("/") == 3:
            return web.json_response(
                {"resources": [{"name": name} for name in ("canaries", "deliverypolicies")]}
            )
        return web.json_response({"message": self.text}, status=404)

    def _canary(self) -> dict[str, Any]:
        canary = a_canary(self.text, self.url)
        canary["status"]["commands"] = self._commands
        return canary

    def _lease(self) -> dict[str, Any]:
        spec = {"holderIdentity": self.text, "renewTime": THEN, "leaseDurationSeconds": 1}
        return {"metadata": {"name": self.text, "namespace": self.text}, "spec": spec}

    def _policy(self) -> dict[str, Any]:
        stop = {"mode": "Hold", "reason": self.text, "by": self.text}
        return {"metadata": {"name": self.text, "namespace": self.text}, "spec": {"stop": stop}}

    def _plan(self) -> dict[str, Any]:
        grant = {"run": 1, "at": THEN} | dict.fromkeys(
            ("cluster", "uid", "release", "wave"), self.text
        )
        stands = {"canary": self.text, "message": self.text, "grants": [grant]}
        place = {"metadata": {"name": self.text, "namespace": self.text}}
        return {**place, "status": {"canaries": [stands], "silent": [self.text]}}

    def _obey(self, patch: dict[str, Any]) -> None:
        for key, value in (patch["metadata"].get("annotations") or {}).items():
            verb = key.rpartition("/")[2]
            record = {"verb": verb, "value": value, "at": THEN, "accepted": verb == "approve"}
            self._commands = [{**record, "message": self.text}]

    def _series(self) -> web.Response:
        series = {"metric": {}, "values": [[1_767_225_600, "1"], [1_767_225_660, "2"]]}
        if self.store_refuses:
            document = {"status": "error", "errorType": "bad_data", "error": self.text}
            return web.json_response(document, status=400)
        data = {"resultType": "matrix", "result": [series]}
        return web.json_response({"status": "success", "data": data})


@asynccontextmanager
async def strange_cluster(text: str, **refusals: Any) -> AsyncIterator[StrangeCluster]:
    """Run such an API server on loopback."""
    cluster = StrangeCluster(text, **refusals)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", cluster.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    cluster.url = f"http://{host}:{port}"
    yield cluster
    await runner.cleanup()
