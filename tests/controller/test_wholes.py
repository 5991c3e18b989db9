"""The whole of a Canary beside an alert: which run it is, which came before, and what is never in it."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from canary.api.meta import PEER_GROUP
from canary.api.status import CanaryStatus, Phase, RunRecord
from canary.controller.canaries import CanaryRecord
from canary.controller.reading import CanaryReader
from canary.controller.wholes import whole_of
from canary.notifiers.payload import whole_payload
from tests.api.examples import a_canary, patched
from tests.builders import NEW, T0, a_run, a_status
from tests.notifiers.alerts import an_alert

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "canary-view.schema.json").read_text(encoding="utf-8")
)
AT = "https://tidegate.test"
ENDED = tuple(
    RunRecord(
        revision=f"r{number}",
        outcome="Promoted",
        reason="Promoted",
        started_at=T0 + timedelta(hours=number),
        duration_seconds=90,
        record=f"s3://records/{number}",
    )
    for number in (3, 2)
)
"""The third run and the second; the first is forgotten."""
UNDER_WAY = a_status(Phase.PROGRESSING, runs=4, history=ENDED, run=a_run(record="s3://records/4"))
AT_REST = a_status(runs=3, history=ENDED)


def record_of(status: CanaryStatus, group: str = "tidegate.dev") -> CanaryRecord:
    manifest = patched(
        a_canary(),
        {
            "analysis/webhooks": [
                {"name": "gate", "type": "rollout", "url": "https://user:s3cr3t@gate.test/s3cr3t"}
            ]
        },
    )
    manifest["apiVersion"] = f"{group}/v1beta1"
    manifest["metadata"] |= {"uid": "u", "generation": 1, "annotations": {"note": "s3cr3t"}}
    read = CanaryReader("istio").read(manifest)
    assert isinstance(read, CanaryRecord)
    return replace(read, status=status)


@pytest.mark.parametrize(
    ("status", "number", "run", "previous"),
    [
        pytest.param(UNDER_WAY, 4, (NEW, ""), ("r3", "Promoted"), id="a run under way"),
        pytest.param(UNDER_WAY, 3, ("r3", "Promoted"), ("r2", "Promoted"), id="one that has ended"),
        pytest.param(UNDER_WAY, 2, ("r2", "Promoted"), None, id="the oldest that is known"),
        pytest.param(UNDER_WAY, 1, None, None, id="one that is forgotten"),
        pytest.param(AT_REST, 3, ("r3", "Promoted"), ("r2", "Promoted"), id="the last one"),
        pytest.param(AT_REST, 0, None, ("r3", "Promoted"), id="none, after the last one"),
        pytest.param(CanaryStatus(), 0, None, None, id="none at all"),
    ],
)
def test_an_alert_names_its_run_and_the_one_before(status, number, run, previous):
    whole = whole_of(record_of(status), number, AT)
    found = [each and (each.revision, each.outcome) for each in (whole.run, whole.previous)]
    assert found == [run, previous]


def test_a_run_is_told_with_how_it_ended_and_its_page():
    whole = whole_of(record_of(AT_REST), 3, AT)
    assert whole.run is not None
    assert (whole.run.number, whole.run.seconds, whole.run.record) == (3, 90, "s3://records/3")
    assert whole.run_link.startswith(f"{AT}/c/test/podinfo/runs/")
    assert whole_of(record_of(AT_REST), 3, "").run_link == ""
    going = whole_of(record_of(UNDER_WAY), 4, AT).run
    assert going is not None
    assert (going.number, going.seconds, going.record) == (4, 0, "s3://records/4")


@pytest.mark.parametrize("group", ["tidegate.dev", PEER_GROUP])
def test_the_view_is_that_of_the_status_and_holds_nothing_that_a_spec_hides(group):
    whole = whole_of(record_of(UNDER_WAY, group), 4, AT)
    sent = json.dumps(whole_payload(an_alert(whole=whole)))
    view = json.loads(sent)["view"]
    jsonschema.validate(view, SCHEMA)
    assert (view["group"], view["phase"], view["run"]["number"]) == (group, "Progressing", 4)
    assert "s3cr3t" not in sent
