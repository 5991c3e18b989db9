"""Notifier `gitlab`: shows a run as a status of the commit that it releases.

The token is one with the scope `api`; `channel` is the project, by its path or its number; the
address, where there is one, is that of a GitLab of one's own. The commit is what the target's
annotation `tidegate.dev/commit` says.
https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from analysis.http.posting import Reply
from canary.notifiers import Alert
from canary.notifiers.deployments import NO_COMMIT, DeploymentState, description, state
from canary.notifiers.posting import Posting, PostingNotifier, shortened

_ADDRESS = "https://gitlab.com"
_API = "/api/v4"
LONGEST_DESCRIPTION = 255
_STATES: Mapping[DeploymentState, str] = {
    DeploymentState.RUNNING: "running",
    DeploymentState.SUCCEEDED: "success",
    DeploymentState.FAILED: "failed",
    DeploymentState.CANCELLED: "canceled",
}


class GitLabNotifier(PostingNotifier):
    """Set the status of a commit in GitLab."""

    name = "gitlab"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Set the status; an alert outside of a run sets none."""
        config, reached = self._config, state(alert)
        if not config.token:
            raise self.undelivered("the Secret has no key token; write a token with the scope api")
        if reached is None:
            return []
        if not alert.commit:
            raise self.undelivered(NO_COMMIT)
        server = (config.address or _ADDRESS).rstrip("/").removesuffix(_API)
        project = quote(config.channel, safe="")
        return [
            Posting(
                address=f"{server}{_API}/projects/{project}/statuses/{alert.commit}",
                document={
                    "state": _STATES[reached],
                    "name": f"tidegate/{alert.canary}",
                    "description": shortened(description(alert), LONGEST_DESCRIPTION),
                    **({"target_url": alert.link} if alert.link else {}),
                },
                headers={"PRIVATE-TOKEN": config.token.strip()},
            )
        ]

    def settled(self, reply: Reply) -> bool:
        """Tell whether the status is this one already."""
        return (
            reply.status == HTTPStatus.BAD_REQUEST and b"Cannot transition status" in reply.content
        )
