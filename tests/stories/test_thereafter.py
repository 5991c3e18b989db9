"""What all stories on a real control plane have asked of it, after the last of them.

It speaks of the whole session, and of the one beside it where the stories are told in halves: run it
after every story of `test_stories.py`.
"""

import json

import pytest

from tests.delivery import role
from tests.halves import used_elsewhere
from tests.testbed.world import GRANTED, Stage

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


async def test_no_request_was_refused_and_no_right_was_left_unused(stage: Stage) -> None:
    rules = role.rules_of(role.role_objects(f"routers={json.dumps(GRANTED)}"))
    requests = list(role.asked(stage.plane.audit(), role.account()))

    assert requests
    assert role.refused(requests) == []
    elsewhere = used_elsewhere(role.used(requests))
    if elsewhere is not None:
        assert [each for each in role.unused(rules, requests) if each not in elsewhere] == []
