"""`tidegate doctor` on the admission webhook: until when it is trusted, and whether it judges."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from canary.api.meta import GROUP
from canary.cli.examining_admission import CONFIGURATION, authority
from canary.cluster.cluster import Cluster
from canary.demo.embedded import NAMESPACE
from tests.cli.test_doctor import examined
from tests.reviewers import Answer, allows, configuration, denies, reviewing

NAME = f"admission.{GROUP}"
CANARIES = {
    "apiGroups": [GROUP],
    "apiVersions": ["v1beta1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["canaries"],
}
#: When a certificate of trustme does.
ENDS = datetime(3000, 1, 1, tzinfo=UTC)


def webhook(client: dict[str, Any], *, policy: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "clientConfig": client,
        "rules": [CANARIES],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": policy,
        "timeoutSeconds": 30,
    }


NOT_ASKED = (
    f"{NAME} was not asked about a bad Canary in namespace default, or could not be: look at the "
    "controller's pods, the Service and the webhook's namespaceSelector"
)
NOT_ANSWERED = (
    f"{NAME} was asked about a bad Canary and does not answer: 500: Internal error occurred: "
    f'failed calling webhook "{NAME}"'
)
ANSWERS: dict[str, tuple[Answer, str, str, str]] = {
    "it refuses": (
        denies(message="spec.provider: none-such"),
        "Ignore",
        "good",
        f"{NAME} refuses a bad Canary in namespace default",
    ),
    "it takes everything": (
        allows(),
        "Ignore",
        "bad",
        NOT_ASKED,
    ),
    "it fails, and all is taken": (
        lambda _: 500,
        "Ignore",
        "bad",
        NOT_ASKED,
    ),
    "it fails, and nothing is taken": (
        lambda _: 500,
        "Fail",
        "bad",
        NOT_ANSWERED,
    ),
}


@pytest.mark.parametrize(("answer", "policy", "state", "told"), ANSWERS.values(), ids=ANSWERS)
async def test_the_webhook_is_asked_about_a_bad_canary(
    cluster: Cluster, kubeconfig: Path, answer: Answer, policy: str, state: str, told: str
) -> None:
    with reviewing() as reviewers:
        reviewers.answers["/validate"] = answer
        hook = webhook(reviewers.client("/validate"), policy=policy)
        await cluster.create(configuration("Validating", "tidegate", hook), CONFIGURATION)
        _, rows = await examined(kubeconfig, "-n", "default")
    _, (was, _, message) = (row for row in rows if row[1] == "admission webhook")
    assert (was, message[: len(told)]) == (state, told)


async def test_without_a_namespace_one_is_taken_that_the_webhook_judges(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create({"metadata": {"name": "shop"}}, NAMESPACE)
    by_name = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop"]}
    with reviewing() as reviewers:
        reviewers.answers["/validate"] = denies(message="spec.provider: none-such")
        hook = webhook(reviewers.client("/validate"), policy="Ignore")
        hook["namespaceSelector"] = {"matchExpressions": [by_name]}
        await cluster.create(configuration("Validating", "tidegate", hook), CONFIGURATION)
        _, rows = await examined(kubeconfig)
    assert (
        "good",
        "admission webhook",
        f"{NAME} refuses a bad Canary in namespace shop",
    ) in rows


async def test_without_a_webhook_it_is_said_what_that_means(
    cluster: Cluster, kubeconfig: Path
) -> None:
    _, rows = await examined(kubeconfig)
    ((state, message),) = ((row[0], row[2]) for row in rows if row[1] == "admission webhook")
    assert state == "unknown"
    assert message == (
        "none is installed: what is wrong with a Canary stands in its status, and is not refused; "
        "set admission.enabled in the chart"
    )


@pytest.mark.parametrize(
    ("left", "state", "told"),
    [
        (timedelta(days=90), "good", "ends on 3000-01-01 00:00, in 90d"),
        (timedelta(days=13), "bad", "ends on 3000-01-01 00:00, in 13d: renew it"),
        (timedelta(), "bad", "has ended on 3000-01-01 00:00, so the API server no longer trusts"),
    ],
    ids=["for long", "soon", "ended"],
)
def test_it_is_said_until_when_the_certificate_is_trusted(
    left: timedelta, state: str, told: str
) -> None:
    bundle = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    row = authority(bundle, ENDS - left)
    assert (row.state, told in row.message) == (state, True)


@pytest.mark.parametrize(
    ("bundle", "told"),
    [
        ("", f"{NAME} has no caBundle, so the API server cannot trust it"),
        ("no base64", f"the caBundle of {NAME} holds no certificate"),
        (base64.b64encode(b"no certificate").decode(), f"the caBundle of {NAME} holds no certif"),
    ],
    ids=["none", "not base64", "no certificate"],
)
def test_what_is_no_certificate_is_wrong(bundle: str, told: str) -> None:
    row = authority(bundle, ENDS)
    assert (row.state, row.message[: len(told)]) == ("bad", told)
