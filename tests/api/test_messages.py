"""What people read of a Canary that cannot be acted on: one sentence a fault, in their own words."""

import re
from collections import Counter
from typing import Any

import pytest

from canary.controller.reading import CanaryReader
from canary.errors import Problem
from canary.routers import ROUTERS
from tests.api.examples import BAD_CANARIES, GOOD_CANARIES, a_canary, patched

MATCH = [{"headers": {"x-user": {"exact": "insider"}}}]
SAID = {
    "a mesh that has ended": (
        {"provider": "appmesh"},
        (
            "spec.provider: 'appmesh': AWS ended App Mesh on 30 September 2026: move to "
            "istio, or to gatewayapi; name one of "
            f"{', '.join(ROUTERS.names())}, or install a plug-in that brings this router"
        ),
    ),
    "a router that there is not": (
        {"provider": "nowhere"},
        (
            "spec.provider: 'nowhere': name one of "
            f"{', '.join(ROUTERS.names())}, or install a plug-in that brings this router"
        ),
    ),
    "a version that the router does not have": (
        {"provider": "smi:v9"},
        (
            "spec.provider: 'smi:v9': name one of smi, smi:v1alpha1, smi:v1alpha2, smi:v1alpha3, "
            "smi:v1alpha4, or install a plug-in that brings this router"
        ),
    ),
    "a share of the requests that nothing counts": (
        {"provider": "kubernetes:replicas", "analysis/verifyTraffic": {}},
        (
            "spec.analysis.verifyTraffic: an object: remove it, or name another router: no metrics "
            "of kubernetes:replicas count both sides"
        ),
    ),
    "sticky sessions by a router that has none": (
        {"provider": "linkerd", "analysis/sessionAffinity": {"cookieName": "c"}},
        (
            "spec.analysis.sessionAffinity: an object: remove it, or name another router: linkerd "
            "cannot do this"
        ),
    ),
    "a field that the router of the manifest does not understand": (
        {"provider": "linkerd", "service/gateways": ["public"]},
        (
            "spec.service.gateways: a list of 1: remove it, or name another router: linkerd cannot "
            "do this"
        ),
    ),
    "a field that the default router does not understand": (
        {"service/gatewayRefs": [{"name": "public"}]},
        (
            "spec.service.gatewayRefs: a list of 1: remove it, or name another router: istio, which "
            "the controller uses by default, cannot do this"
        ),
    ),
    "an address where a host name belongs": (
        {"service/hosts": ["http://app.example.com"]},
        (
            "spec.service.hosts[0]: 'http://app.example.com': write a host name alone, such as "
            "app.example.com, without http:// and without a path"
        ),
    ),
    "retries without a number": (
        {"service/retries": {"perTryTimeout": "1s"}},
        (
            "spec.service.retries.attempts: not set: set attempts to 1 or more, or remove "
            "perTryTimeout and retryOn: Istio rejects them without attempts"
        ),
    ),
}
EVERYTHING = GOOD_CANARIES["every field at once"]
CORPUS: dict[str, dict[str, Any]] = {
    **{name: bad.obj for name, bad in BAD_CANARIES.items()},
    **{name: patched(a_canary(), changes) for name, (changes, _) in SAID.items()},
    **{
        f"every field at once on {router}": patched(EVERYTHING, {"provider": router})
        for router in ("nowhere", *ROUTERS.names())
    },
    **{
        f"{value!r} for {field}": patched(a_canary(), {field: value})
        for field in ("targetRef", "service", "analysis", "analysis/metrics", "service/port")
        for value in (None, True, 1.5, "text", [], [None], {"a": None})
    },
}
PYTHON = re.compile(
    r"\bNone\b|\bTrue\b|\bFalse\b|NoneType|<[\w.]+[: ]|\bclass '|datetime\.|\w+\([a-z_]+=|"
    r"tidegate\.(routers|providers|notifiers|judges)"
)


def problems_of(obj: dict[str, Any]) -> tuple[Problem, ...]:
    return CanaryReader("istio").problems(obj)


@pytest.mark.parametrize("name", CORPUS)
def test_nobody_is_shown_python(name):
    assert not [str(each) for each in problems_of(CORPUS[name]) if PYTHON.search(str(each))]


@pytest.mark.parametrize("name", CORPUS)
def test_a_fault_is_told_in_one_sentence(name):
    fields = Counter(problem.field for problem in problems_of(CORPUS[name]))
    assert [field for field, times in fields.items() if times > 1] == []


@pytest.mark.parametrize(("changes", "sentence"), SAID.values(), ids=SAID)
def test_the_sentence_speaks_of_what_the_author_wrote(changes, sentence):
    (problem,) = problems_of(patched(a_canary(), changes))
    assert str(problem) == sentence


@pytest.mark.parametrize(
    "provider", ["istio", "linkerd", "smi", "smi:v1alpha2", "gatewayapi", "gatewayapi:v1beta1"]
)
def test_a_router_of_this_version_is_supported(provider):
    changes = {"provider": provider}
    if provider.startswith("gatewayapi"):
        changes |= {"service/gatewayRefs": [{"name": "public"}]}
    assert problems_of(patched(a_canary(), changes)) == ()
