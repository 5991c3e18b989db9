"""What the API server says of objects in files, without keeping any."""

from collections.abc import Iterable

from canary.cli.findings import Finding, Level
from canary.cli.gathering import kind_of
from canary.cli.manifests import Document
from canary.cluster.cluster import Cluster
from canary.errors import Conflict, Invalid, NotFound


async def dry_runs(
    cluster: Cluster, documents: Iterable[Document], found: Iterable[Finding]
) -> list[Finding]:
    """Have the API server judge each object that nothing is wrong with so far.

    Raises:
        ClusterError: it cannot be asked.
    """
    wrong = {(each.file, each.object) for each in found if each.level is Level.ERROR}
    refused = []
    for document in documents:
        if not document.ours or (document.file, str(document)) in wrong:
            continue
        try:
            await _dry_run(cluster, document)
        except (Invalid, NotFound) as error:
            refused.append(
                Finding(
                    level=Level.ERROR,
                    file=document.file,
                    line=document.line(),
                    object=str(document),
                    message=f"the API server refuses it: {error.reason}",
                )
            )
    return refused


async def _dry_run(cluster: Cluster, document: Document) -> None:
    kind = kind_of(document)
    if kind is None:
        return
    namespace = document.namespace or cluster.credentials.namespace
    obj = {**document.obj, "metadata": {**document.obj["metadata"], "namespace": namespace}}
    if await cluster.discover(kind) is None:
        raise NotFound(f"the cluster does not serve {kind.resource}")
    try:
        await cluster.create(obj, kind, dry_run=True)
    except Conflict:
        there = await cluster.read(kind, namespace, document.name)
        metadata = {**obj["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
        await cluster.replace({**obj, "metadata": metadata}, kind, dry_run=True)
