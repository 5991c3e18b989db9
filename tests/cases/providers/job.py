"""A Job, created at the API server."""

from typing import Any

from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec, QueryFailure
from tests.analysis.checked import FakeChecks, replied
from tests.analysis.servers import Handler, says
from tests.case import Asked, Login, ProviderCase, ResumedCase

JOBS = "/apis/batch/v1/namespaces/shop/jobs"
TOKEN = Credentials(token="s3cr3t-token")
QUERY = """
apiVersion: batch/v1
kind: Job
metadata:
  namespace: shop
  labels: {app: smoke}
spec:
  backoffLimit: 2
  template:
    spec:
      containers:
        - name: smoke
          image: curlimages/curl:8.11.0
          args: [--fail, "http://pay-canary.shop/healthz"]
"""


def job(*conditions: dict[str, str], **status: object) -> dict[str, Any]:
    """Give a Job with a status."""
    return {
        "kind": "Job",
        "metadata": {"name": "tidegate-0"},
        "status": {**status, "conditions": list(conditions)},
    }


COMPLETE = {"type": "Complete", "status": "True"}


def failed(reason: str, message: str = "") -> dict[str, str]:
    """Give the condition of a Job that has failed."""
    return {"type": "Failed", "status": "True", "reason": reason, "message": message}


def ends(body: object) -> Handler:
    """Create a Job, and give it as it is when it is read."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return replied(job() if request.method == "POST" else body)

    return answer


class Jobs(FakeChecks):
    """The API server, with the Jobs of a namespace."""

    def answer(self, request: web.Request, content: Any) -> web.Response | None:
        """Answer as the API server does."""
        if request.method == "POST" and request.path == JOBS:
            name = content["metadata"]["name"]
            if name in self.checks:
                return replied({"kind": "Status", "message": "already exists"}, 409)
            self.checks[name] = content["kind"]
            return replied(content, 201)
        name = request.path.removeprefix(f"{JOBS}/")
        if name not in self.checks:
            return None
        if request.method == "DELETE":
            self.gone.append(name)
            return replied({"kind": "Status", "status": "Success"})
        return replied(job(COMPLETE) if self.over else job(active=1))


def created(key: str) -> Asked:
    """Create a Job with the bounds that its manifest leaves open."""
    return Asked(
        method="POST",
        path=JOBS,
        content={
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"tidegate-{key}",
                "namespace": "shop",
                "labels": {"app": "smoke", "app.kubernetes.io/managed-by": "tidegate"},
                "annotations": {},
            },
            "spec": {
                "backoffLimit": 2,
                "activeDeadlineSeconds": 600,
                "ttlSecondsAfterFinished": 3600,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [
                            {
                                "name": "smoke",
                                "image": "curlimages/curl:8.11.0",
                                "args": ["--fail", "http://pay-canary.shop/healthz"],
                            }
                        ],
                    }
                },
            },
        },
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="job", address=address, credentials=TOKEN),
    query=QUERY,
    five=ends(job(COMPLETE)),
    nothing=ends(job()),
    nan=ends(job()),
    logins={"token": Login(credentials=TOKEN, sent={"Authorization": "Bearer s3cr3t-token"})},
    failures={
        "refused": (
            says({"kind": "Status", "message": "jobs.batch is forbidden"}, status=403),
            FailureKind.REFUSED,
            "jobs.batch is forbidden",
        ),
    },
    resumed=ResumedCase(
        query=QUERY,
        store=Jobs,
        started=created,
        cancelled=lambda handle: Asked(
            method="DELETE",
            path=f"{JOBS}/{handle.removeprefix('shop/')}",
            content={"propagationPolicy": "Background"},
        ),
        value=1.0,
        outcomes={
            "that it is complete": (says(job(COMPLETE)), 1.0, ""),
            "that its pods have failed": (
                says(job(failed("BackoffLimitExceeded", "Job has reached its backoff limit"))),
                0.0,
                "reached its backoff limit",
            ),
            "that it has failed, and no word": (says(job(failed(""))), 0.0, "the Job has failed"),
            "that it took too long": (
                says(job(failed("DeadlineExceeded", "Job was active longer than its deadline"))),
                QueryFailure,
                "not ended in time: Job was active longer",
            ),
        },
    ),
)
