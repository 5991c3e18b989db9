"""The controller: everything wired together, with a beginning and an end.

What is followed, who is woken by what, and in which order things start and stop. It decides
nothing, and what a reconcile does is in `reconcile.py`.
"""

import asyncio
import logging
import os
import random
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from time import monotonic

from analysis.engine import Providers
from canary.api.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    SERVICE,
    Kind,
    ObjectKey,
)
from canary.api.people import Webhook, WebhookType
from canary.api.status import Phase, Severity
from canary.controller.answer import Answerer
from canary.controller.apply import Applier
from canary.controller.cache import ALL, CacheSet
from canary.controller.canaries import CanaryKey, CanaryReader, CanaryRecord, canary_kind
from canary.controller.cluster import Cluster
from canary.controller.configs import KINDS, ConfigReader
from canary.controller.dependents import Dependents
from canary.controller.leases import Elector, LeaseTimes
from canary.controller.metrics import Metrics
from canary.controller.notify import DefaultReceiver, Notifier
from canary.controller.observe import Observer, dependencies
from canary.controller.outbox import Outbox
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.queue import WorkQueue
from canary.controller.reconcile import Reconciler
from canary.controller.records import (
    DeploymentRecord,
    PodRecord,
    ReplicaSetRecord,
    config_record,
    deployment_record,
    pack,
    pod_record,
    replica_set_record,
)
from canary.controller.secrets import SecretReader
from canary.controller.server import Server
from canary.controller.store import Store
from canary.controller.templates import (
    TemplateReader,
    alert_provider_kind,
    alert_provider_record,
    metric_template_kind,
    metric_template_record,
)
from canary.controller.wanted import Renderer
from canary.controller.webhooks import HookCaller, HookResult
from canary.core.facts import Policy
from canary.core.phases import RUNNING
from canary.notifiers import NotifierConfig
from canary.settings import Settings

log = logging.getLogger(__name__)

WATCHES_PODS = RUNNING | {Phase.NEW, Phase.INITIALIZING}
"""Phases in which pods are followed: those in which a pod's trouble changes what is decided."""

SHUTDOWN = timedelta(seconds=20)
STARTS_PER_SECOND = 50.0
"""At most so many Canaries are looked at in a second after a start, or a change of leader."""


