"""S4: what third parties answer cannot be read by whoever may write a Canary."""

import pytest

from canary.api.people import Webhook
from canary.hooks.caller import HookCaller
from tests.controller.running import World
from tests.controller.test_notify import run
from tests.receiver import Answer, Receiver
from tests.security.test_addresses_lead_where_policy_allows import PAYLOAD

PLANTED = "the planted answer of an internal page"


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize(("bodies", "shown"), [(None, True), (lambda _: False, False)])
async def test_a_hook_s_body_is_shown_only_where_it_may_be(receiver, status, bodies, shown):
    receiver.answers(Answer(status=status, body=PLANTED.encode()))
    caller = HookCaller(bodies=bodies)
    hook = Webhook.model_validate({"name": "gate", "url": receiver.url})
    result = await caller.call(hook, PAYLOAD, key="k", secret=None)
    await caller.close()
    assert (PLANTED in repr(result)) is shown
    assert (str(status) in result.message) is (status != 200)


async def test_among_tenants_a_hook_s_answer_is_in_no_status_event_or_log(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    """The attack: a hook's failure shows what an internal service answers."""
    receiver.answers(Answer(status=500, body=PLANTED.encode()))
    async with world.running_controller(multi_tenant=True):
        # By this name it may be called, because of where it leads; it is not allowed by name.
        url = receiver.url.replace("127.0.0.1", "localhost")
        hooks = [{"type": type_, "name": type_, "url": url} for type_ in ("pre-rollout", "event")]
        await run(world, webhooks=hooks)
        status = await world.status()
        assert status["phase"] == "Failed"
        assert "answers 500" in status["history"][0]["message"]
        assert PLANTED not in repr(status)
        assert PLANTED not in repr(await world.events())
        assert PLANTED not in caplog.text


async def test_a_page_that_is_no_answer_of_prometheus_is_not_shown(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    """The attack: a metrics server that is no metrics server, but a page worth reading."""
    receiver.answers(Answer(status=500, body=PLANTED.encode()))
    metric = {"name": "probe", "query": "up", "thresholdRange": {"min": 1}, "onError": "fail"}
    async with world.running_controller():
        await world.create_app()
        await world.create_canary(analysis={"metrics": [metric]}, metricsServer=receiver.url)
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Failed")
        status = await world.status()
        assert "500 (38 bytes of text/plain)" in repr(status["metrics"])
        assert PLANTED not in repr(status)
        assert PLANTED not in repr(await world.events())
        assert PLANTED not in caplog.text
