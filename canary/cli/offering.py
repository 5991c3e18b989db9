"""Names of the cluster that completion offers: asked of kubectl, and none where it does not say.

It is kubectl that is asked, for it is here wherever it is a plug-in that is completed, and answers
before a client of ours would be imported. Nothing of this may fail, or ask for a password: a person is typing.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from shutil import which

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.common import common

_LIMIT_SECONDS = 3.0
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAMES_ALONE = 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}'
_KIND_BEFORE = frozenset({"canary", "canaries"})


def offer_canaries(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Offer the names of Canaries, written as what is begun: `name`, `canary/` or `namespace/name`."""
    before, slash, start = begun.rpartition("/")
    where = [*_where(context, "" if before in _KIND_BEFORE else before)]
    group = context.params.get("api_group")
    groups = (group,) if group in {GROUP, PEER_GROUP} else (GROUP, PEER_GROUP)
    found = _names([(f"canaries.{each}", *where) for each in groups], context)
    given = context.params.get(str(parameter.name)) or ()
    return [
        CompletionItem(f"{before}{slash}{each}")
        for each in found
        if each.startswith(start) and f"{before}{slash}{each}" not in given
    ]


def offer_namespaces(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Offer the names of namespaces."""
    found = _names([("namespaces",)], context)
    return [CompletionItem(each) for each in found if each.startswith(begun)]


def _where(context: click.Context, written: str) -> Iterator[str]:
    namespace = written or context.params.get("namespace")
    if namespace:
        yield f"--namespace={namespace}"
    elif context.params.get("everywhere"):
        yield "--all-namespaces"


def _names(asked: list[tuple[str, ...]], context: click.Context) -> list[str]:
    """Ask for the names of several kinds at once; a kind that is not served has none."""
    kubectl = which("kubectl")
    if kubectl is None:
        return []
    cluster = [*_cluster(context)]
    commands = [[kubectl, "get", *each, *cluster, f"-o={_NAMES_ALONE}"] for each in asked]
    with ThreadPoolExecutor(len(commands)) as pool:
        printed = pool.map(_printed, commands)
        return sorted({name for each in printed for name in each if _NAME.fullmatch(name)})


def _cluster(context: click.Context) -> Iterator[str]:
    """Say which cluster is asked, and for whom, as it has been typed so far."""
    yield "--request-timeout=2s"
    for name in ("kubeconfig", "context"):
        # What is in the environment is read by kubectl itself.
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield f"--{name}={context.params[name]}"
    with context.scope(cleanup=False):
        asked = common()
    if asked.user:
        yield f"--as={asked.user}"
        yield from (f"--as-group={each}" for each in asked.groups)


def _printed(command: list[str]) -> Iterable[str]:
    try:
        # In a session of its own it has no terminal on which it could ask for a password.
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_LIMIT_SECONDS,
            start_new_session=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return ran.stdout.decode(errors="replace").splitlines()
