"""What an alert means for those who follow deployments: how far the one of a commit has come."""

from enum import StrEnum

from canary.notifiers import Alert


class DeploymentState(StrEnum):
    """How far a deployment has come."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDS = {
    "Promoted": DeploymentState.SUCCEEDED,
    "RolledBack": DeploymentState.FAILED,
    "PromotionFailed": DeploymentState.FAILED,
    "RunCancelled": DeploymentState.CANCELLED,
    "RunRestarted": DeploymentState.CANCELLED,
}
NO_COMMIT = (
    "the target has no annotation tidegate.dev/commit with the hash of a commit; have the pipeline "
    "write it beside the image"
)


def state(alert: Alert) -> DeploymentState | None:
    """Tell how far the deployment has come that an alert is of; None outside of a run."""
    if not alert.run:
        return None
    return _ENDS.get(alert.reason, DeploymentState.RUNNING)


def description(alert: Alert) -> str:
    """Say in one line what happened, the images and the revision first: the end may be cut."""
    images = f"{alert.images} " if alert.images else ""
    return f"{alert.reason}: {images}({alert.revision}): {alert.message}"
