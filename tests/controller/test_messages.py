"""What alerts say of a Canary: the commit is that of the revision they speak of, or none."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from canary.api.alertprovider import AlertTemplate, ReceiverLinks
from canary.api.status import ContainerImage, Notice, Outcome, Phase, RunRecord
from canary.controller.messages import alert_of, leading, progress_of, worded
from canary.controller.reading import CanaryReader
from canary.tracing.context import trace_of
from canary.views.thread import run_message
from tests.api.examples import a_canary
from tests.builders import NEW, a_run, a_status
from tests.notifiers.alerts import an_alert

SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("revision", "outcome", "again"),
    [
        (NEW, Outcome.ROLLED_BACK, True),
        (NEW, Outcome.PROMOTION_FAILED, True),
        (NEW, Outcome.CANCELLED, False),
        ("older", Outcome.ROLLED_BACK, False),
    ],
)
def test_a_run_tries_again_what_the_run_before_has_failed_with(
    revision: str, outcome: Outcome, again: bool
) -> None:
    manifest = a_canary()
    manifest["metadata"] |= {"uid": "u", "generation": 1}
    before = RunRecord(revision=revision, outcome=outcome, reason="ChecksFailed")
    status = a_status(Phase.PROGRESSING, runs=2, history=(before,))
    record = replace(CanaryReader("istio").read(manifest), status=status)
    notice = Notice(id="1", reason="RunStarted", message="m", at=NOW, revision=NEW, run=2)
    assert alert_of(record, notice, "").again is again
    for first, cause in (
        (notice, ""),
        (notice.but(run=1), "ChecksFailed"),
        (notice.but(run=0), ""),
    ):
        told = alert_of(record, first, "")
        assert (told.again, told.cause) == (again and first is notice, cause)
        named = worded(told, AlertTemplate(message="{{ reason }} {{ cause }}"))
        assert named.message == f"RunStarted {cause}".strip()


def test_an_alert_leads_where_its_receiver_asks_with_words_that_fit_an_address() -> None:
    alert = an_alert(reason="RolledBack", images="shop:6.0 → shop:6.1", fields=(("Run", "7"),))
    assert leading(alert, None) == alert
    links = ReceiverLinks(
        logs="https://logs.test/?app={{ target }}&images={{ images }}",
        runbook="https://wiki.test/{{ reason }}",
    )
    logs = "https://logs.test/?app=podinfo&images=shop%3A6.0%20%E2%86%92%20shop%3A6.1"
    told = leading(alert, links)
    assert (told.logs, told.runbook) == (logs, "https://wiki.test/RolledBack")
    assert told.fields == (
        ("Run", "7"),
        ("Logs", logs),
        ("Runbook", "https://wiki.test/RolledBack"),
    )
    one = leading(alert, links.but(logs=None))
    assert (one.logs, one.fields) == ("", (("Run", "7"), told.fields[-1]))


def test_an_alert_names_the_commit_of_its_revision_alone() -> None:
    manifest = a_canary()
    manifest["metadata"] |= {"uid": "u", "generation": 1}
    status = a_status(Phase.PROGRESSING, commit=SHA)
    record = replace(CanaryReader("istio").read(manifest), status=status)
    notice = Notice(id="1", reason="RunStarted", message="m", at=NOW, revision=NEW, run=1)
    assert alert_of(record, notice, "blue").commit == SHA
    run = trace_of(record.uid, a_run()).span()
    assert alert_of(record, notice, "blue").traceparent == run.traceparent
    assert alert_of(record, notice.but(run=0), "blue").traceparent == ""
    assert alert_of(record, notice.but(revision="older"), "blue").commit == ""
    assert alert_of(record, notice, "blue").serving == ""
    digest = f"shop:1@sha256:{'0' * 64}"
    serves = status.but(
        promoted_images=tuple(
            ContainerImage(container=name, image=image, init=name == "first")
            for name, image in (("first", f"init@{digest}"), ("side", "proxy:1"), ("app", digest))
        )
    )
    assert alert_of(replace(record, status=serves), notice, "blue").serving == digest
    later = replace(record, status=serves.but(runs=2))
    assert alert_of(later, notice, "blue").serving == ""
    message = run_message(status, 1)
    assert message is not None
    shown = progress_of(record, message, 1, NOW, "blue")
    assert (shown.commit, shown.run, shown.id) == (SHA, 1, "u/run/1")
