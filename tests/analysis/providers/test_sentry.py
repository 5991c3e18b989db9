"""Which queries Sentry is asked: those of one field, about the hours that follow from the window."""

from dataclasses import replace

import pytest

from analysis.errors import QueryError
from analysis.providers import PROVIDERS
from analysis.providers.sentry import SentryProvider
from analysis.providers.windows import Window
from tests.case import NOW, case_of, minutes

SPEC = case_of(PROVIDERS, "sentry").spec("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("project=1", "asks for no one field"),
        ("field=sum(session)&field=crash_rate(session)", "asks for no one field"),
        ("field=sum(session)&statsPeriod=1h", "names statsPeriod, which follows from the window"),
    ],
)
async def test_what_gives_no_one_value_of_the_window_is_refused(query, says):
    provider = SentryProvider(SPEC)
    with pytest.raises(QueryError, match=says):
        provider.request(query, Window(start=NOW - minutes(60), end=NOW))
    await provider.close()


def test_without_an_organization_it_is_refused():
    with pytest.raises(QueryError, match=r"provider\.options\.organization"):
        SentryProvider(replace(SPEC, options=()))
