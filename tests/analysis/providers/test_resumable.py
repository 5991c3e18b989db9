"""What every provider promises whose store works on its answers for minutes."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from analysis.errors import AnalysisError, LoginRefused, ProviderUnavailable, QueryError
from analysis.model import ProviderSpec, Sample
from analysis.plugins import ASLEEP
from analysis.providers import PROVIDERS
from analysis.providers.checks import Resumable
from analysis.resuming import Working, handle_of
from tests.analysis.servers import hangs, says
from tests.case import NOW, Asked, case_of, cases_of

MINUTE = timedelta(minutes=1)
KEY = "0123456789abcdef0123456789abcdef"
HANDLE = f"shop/tidegate-{KEY}"

CASES = {name: case for name, case in cases_of(PROVIDERS).items() if case.resumed}
CASES |= {name: case_of(PROVIDERS, name) for name in ASLEEP[PROVIDERS.group]}
pytestmark = pytest.mark.usefixtures("all_on")
every_resumable = pytest.mark.parametrize("name", CASES)


@asynccontextmanager
async def opened(spec: ProviderSpec):
    """Open a provider, as one begins that has asked nothing yet."""
    provider = PROVIDERS.load(spec.type)(spec)
    assert isinstance(provider, Resumable)
    try:
        yield provider
    finally:
        await provider.close()


async def start(spec: ProviderSpec, case, key: str = KEY) -> str:
    async with opened(spec) as provider:
        return await provider.start(case.resumed.query, NOW, MINUTE, key)


async def poll(spec: ProviderSpec, handle: str):
    async with opened(spec) as provider:
        return await provider.poll(handle, NOW)


def last(server) -> Asked:
    """Give the last request as a case writes it."""
    request, content = server.requests[-1], server.contents[-1]
    return Asked(
        method=request.method,
        path=request.path,
        parameters=dict(request.query),
        content=orjson.loads(content) if content else None,
    )


def test_who_resumes_is_tried():
    resumable = {name for name in PROVIDERS.names() if hasattr(PROVIDERS.load(name), "resumes")}

    assert resumable == CASES.keys()


@every_resumable
async def test_a_check_is_started_as_documented_and_found_by_a_handle_that_may_be_kept(name, serve):
    case = CASES[name]
    server = await serve(case.resumed.store().handle)
    spec = case.spec(server.address)

    handle = await start(spec, case)

    assert last(server) == case.resumed.started(KEY)
    assert handle_of(handle, spec) == handle


@every_resumable
async def test_another_process_goes_on_with_a_check_by_its_handle(name, serve):
    case, store = CASES[name], CASES[name].resumed.store()
    server = await serve(store.handle)
    spec = case.spec(server.address)

    handle = await start(spec, case)
    at_work = await poll(spec, handle)
    store.over = True
    over = await poll(spec, handle)

    assert isinstance(at_work, Working)
    assert over == Sample(value=case.resumed.value, at=NOW, warnings=over.warnings)
    assert len(store.checks) == 1


@every_resumable
async def test_a_key_starts_one_check_where_the_store_can_tell(name, serve):
    case, store = CASES[name], CASES[name].resumed.store()
    server = await serve(store.handle)
    spec = case.spec(server.address)

    handles = [await start(spec, case), await start(spec, case), await start(spec, case, "f" * 32)]

    assert len(store.checks) == (2 if case.resumed.once else 3)
    assert (handles[0] == handles[1]) is case.resumed.once
    assert handles[1] != handles[2]


@every_resumable
async def test_a_check_is_cancelled_once_and_again_without_harm(name, serve):
    case, store = CASES[name], CASES[name].resumed.store()
    server = await serve(store.handle)
    spec = case.spec(server.address)
    handle = await start(spec, case)

    async with opened(spec) as provider:
        await provider.cancel(handle)
        if case.resumed.cancelled is not None:
            assert last(server) == case.resumed.cancelled(handle)
            assert store.gone == list(store.checks)
        store.checks.clear()
        await provider.cancel(handle)


@every_resumable
async def test_a_check_that_cannot_be_cancelled_is_told(name, serve):
    case = CASES[name]
    server = await serve(says({"message": "no"}, status=403))
    async with opened(case.spec(server.address)) as provider:
        if case.resumed.cancelled is None:
            await provider.cancel(HANDLE)
            assert not server.requests
        else:
            with pytest.raises(LoginRefused, match="403"):
                await provider.cancel(HANDLE)


@every_resumable
async def test_a_check_that_the_store_does_not_know_is_no_outage(name, serve):
    case = CASES[name]
    server = await serve(case.resumed.store().handle)

    with pytest.raises(QueryError, match="404"):
        await poll(case.spec(server.address), HANDLE)


@every_resumable
async def test_a_handle_leads_nowhere_else(name, serve):
    """It is kept where others may write."""
    case = CASES[name]
    server = await serve(case.resumed.store().handle)

    for handle in ("shop/../../admin?x=1#y", "shop/somebody-else-s"):
        with pytest.raises(AnalysisError):
            await poll(case.spec(server.address), handle)

    for request in server.requests:
        assert "/admin" not in request.raw_path
        assert "x=1" not in request.raw_path
        assert "shop/somebody" not in request.raw_path


@every_resumable
@pytest.mark.parametrize("status", [500, 503, 429])
async def test_an_outage_says_nothing_of_the_check(name, status, serve):
    case = CASES[name]
    server = await serve(says({"message": "oh"}, status=status))

    with pytest.raises(ProviderUnavailable, match=str(status)):
        await poll(case.spec(server.address), HANDLE)


@every_resumable
async def test_a_store_that_does_not_answer_is_given_up_in_time(name, serve):
    case = CASES[name]
    server = await serve(hangs)
    spec = replace(case.spec(server.address), timeout=timedelta(milliseconds=250))

    with pytest.raises(ProviderUnavailable, match="did not answer within"):
        await start(spec, case)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        pytest.param(name, answer, id=f"{name}: {told}")
        for name, case in CASES.items()
        for told, answer in case.resumed.outcomes.items()
    ],
)
async def test_the_last_word_of_a_check_is_read_as_documented(name, answer, serve):
    handler, expected, told = answer
    server = await serve(handler)

    outcome = await poll(CASES[name].spec(server.address), HANDLE)

    if isinstance(expected, float):
        assert isinstance(outcome, Sample)
        assert outcome.value == expected
        assert told in "; ".join(outcome.warnings)
    else:
        assert isinstance(outcome, expected)
        assert told in outcome.reason


@every_resumable
async def test_who_keeps_no_handle_waits_for_the_answer(name, serve):
    case, store = CASES[name], CASES[name].resumed.store()
    polls = []

    async def slow(request):
        answer = await store.handle(request)
        # The second time that is asked, the check is over.
        store.over = store.over or (request.method == "GET" and bool(store.checks))
        polls.append(request.method)
        return answer

    server = await serve(slow)

    async with opened(case.spec(server.address)) as provider:
        provider.pause = 0.0
        outcome = await provider.query(case.resumed.query, NOW, MINUTE)

    assert isinstance(outcome, Sample)
    assert outcome.value == case.resumed.value
    assert polls.count("GET") >= 2
    assert store.gone == (list(store.checks) if case.resumed.cancelled else [])


@every_resumable
async def test_the_time_of_a_check_is_an_option(name):
    case = CASES[name]
    spec = case.spec("http://127.0.0.1:9")
    named = replace(spec, options=(*spec.options, ("deadline", "90s")))
    wrong = replace(spec, options=(*spec.options, ("deadline", "soon")))

    async with opened(named) as provider:
        assert provider.deadline == timedelta(seconds=90)
    with pytest.raises(QueryError, match=r"provider\.options\.deadline"):
        PROVIDERS.load(name)(wrong)
