"""What a query of pods may say."""

import pytest

from analysis.errors import QueryError
from analysis.model import ProviderSpec
from analysis.providers.podmetrics import PodMetricsProvider
from tests.case import NOW, minutes


@pytest.mark.parametrize(
    "query", ["", "cpu", "shop/", "/cpu", "shop/disk", "shop/cpu/", "shop/cpu/app/more"]
)
async def test_a_query_that_names_nothing_that_pods_use_is_refused_with_what_to_write(query):
    provider = PodMetricsProvider(ProviderSpec(type="podmetrics", address="http://api.test"))
    with pytest.raises(QueryError, match="write NAMESPACE/cpu or NAMESPACE/memory"):
        await provider.query(query, NOW, minutes(1))
    await provider.close()
