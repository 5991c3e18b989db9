"""Jobs as metrics, created at a real API server."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from analysis.errors import QueryError
from analysis.model import Credentials, ProviderSpec
from analysis.providers.job import JobProvider
from analysis.resuming import Working
from tests.case import PROVIDERS, case_of
from tests.proofs.conftest import NAMESPACE
from tests.testbed.control_plane import ControlPlane

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("all_on")]
NOW, KEY = datetime(2026, 1, 1, tzinfo=UTC), "0123456789abcdef0123456789abcdef"


async def test_a_job_is_created_once_by_its_key_and_gone_when_it_is_cancelled(
    control_plane: ControlPlane, api: httpx.Client
) -> None:
    query = case_of(PROVIDERS, "job").query.replace("shop", NAMESPACE)
    provider = JobProvider(
        ProviderSpec(
            type="job",
            address=control_plane.url,
            credentials=Credentials(token=control_plane.token),
            insecure_skip_verify=True,
        )
    )
    try:
        handle = await provider.start(query, NOW, timedelta(minutes=1), KEY)
        assert await provider.start(query, NOW, timedelta(minutes=1), KEY) == handle
        jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        listed = await asyncio.to_thread(api.get, jobs)
        (job,) = listed.raise_for_status().json()["items"]
        assert handle == f"{NAMESPACE}/{job['metadata']['name']}"
        assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (2, 600)
        assert isinstance(await provider.poll(handle, NOW), Working)
        await provider.cancel(handle)
        await provider.cancel(handle)
        with pytest.raises(QueryError, match="not found"):
            await provider.poll(handle, NOW)
    finally:
        await provider.close()
