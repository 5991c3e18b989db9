"""The page of what the embedded API server is held to."""

import re

from tests.embedded.conformance_page import PAGE, PRODUCT, SUITE, page


def test_the_page_is_what_the_suite_checks(update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(page(), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == page(), (
        "stale: run `.venv/bin/python -m pytest tests/embedded/test_conformance_page.py "
        "--update-golden`"
    )


def test_every_test_of_the_suite_has_its_line() -> None:
    tests = [
        name.replace("_", " ")
        for path in SUITE.glob("test_*.py")
        if path.name not in PRODUCT
        for name in re.findall(r"^(?:    )?def test_(\w+)", path.read_text(), re.MULTILINE)
    ]
    lines = re.findall(r"^- (.*)$", page(), re.MULTILINE)

    assert len(tests) > 200
    assert sorted(lines) == sorted(tests)


def test_only_what_is_about_tidegate_is_left_out() -> None:
    about = {
        path.name
        for path in SUITE.glob("test_*.py")
        if re.search(r"^from canary", path.read_text(), re.MULTILINE)
    }

    assert about == PRODUCT
