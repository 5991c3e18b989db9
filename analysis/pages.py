"""Pages of metrics, in Prometheus's text format."""

import re
from math import isnan

from prometheus_client.parser import text_string_to_metric_families

from analysis.counters import Labels
from analysis.errors import ProviderUnavailable

_NAME_END = re.compile(r"[\s{]")


def read_page(page: bytes, names: frozenset[str], where: str) -> dict[str, dict[Labels, float]]:
    """Read the series of some metrics from a page in Prometheus's text format.

    Raises:
        ProviderUnavailable: the page is in no such format.
    """
    series: dict[str, dict[Labels, float]] = {name: {} for name in names}
    wanted: list[str] = []
    for number, line in enumerate(_sample_lines(page)):
        # Parsing costs far more than looking at the name; the first line tells what page this is.
        if number == 0 or _NAME_END.split(line, maxsplit=1)[0] in names:
            wanted.append(line)
    try:
        # Without their types the parser leaves the names of counters as they are.
        for family in text_string_to_metric_families("\n".join(wanted)):
            for sample in family.samples:
                if sample.name in series and not isnan(sample.value):
                    labels = tuple(sorted(sample.labels.items()))
                    series[sample.name][labels] = float(sample.value)
    except (ValueError, IndexError, ArithmeticError) as error:
        raise ProviderUnavailable(
            f"{where} answers with what is no page of metrics in Prometheus's text format"
        ) from error
    return series


def _sample_lines(page: bytes) -> list[str]:
    lines = (line.strip() for line in page.decode(errors="replace").split("\n"))
    return [line for line in lines if line and not line.startswith("#")]