class Controller:
    """The whole shell, from the connection to the last delivered notice."""

    def __init__(self, settings: Settings, *, version: str) -> None:
        self._settings = settings
        self._version = version
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._scopes = settings.namespaces or (ALL,)
        self._dependents = Dependents()
        self._namespaces_with_runs: dict[str, set[CanaryKey]] = {}
        self._heartbeat = monotonic()
        self._stopping = False
        self._reader = CanaryReader(
            settings.router, own_namespace_only=settings.no_cross_namespace_refs
        )
        self._metrics = Metrics(version=version, router=settings.router)
        self._queue: WorkQueue[CanaryKey] = WorkQueue(monotonic)
        self._metrics.queue_depth(lambda: float(len(self._queue)))

    # ------------------------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Connect, follow what there is, and begin to work."""
        settings = self._settings
        self._cluster = await self._stack.enter_async_context(
            Cluster.connect(
                kubeconfig=settings.kubeconfig or None,
                context=settings.context or None,
                user_agent=f"tidegate/{self._version}",
                observe=self._observe_request,
                requests_per_second=settings.qps,
                burst=settings.burst,
            )
        )
        self._caches = CacheSet(self._cluster, on_change=self._on_change, on_synced=self._on_synced)
        self._stack.push_async_callback(self._caches.close)
        self._providers = await self._stack.enter_async_context(Providers())
        self._hooks = HookCaller(observed=self._observe_hook)
        self._stack.push_async_callback(self._hooks.close)
        self._elector = self._make_elector()
        self._cluster.may_write = self.acts
        self._metrics.leader(self.acts)
        self._reconciler = self._make_reconciler()
        self._follow()
        await self._serve()
        self._begin(self._queue.run(self._reconciler.reconcile, settings.workers), "queue")
        self._begin(self._beat(), "heartbeat")
        if self._elector is not None:
            self._begin(self._elector.run(), "elector")

    async def stop(self) -> None:
        """End: not ready, no new work, what is in flight, the lease, the connections."""
        self._stopping = True
        self._queue.close()
        queue = next((task for task in self._tasks if task.get_name() == "queue"), None)
        if queue is not None:
            await asyncio.wait({queue}, timeout=SHUTDOWN.total_seconds())
        if self._outbox is not None:
            await self._outbox.close(SHUTDOWN / 4)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._elector is not None:
            await self._elector.release()
        await self._stack.aclose()

    def obstacles(self) -> list[str]:
        """Tell why the controller is not ready; nothing where it is."""
        if self._stopping:
            return ["shutting down"]
        return self._caches.problems(self._essential_kinds())

    def acts(self) -> bool:
        """Tell whether this replica may write now."""
        return self._elector is None or self._elector.is_leader()

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_log_end)
        self._tasks.append(task)

    async def _beat(self) -> None:
        while True:
            self._heartbeat = monotonic()
            await asyncio.sleep(1)

    async def _serve(self) -> None:
        host, port = self._settings.address
        self.server = Server(
            host=host,
            port=port,
            silence=lambda: monotonic() - self._heartbeat,
            obstacles=self.obstacles,
            page=self._metrics.page,
        )
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)

    # -------------------------------------------------------------------------------------- wiring

    def _make_elector(self) -> Elector | None:
        settings = self._settings
        if not settings.leader_election:
            return None
        return Elector(
            self._cluster,
            namespace=settings.lease_namespace or self._cluster.credentials.namespace,
            name=settings.lease_name,
            identity=f"{socket.gethostname()}-{os.getpid()}",
            times=LeaseTimes(
                lease_seconds=settings.lease_duration.total_seconds(),
                renew_seconds=settings.lease_renew_deadline.total_seconds(),
                retry_seconds=settings.lease_retry_period.total_seconds(),
            ),
            on_change=self._on_leadership,
        )

    def _make_reconciler(self) -> Reconciler:
        settings, cluster, caches = self._settings, self._cluster, self._caches
        store = Store(caches)
        secrets = SecretReader(cluster, monotonic)
        configs = ConfigReader(cluster, caches, enabled=settings.config_tracking)
        templates = TemplateReader(caches)
        renderer = Renderer(store, settings.selector_labels)
        self._store = store
        self._outbox = Outbox[CanaryKey](
            on_delivered=lambda key, notice: notifier.on_delivered(key, notice),
            observed=self._metrics.notification,
        )
        notifier = Notifier(
            cluster=cluster,
            outbox=self._outbox,
            hooks=self._hooks,
            secrets=secrets,
            templates=templates,
            default=default_receiver(settings),
            event_webhook=event_webhook(settings),
            cluster_name=settings.cluster_name,
            wake=self._queue.wake,
        )
        return Reconciler(
            find=self.find,
            observer=Observer(
                store=store,
                configs=configs,
                renderer=renderer,
                policy=Policy(drain=settings.drain, history=settings.history),
            ),
            answerer=Answerer(
                hooks=self._hooks,
                secrets=secrets,
                queries=QueryBuilder(
                    templates=templates,
                    secrets=secrets,
                    stores=Stores(
                        type=settings.metrics_provider,
                        address=settings.metrics_server,
                        targets=settings.scrape_targets,
                    ),
                    default_router=settings.router,
                ),
                providers=self._providers,
                cluster_name=settings.cluster_name,
            ),
            applier=Applier(
                cluster=cluster,
                caches=caches,
                store=store,
                configs=configs,
                renderer=renderer,
                reader=self._reader,
                label_prefixes=settings.include_label_prefix,
            ),
            notifier=notifier,
            metrics=self._metrics,
            queue=self._queue,
            clock=lambda: datetime.now(UTC),
            acts=self.acts,
            synced=self._synced,
            rivals=self._rivals,
        )

    # ----------------------------------------------------------------------------------- following

    def _essential_kinds(self) -> tuple[Kind, ...]:
        return tuple(canary_kind(group) for group in self._settings.api_groups)

    def _follow(self) -> None:
        """Tell what is kept of each kind, and follow the kinds that say what else is needed."""
        caches = self._caches
        for group in self._settings.api_groups:
            caches.register(canary_kind(group), self._reader.read)
            caches.register(metric_template_kind(group), metric_template_record)
            caches.register(alert_provider_kind(group), alert_provider_record)
        caches.register(DEPLOYMENT, deployment_record)
        caches.register(REPLICA_SET, replica_set_record)
        caches.register(POD, pod_record)
        for kind in KINDS.values():
            caches.register(kind, config_record, metadata_only=True)
        for kind in (SERVICE, AUTOSCALER):
            caches.register(kind, pack)
        for group in self._settings.api_groups:
            for make in (canary_kind, metric_template_kind, alert_provider_kind):
                self._require(make(group))

    def _require(self, kind: Kind) -> None:
        for scope in self._scopes:
            self._caches.require(kind, scope)

    def find(self, key: CanaryKey) -> CanaryRecord | None:
        """Look a Canary up."""
        record = self._caches.get(canary_kind(key.group), key.namespace, key.name)
        return record if isinstance(record, CanaryRecord) else None

    def _kinds_of(self, record: CanaryRecord) -> tuple[Kind, ...]:
        """Name the kinds that must be known before anything is decided about a Canary."""
        if record.canary is None:
            return ()
        kinds = [DEPLOYMENT, SERVICE]
        if record.router is not None:
            kinds += record.router.kinds
        if record.canary.spec.autoscaler_ref is not None:
            kinds.append(AUTOSCALER)
        target = self._target(record)
        if self._settings.config_tracking:
            kinds += {KINDS[each.kind] for each in (target.references if target else ())}
        return tuple(kinds)

    def _rivals(self, record: CanaryRecord) -> list[CanaryRecord]:
        """Find the other Canaries that a Canary's target matters to."""
        key = ObjectKey(kind=DEPLOYMENT, namespace=record.key.namespace, name=record.target)
        others = (self.find(other) for other in self._dependents.of(key) if other != record.key)
        return [other for other in others if other is not None]

    def _synced(self, record: CanaryRecord) -> bool:
        kinds = self._kinds_of(record)
        return all(self._caches.synced(kind, record.key.namespace) for kind in kinds)

    def _target(self, record: CanaryRecord) -> DeploymentRecord | None:
        if record.canary is None:
            return None
        name = record.canary.spec.target_ref.name
        return self._store.deployment(record.key.namespace, name)

    # -------------------------------------------------------------------------------------- waking

    def _on_change(
        self, kind: Kind, namespace: str, name: str, before: object, after: object
    ) -> None:
        """Wake the Canaries that a changed object matters to."""
        record = after if after is not None else before
        if isinstance(record, CanaryRecord):
            self._on_canary(record, gone=after is None)
            return
        if isinstance(record, PodRecord | ReplicaSetRecord):
            name = record.deployment
        canaries = self._dependents.of(ObjectKey(kind=kind, namespace=namespace, name=name))
        for key in canaries:
            if isinstance(record, DeploymentRecord):
                self._track(key)
            self._queue.wake(key)

    def _on_canary(self, record: CanaryRecord, *, gone: bool) -> None:
        key = record.key
        if gone:
            self._dependents.set(key, ())
            self._reader.forget(record)
            self._watch_pods(key, wanted=False)
            for rival in self._rivals(record):
                self._queue.wake(rival.key)
        else:
            self._track(key, record)
        self._queue.wake(key)

    def _track(self, key: CanaryKey, record: CanaryRecord | None = None) -> None:
        """Follow what matters to a Canary, and no more."""
        record = record or self.find(key)
        if record is None:
            return
        if record.router is not None:
            for kind in record.router.kinds:
                self._caches.register(kind, pack)
        for kind in self._kinds_of(record):
            self._require(kind)
        self._dependents.set(key, dependencies(record, self._target(record)))
        self._watch_pods(key, wanted=record.status.phase in WATCHES_PODS)

    def _watch_pods(self, key: CanaryKey, *, wanted: bool) -> None:
        """Follow the pods of a namespace while a Canary in it is in a run."""
        running = self._namespaces_with_runs.setdefault(key.namespace, set())
        before = bool(running)
        (running.add if wanted else running.discard)(key)
        if bool(running) == before:
            return
        change = self._caches.require if running else self._caches.release
        for kind in (POD, REPLICA_SET):
            change(kind, key.namespace)

    def _on_synced(self, kind: Kind) -> None:
        """Look at everybody again who may have waited for this kind."""
        for key in self._canaries():
            record = self.find(key)
            if record is not None and kind in self._kinds_of(record):
                self._queue.wake(key)

    def _on_leadership(self, leads: bool) -> None:  # noqa: FBT001 - a callback's only argument
        """Look at every Canary when this replica begins to act, a few at a time."""
        keys = self._canaries()
        spread = len(keys) / STARTS_PER_SECOND
        for key in keys if leads else ():
            self._queue.wake_in(key, random.uniform(0, spread))  # noqa: S311 - not a secret

    def _canaries(self) -> list[CanaryKey]:
        return [
            record.key
            for kind in self._essential_kinds()
            for record in self._caches.values(kind)
            if isinstance(record, CanaryRecord)
        ]

    # ----------------------------------------------------------------------------------- measuring

    def _observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        error = "" if 200 <= status < 400 else str(status or "no-answer")
        self._metrics.api_request(verb, resource, seconds, error)

    def _observe_hook(self, hook: Webhook, result: HookResult, seconds: float) -> None:
        error = "" if result.passed else str(result.status or "no-answer")
        self._metrics.webhook(hook.type, seconds, error)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("%s ended", task.get_name(), exc_info=task.exception())


def default_receiver(settings: Settings) -> DefaultReceiver | None:
    """Tell who is told where a Canary names nobody."""
    severity = Severity(settings.alert_severity)
    match settings.receiver:
        case "slack":
            config = NotifierConfig(
                address=settings.slack_url,
                token=settings.slack_token,
                channel=settings.slack_channel,
                username=settings.slack_user,
                proxy=settings.slack_proxy,
            )
            return DefaultReceiver(kind="slack", config=config, severity=severity)
        case "webhook":
            config = NotifierConfig(
                address=settings.alert_webhook, token=settings.alert_webhook_token
            )
            return DefaultReceiver(kind="webhook", config=config, severity=severity)
    return None


def event_webhook(settings: Settings) -> Webhook | None:
    """Tell who is called with every event of a Canary that names no event hook."""
    if not settings.event_webhook:
        return None
    return Webhook(type=WebhookType.EVENT, name="event-webhook", url=settings.event_webhook)
