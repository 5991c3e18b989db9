"""Other people's text for the terminal: words, and neither markup nor control."""

from rich.markup import escape

from canary.controller.logs import printable


def plain(text: str) -> str:
    """Write a text on one line, without what a terminal or rich would act on."""
    return escape(printable(text))
