"""Jobs as metrics: which manifests are taken, and whose token they are created with."""

from datetime import timedelta

import pytest

from analysis.errors import QueryError, UnknownPlugin
from analysis.model import ProviderSpec
from analysis.providers import PROVIDERS
from analysis.providers.job import JobProvider
from tests.analysis.providers.test_resumable import opened
from tests.case import NOW, case_of

CASE = case_of(PROVIDERS, "job")


def test_it_is_off_until_it_is_named():
    assert "job" not in PROVIDERS.names()
    with pytest.raises(UnknownPlugin, match="not enabled: add job to --plugins"):
        PROVIDERS.load("job")
    with pytest.raises(UnknownPlugin) as raised:
        PROVIDERS.load("jib")
    assert "--plugins" not in str(raised.value)


@pytest.mark.usefixtures("all_on")
def test_without_a_token_of_its_own_it_is_refused():
    with pytest.raises(QueryError, match="needs the key token of a Secret"):
        JobProvider(ProviderSpec(type="job", address="http://127.0.0.1:9"))


@pytest.mark.usefixtures("all_on")
@pytest.mark.parametrize(
    "query",
    [
        pytest.param("kind: [", id="no YAML"),
        pytest.param("5", id="a number"),
        pytest.param(CASE.query.replace("batch/v1", "batch/v1beta1"), id="another version"),
        pytest.param(CASE.query.replace("kind: Job", "kind: CronJob"), id="another kind"),
        pytest.param(CASE.query.replace("namespace: shop", "namespace: 5"), id="no namespace"),
        pytest.param(CASE.query.replace("image:", "picture:"), id="no image"),
        pytest.param(CASE.query.replace("{app: smoke}", "&a {app: smoke, b: *a}"), id="anchors"),
        pytest.param(CASE.query + "#" * 8192, id="too long"),
        pytest.param("[" * 5_000, id="too deep"),
    ],
)
async def test_what_is_no_job_is_not_created(query, serve):
    server = await serve(CASE.resumed.store().handle)

    async with opened(CASE.spec(server.address)) as provider:
        with pytest.raises(QueryError, match="the query is no Job"):
            await provider.start(query, NOW, timedelta(minutes=1), "0" * 32)

    assert not server.requests
