"""Users of the real API server, known to it by their tokens."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who may ask; what is allowed follows from the name and the groups, by RBAC."""

    name: str
    groups: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


def service_account(namespace: str, name: str) -> User:
    """Make the user that a pod of a service account is."""
    return User(
        name=f"system:serviceaccount:{namespace}:{name}",
        groups=("system:serviceaccounts", f"system:serviceaccounts:{namespace}"),
    )


def tester() -> User:
    """Make the user who may do everything."""
    return User(name="tester", groups=("system:masters",))


#: Whom the chart gives its roles to, by default.
TIDEGATE = service_account("tidegate-system", "tidegate")
#: Whom the chart runs the dashboard as.
DASHBOARD = service_account("tidegate-system", "tidegate-dashboard")
#: People with a role each, or with none: what may be commanded is tried with them.
STRANGER, VIEWER, OPERATOR, APPROVER = (
    User(name=f"{each}@example.com", groups=("people",))
    for each in ("stranger", "viewer", "operator", "approver")
)
PEOPLE = (STRANGER, VIEWER, OPERATOR, APPROVER)


def tokens(users: Iterable[User]) -> str:
    """Write the users as `--token-auth-file` wants them."""
    return "".join(
        f'{each.token},{each.name},{each.name},"{",".join(each.groups)}"\n' for each in users
    )


def write_kubeconfig(file: Path, user: User, *, server: str, authority: Path) -> Path:
    """Write a kubeconfig that its owner alone can read."""
    cluster = {"server": server, "certificate-authority": str(authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": user.name, "user": {"token": user.token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user.name}}],
        "current-context": "testbed",
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(config, indent=2))
    return file
