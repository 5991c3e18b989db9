"""Errors of queries and hooks name the Canary that they were made for, in logs and metrics."""

import logging

import pytest

from canary.api.meta import GROUP
from canary.controller.controller import Controller
from canary.controller.templates import metric_template_kind
from tests.controller.running import World, until

NOBODY = "http://127.0.0.1:9"
TEMPLATE = metric_template_kind(GROUP)
RATE = {"name": "request-success-rate", "interval": "1s", "thresholdRange": {"min": 99}}
LOST = RATE | {"name": "lost", "templateRef": {"name": "lost"}}


def page(controller: Controller) -> str:
    return controller._metrics.page()[0].decode()


def logged(caplog: pytest.LogCaptureFixture, message: str) -> bool:
    return any(
        record.getMessage().startswith(message) and vars(record).get("canary") == "demo/podinfo"
        for record in caplog.records
    )


@pytest.mark.parametrize("type_", ["rollout", "event"])
async def test_a_hook_that_fails_names_its_canary(
    world: World, caplog: pytest.LogCaptureFixture, type_: str
):
    await world.create_app()
    async with world.running_controller() as controller:
        hook = {"name": "load", "type": type_, "url": NOBODY, "retries": 0}
        await world.create_canary(analysis={"webhooks": [hook]})
        await world.until_phase("Initialized")
        await world.release()
        labels = f'{{name="podinfo",namespace="demo",reason="no-answer",type="{type_}"}}'
        series = f"tidegate_webhook_errors_total{labels}"
        await until(lambda: series in page(controller), "the error is counted")
        await until(lambda: logged(caplog, f"hook load: {NOBODY} refuses"), "it is logged")


async def test_a_query_that_fails_names_its_canary(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    await world.create_app()
    async with world.running_controller() as controller:
        template = {
            "apiVersion": TEMPLATE.api_version(TEMPLATE.versions[0]),
            "kind": TEMPLATE.kind,
            "metadata": {"name": "lost", "namespace": world.namespace},
            "spec": {"provider": {"type": "prometheus", "address": NOBODY}, "query": "up"},
        }
        await world.api.create(template, TEMPLATE)
        await world.create_canary(analysis={"metrics": [RATE, LOST]})
        await world.until_phase("Initialized")
        await world.release()
        labels = '{name="podinfo",namespace="demo",provider="prometheus",reason="unavailable"}'
        series = f"tidegate_query_errors_total{labels}"
        await until(lambda: series in page(controller), "the error is counted")
        await until(lambda: logged(caplog, "query of request-success-rate: "), "it is logged")
        await world.api.delete(TEMPLATE, world.namespace, "lost")
        await until(lambda: logged(caplog, "query of lost cannot be queried: "), "it is logged")
