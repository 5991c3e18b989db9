"""The span of the pipeline that has released a revision: what a run records of it."""

import pytest

from canary.api.status import Phase
from canary.core.facts import Policy, Revision
from tests.builders import NEW, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, up

SPAN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def begun(traceparent: str, **policy: bool):
    """Give the run that begins for a target."""
    target, revision = a_workload(traceparent=traceparent), Revision(id=NEW)
    facts = some_facts(target=target, revision=revision, policy=Policy(**policy))
    return decided(a_spec(), a_status(), facts, at(0)).status.run


def test_a_run_links_to_the_span_that_its_target_names():
    run = begun(SPAN)
    assert (run.trace_link, run.trace_parent) == (SPAN, "")


def test_a_run_may_be_the_child_of_that_span():
    run = begun(SPAN, trace_child=True)
    assert (run.trace_link, run.trace_parent) == ("", SPAN)


@pytest.mark.parametrize("text", ["", "main", SPAN[:-3], f"{SPAN}-more", SPAN.upper(), f"{SPAN}\n"])
def test_what_is_no_traceparent_is_left_out(text: str):
    run = begun(text)
    assert (run.trace_link, run.trace_parent) == ("", "")


def test_a_run_keeps_the_span_that_it_began_with():
    """A later pipeline names itself before its own run begins."""
    going = a_status(Phase.PROGRESSING)
    facts = up(target=a_workload(traceparent=SPAN))
    assert decided(a_spec(), going, facts, at(60)).status.run.trace_link == ""
