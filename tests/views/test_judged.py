"""The words of judges, with the metric's name once."""

import pytest

from canary.views.judged import judged


@pytest.mark.parametrize(
    ("name", "message", "told"),
    [
        ("request-duration", "request duration 612 ms is above 500 ms", "request-duration 612 ms is above 500 ms"),
        ("errors", "errors 3 is above 1", "errors 3 is above 1"),
        ("p99_of-cart", "p99 of cart has no data", "p99_of-cart has no data"),
        ("orders", "the Job has failed", "orders: the Job has failed"),
        ("orders", "", "orders: "),
        ("up", "update failed", "up: update failed"),
    ],
)  # fmt: skip
def test_a_judgement_names_its_metric_once(name: str, message: str, told: str) -> None:
    assert judged(name, message) == told
