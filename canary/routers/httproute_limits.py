"""How many conditions an HTTPRoute may have, and the Canaries that ask for more."""

from collections.abc import Iterator

from canary.api.canary import Canary
from canary.api.shown import Description, shown
from canary.core.cookies import EXPIRED_KEPT
from canary.errors import Problem
from canary.routers.matching import canary_matches

#: How many conditions a rule may have; all rules have at most twice as many.
_MATCHES = 64


def limit_problems(canary: Canary) -> Iterator[Problem]:
    """Tell of more conditions than a rule, or the whole route, may have."""
    yield from _pair_problems(canary)
    yield from _affinity_problems(canary)


def _pair_problems(canary: Canary) -> Iterator[Problem]:
    """Tell of more conditions than a rule may have; two lists make one of every pair."""
    service = canary.spec.service.match
    for place, analysis in canary.spec.analysis.placed_matches():
        pairs = len(canary_matches(service, analysis))
        if analysis and (pairs > _MATCHES or pairs + len(service) >= 2 * _MATCHES):
            yield Problem(
                place,
                Description(f"a list of {len(analysis)}"),
                f"write fewer conditions: with the {len(service)} of spec.service.match they make "
                f"{pairs} pairs, and a rule of a route has at most {_MATCHES} conditions",
            )


def _affinity_problems(canary: Canary) -> Iterator[Problem]:
    """Tell of more conditions than a route may have once each is repeated for every cookie."""
    affinity, service = canary.spec.analysis.session_affinity, canary.spec.service.match
    if affinity is None:
        return
    of_service = max(len(service), 1)
    asked = (analysis for _, analysis in canary.spec.analysis.placed_matches())
    # Those who stay on either side, the split, and who does not take part.
    most = max(3 * len(canary_matches(service, each)) + of_service for each in asked)
    at_rest = (EXPIRED_KEPT + 1) * of_service
    if max(most, at_rest) > 2 * _MATCHES:
        yield Problem(
            "spec.analysis.sessionAffinity",
            shown(affinity),
            "remove it, or write fewer conditions in match: each is repeated for every cookie, "
            f"and a route has at most {2 * _MATCHES} conditions",
        )
