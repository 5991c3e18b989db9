"""CloudWatch as moto serves it: requests are signed, and who asks is known by the signature."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from botocore.session import get_session

from analysis.errors import LoginRefused
from analysis.model import Credentials, NoData, ProviderSpec, Sample
from analysis.providers.cloudwatch import CloudWatchProvider
from tests.controller.running import until
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = pytest.mark.asyncio(loop_scope="module")

REGION, MINUTE = "eu-west-1", timedelta(minutes=1)
#: What is asked about is far enough back to be whole, and young enough to be kept.
NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
REQUESTS = (90, 100, 80)
ERRORS = (1, 0, 3)
#: moto knows CloudWatch's actions by the name of the service that requests are signed for.
ALLOWED = "monitoring:GetMetricData"


@dataclass(frozen=True, kw_only=True)
class Aws:
    """A region with some minutes of metrics, and a user who may read them."""

    spec: ProviderSpec

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Let nobody in who has not signed, or may not."""
        self._check_from("0")
        try:
            yield
        finally:
            self._check_from("inf")

    def _check_from(self, requests: str) -> None:
        headers = {"Content-Type": "text/plain"}
        httpx.post(
            f"{self.spec.address}/moto-api/reset-auth", content=requests, headers=headers
        ).raise_for_status()

    async def asked(self, ask: Any, **credentials: str) -> Any:
        """Ask as the user, or with other credentials."""
        others = dict(self.spec.credentials.others) | credentials
        spec = replace(self.spec, credentials=Credentials(others=tuple(others.items())))
        provider = CloudWatchProvider(spec)
        try:
            return await ask(provider)
        finally:
            await provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aws]:
    log, port = tmp_path_factory.mktemp("moto") / "moto.log", free_port()
    address = f"http://127.0.0.1:{port}"
    serve = (
        "import sys; from moto.server import main; sys.argv = ['moto', '-p', sys.argv[1]]; main()"
    )
    process = await start_program(
        Path(sys.executable), "-W", "ignore", "-c", serve, str(port), log=log
    )
    try:
        async with httpx.AsyncClient() as client:

            async def answers() -> bool:
                try:
                    return (await client.get(f"{address}/moto-api/data.json")).is_success
                except httpx.TransportError:
                    return False

            await until(answers, "moto answers", seconds=60)
        yield Aws(spec=await asyncio.to_thread(furnish, address))
    finally:
        await stop_program(process, grace_seconds=5)


def furnish(address: str) -> ProviderSpec:
    """Write metrics, and make a user who may read them; gives how they ask."""

    def client(service: str) -> Any:
        return get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=address,
            aws_access_key_id="admin",
            aws_secret_access_key="admin",
        )

    iam, cloudwatch = client("iam"), client("cloudwatch")
    iam.create_user(UserName="tidegate")
    statement = {"Effect": "Allow", "Action": ALLOWED, "Resource": "*"}
    document = orjson.dumps({"Version": "2012-10-17", "Statement": [statement]}).decode()
    iam.put_user_policy(UserName="tidegate", PolicyName="reads", PolicyDocument=document)
    key = iam.create_access_key(UserName="tidegate")["AccessKey"]
    for name, values in (("Requests", REQUESTS), ("Errors", ERRORS)):
        for ago, value in enumerate(reversed(values), 1):
            # What has never happened is not told.
            if value:
                cloudwatch.put_metric_data(
                    Namespace="Shop",
                    MetricData=[
                        {"MetricName": name, "Timestamp": NOW - ago * MINUTE, "Value": value}
                    ],
                )
    return ProviderSpec(
        type="cloudwatch",
        address=address,
        region=REGION,
        credentials=Credentials(
            others=(
                ("aws_access_key_id", key["AccessKeyId"]),
                ("aws_secret_access_key", key["SecretAccessKey"]),
            )
        ),
        options=(("settle", "0s"),),
    )


def query(name: str) -> str:
    """Ask for the sum of a metric."""
    statistic = {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": 60, "Stat": "Sum"}
    return orjson.dumps([{"Id": "m1", "MetricStat": statistic}]).decode()


async def test_a_value_is_that_of_the_newest_minute(aws: Aws) -> None:
    with aws.checking():
        found = await aws.asked(lambda each: each.query(query("Requests"), NOW, MINUTE))
    assert found == Sample(value=REQUESTS[-1], at=NOW)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("Requests", Sample(value=sum(REQUESTS), at=NOW)),
        ("Errors", Sample(value=sum(ERRORS), at=NOW)),
        ("Nothing", NoData(reason="the query found no value in the window")),
    ],
)
async def test_the_minutes_of_a_block_are_added_up(
    aws: Aws, name: str, outcome: Sample | NoData
) -> None:
    since = NOW - 3 * MINUTE
    with aws.checking():
        found = await aws.asked(lambda each: each.count(query(name), since, NOW))
    assert found == outcome


async def test_blocks_that_meet_come_to_the_whole(aws: Aws) -> None:
    middle = NOW - MINUTE
    with aws.checking():
        first = await aws.asked(
            lambda each: each.count(query("Requests"), middle - 2 * MINUTE, middle)
        )
        second = await aws.asked(lambda each: each.count(query("Requests"), first.at, NOW))
    assert (first.value, second.value) == (sum(REQUESTS[:2]), REQUESTS[2])


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param({"aws_secret_access_key": "another"}, id="another secret key"),
        pytest.param({"aws_access_key_id": "AKIDNOBODY"}, id="a key that nobody has"),
        pytest.param({"aws_session_token": "of-a-session"}, id="a session that there is none of"),
    ],
)
async def test_who_signs_with_other_keys_is_refused(aws: Aws, credentials: dict[str, str]) -> None:
    ask = query("Requests")
    with aws.checking(), pytest.raises(LoginRefused, match="check aws_access_key_id"):
        await aws.asked(lambda each: each.query(ask, NOW, MINUTE), **credentials)


async def test_all_that_a_metric_counts_is_one_call(aws: Aws) -> None:
    since, names = NOW - 3 * MINUTE, ("Requests", "Errors", "Nothing")
    queries = [query(each) for each in names]
    with aws.checking():
        together = await aws.asked(lambda each: each.count_together(queries, since, NOW))
        alone = [
            await aws.asked(lambda each, query=query: each.count(query, since, NOW))
            for query in queries
        ]
    assert list(together) == alone
    assert [each.value for each in together[:2]] == [sum(REQUESTS), sum(ERRORS)]
