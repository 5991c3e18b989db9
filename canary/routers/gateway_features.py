"""What a Canary asks of an HTTPRoute that not every implementation of the Gateway API does.

Features have the names by which a GatewayClass lists them in its status.
https://gateway-api.sigs.k8s.io/concepts/conformance/#standardized-feature-names
"""

from collections.abc import Iterator

from canary.api.analysis_spec import Analysis
from canary.api.annotations import ASSUME_FEATURES
from canary.api.canary import Canary
from canary.api.shown import Description, shown
from canary.core.weights import FULL
from canary.routers import RequiredFeature
from canary.routers.httproute_retries import retry, timeouts

_MIRROR = "HTTPRouteRequestMirror"
_MIRRORS = "HTTPRouteRequestMultipleMirrors"
_PERCENT = "HTTPRouteRequestPercentageMirror"
_QUERIES = "HTTPRouteQueryParamMatching"
_METHODS = "HTTPRouteMethodMatching"
_ANSWERS = "HTTPRouteResponseHeaderModification"
#: Whether a single backend of a rule may have filters.
_BACKENDS = "HTTPRouteBackendRequestHeaderModification"


def required_features(canary: Canary) -> Iterator[RequiredFeature]:
    """Name the features that a Canary needs and does not assume, and what it loses without each."""
    named = canary.metadata.annotations.get(ASSUME_FEATURES, "").split(",")
    assumed = {each.strip() for each in named}
    for required in (*_choosing(canary), *_ornamental(canary)):
        if required.feature not in assumed:
            yield required


def _choosing(canary: Canary) -> Iterator[RequiredFeature]:
    """Name those that decide who reaches the canary: without them a Canary is refused."""
    for place, matches in (
        ("spec.service.match", canary.spec.service.match),
        *canary.spec.analysis.placed_matches(),
    ):
        for index, match in enumerate(matches):
            for feature, name, value in (
                (_QUERIES, "queryParams", match.query_params),
                (_METHODS, "method", match.method),
            ):
                if value:
                    yield RequiredFeature(
                        feature=feature,
                        field=f"{place}[{index}].{name}",
                        value=Description("a condition"),
                        effect="the route would be rejected, or match other requests",
                        refuses=True,
                    )
    for field, written, percent in _copies(canary.spec.analysis):
        for feature, needed in ((_MIRROR, True), (_PERCENT, percent < FULL)):
            if needed:
                yield RequiredFeature(
                    feature=feature,
                    field=field,
                    value=written,
                    effect="the canary would get no copies, or a copy of every request",
                    refuses=True,
                )
    affinity = canary.spec.analysis.session_affinity
    for feature in (_ANSWERS, _BACKENDS) if affinity else ():
        yield RequiredFeature(
            feature=feature,
            field="spec.analysis.sessionAffinity",
            value=shown(affinity),
            effect="the answers of one side alone could not set a cookie",
            refuses=True,
        )


def _ornamental(canary: Canary) -> Iterator[RequiredFeature]:
    """Name those that change nothing about who is routed where: without them there is a warning."""
    service = canary.spec.service
    limits, rewrite = timeouts(service), service.rewrite
    answers = service.headers.response if service.headers else None
    path = rewrite and rewrite.uri
    host = rewrite and rewrite.authority
    asked = (
        ("HTTPRouteRequestTimeout", "timeout", service.timeout if "request" in limits else None),
        (
            "HTTPRouteBackendTimeout",
            "backendTimeout" if service.backend_timeout else "retries.perTryTimeout",
            limits.get("backendRequest"),
        ),
        ("HTTPRouteRetry", "retries", service.retries if retry(service) else None),
        ("HTTPRouteCORS", "corsPolicy", service.cors_policy),
        (_ANSWERS, "headers.response", answers),
        ("HTTPRoutePathRewrite", "rewrite.uri", path),
        ("HTTPRouteHostRewrite", "rewrite.authority", host),
        (_MIRROR, "mirror", service.mirror),
        (_MIRRORS, "mirror", service.mirror if len(service.mirror) > 1 else None),
    )
    for feature, name, value in asked:
        if value:
            yield RequiredFeature(
                feature=feature,
                field=f"spec.service.{name}",
                value=shown(value),
                effect="it may be without effect, or the route rejected",
                refuses=False,
            )


def _copies(analysis: Analysis) -> Iterator[tuple[str, object, int]]:
    """Go through what is copied to the canary: path, value and percentage."""
    share = FULL if analysis.mirror_weight is None else analysis.mirror_weight
    if analysis.mirror and share == FULL:
        yield "spec.analysis.mirror", True, FULL
    elif analysis.mirror:
        yield "spec.analysis.mirrorWeight", share, share
    for index, step in enumerate(analysis.steps or ()):
        if step.mirror:
            yield f"spec.analysis.steps[{index}].mirror", step.mirror, step.mirror
