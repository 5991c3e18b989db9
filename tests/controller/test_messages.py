"""What alerts say of a Canary: the commit is that of the revision they speak of, or none."""

from dataclasses import replace
from datetime import UTC, datetime

from canary.api.status import Notice, Phase
from canary.controller.messages import alert_of, progress_of
from canary.controller.reading import CanaryReader
from canary.views.thread import run_message
from tests.api.examples import a_canary
from tests.builders import NEW, a_status

SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_alert_names_the_commit_of_its_revision_alone() -> None:
    manifest = a_canary()
    manifest["metadata"] |= {"uid": "u", "generation": 1}
    status = a_status(Phase.PROGRESSING, commit=SHA)
    record = replace(CanaryReader("istio").read(manifest), status=status)
    notice = Notice(id="1", reason="RunStarted", message="m", at=NOW, revision=NEW, run=1)
    assert alert_of(record, notice, "blue").commit == SHA
    assert alert_of(record, notice.but(revision="older"), "blue").commit == ""
    message = run_message(status, 1)
    assert message is not None
    shown = progress_of(record, message, 1, NOW, "blue")
    assert (shown.commit, shown.run, shown.id) == (SHA, 1, "u/run/1")
