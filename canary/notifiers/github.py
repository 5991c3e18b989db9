"""Notifier `github`: shows a run as a deployment of the commit that it releases.

The token is one that may write deployments; `channel` is `OWNER/REPOSITORY`, or
`OWNER/REPOSITORY:ENVIRONMENT`; the address, where there is one, is that of the API of a GitHub
Enterprise server. The commit is what the target's annotation `tidegate.dev/commit` says. The
deployment of a run is looked for before one is made, so that a repeat makes no other.
https://docs.github.com/en/rest/deployments
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from analysis.http.posting import Reply
from canary.notifiers import Alert
from canary.notifiers.deployments import NO_COMMIT, DeploymentState, description, state
from canary.notifiers.posting import Posting, PostingNotifier, shortened, with_query

_ADDRESS = "https://api.github.com"
_ENVIRONMENT = "production"
LONGEST_DESCRIPTION = 140
_REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(:(?P<environment>[^/\s][^\s]*))?")
_STATES: Mapping[DeploymentState, str] = {
    DeploymentState.RUNNING: "in_progress",
    DeploymentState.SUCCEEDED: "success",
    DeploymentState.FAILED: "failure",
    DeploymentState.CANCELLED: "inactive",
}


class GitHubNotifier(PostingNotifier):
    """Write deployments and their statuses in GitHub."""

    name = "github"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Give the request that looks for the deployment of the run; outside of one there is none."""
        if not self._config.token:
            raise self.undelivered(
                "the Secret has no key token; write one that may write deployments"
            )
        if state(alert) is None:
            return []
        if not alert.commit:
            raise self.undelivered(NO_COMMIT)
        address = with_query(
            self._deployments, sha=alert.commit, environment=self._place[1], task=_task(alert)
        )
        return [Posting(method="GET", address=address, document=None, headers=self.bearer)]

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:  # noqa: ARG002
        """Write the status of the run's deployment, which is made where there is none."""
        found = await self.post(self.postings(alert), alert)
        if found is None:
            return None
        number = _number(_of_run(_answer(found), alert.run))
        if not number:
            made = await self.post([self._deployment(alert)], alert)
            number = _number(_answer(made))
        if not number:
            raise self.undelivered("the answer names no deployment; check the address")
        await self.post([self._status(alert, number)], alert)
        return None

    def transient(self, reply: Reply) -> bool:
        """Read a 403 that says when to come back as the rate limit that it is."""
        limited = reply.status == HTTPStatus.FORBIDDEN and reply.retry_after is not None
        return limited or super().transient(reply)

    def _deployment(self, alert: Alert) -> Posting:
        """Deploy the commit as it is, whatever its checks say: tidegate is doing so already."""
        document = {
            "ref": alert.commit,
            "task": _task(alert),
            "environment": self._place[1],
            "auto_merge": False,
            "required_contexts": [],
            "description": shortened(description(alert), LONGEST_DESCRIPTION),
            "payload": {"run": alert.run, "revision": alert.revision, "images": alert.images},
        }
        return Posting(address=self._deployments, document=document, headers=self.bearer)

    def _status(self, alert: Alert, number: str) -> Posting:
        reached = state(alert)
        assert reached is not None
        document = {
            "state": _STATES[reached],
            "description": shortened(description(alert), LONGEST_DESCRIPTION),
            **({"log_url": alert.link} if alert.link else {}),
        }
        address = f"{self._deployments}/{number}/statuses"
        return Posting(address=address, document=document, headers=self.bearer)

    @property
    def _place(self) -> tuple[str, str]:
        """The repository and the environment."""
        named = _REPOSITORY.fullmatch(self._config.channel)
        if named is None:
            raise self.undelivered(
                "spec.channel is not of the form OWNER/REPOSITORY or OWNER/REPOSITORY:ENVIRONMENT"
            )
        return named["repository"], named["environment"] or _ENVIRONMENT

    @property
    def _deployments(self) -> str:
        server = (self._config.address or _ADDRESS).rstrip("/")
        return f"{server}/repos/{self._place[0]}/deployments"


def _task(alert: Alert) -> str:
    return f"tidegate/{alert.canary}"


def _answer(reply: Reply | None) -> Any:
    try:
        return orjson.loads(reply.content) if reply is not None else None
    except orjson.JSONDecodeError:
        return None


def _of_run(answer: Any, run: int) -> Any:
    """Find the deployment of a run in a list of them."""
    for each in answer if isinstance(answer, list) else ():
        payload = each.get("payload") if isinstance(each, Mapping) else None
        if isinstance(payload, Mapping) and payload.get("run") == run:
            return each
    return None


def _number(deployment: Any) -> str:
    """Read the number of a deployment; empty where there is none."""
    number = deployment.get("id") if isinstance(deployment, Mapping) else None
    return str(number) if isinstance(number, int) else ""
