"""The controller: everything wired together, with a beginning and an end.

In which order things start and stop. It decides nothing; what is followed is in `tracker.py`, and
what a reconcile does in `reconcile.py`.
Long because it is the one place that makes every part and gives each what it needs.
"""

import asyncio
import logging
import math
import os
import random
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic

from analysis.asking import CONCURRENCY, Providers
from analysis.checking import Checks
from analysis.egress import EgressPolicy
from analysis.http.transport import endpoints
from analysis.model import Metric, Outcome, QueryFailure
from analysis.narrowing import parse_matchers
from canary.api.people import Webhook
from canary.cluster.cluster import Cluster
from canary.cluster.outages import OutageLog
from canary.controller.alerts import AlertSender
from canary.controller.answer import Answerer
from canary.controller.apply import Applier
from canary.controller.authority import Authority
from canary.controller.budgets import Budgets
from canary.controller.calls import Calls
from canary.controller.canaries import CanaryKey
from canary.controller.cancelling import CheckCanceller
from canary.controller.configs import followed_kinds
from canary.controller.granting import Granter
from canary.controller.hearers import Hearers, event_webhook
from canary.controller.introduction import introduce
from canary.controller.metrics import UPDATE, Metrics
from canary.controller.notify import NoticeDispatcher
from canary.controller.observe import Observer
from canary.controller.others import OtherControllers
from canary.controller.otlp import Traces, exporter_of
from canary.controller.plans import Plans
from canary.controller.policies import MEMBER, MemberKey, PolicyKey, WorkKey
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.queue import WorkQueue
from canary.controller.reading import CanaryReader
from canary.controller.receivers import default_receiver
from canary.controller.reconcile import Reconciler
from canary.controller.recorder import Recorder
from canary.controller.recordstores import record_store
from canary.controller.references import References
from canary.controller.reporting import Reporter
from canary.controller.routes_cluster import of_routes
from canary.controller.secrets import SecretReader
from canary.controller.surroundings import Surroundings
from canary.controller.templates import TemplateReader
from canary.controller.threads import RunThreads
from canary.controller.tracker import Tracker
from canary.controller.wanted import Renderer
from canary.controller.writer import Writer
from canary.core.facts import Policy
from canary.errors import CanaryError, Forbidden
from canary.hooks.caller import HookCaller
from canary.hooks.payload import HookPayload, HookResult
from canary.replicas.presence import scope_of
from canary.resources.revision import HASHING, Hashing
from canary.serving import Server
from canary.settings import Settings

log = logging.getLogger(__name__)

WORK_ENDS = timedelta(seconds=12)
"""How long what is in flight may take when the controller ends."""
NOTICES_END = timedelta(seconds=4)
"""How long notices may take after that; all in all it ends within 20 s."""
_LOOKUPS = frozenset({"GET", "DISCOVER"})
"""Requests to which "there is none" is an answer like any other."""
STARTS_PER_SECOND = 50.0
"""The number of Canaries that are reconciled in a second after a start, or a change of leader."""


