"""How people come in to `tidegate dashboard`: the options of each way, and what they make."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

import click

from canary.cli.ending import Failed
from canary.dashboard.proxy_doors import Networks, ProxyUsers
from canary.dashboard.ways import Way, by_oidc, by_proxy_token, by_proxy_user, by_token

WAYS = ("kubeconfig", "token", "oidc", "proxy-token", "proxy-user")
_TOKEN_CHARACTERS = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Of what the name of a header is made (RFC 9110)."""
_SHORTEST_SECRET = 16
_Command = Callable[..., None]


def way_options(command: _Command) -> _Command:
    """Offer the options of all ways but one's own kubeconfig."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOptions:
    """What the options of the ways say; empty where they were left out."""

    public_url: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret_file: Path | None
    oidc_scopes: tuple[str, ...]
    oidc_impersonate: bool
    oidc_user_claim: str
    oidc_groups_claim: str
    trusted_proxies: tuple[str, ...]
    proxy_secret_file: Path | None
    user_header: str
    groups_header: str
    user_prefix: str

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take them out of the options of a command."""
        return cls(**{each.name: options.pop(each.name) for each in fields(cls)})

    def way(self, auth: str, root_path: str) -> Way:
        """Make the way in that `--auth` names.

        Raises:
            UsageError: an option is missing, or belongs to another way; says which.
            Failed: a file cannot be read, or the extra `oidc` is not installed.
        """
        self._check_belonging(auth)
        match auth:
            case "oidc":
                return self._oidc(root_path)
            case "proxy-token":
                return by_proxy_token(_networks(self.trusted_proxies))
            case "proxy-user":
                return by_proxy_user(self._proxy_users(), _networks(self.trusted_proxies))
            case _:
                return by_token

    def _check_belonging(self, auth: str) -> None:
        for name, ways in _BELONGING.items():
            if getattr(self, name) and auth not in ways:
                option = f"--{_SPELLED.get(name, name).replace('_', '-')}"
                raise click.UsageError(f"write {option} with --auth {' or '.join(ways)}")

    def _oidc(self, root_path: str) -> Way:
        for name in ("oidc_issuer", "oidc_client_id", "public_url"):
            if not getattr(self, name):
                raise click.UsageError(f"--auth oidc needs --{name.replace('_', '-')}")
        try:
            from canary.dashboard.oidc import OidcClient, secure
            from canary.dashboard.oidc_users import EMAIL, GROUPS, OidcUsers
        except ImportError as error:
            raise Failed(
                "--auth oidc needs the extra oidc: pip install 'tidegate[oidc]'"
            ) from error
        for name in ("oidc_issuer", "public_url"):
            if not secure(getattr(self, name)):
                option = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"{option}: {getattr(self, name)!r}: write https://…")
        public = self.public_url.rstrip("/")
        if root_path and not public.endswith(root_path):
            raise click.UsageError(f"--public-url: {public!r} does not end with --root-path")
        secret = self.oidc_client_secret_file
        client = OidcClient(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=read_secret(secret) if secret else "",
            redirect_url=f"{public}/oidc/callback",
            scopes=self.oidc_scopes,
        )
        if not self.oidc_impersonate:
            self._check_impersonating()
            return by_oidc(client)
        users = OidcUsers(
            user_claim=self.oidc_user_claim or EMAIL,
            groups_claim=self.oidc_groups_claim or GROUPS,
            prefix=self.user_prefix,
        )
        return by_oidc(client, users)

    def _check_impersonating(self) -> None:
        for name in ("oidc_user_claim", "oidc_groups_claim", "user_prefix"):
            if getattr(self, name):
                raise click.UsageError(
                    f"write --{name.replace('_', '-')} with --oidc-impersonate: an ID token that is "
                    "passed on is read by the API server"
                )

    def _proxy_users(self) -> ProxyUsers:
        if self.proxy_secret_file is None:
            raise click.UsageError("--auth proxy-user needs --proxy-secret-file")
        for name in ("user_header", "groups_header"):
            if not _TOKEN_CHARACTERS.fullmatch(getattr(self, name)):
                option = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"{option}: {getattr(self, name)!r} is no header's name")
        secret = read_secret(self.proxy_secret_file)
        if len(secret) < _SHORTEST_SECRET:
            raise Failed(
                f"--proxy-secret-file: write at least {_SHORTEST_SECRET} characters, such as those "
                "of: openssl rand -hex 32"
            )
        return ProxyUsers(
            secret=secret,
            user_header=self.user_header,
            groups_header=self.groups_header,
            prefix=self.user_prefix,
        )


