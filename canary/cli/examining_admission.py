"""What `tidegate doctor` examines of the admission webhook: its certificate, and whether it judges."""

import base64
import binascii
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from canary.api.kinds import Kind, Manifest
from canary.api.meta import API_VERSION, GROUP
from canary.api.raw import items, part, text
from canary.cli.common import here
from canary.cli.examining import Examined, bad, good, unknown
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.errors import ClusterError, Forbidden
from canary.views.moments import day, span

CONFIGURATION = Kind(
    group="admissionregistration.k8s.io",
    versions=("v1",),
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
)
_WEBHOOK = f"admission.{GROUP}"
_ENDS_SOON = timedelta(days=14)
_WHAT = "admission webhook"


async def admission(cluster: Cluster, *, namespace: str) -> AsyncIterator[Examined]:
    """Look at the webhook's certificate, and have the API server ask it about a bad Canary.

    The bad Canary would be in `namespace`, or in one that is judged; nothing is stored.
    """
    found = [
        webhook
        async for page, _ in cluster.pages(CONFIGURATION, "")
        for configuration in page
        for webhook in items(part(configuration, "webhooks"))
        if text(webhook, "name") == _WEBHOOK
    ]
    if not found:
        yield unknown(
            _WHAT,
            "none is installed: what is wrong with a Canary stands in its status, and is not "
            "refused; set admission.enabled in the chart",
        )
        return
    now = here()
    for webhook in found:
        yield authority(text(part(webhook, "clientConfig"), "caBundle"), now)
    yield await _judged(cluster, namespace or _judged_namespace(found[0]))


def authority(bundle: str, now: datetime) -> Examined:
    """Say until when the API server can trust the webhook's certificate."""
    if not bundle:
        return bad(
            _WHAT,
            f"{_WEBHOOK} has no caBundle, so the API server cannot trust it: give "
            "admission.caBundle in the chart, or look at the cert-manager Certificate that "
            "admission.certificate names",
        )
    try:
        ends = _last_end(base64.b64decode(bundle, validate=True).decode("ascii"))
    except (binascii.Error, ValueError, ssl.SSLError):
        return bad(_WHAT, f"the caBundle of {_WEBHOOK} holds no certificate: give another one")
    if ends <= now:
        return bad(
            _WHAT,
            f"the CA of {_WEBHOOK} has ended on {day(ends, now)}, so the API server no longer trusts "
            "it: give another caBundle",
        )
    told = f"the CA of {_WEBHOOK} ends on {day(ends, now)}, in {span(ends - now)}"
    return bad(_WHAT, f"{told}: renew it") if ends - now < _ENDS_SOON else good(_WHAT, told)


def _last_end(pem: str) -> datetime:
    """Tell when the last of some CA certificates ends.

    Raises:
        ValueError: there is none.
        ssl.SSLError: it is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in context.get_ca_certs()]
    return datetime.fromtimestamp(max(ends), UTC)


def _judged_namespace(webhook: object) -> str:
    """Name a namespace whose Canaries are judged, as the chart selects them by name."""
    selected = items(part(part(webhook, "namespaceSelector"), "matchExpressions"))
    names = (str(name) for each in selected for name in items(part(each, "values")))
    return next(names, "default")


async def _judged(cluster: Cluster, namespace: str) -> Examined:
    """Have the webhook asked about a Canary that it must refuse."""
    try:
        await cluster.create(_bad_canary(namespace), canary_kind(GROUP), dry_run=True)
    except Forbidden as error:
        if _WEBHOOK not in error.reason:
            return unknown(_WHAT, f"it was not tried, as you may not: {error.reason}")
        refused = error.reason
    except ClusterError as error:
        refused = error.reason
    else:
        return bad(
            _WHAT,
            f"{_WEBHOOK} was not asked about a bad Canary in namespace {namespace}, or could not be: "
            "look at the controller's pods, the Service and the webhook's namespaceSelector",
        )
    if "denied the request" in refused:
        return good(_WHAT, f"{_WEBHOOK} refuses a bad Canary in namespace {namespace}")
    return bad(_WHAT, f"{_WEBHOOK} was asked about a bad Canary and does not answer: {refused}")


def _bad_canary(namespace: str) -> Manifest:
    """Give a Canary that the CRD takes, and the webhook must not."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "metadata": {"name": "tidegate-doctor", "namespace": namespace},
        "spec": {
            "provider": "none-such",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none-such"},
            "service": {"port": 80},
            "analysis": {"interval": "1m", "threshold": 1, "iterations": 1},
        },
    }
