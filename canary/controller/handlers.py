"""kopf is the host: the process's life, its signals, and the admission webhook.

It follows no objects: no timers, daemons, indexes or change handlers, and it writes nothing to
anybody's object.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from canary.api.meta import GROUP, VERSION
from canary.api.unsupported import Resource, unsupported
from canary.api.validation import parse_alert_provider, parse_canary, parse_metric_template
from canary.controller.controller import Controller
from canary.controller.credentials import Credentials
from canary.errors import InvalidSpec

log = logging.getLogger(__name__)

_PARSERS: Mapping[str, Callable[[Mapping[str, Any]], Resource]] = {
    "canaries": parse_canary,
    "metrictemplates": parse_metric_template,
    "alertproviders": parse_alert_provider,
}


def registry(
    controller: Controller, credentials: Credentials, admission: kopf.WebhookServer | None
) -> kopf.OperatorRegistry:
    """Register what kopf is to call."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return await connection(credentials)

    @kopf.on.startup(registry=handlers)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.admission.server = admission
        await controller.start()

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: Any) -> None:
        await controller.stop()

    if admission is not None:
        for plural in _PARSERS:
            kopf.on.validate(GROUP, VERSION, plural, registry=handlers)(_refuse_invalid)
    return handlers


async def connection(credentials: Credentials) -> kopf.ConnectionInfo:
    """Let kopf connect as the controller does."""
    scheme, _, token = (await credentials.authorization()).partition(" ")
    configuration = credentials.configuration
    return kopf.ConnectionInfo(
        server=credentials.server,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )


def _refuse_invalid(body: kopf.Body, resource: kopf.Resource, **_: Any) -> None:
    """Refuse an object that could not be acted on, with all that is wrong with it."""
    try:
        parsed = _PARSERS[resource.plural](dict(body))
        problems = unsupported(parsed)
        if problems:
            raise InvalidSpec(problems)
    except InvalidSpec as invalid:
        raise kopf.AdmissionError(str(invalid), code=422) from invalid
