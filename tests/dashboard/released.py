"""What a page of `shop` shows beside its status: a release to compare, and what a judge keeps."""

from datetime import timedelta
from typing import Any

from analysis.judges.sequential import SequentialJudge
from analysis.model import SIDES, Ask, Bounds, Metric, ProviderSpec, Sample, Signal
from canary.api.kinds import DEPLOYMENT
from tests.builders import T0
from tests.dashboard.conftest import Opened


async def released(opened: Opened) -> None:
    """Have `shop` release another image."""
    await opened.cluster.create(deployment("shop", "shop:6.1"), DEPLOYMENT)
    await opened.cluster.create(deployment("shop-primary", "shop:6.0"), DEPLOYMENT)


def deployment(name: str, image: str) -> dict[str, Any]:
    containers = [{"name": "app", "image": image, "env": [{"name": "API_TOKEN", "value": image}]}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}},
        },
    }


def a_memory() -> dict[str, str]:
    """Give what a judge keeps of 600 requests on each side."""
    asks = tuple(
        Ask(query=f"{arm}-{signal}", arm=arm, signal=signal)
        for arm in SIDES
        for signal in (Signal.REQUESTS, Signal.BAD)
    )
    counted = {Signal.REQUESTS: 600, Signal.BAD: 3}
    answers = {each: Sample(value=counted[each.signal], at=T0) for each in asks}
    metric = Metric(
        name="request-success-rate", asks=asks, provider=ProviderSpec(type="prometheus"),
        interval=timedelta(minutes=1), threshold_range=Bounds(), judge="sequential",
    )  # fmt: skip
    return dict(SequentialJudge().judge(metric, answers, {}).memory)
