"""S16: whatever strangers write works, or is refused by name; nothing else suffers from it.

Ten thousand mutants of our kinds go through everything that reads them in one process; a few of them
through a whole controller, beside a Canary that must not notice.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest

from canary.api.annotations import VERBS
from canary.api.peer import read_peer_status
from canary.api.policy_status import read_policy_status
from canary.api.resources import KINDS
from canary.api.schema import structural
from canary.api.status import CanaryStatus, read_status, write_status
from canary.controller.admission import Reviewer
from canary.controller.canaries import BrokenCanary, CanaryRecord
from canary.controller.policies import policy_record
from canary.controller.reading import CanaryReader
from canary.controller.templates import alert_provider_record, metric_template_record
from canary.controller.validator import Validator
from canary.core.decide import refuse
from canary.core.facts import Command, Revision
from canary.core.plan import plan
from canary.core.signature import LONGEST, Signature
from canary.core.traffic import Traffic
from canary.errors import Problem
from canary.objects.render import Lacking
from canary.views.canary import canary_view
from canary.views.outlook import outlook, shown
from canary.views.status import status_view
from tests.builders import NEW, T0, a_run, a_spec, a_status, a_workload, some_facts
from tests.core.deciding import decided
from tests.routers.builders import a_cluster, rendered
from tests.sampling import seeds
from tests.security.mutants import GOOD, command, fitting, junk, mutants

PLURALS = {kind.name: kind.plural for kind in KINDS}
#: Together ten thousand objects.
COUNTS = {"Canary": 170, "MetricTemplate": 110, "AlertProvider": 110, "DeliveryPolicy": 110}
SEEDS = seeds(20)

every_seed = pytest.mark.parametrize("seed", SEEDS)
#: A remedy may list what a router takes.
LONGEST_PROBLEM = 1000


def named(problem: Problem) -> bool:
    """Tell whether a problem names a field and a remedy, on one short printable line."""
    line = str(problem)
    place = problem.field.startswith(("spec", "metadata", "apiVersion", "kind", "the object"))
    return place and bool(problem.remedy) and line.isprintable() and len(line) < LONGEST_PROBLEM


def stored(obj: Any, number: int = 1) -> dict[str, Any]:
    """Give a mutant as an API server would hold it, if its CRD said nothing: sound metadata."""
    document = obj if isinstance(obj, dict) else {}
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return document | {
        "apiVersion": "tidegate.dev/v1beta1",
        "metadata": {
            "name": "podinfo",
            "namespace": "test",
            "uid": f"uid-{number}",
            "generation": number,
            "resourceVersion": str(number),
            **({"annotations": annotations} if isinstance(annotations, dict) else {}),
        },
    }


def test_ten_thousand_objects_are_tried():
    assert sum(COUNTS.values()) * len(SEEDS) == 10_000


@every_seed
@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "Canary"])
def test_an_object_is_taken_or_refused_by_field_and_remedy(kind, seed):
    validator = Validator(CanaryReader("istio"))
    taken = 0
    for number, mutant in enumerate(mutants(kind, seed, COUNTS[kind]), 1):
        problems = validator.problems(PLURALS[kind], mutant)
        assert [each for each in problems if not named(each)] == [], mutant
        kept_as(kind, stored(mutant, number))
        taken += not problems
    assert 0 < taken < COUNTS[kind], "some of each"


def kept_as(kind: str, manifest: dict[str, Any]) -> None:
    """Hold that an object is kept by the controller, with what is wrong with it."""
    if kind == "DeliveryPolicy":
        policy = policy_record(manifest)
        assert policy.binds({"tier": "one"}) in {True, False}
        assert bool(policy.binding.unreadable) is bool(policy.invalid)
        return
    read = {"MetricTemplate": metric_template_record, "AlertProvider": alert_provider_record}[kind]
    record = read(manifest)
    assert (record.parsed is None) is (record.invalid is not None)


@every_seed
async def test_a_review_of_any_shape_is_answered(seed):
    chance = Random(seed)
    reviewer = Reviewer(CanaryReader("istio"))
    for mutant in mutants("Canary", seed, 30):
        request: dict[str, Any] = {
            "uid": junk(chance),
            "operation": chance.choice(("CREATE", "UPDATE", "DELETE", junk(chance))),
            "resource": chance.choice(
                ({"group": "tidegate.dev", "resource": "canaries"}, junk(chance))
            ),
            "subResource": chance.choice((None, "status", junk(chance))),
            "object": chance.choice((mutant, junk(chance))),
            "oldObject": chance.choice((None, mutant, junk(chance))),
        }
        review = await reviewer.review(chance.choice(({"request": request}, {}, {"request": 1})))
        assert isinstance(review["response"]["allowed"], bool)
        assert all(each.isprintable() for each in review["response"].get("warnings", ()))


@every_seed
def test_a_canary_is_acted_on_or_shown_as_invalid(seed):
    reader = CanaryReader("istio")
    taken = 0
    for number, mutant in enumerate(mutants("Canary", seed, COUNTS["Canary"]), 1):
        manifest = stored(mutant, number)
        if not writable(manifest):
            # No JSON can say it, so it can only come in Python: it is refused all the same.
            assert all(map(named, reader.problems(manifest)))
            continue
        known = reader.keep(manifest)
        record = reader.recall(known)
        assert [each for each in record.problems if not named(each)] == [], mutant
        if record.problems:
            told_as_invalid(record)
        else:
            assert isinstance(record, CanaryRecord)
            acted_on(record)
            taken += 1
        assert canary_view(manifest).name == "podinfo"
        reader.forget(known)
    assert 0 < taken < COUNTS["Canary"], "some of each"


def writable(document: object) -> bool:
    """Tell whether a document is one that an API server can have sent: JSON of finite numbers."""
    try:
        return bool(orjson.dumps(document))
    except TypeError:
        return False


def told_as_invalid(record: CanaryRecord | BrokenCanary) -> None:
    decision = refuse(
        record.status,
        record.problems,
        generation=record.generation,
        deleting=False,
        delivered=frozenset(),
        now=T0,
    )
    kept(decision.status)
    (message,) = (each.message for each in decision.status.conditions if each.type == "Invalid")
    assert record.problems[0].field[:60] in message


def acted_on(record: CanaryRecord) -> None:
    """Render every route of a run, and decide at its beginning and in its midst."""
    canary, router = record.canary, record.router
    assert router is not None
    steps = plan(canary.spec.analysis).steps
    assert shown(outlook(canary))
    for traffic in (Traffic(), *traffics(steps[:4])):
        cluster = a_cluster(router, canary)
        wanted = router.render(canary, cluster, traffic)
        if isinstance(wanted, Lacking):
            continue
        objects = rendered(router, canary, cluster, traffic)
        assert all(map(writable, objects))
        there = a_cluster(router, canary, objects)
        assert router.read(canary, there) is not None
        router.restore(canary, there)
    facts = some_facts(target=a_workload(), revision=Revision(id=NEW), commands=record.commands)
    run = a_run(pre_rollout_passed=True, step=1)
    for status in (CanaryStatus(), a_status(), a_status("Progressing", weight=10, run=run)):
        decision = decided(canary.spec, status, facts, T0)
        kept(decision.status)
        assert str(status_view("test/podinfo", decision.status, T0).whole)


def traffics(steps: Any) -> Iterator[Traffic]:
    for step in steps:
        yield Traffic(weight=step.weight, match=step.match, mirror=step.mirror)


def kept(status: CanaryStatus) -> None:
    """Hold that a status can be written, and is read back as it was."""
    written = orjson.dumps(write_status(status))
    assert len(written) < 256 * 1024
    assert read_status(orjson.loads(written)) == status


@every_seed
@pytest.mark.parametrize("read", [read_status, read_peer_status, read_policy_status])
def test_a_status_that_others_wrote_is_read_as_far_as_it_can_be(read, seed):
    chance = Random(seed)
    schema = structural(CanaryStatus)
    for _ in range(30):
        status = read(chance.choice((fitting(chance, schema), junk(chance))))
        if isinstance(status, CanaryStatus):
            decided(a_spec(), status, some_facts(), T0)


@every_seed
def test_a_command_of_any_words_is_obeyed_or_recorded_as_refused(seed):
    chance = Random(seed)
    for verb in VERBS:
        value = command(chance)[:LONGEST]
        signature = Signature.read(value)
        assert signature.user or signature.reason == value
        facts = some_facts(commands=(Command(verb=verb, value=value),))
        decision = decided(a_spec(), a_status(), facts, T0)
        kept(decision.status)
        (record,) = decision.status.commands
        assert record.verb == verb
