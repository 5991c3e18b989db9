"""How values are shown in messages."""

from datetime import date, timedelta

import pytest

from canary.api.shown import MISSING, path, shown, shown_at
from canary.api.status import Phase


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (2.5, "2.5"),
        (True, "True"),
        (Phase.FAILED, "'Failed'"),
        (None, "null"),
        (timedelta(1), "something else"),
        ("a\nb", r"'a\nb'"),
        ("x" * 65, f"'{'x' * 63}…'"),
        (10**5000, "a huge number"),
        ({"a": 1}, "an object"),
        ([1, 2], "a list of 2"),
        (MISSING, "missing"),
        (date(2026, 1, 2), "a date"),
        ("\ud800", r"'\ud800'"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "number",
)
def test_a_value_is_shown_short(value, text):
    assert repr(shown(value)) == text


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("prometheus:9090", "prometheus:9090"),
        ("ftp://a.example/secret", "ftp://a.example/…"),
        ("https://a.example", "https://a.example"),
        ("https://a.example:port?token=secret", "(hidden)"),
        ("https://user:secret@a.example/", "(hidden)"),
        ("xoxb-secret", "(hidden)"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address, text):
    assert shown_at(("spec", "url"), address) == text


def test_the_metadata_of_the_object_itself_is_no_secret():
    assert shown_at(("metadata", "name"), "podinfo") == "podinfo"


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (("spec", "metrics", 0, "name"), "spec.metrics[0].name"),
        (("spec", "headers", "x user"), "spec.headers['x user']"),
        ((), "the object"),
    ],
)
def test_a_place_is_written_as_people_write_it(location, text):
    assert path(location) == text
