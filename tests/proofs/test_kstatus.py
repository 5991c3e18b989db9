"""What kstatus makes of Canaries, by its own code: what Flux and others wait for."""

import json
from typing import Any

import pytest

from canary.api.status import CanaryStatus, write_status
from tests.builders import a_spec, at, some_facts
from tests.core.deciding import decided
from tests.core.test_conditions import SEEN, kstatus
from tests.proofs.conftest import Tool

pytestmark = pytest.mark.control_plane


def a_canary(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Write a Canary with a status."""
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test", "generation": 1, **metadata},
        "status": status,
    }


@pytest.mark.parametrize(("status", "facts", "judged"), SEEN.values(), ids=SEEN)
def test_judges_it_as_we_expect(
    status: CanaryStatus, facts: dict[str, Any], judged: str, gitopscheck: Tool
) -> None:
    decision = decided(a_spec(), status, some_facts(**facts), at(60))
    canary = a_canary(json.loads(json.dumps(write_status(decision.status))))
    assert gitopscheck(canary, "status")["status"] == judged == kstatus(canary)


def test_a_canary_that_no_controller_has_looked_at_is_in_progress(gitopscheck: Tool) -> None:
    # The CRD gives it this status when it is created.
    assert gitopscheck(a_canary({"observedGeneration": 0}), "status")["status"] == "InProgress"


def test_a_canary_that_is_being_deleted_is_terminating(gitopscheck: Tool) -> None:
    deleted = a_canary({"observedGeneration": 1}, deletionTimestamp="2026-01-01T00:01:00Z")
    assert gitopscheck(deleted, "status")["status"] == "Terminating"
