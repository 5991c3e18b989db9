"""What every provider makes of the answers that stores give when something is the matter.

Refused, empty, one value, NaN, slow, gone, of the wrong type and truncated are in the suite beside
this. Here are the others: several values, integers, infinity, a part with status 200, throttled.
"""

import re
from collections.abc import Mapping

import pytest
from aiohttp import web

from analysis.errors import AnalysisError, FailureKind
from analysis.model import NoData, QueryFailure, Sample
from analysis.providers import PROVIDERS
from tests.analysis.providers.test_compliance import (
    a_case,
    asked,
    asked_itself,
    every_provider,
    is_five,
)
from tests.analysis.servers import Handler, says
from tests.case import provider_cases

_FIVE = re.compile(rb"(?<![\w.+-])(?<!\d:)5(\.0)?(?![\w.:])")
INFINITIES = (b"Infinity", b"-Infinity", b"+Inf", b"1e999", b'"Infinity"', b'"+Inf"')
#: Of whom several values are no question, and why.
ONE_VALUE: Mapping[str, str] = {
    "kayenta": "a judgement has one score",
    "keptn": "a KeptnMetric and an Analysis have one value",
    "scrape": "the series of a selector are added up",
}
#: Of whom a part of an answer does not come with status 200, and why.
WHOLE_OR_NONE: Mapping[str, str] = {
    "custommetrics": "its API has no such answer",
    "externalmetrics": "its API has no such answer",
    "honeycomb": "a query is complete, or is not",
    "kayenta": "a judgement is complete, or is not",
    "loki": "a query that exceeds a limit is refused",
    "podmetrics": "a pod that is not measured takes no part",
    "scrape": "a target that is down is a warning that names it",
    "sentry": "its API has no such answer",
    "web": "what is whole is a matter of the address",
}


def with_another_number(handler: Handler, number: bytes) -> Handler:
    """Answer as the handler does, with another number wherever it says 5."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        response.body = _FIVE.sub(lambda _: number, response.body)
        return response

    return answer


@every_provider
async def test_a_whole_number_is_the_value_that_it_is_with_a_point(name, serve):
    case = a_case(name)
    server = await serve(with_another_number(case.five, b"5"))
    assert is_five(await asked(case.spec(server.address), case.query))


@every_provider
async def test_infinity_is_never_a_number_that_it_is_not(name, serve):
    case = a_case(name)
    server = await serve(case.five)
    for written in INFINITIES:
        server.handler = with_another_number(case.five, written)
        outcome = await asked_itself(case.spec(server.address), case.query)
        if isinstance(outcome, Sample):
            assert abs(outcome.value) == float("inf"), written
        else:
            assert isinstance(outcome, NoData | QueryFailure | AnalysisError), written


@pytest.mark.parametrize("name", [each for each in PROVIDERS.names() if each != "scrape"])
async def test_a_store_that_says_it_is_asked_too_often_is_understood(name, serve):
    case = a_case(name)
    server = await serve(says("", status=429, headers={"Retry-After": "7"}))
    outcome = await asked(case.spec(server.address), case.query)
    assert isinstance(outcome, QueryFailure)
    assert outcome.kind is FailureKind.THROTTLED


def failures(name: str) -> dict[str, FailureKind]:
    """Give the documented failures of a provider in all its languages, and of which kind they are."""
    cases = (case for each, case in provider_cases().items() if each.split()[0] == name)
    return {told: kind for case in cases for told, (_, kind, _) in case.failures.items()}


@every_provider
def test_several_values_are_in_its_documented_answers_or_are_no_question(name):
    several = any(each.startswith("several") for each in failures(name))
    assert several is (name not in ONE_VALUE)


@every_provider
def test_a_part_with_status_200_is_in_its_documented_answers_or_does_not_come(name):
    told = any("200" in each for each in failures(name))
    assert (told or FailureKind.PARTIAL in failures(name).values()) is (name not in WHOLE_OR_NONE)


def test_no_provider_is_excused_that_is_none():
    assert set(ONE_VALUE) | set(WHOLE_OR_NONE) <= set(PROVIDERS.names())
