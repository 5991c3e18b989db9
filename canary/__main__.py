"""The composition root: settings to a running controller."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import kopf

from analysis.errors import UnknownPlugin
from analysis.plugins import enable
from analysis.providers import PROVIDERS
from canary.api.unsupported import not_started_with
from canary.cluster.credentials import load_credentials
from canary.controller import handlers, logs
from canary.controller.admission import Reviewer
from canary.controller.controller import Controller
from canary.controller.moderation import ModeratedSelector
from canary.controller.reading import CanaryReader
from canary.errors import CanaryError
from canary.routers import router_for
from canary.settings import Settings

IDENTITY: Any = "tidegate"
"""What kopf's peering would know this process by, in a type that kopf keeps to itself."""

COLLECTION_THRESHOLDS = 10_000, 20, 20
"""How seldom garbage is looked for: what is made here is nearly all freed by its counts alone."""


def run(settings: Settings, *, version: str) -> None:
    """Run the controller until it receives SIGTERM.

    Raises:
        CanaryError: it could not be started; says why.
    """
    logs.configure(settings.log_level, settings.log_format)
    checks: tuple[tuple[str, Callable[[Any], object], object], ...] = (
        ("--plugins", enable, settings.plugins),
        ("--router", router_for, settings.router),
        ("--metrics-provider", PROVIDERS.check, settings.metrics_provider),
    )
    for flag, check, named in checks:
        try:
            check(named)
        except UnknownPlugin as error:
            raise CanaryError(not_started_with(flag, error)) from error
    credentials = load_credentials(settings.kubeconfig or None, settings.context or None)
    reader = CanaryReader.under(settings)
    admission = (
        handlers.AdmissionServer(settings, Reviewer(reader)) if settings.admission_listen else None
    )
    controller = Controller(
        settings, version=version, certificate_end=admission.end if admission else None
    )

    def make_loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(ModeratedSelector(hurried=controller.behind))

    # What was imported is never garbage, and need not be looked through.
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        with asyncio.Runner(loop_factory=make_loop) as runner, suppress(asyncio.CancelledError):
            runner.run(
                kopf.operator(
                    registry=handlers.registry(controller, credentials, admission),
                    standalone=True,
                    # kopf would make one of the user's name, and in a container the user has none.
                    identity=IDENTITY,
                    clusterwide=not settings.namespaces,
                    namespaces=settings.namespaces,
                )
            )
    except Exception as error:
        if controller.failure is None:
            raise
        raise controller.failure from error


if __name__ == "__main__":
    from canary.cli import main

    main(prog_name="tidegate")