class Controller:
    """The whole shell, from the connection to the last delivered notice."""

    def __init__(
        self,
        settings: Settings,
        *,
        version: str,
        hashing: Hashing = HASHING,
        environ: Mapping[str, str] = os.environ,
        certificate_end: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._hashing = hashing
        self._version = version
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._heartbeat = monotonic()
        self._stopping = False
        self.failure: CanaryError | None = None
        """Why it could not be started; its host says only that it could not."""
        self._authority: Authority | None = None
        self._plans: Plans | None = None
        self._reporters: list[Reporter] = []
        """The one that reports to the hub, where there is one."""
        self._metrics = Metrics(version=version, router=settings.router)
        self._outages = OutageLog(_now)
        self._queue: WorkQueue[WorkKey] = WorkQueue(
            monotonic, party_of=lambda key: key.namespace, observed=self._metrics.reconciled
        )
        self._metrics.queue_depth(lambda: float(len(self._queue)))
        if certificate_end is not None:
            self._metrics.certificate(certificate_end)

    # ------------------------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Connect, follow what there is, and begin to work.

        Raises:
            CanaryError: there are no credentials, or the address can't be listened on.
        """
        try:
            await self._start()
        except BaseException as error:
            self.failure = error if isinstance(error, CanaryError) else None
            await self._end()
            raise

    async def _start(self) -> None:
        settings, enter = self._settings, self._stack.enter_async_context
        cluster = await enter(
            Cluster.connect(
                kubeconfig=settings.kubeconfig or None,
                context=settings.context or None,
                user_agent=f"tidegate/{self._version}",
                observe=self._observe_request,
                requests_per_second=settings.qps,
                burst=settings.burst,
            )
        )
        cluster.guard(self.acts)
        if settings.routes_kubeconfig:
            await enter(
                cluster.split(
                    kubeconfig=settings.routes_kubeconfig,
                    context=settings.routes_context or None,
                    name=settings.cluster_name,
                    resources=of_routes(),
                )
            )
        hub = await self._join()
        reader = CanaryReader.under(settings)
        self._tracker = Tracker(
            cluster,
            reader=reader,
            groups=settings.api_groups,
            namespaces=settings.namespaces,
            configs=followed_kinds(settings),
            hashing=self._hashing,
            selector_labels=settings.selector_labels,
            wake=self._queue.wake,
            outages=self._outages,
            ingress_prefix=settings.ingress_annotations_prefix,
            home=settings.lease_namespace or cluster.credentials.namespace,
        )
        self._stack.push_async_callback(self._tracker.caches.close)
        if hub is not None:
            self._report_to(hub)
        scope = scope_of(settings, self._version)
        self._authority = authority = Authority(
            settings,
            cluster,
            canaries=self._tracker.canaries,
            left=self._tracker.left,
            on_change=self._on_change,
            scope=scope,
            on_outage=self._outages.add,
            now=_now,
        )
        self._metrics.authority(self.acts, authority.owned, authority.members)
        self._metrics.objects(self._tracker.caches.tallies)
        self._others = OtherControllers(cluster, lease=authority.lease, scope=scope)
        providers = await enter(Providers(observe=self._observe_query, party_of=_namespace_of))
        self._egress = EgressPolicy(
            allow=settings.egress_allow,
            deny=settings.egress_deny,
            reserved=tuple(
                {
                    place
                    for each in (*cluster.servers, *(hub.servers if hub else ()))
                    for place in await endpoints(each)
                }
            ),
        )
        hooks = HookCaller(
            egress=self._egress,
            bodies=self._egress.allows_by_rule if settings.multi_tenant else None,
            observed=self._observe_hook,
        )
        self._metrics.waiting("hook", lambda: float(hooks.waiting))
        self._metrics.waiting("query", lambda: float(providers.waiting))
        self._stack.push_async_callback(hooks.close)
        self._traces = self._trace()
        self._recorders = self._record()
        self._calls = Calls(
            next((each.put for each in self._traces), None),
            hear=next((each.asked for each in self._recorders), None),
        )
        self._reconciler = self._make_reconciler(cluster, reader, providers, hooks)
        writer = Writer(cluster=cluster, caches=self._tracker.caches)
        self._granter = Granter(
            tracker=self._tracker,
            writer=writer,
            acts=self.acts,
            clock=_now,
            wake_in=self._queue.wake_in,
        )
        self._stack.push_async_callback(self._reconciler.close)
        await self._serve()
        self._tracker.start()
        self._introduce(cluster)
        self._begin(self._queue.run(self._work, settings.workers), "queue")
        self._begin(self._beat(), "heartbeat")
        if authority.needed:
            self._begin(authority.run(), "authority")
            self._begin(self._others.run(), "other controllers")

    async def stop(self) -> None:
        """End: not ready, no new work, what is in flight, the lease, the connections."""
        self._stopping = True
        self._queue.close()
        work = {task for task in self._tasks if task.get_name() == "queue"}
        if work:
            await asyncio.wait(work, timeout=WORK_ENDS.total_seconds())
            await self._threads.close()
            await self._notifier.close(NOTICES_END)
        await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._authority is not None:
            await self._authority.release()
        await self._stack.aclose()

    @property
    def port(self) -> int:
        """The port that /healthz, /readyz and /metrics are served on."""
        return self._server.port

    def obstacles(self) -> list[str]:
        """Tell why the controller is not ready; nothing where it is."""
        if self._stopping:
            return ["shutting down"]
        return self._tracker.problems()

    def acts(self) -> bool:
        """Tell whether this replica may write now: for the Canary in work, if there is one."""
        return self._authority is not None and self._authority.acts()

    def behind(self) -> bool:
        """Tell whether Canaries wait to be worked on, or to be judged, for their turn."""
        if not self._tasks:
            return False
        return len(self._queue) > 0 or self._reconciler.asking > CONCURRENCY

    def silence(self) -> float:
        """Give the seconds since the controller was last seen to work; infinite where it can't."""
        if not self._stopping and any(task.done() for task in self._tasks):
            return math.inf
        return monotonic() - self._heartbeat

    def _trace(self) -> tuple[Traces, ...]:
        """Send traces, where there is a collector for them."""
        export = exporter_of(
            self._environ, version=self._version, cluster_name=self._settings.cluster_name
        )
        if export is None:
            return ()
        traces = Traces(
            export,
            dropped=self._metrics.spans_dropped,
            dashboard=self._settings.dashboard_url,
        )
        self._stack.push_async_callback(traces.close)
        self._begin(traces.run(), "traces")
        return (traces,)

    def _record(self) -> tuple[Recorder, ...]:
        """Record runs, where there is a store for that.

        Raises:
            CanaryError: the store cannot be made.
        """
        process = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        store = record_store(self._settings.records, process=process)
        if store is None:
            return ()
        recorder = Recorder(
            store,
            cluster_name=self._settings.cluster_name,
            process=process,
            written=self._metrics.record_lines_written,
            lost=self._metrics.record_lines_lost,
        )
        self._stack.push_async_callback(recorder.close)
        self._begin(recorder.run(), "records")
        return (recorder,)

    async def _join(self) -> Cluster | None:
        """Connect to the hub of the fleet, where there is one; it may be away."""
        settings = self._settings
        if not settings.fleet_kubeconfig:
            return None
        connecting = Cluster.connect(
            kubeconfig=settings.fleet_kubeconfig,
            context=settings.fleet_context or None,
            user_agent=f"tidegate/{self._version}",
            observe=self._observe_request,
        )
        try:
            hub = await self._stack.enter_async_context(connecting)
        except Forbidden as error:
            told = f"the hub of --fleet-kubeconfig {settings.fleet_kubeconfig}: {error}"
            raise Forbidden(told) from error
        hub.guard(self.acts)
        return hub

    def _report_to(self, hub: Cluster) -> None:
        """Follow the plans of the hub, and report there."""
        tracker, namespace = self._tracker, self._settings.fleet_place
        self._plans = Plans(hub, cluster=namespace, changed=tracker.wake_planned)
        tracker.planned.on_left(self._plans.leave)
        self._stack.push_async_callback(self._plans.close)
        reporter = Reporter(
            hub,
            namespace=namespace,
            identity=f"{socket.gethostname()}-{os.getpid()}",
            tracker=tracker,
            acts=self.acts,
            wake_in=self._queue.wake_in,
            renew_seconds=self._settings.fleet_renew_period.total_seconds(),
        )
        self._reporters.append(reporter)
        self._queue.wake(MEMBER)

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_log_end)
        self._tasks.append(task)

    def _introduce(self, cluster: Cluster) -> None:
        """Say what runs here, while the work begins already."""
        introducing = asyncio.create_task(introduce(cluster, self._settings, self._version))
        introducing.set_name("introduction")
        introducing.add_done_callback(_log_end)

        async def end() -> None:
            introducing.cancel()
            await asyncio.gather(introducing, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def _beat(self) -> None:
        while True:
            self._heartbeat = monotonic()
            await asyncio.sleep(1)

    async def _serve(self) -> None:
        host, port = self._settings.address
        self._server = Server(
            host=host,
            port=port,
            silence=self.silence,
            obstacles=self.obstacles,
            page=self._metrics.page,
        )
        await self._server.start()
        self._stack.push_async_callback(self._server.stop)

    async def _work(self, key: WorkKey) -> None:
        assert self._authority is not None
        with self._authority.working_on(key):
            if isinstance(key, PolicyKey):
                await self._granter.reconcile(key)
            elif isinstance(key, MemberKey):
                for reporter in self._reporters:
                    await reporter.reconcile()
            else:
                await self._reconciler.reconcile(key)

    def _on_change(self, gained: list[CanaryKey], lost: list[CanaryKey]) -> None:
        """Let go of what another replica acts on; look at what is ours now, a few at a time."""
        self._reconciler.stand_down(lost)
        if self.acts():
            self._others.acting()
        spread = len(gained) / STARTS_PER_SECOND
        for key in gained:
            self._queue.wake_in(key, random.uniform(0, spread))  # noqa: S311 - not a secret
        for policy in self._tracker.policies.telling():
            self._queue.wake(policy)
        if self._reporters:
            self._queue.wake(MEMBER)

    # -------------------------------------------------------------------------------------- wiring

    def _make_reconciler(
        self, cluster: Cluster, reader: CanaryReader, providers: Providers, hooks: HookCaller
    ) -> Reconciler:
        settings, tracker = self._settings, self._tracker
        caches, store, configs = tracker.caches, tracker.store, tracker.configs
        secret_reader = SecretReader(cluster, monotonic)
        templates = TemplateReader(caches)
        renderer = Renderer(store, settings.selector_labels)
        budgets = Budgets(caches, store, settings.selector_labels)
        alerts = AlertSender(
            secrets=secret_reader,
            templates=templates,
            default=default_receiver(settings),
            cluster_name=settings.cluster_name,
            dashboard=settings.dashboard_url,
            egress=self._egress,
            multi_tenant=settings.multi_tenant,
        )
        queries = QueryBuilder(
            templates=templates,
            secrets=secret_reader,
            stores=Stores(
                type=settings.metrics_provider,
                address=settings.metrics_server,
                targets=settings.scrape_targets,
                matchers=parse_matchers(settings.metrics_matchers),
                cluster=settings.cluster_name,
            ),
            default_router=settings.router,
            egress=self._egress,
            multi_tenant=settings.multi_tenant,
            api_server=cluster.credentials,
            routes=store.routes,
        )
        self._canceller = CheckCanceller(
            checks=Checks(providers), queries=queries, templates=templates, wake=self._queue.wake
        )
        self._stack.push_async_callback(self._canceller.close)
        references = References(
            templates=templates, queries=queries, alerts=alerts, secrets=secret_reader
        )
        self._threads = RunThreads(
            alerts=alerts, acts=self.acts, observed=partial(self._metrics.notification, kind=UPDATE)
        )
        self._notifier = NoticeDispatcher(
            cluster=cluster,
            hearers=Hearers(
                hooks=hooks,
                secrets=secret_reader,
                calls=self._calls,
                event_webhook=event_webhook(settings),
                cluster_name=settings.cluster_name,
            ),
            alerts=alerts,
            threads=self._threads,
            references=references,
            acts=self.acts,
            wake=self._queue.wake,
            observed=self._metrics.notification,
        )
        return Reconciler(
            tracker=tracker,
            observer=Observer(
                caches=caches,
                store=store,
                configs=configs,
                renderer=renderer,
                budgets=budgets,
                surroundings=Surroundings(
                    cluster,
                    selector_labels=settings.selector_labels,
                    now=lambda: datetime.now(UTC),
                ),
                references=references,
                policy=Policy(
                    drain=settings.drain,
                    history=settings.history,
                    verified_commands=settings.verified_commands,
                    trace_child=settings.trace_parent == "child",
                    one_of_several=bool(settings.metrics_matchers),
                ),
                records=settings.records,
                hashing=self._hashing,
                cancelled=self._canceller.cancelled,
                plan=self._plans.seen if self._plans is not None else lambda _: None,
            ),
            answerer=Answerer(
                hooks=hooks,
                secrets=secret_reader,
                queries=queries,
                providers=providers,
                cluster_name=settings.cluster_name,
                calls=self._calls,
            ),
            applier=Applier(
                cluster=cluster,
                caches=caches,
                store=store,
                configs=configs,
                renderer=renderer,
                budgets=budgets,
                reader=reader,
                label_prefixes=settings.include_label_prefix,
                hashing=self._hashing,
            ),
            listeners=(
                self._metrics,
                self._threads,
                self._notifier,
                self._canceller,
                *self._traces,
                *self._recorders,
            ),
            delivered=self._notifier.delivered,
            threads=self._threads.opened,
            queue=self._queue,
            clock=_now,
            acts=self.acts,
            outages=self._outages,
        )

    # ----------------------------------------------------------------------------------- measuring

    def _observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        missing = status == 404 and verb in _LOOKUPS
        error = "" if 200 <= status < 400 or missing else str(status or "no-answer")
        self._metrics.api_request(verb, resource, seconds, error)

    def _observe_hook(
        self, hook: Webhook, payload: HookPayload, result: HookResult, seconds: float
    ) -> None:
        error = "" if result.passed else str(result.status or "no-answer")
        place = (payload.namespace, payload.name)
        self._metrics.webhook(hook.type, seconds, error, place=place)

    def _observe_query(self, metric: Metric, seconds: float, outcome: Outcome) -> None:
        error = ""
        if isinstance(outcome, QueryFailure):
            error = outcome.kind.value
        namespace, _, name = metric.asked_by.partition("/")
        self._metrics.query(metric.provider.type, seconds, error, place=(namespace, name))


def _now() -> datetime:
    return datetime.now(UTC)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("%s ended", task.get_name(), exc_info=task.exception())


def _namespace_of(metric: Metric) -> str:
    return metric.asked_by.partition("/")[0]
