"""Provider `job`: a Job of Kubernetes, which says by its end whether all is well.

The query is the manifest of a Job, as YAML or JSON. The value is 1 where the Job completes, and 0 where
its pods have failed as often as they may. One that takes too long is an outage.

It is off until `--plugins` names it, and it asks with the token of the template's Secret alone: Jobs
run code, and the API server judges by that token who may have it run, and where.

A Job has a name made of its key: what is there already is not started again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import yaml

from analysis.errors import FailureKind, QueryError
from analysis.model import Outcome, QueryFailure, Sample
from analysis.providers.kubeapi import named_by, status_words
from analysis.providers.named_objects import NamedObjects
from analysis.resuming import Working

#: How long a Job that was not deleted stays when it is over.
_KEPT_SECONDS = 3600
#: A longer manifest, or one with more brackets, may take a parser long.
_MOST_CHARACTERS, _MOST_BRACKETS = 8192, 500
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MANAGED_BY = {"app.kubernetes.io/managed-by": "tidegate"}


class JobProvider(NamedObjects):
    """Create a Job, and see how it ends."""

    api: ClassVar[str] = "batch/v1"
    plural: ClassVar[str] = "jobs"
    deletion: ClassVar[Mapping[str, Any] | None] = {"propagationPolicy": "Background"}
    asks_cluster: ClassVar[bool] = True
    asks_as_controller: ClassVar[bool] = False
    secret_keys: ClassVar[tuple[str, ...]] = ("token",)
    required: ClassVar[tuple[str, ...]] = ("token",)
    options: ClassVar[tuple[str, ...]] = ("deadline",)
    root = "that of an API server"
    settle = timedelta(0)

    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        """Create a Job, unless the one of this key is there."""
        namespace = _namespace(job := _manifest(query))
        name, handle = named_by(namespace, key)
        made = _made(job, namespace, name, int(self.deadline.total_seconds()))
        await self.create(made)
        return handle

    def words(self, payload: Any) -> str:
        """Find what a Status says."""
        return status_words(payload)

    def said(self, found: Any, at: datetime) -> Outcome | Working:
        """Read how a Job has ended, or that it has not."""
        status = found["status"]
        ended = {
            each["type"]: each
            for each in status.get("conditions") or ()
            if each["status"] == "True"
        }
        if "Complete" in ended:
            return Sample(value=1.0, at=at)
        if (failed := ended.get("Failed")) is None:
            return Working(state=f"{int(status.get('active') or 0)} active pods")
        why = self.shown(failed.get("message") or failed.get("reason") or "the Job has failed")
        if failed.get("reason") == "DeadlineExceeded":
            return QueryFailure(
                reason=f"the Job has not ended in time: {why}", kind=FailureKind.PENDING
            )
        return Sample(value=0.0, at=at, warnings=(why,))


def _manifest(query: str) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        QueryError: it is none of a Job.
    """
    try:
        if len(query) > _MOST_CHARACTERS or sum(map(query.count, "[{")) > _MOST_BRACKETS:
            raise ValueError
        if any(isinstance(each, yaml.AliasEvent) for each in yaml.parse(query, _LOADER)):
            # What is named once and used often may come to more than there is room for.
            raise ValueError
        job = yaml.load(query, _LOADER)  # noqa: S506 - a safe one
        if (job["apiVersion"], job["kind"]) != ("batch/v1", "Job"):
            raise ValueError
        job["spec"]["template"]["spec"]["containers"][0]["image"]
        _namespace(job)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise QueryError(
            "the query is no Job; write its manifest as YAML without anchors, with apiVersion: "
            "batch/v1, kind: Job, metadata.namespace and spec.template"
        ) from error
    return dict(job)


def _namespace(job: dict[str, Any]) -> str:
    namespace = job["metadata"]["namespace"]
    if not isinstance(namespace, str) or not namespace:
        raise ValueError
    return namespace


def _made(job: dict[str, Any], namespace: str, name: str, seconds: int) -> dict[str, Any]:
    """Give a Job its name, and the bounds that it does not set itself."""
    metadata, spec = job["metadata"], job["spec"]
    template = spec["template"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**(metadata.get("labels") or {}), **_MANAGED_BY},
            "annotations": metadata.get("annotations") or {},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, seconds),
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            **spec,
            "template": {**template, "spec": {"restartPolicy": "Never", **template["spec"]}},
        },
    }