_SPELLED = {"oidc_scopes": "oidc_scope", "trusted_proxies": "trusted_proxy"}
_BELONGING = {
    "public_url": ("oidc",),
    "oidc_issuer": ("oidc",),
    "oidc_client_id": ("oidc",),
    "oidc_client_secret_file": ("oidc",),
    "oidc_scopes": ("oidc",),
    "oidc_impersonate": ("oidc",),
    "oidc_user_claim": ("oidc",),
    "oidc_groups_claim": ("oidc",),
    "trusted_proxies": ("proxy-token", "proxy-user"),
    "proxy_secret_file": ("proxy-user",),
    "user_prefix": ("oidc", "proxy-user"),
}
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--public-url", default="", metavar="URL", help="With oidc: where people reach it."
    ),
    click.option("--oidc-issuer", default="", metavar="URL", help="The issuer's address."),
    click.option("--oidc-client-id", default="", help="What the dashboard is called there."),
    click.option(
        "--oidc-client-secret-file",
        type=_FILE,
        help="The file of the client's secret; without one it is a public client.",
    ),
    click.option(
        "--oidc-scope",
        "oidc_scopes",
        multiple=True,
        help="What is asked for beside openid, such as groups. May be repeated.",
    ),
    click.option(
        "--oidc-impersonate",
        is_flag=True,
        help="Act for who the ID token names, where the API server does not trust the issuer.",
    ),
    click.option(
        "--oidc-user-claim",
        default="",
        metavar="CLAIM",
        help="With --oidc-impersonate: the claim with the user's name; email, verified by the "
        "issuer, when left out.",
    ),
    click.option(
        "--oidc-groups-claim",
        default="",
        metavar="CLAIM",
        help="With --oidc-impersonate: the claim with the groups; groups when left out.",
    ),
    click.option(
        "--trusted-proxy",
        "trusted_proxies",
        multiple=True,
        metavar="CIDR",
        help="With a proxy: the network that it is in; all others are refused. May be repeated.",
    ),
    click.option(
        "--proxy-secret-file",
        type=_FILE,
        help="With proxy-user: the file of the secret that the proxy sends in "
        "X-Tidegate-Proxy-Secret.",
    ),
    click.option(
        "--user-header",
        default="X-Forwarded-User",
        show_default=True,
        help="With proxy-user: the header of the user's name.",
    ),
    click.option(
        "--groups-header",
        default="X-Forwarded-Groups",
        show_default=True,
        help="With proxy-user: the header of the groups, with commas between them.",
    ),
    click.option(
        "--user-prefix",
        default="",
        help="With proxy-user and --oidc-impersonate: what stands before users and groups in the "
        "cluster.",
    ),
)


def _networks(written: tuple[str, ...]) -> Networks:
    """Read networks.

    Raises:
        UsageError: one is none.
    """
    try:
        return tuple(map(ip_network, written))
    except ValueError as error:
        raise click.UsageError(f"--trusted-proxy: {error}; write it as 10.0.0.0/8") from error


def read_secret(file: Path) -> str:
    """Read a secret.

    Raises:
        Failed: there is none.
    """
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise Failed(f"{file}: {reason}") from error
    if not secret:
        raise Failed(f"{file} is empty")
    return secret
