"""The conditions of a rule of the load balancer: one of each part of a request, all of which hold.

It compares texts without regard to case, and knows stars for any characters.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

import re
from collections.abc import Iterator, Sequence

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.shown import Description, shown
from canary.api.traffic import HttpMatch, StringMatch
from canary.errors import SpecWarning
from canary.routers.abilities import Unsaid, way

#: A rule has room for five values, of which a host and a path take three.
_PARTS = 2
#: What the load balancer takes for a method, and for a text that it compares; a star and a question
#: mark stand for others there.
_METHOD, _TEXT = re.compile(r"[A-Z_-]{1,40}"), re.compile(r"[^*?\\]{1,127}")
_NAME_LENGTH = 40


def parts(match: HttpMatch) -> Iterator[Manifest]:
    """Write each part of a condition as the load balancer does."""
    if match.method:
        values = [match.method.exact]
        yield {"field": "http-request-method", "httpRequestMethodConfig": {"values": values}}
    for name, text in sorted(match.headers.items()):
        config = {"httpHeaderName": name, "values": [_wild(*way(text))]}
        yield {"field": "http-header", "httpHeaderConfig": config}
    for name, text in sorted(match.query_params.items()):
        pairs = [{"key": name, "value": _wild(*way(text))}]
        yield {"field": "query-string", "queryStringConfig": {"values": pairs}}


def _wild(how: str, text: str) -> str:
    return {"prefix": f"{text}*", "suffix": f"*{text}"}.get(how, text)


def unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what the conditions of one rule cannot say."""
    for index, match in enumerate(matches):
        said = [*parts(match)]
        if index or not 0 < len(said) <= _PARTS:
            yield Unsaid(
                path=f"[{index}]",
                value=Description(f"a condition with {len(said)} parts"),
                remedy=f"write one condition, with {_PARTS} parts at most: there is one rule for it",
            )
        if match.method and not _METHOD.fullmatch(str(match.method.exact)):
            yield Unsaid(
                path=f"[{index}].method.exact",
                value=shown(match.method.exact),
                remedy="write capital letters",
            )
        if any(name.lower() == "host" or len(name) > _NAME_LENGTH for name in match.headers):
            yield Unsaid(
                path=f"[{index}].headers",
                value=Description("a name"),
                remedy=f"name a header with {_NAME_LENGTH} characters at most, and not host: it is "
                "compared by the rules of your Ingress alone",
            )
        texts = (*match.query_params, *(way(each)[1] for each in _texts(match)))
        if not all(map(_TEXT.fullmatch, texts)):
            yield Unsaid(
                path=f"[{index}]",
                value=Description("a text"),
                remedy="write 1 to 127 characters without *, ? and \\: they stand for others",
            )


def _texts(match: HttpMatch) -> tuple[StringMatch, ...]:
    return (*match.headers.values(), *match.query_params.values())


def caseless(canary: Canary) -> Iterator[SpecWarning]:
    """Name conditions on letters."""
    for place, matches in canary.spec.analysis.placed_matches():
        for index, match in enumerate(matches):
            texts = [way(each)[1] for each in _texts(match)]
            if any(each.lower() != each.upper() for each in texts):
                yield SpecWarning(
                    f"{place}[{index}]",
                    Description("a text with letters"),
                    "the load balancer takes capital and small letters for the same",
                )
