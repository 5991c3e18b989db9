"""Which labels and annotations of the user's objects their copies get."""

from collections.abc import Iterable, Mapping

from canary.objects.ownership import LAST_APPLIED, MANAGED_BY

#: Flux and Argo CD mark what they apply with keys that contain these, and prune what is not in Git.
_GITOPS = ("toolkit.fluxcd.io", "argocd.argoproj.io/")
#: Names the application that an object is part of: Argo CD prunes by it. Pods keep it.
_INSTANCE = "app.kubernetes.io/instance"
#: Bookkeeping of kubectl and of the Deployment controller, about the object it is on.
_BOOKKEEPING = frozenset(
    {LAST_APPLIED, "deployment.kubernetes.io/revision", "kubernetes.io/change-cause"}
)
#: A prefix that includes every key.
_ANY = "*"


def copied(values: Mapping[str, str] | None) -> dict[str, str]:
    """Keep what may be copied: what says nothing about the original object itself."""
    return {
        key: value
        for key, value in (values or {}).items()
        if not any(each in key for each in _GITOPS) and key not in _BOOKKEEPING
    }


def included(values: Mapping[str, str] | None, prefixes: Iterable[str]) -> dict[str, str]:
    """Keep what may be copied and begins with one of the prefixes; `*` is one of any key."""
    wanted = tuple("" if prefix == _ANY else prefix for prefix in prefixes)
    return {
        key: value
        for key, value in copied(values).items()
        if key.startswith(wanted) and key not in {MANAGED_BY, _INSTANCE}
    }
