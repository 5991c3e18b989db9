"""The error budget of a DeliveryPolicy: which template is read, and what a run does with the answer."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.api.namespaces import Boundary
from canary.controller.policies import DELIVERY_POLICY, policy_problems, policy_record
from canary.controller.reading import CanaryReader
from canary.controller.templates import metric_template_kind
from canary.controller.validator import Validator
from tests.controller.faults import answer, proxied
from tests.controller.running import DEMO, World, until
from tests.controller.test_policies import HOME, a_policy
from tests.controller.test_relations import created, until_waiting
from tests.receiver import Answer, Receiver, receiving

TEMPLATE = metric_template_kind(GROUP)


def measured(value: float | None) -> Answer:
    """Answer as Prometheus does, with one value or none."""
    vector = [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
    data = {"resultType": "vector", "result": vector}
    return Answer(body=json.dumps({"status": "success", "data": data}).encode())


def a_template(store: Receiver, namespace: str = HOME) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "budget", "namespace": namespace},
        "spec": {
            "provider": {"type": "prometheus", "address": store.url},
            "query": 'left{service="{{ target }}",namespace="{{ namespace }}"}',
        },
    }


def a_budget(least: float = 20, **metric: Any) -> dict[str, Any]:
    written = {"name": "error-budget", "templateRef": {"name": "budget"}}
    return {"budget": {"metric": written | {"thresholdRange": {"min": least}} | metric}}


async def change(world: World, namespace: str = HOME, **spec: Any) -> None:
    await world.api.merge_patch(DELIVERY_POLICY, namespace, "slo", {"spec": spec})


def queries(store: Receiver) -> list[str]:
    """List what the store was asked."""
    return [
        query
        for request in store.requests
        for query in parse_qs(urlsplit(request.path).query).get("query", [])
        + parse_qs(request.body.decode()).get("query", [])
    ]


async def test_a_policy_of_the_controllers_namespace_asks_each_app_for_its_own_budget(
    world: World,
):
    async with receiving() as store, world.running_controller():
        store.answers(measured(12.5))
        await world.api.create(a_template(store), TEMPLATE)
        await world.api.create(a_policy(name="slo", **a_budget()), DELIVERY_POLICY)
        await created(world, "shop")
        assert queries(store) == []
        await world.release("shop")
        said = (
            f"DeliveryPolicy {HOME}/slo asks for: error budget 12.5 is below 20; it is asked again"
        )
        await until_waiting(world, "shop", "BudgetSpent", said=said)
        shop = await world.status("shop")
        assert (shop["phase"], shop["canaryWeight"]) == ("Waiting", 0)
        assert shop["run"]["budgets"][0]["value"] == 12.5
        assert shop["waitingFor"]["until"] > shop["waitingFor"]["since"]
        assert queries(store) == [f'left{{service="shop",namespace="{DEMO}"}}']
        await until(lambda: world.events("BudgetSpent"), "it is told")
        await change(world, **a_budget(10))
        await world.until_phase("Succeeded", name="shop")


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (measured(None), "error budget has no data"),
        (Answer(status=503, body=b"upgrading"), "error budget could not be asked"),
    ],
    ids=["no data", "an outage"],
)
async def test_in_doubt_a_run_waits_unless_the_policy_says_otherwise(
    world: World, answered: Answer, said: str
):
    async with receiving() as store, world.running_controller():
        store.answers(answered)
        await world.api.create(a_template(store, DEMO), TEMPLATE)
        await world.api.create(a_policy(DEMO, "slo", **a_budget()), DELIVERY_POLICY)
        await created(world, "shop")
        await world.release("shop")
        await until_waiting(world, "shop", "BudgetSpent", said=said)
        # The bounds are another text, so that it is asked at once.
        await change(world, DEMO, **a_budget(19, onNoData="pass", onError="pass"))
        await world.until_phase("Succeeded", name="shop")


async def test_a_template_that_is_not_there_holds_the_run_and_is_named(world: World):
    async with world.running_controller():
        await world.api.create(a_policy(DEMO, "slo", **a_budget()), DELIVERY_POLICY)
        await created(world, "shop")
        await world.release("shop")
        said = f"error-budget cannot be queried: MetricTemplate {DEMO}/budget does not exist"
        await until_waiting(world, "shop", "BudgetSpent", said=said)
        await change(world, DEMO, budget=None)
        await world.until_phase("Succeeded", name="shop")


async def test_templates_that_may_not_be_read_hold_the_run_and_are_not_taken_for_missing(
    world: World,
):
    async with proxied(world.server.url) as proxy:
        proxy.meet(r"metrictemplates", answer(403, "Forbidden"), always=True)
        async with world.running_controller(url=proxy.url):
            await world.api.create(a_policy(DEMO, "slo", **a_budget()), DELIVERY_POLICY)
            await created(world, "shop")
            await world.release("shop")
            said = f"error-budget cannot be queried: MetricTemplate {DEMO}/budget: "
            await until_waiting(world, "shop", "BudgetSpent", said=said)
            proxy.relent()
            await change(world, DEMO, budget=None)
            await world.until_phase("Succeeded", name="shop")


async def test_a_controller_of_the_peers_group_reads_the_templates_of_policies_all_the_same(
    world: World,
):
    async with world.running_controller(api_groups=("flagger.app",)):
        await world.api.create(a_policy(DEMO, "slo", **a_budget()), DELIVERY_POLICY)
        await until(lambda: templates_are_listed(world), "the templates are listed")


async def templates_are_listed(world: World) -> bool:
    return any(each.resource == "metrictemplates" for each in world.requests())


def test_a_template_in_another_namespace_is_refused_where_references_stay_in_their_own():
    elsewhere = a_policy(**a_budget(templateRef={"name": "budget", "namespace": "monitoring"}))
    own = a_policy(**a_budget(templateRef={"name": "budget", "namespace": HOME}))
    closed = Boundary(closed=True)
    assert policy_problems(elsewhere) == ()
    for policy in (own, a_policy(**a_budget()), a_policy()):
        assert policy_problems(policy, closed) == ()
    (problem,) = policy_problems(elsewhere, closed)
    assert (problem.field, problem.value) == (
        "spec.budget.metric.templateRef.namespace",
        "monitoring",
    )
    assert "--no-cross-namespace-refs" in problem.remedy
    assert policy_record(elsewhere, closed).invalid
    strict = Validator(CanaryReader("istio", closed))
    assert strict.problems(DELIVERY_POLICY.plural, elsewhere) == (problem,)
