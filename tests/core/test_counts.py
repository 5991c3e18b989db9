"""Counts of pods: of a roll-out those that a decision hangs on, and no others."""

from dataclasses import replace
from itertools import pairwise

import pytest

from canary.api.status import CanaryStatus, Phase, Shares
from canary.core.counts import counts_matter
from canary.core.facts import Workload
from tests.builders import a_primary, a_spec, a_status

WHOLE = a_primary()
ROLL_OUT = (
    replace(WHOLE, generation=2),
    replace(WHOLE, generation=2, observed_generation=2, updated=0),
    replace(WHOLE, generation=2, observed_generation=2, total=3, updated=1),
    replace(WHOLE, generation=2, observed_generation=2, total=3, updated=1, available=3),
    replace(WHOLE, generation=2, observed_generation=2, total=2, updated=1, available=2),
    replace(WHOLE, generation=2, observed_generation=2, total=3, updated=2, available=2),
    replace(WHOLE, generation=2, observed_generation=2, total=3, updated=2, available=3),
    replace(WHOLE, generation=2, observed_generation=2),
)
PROMOTING = a_status(Phase.PROMOTING, weight=60)
ROLLED_BACK = a_status(Phase.FAILED, weight=60)


def matter(before: Workload, after: Workload, status: CanaryStatus = PROMOTING) -> bool:
    return counts_matter(a_spec(), status, before, after)


def test_of_the_counts_of_an_update_the_last_ones_matter():
    assert [matter(*each) for each in pairwise(ROLL_OUT)] == [*[False] * 6, True]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(replace(WHOLE, available=0), id="none serves"),
        pytest.param(replace(WHOLE, available=1), id="not all are ready"),
        pytest.param(replace(WHOLE, total=3), id="one is too many"),
        pytest.param(replace(WHOLE, updated=1), id="one is of another template"),
    ],
)
def test_counts_matter_where(after: Workload):
    assert matter(WHOLE, after)
    assert matter(after, WHOLE)


def test_an_end_of_a_rollout_matters_when_it_is_seen():
    given_up = replace(WHOLE, deadline_exceeded=True, generation=2, updated=1)
    assert matter(given_up, replace(given_up, observed_generation=2))


@pytest.mark.parametrize(
    "status", [ROLLED_BACK, a_status(shares=Shares(asked=0, possible=0, seen=0))]
)
def test_each_ready_pod_matters_where_traffic_is_divided_by_them(status: CanaryStatus):
    before, after = ROLL_OUT[2:4]
    assert not matter(before, after)
    assert matter(before, after, status)


def test_the_end_of_the_last_old_pod_matters_to_a_service_that_selects_by_a_label():
    old = replace(WHOLE, total=WHOLE.total + 1, available=1)
    last = replace(old, total=WHOLE.total)
    assert not matter(old, last)
    assert matter(replace(old, labelled=True), replace(last, labelled=True))
