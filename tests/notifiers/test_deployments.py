"""GitHub and GitLab: a run is shown on the commit that it releases."""

from typing import Any

import pytest

from canary.api.status import Severity
from canary.notifiers import NOTIFIERS, NotDelivered, Notifier, NotifierConfig
from tests.notifiers.alerts import JSON, TOKEN, an_alert
from tests.receiver import Answer, Receiver, Request

LIST = "/repos/octo/app/deployments?"
COMMIT = an_alert().commit


def notifier(name: str, receiver: Receiver, **config: Any) -> Notifier:
    given = {"address": receiver.url, "token": TOKEN, "channel": "octo/app"} | config
    return NOTIFIERS.load(name)(NotifierConfig(**given))


def asked(receiver: Receiver) -> list[tuple[str, str]]:
    return [(each.method, each.path.partition("?")[0]) for each in receiver.requests]


def last(receiver: Receiver) -> Request:
    return receiver.requests[-1]


STATES = [
    ("RunStarted", "in_progress", "running"),
    ("GateBlocked", "in_progress", "running"),
    ("Promoted", "success", "success"),
    ("RolledBack", "failure", "failed"),
    ("PromotionFailed", "failure", "failed"),
    ("RunCancelled", "inactive", "canceled"),
    ("RunRestarted", "inactive", "canceled"),
]


@pytest.mark.parametrize(("reason", "on_github", "on_gitlab"), STATES)
async def test_the_state_of_a_commit_follows_its_run(
    receiver: Receiver, reason: str, on_github: str, on_gitlab: str
) -> None:
    receiver.answers(Answer(status=201, body=b'{"id": 5}', headers=JSON))
    for name, state in (("github", on_github), ("gitlab", on_gitlab)):
        await notifier(name, receiver).send(an_alert(reason=reason, severity=Severity.WARN))
        assert last(receiver).document["state"] == state


@pytest.mark.parametrize("name", ["github", "gitlab"])
async def test_a_target_that_names_no_commit_is_told_how(receiver: Receiver, name: str) -> None:
    with pytest.raises(NotDelivered, match=r"tidegate\.dev/commit") as caught:
        await notifier(name, receiver).send(an_alert(commit=""))
    assert not caught.value.retryable
    assert receiver.requests == []


@pytest.mark.parametrize("name", ["github", "gitlab"])
async def test_what_is_told_outside_of_a_run_is_on_no_commit(receiver: Receiver, name: str) -> None:
    await notifier(name, receiver).send(an_alert(run=0, commit=""))
    assert receiver.requests == []


@pytest.mark.parametrize("name", ["github", "gitlab"])
async def test_without_a_token_nothing_is_asked(receiver: Receiver, name: str) -> None:
    with pytest.raises(NotDelivered, match="no key token"):
        await notifier(name, receiver, token="").send(an_alert())
    assert receiver.requests == []


async def test_a_run_has_one_deployment_however_often_it_is_told(receiver: Receiver) -> None:
    found = b'[{"id": 4, "payload": {"run": 6}}, {"id": 5, "payload": {"run": 7}}, 3, {"id": 6}]'
    receiver.answers(Answer(body=found, headers=JSON), Answer(status=201, body=b"{}", headers=JSON))
    await notifier("github", receiver).send(an_alert())
    deployments = "/repos/octo/app/deployments"
    assert asked(receiver) == [("GET", deployments), ("POST", f"{deployments}/5/statuses")]
    assert f"sha={COMMIT}&environment=production&task=tidegate%2Fpodinfo.test" in (
        receiver.requests[0].path
    )


async def test_a_deployment_is_made_of_the_commit_as_it_is(receiver: Receiver) -> None:
    receiver.answers(Answer(body=b"[]"), Answer(status=201, body=b'{"id": 5}', headers=JSON))
    await notifier("github", receiver, channel="octo/app:staging").send(an_alert())
    made = receiver.requests[1].document
    assert (made["ref"], made["environment"]) == (COMMIT, "staging")
    assert (made["auto_merge"], made["required_contexts"]) == (False, [])
    assert made["payload"]["run"] == 7
    assert len(made["description"]) <= 140
    assert last(receiver).path == "/repos/octo/app/deployments/5/statuses"


@pytest.mark.parametrize("body", [b"fine", b"{}", b'{"id": "x"}', b"[1]"])
async def test_an_answer_without_a_deployment_is_no_delivery(
    receiver: Receiver, body: bytes
) -> None:
    receiver.answers(Answer(body=body))
    with pytest.raises(NotDelivered, match="names no deployment"):
        await notifier("github", receiver).send(an_alert())


@pytest.mark.parametrize("channel", ["app", "octo/app/x", "octo/app:", "../x/y", "octo/a?b"])
async def test_a_channel_that_is_no_repository_is_never_asked(
    receiver: Receiver, channel: str
) -> None:
    with pytest.raises(NotDelivered, match="OWNER/REPOSITORY"):
        await notifier("github", receiver, channel=channel).send(an_alert())
    assert receiver.requests == []


async def test_a_rate_limit_that_is_a_403_is_waited_for(receiver: Receiver) -> None:
    receiver.answers(Answer(status=403, headers={"Retry-After": "60"}))
    with pytest.raises(NotDelivered) as caught:
        await notifier("github", receiver).send(an_alert())
    assert (caught.value.retryable, caught.value.retry_after) == (True, 60.0)


async def test_a_project_is_named_by_its_path_and_a_status_by_its_commit(
    receiver: Receiver,
) -> None:
    receiver.answers(Answer(status=201, body=b"{}", headers=JSON))
    await notifier("gitlab", receiver, channel="group/sub group/app").send(an_alert())
    (request,) = receiver.requests
    assert request.path == f"/api/v4/projects/group%2Fsub%20group%2Fapp/statuses/{COMMIT}"
    assert request.headers["PRIVATE-TOKEN"] == TOKEN
    assert request.document["name"] == "tidegate/podinfo.test"


async def test_a_status_that_is_there_already_is_a_delivery(receiver: Receiver) -> None:
    body = b'{"message": "Cannot transition status via :run from :running"}'
    receiver.answers(Answer(status=400, body=body, headers=JSON))
    await notifier("gitlab", receiver).send(an_alert(reason="GateBlocked"))
