"""A view that is sent to others: it keeps its schema, and its size."""

import json
from pathlib import Path

import jsonschema
import pytest

from canary.api.status import CanaryStatus, CommandRecord, MetricStatus, RunRecord
from canary.views.bounded import MOST_BYTES, bounded_view
from canary.views.canary import canary_view
from tests.builders import T0
from tests.views.fleet import MANIFESTS, STATUSES, manifest

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "canary-view.schema.json").read_text(encoding="utf-8")
)


def size(document: object) -> int:
    return len(json.dumps(document, ensure_ascii=False).encode())


@pytest.mark.parametrize("each", MANIFESTS, ids=STATUSES)
def test_a_view_that_fits_is_whole(each):
    view = canary_view(each)
    assert bounded_view(view) == view.document()


@pytest.mark.parametrize("most", [MOST_BYTES, 4096])
def test_of_a_view_that_does_not_fit_the_oldest_goes_first(most):
    long = "m" * 1000
    status = CanaryStatus(
        history=tuple(
            RunRecord(revision=f"r{number}", outcome="Promoted", message=long, started_at=T0)
            for number in range(64)
        ),
        commands=tuple(
            CommandRecord(verb="pause", value=f"{number}", at=T0, accepted=True)
            for number in range(16)
        ),
        metrics=tuple(
            MetricStatus(name=f"metric-{number}", verdict="pass", message=long)
            for number in range(64)
        ),
    )
    view = canary_view(manifest("shop", status))
    assert size(view.document()) > MOST_BYTES
    document = bounded_view(view, most)
    assert size(document) <= most
    jsonschema.validate(document, SCHEMA)
    kept = [each["revision"] for each in document["history"]]
    assert kept == [f"r{number}" for number in range(len(kept))]
