"""The options of what metrics are asked of that name no store."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from analysis.errors import QueryError
from analysis.expression import Matcher
from analysis.narrowing import parse_matchers
from canary.controller.queries import Stores


def _matchers(
    _context: click.Context, _parameter: click.Parameter, written: str
) -> tuple[Matcher, ...]:
    try:
        return parse_matchers(written.strip())
    except QueryError as error:
        raise click.BadParameter(f"{written!r}: {error}") from error


def with_stores(command: Callable[..., None]) -> Callable[..., None]:
    """Offer them, as the controller has them."""

    @click.option(
        "--metrics-server",
        default="http://prometheus:9090",
        show_default=True,
        envvar="TIDEGATE_METRICS_SERVER",
        help="The store of metrics that name none.",
    )
    @click.option(
        "--metrics-matchers",
        default="",
        envvar="TIDEGATE_METRICS_MATCHERS",
        callback=_matchers,
        help="Conditions on labels that every built-in query gets, as for the controller.",
    )
    @click.option(
        "--cluster-name",
        default="",
        envvar="TIDEGATE_CLUSTER_NAME",
        help="The name that queries may ask for, as for the controller.",
    )
    @wraps(command)
    def stored(
        *,
        metrics_server: str,
        metrics_matchers: tuple[Matcher, ...],
        cluster_name: str,
        **given: Any,
    ) -> None:
        stores = Stores(address=metrics_server, matchers=metrics_matchers, cluster=cluster_name)
        command(stores=stores, **given)

    return stored
