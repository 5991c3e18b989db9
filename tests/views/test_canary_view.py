"""A Canary for programs: its schema is published, and what is printed keeps it."""

import json
from pathlib import Path

import jsonschema
import pytest

from canary.api.meta import PEER_API_VERSION
from canary.api.status import MetricStatus
from canary.views.canary import Attention, canary_view, view_schema
from canary.views.foreseen import foreseen_view
from tests.builders import a_run
from tests.views.fleet import MANIFESTS, STATUSES, manifest

SCHEMA = Path(__file__).parents[2] / "docs" / "canary-view.schema.json"


def test_the_schema_in_the_docs_is_what_the_view_has(update_golden):
    written = json.dumps(view_schema(), indent=2, ensure_ascii=False) + "\n"
    if update_golden:
        SCHEMA.write_text(written, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == written, "stale: run `make generated`"


@pytest.mark.parametrize("each", MANIFESTS, ids=STATUSES)
def test_every_view_is_as_its_schema_says(each):
    document = json.loads(json.dumps(canary_view(each).document()))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert document["kind"] == "CanaryView"


@pytest.mark.parametrize(
    ("name", "attention"),
    [
        ("cart", Attention.GATE),
        ("catalogue", Attention.NONE),
        ("invalid", Attention.STUCK),
        ("paused", Attention.PAUSED),
        ("search", Attention.FAILED),
        ("shop", Attention.NONE),
    ],
)
def test_a_view_says_what_needs_a_person(name, attention):
    assert canary_view(manifest(name, STATUSES[name])).attention is attention


def test_a_run_without_a_verdict_needs_a_person():
    unsure = STATUSES["shop"].but(
        run=a_run(), metrics=(MetricStatus(name="orders", verdict="inconclusive"),)
    )
    assert canary_view(manifest("shop", unsure)).attention is Attention.INCONCLUSIVE


def test_a_view_names_the_wait_the_gates_and_the_checks():
    cart = canary_view(manifest("cart", STATUSES["cart"])).document()
    assert (cart["waiting"]["for"], cart["gates"]) == ("PromotionGate", ["confirm-promotion"])
    shop = canary_view(manifest("shop", STATUSES["shop"])).document()
    assert [(each["metric"], each["value"], each["verdict"]) for each in shop["checks"]] == [
        ("request-success-rate", 99.98, "pass"),
        ("request-duration", 612.0, "fail"),
    ]
    assert shop["failedChecks"] == {"count": 1, "limit": 3}


@pytest.mark.parametrize(
    "hostile",
    [
        {},
        {"metadata": None, "spec": [], "status": "no"},
        {"spec": {"targetRef": 1, "analysis": []}, "status": {"phase": "x", "history": {}}},
        {"spec": {"analysis": {"threshold": "many"}}, "apiVersion": PEER_API_VERSION},
    ],
)
def test_what_cannot_be_read_is_absent_and_stops_no_list(hostile):
    document = canary_view(hostile).document()
    assert (document["phase"], document["attention"]) == ("New", "none")


def test_where_one_canary_is_asked_for_its_commands_are_told():
    found = {each["metadata"]["name"]: foreseen_view(each).may for each in MANIFESTS}
    assert found["cart"] == ("approve", "reject", "pause", "promote", "abort")
    assert (found["search"], found["ticker"]) == (("retry",), ())
