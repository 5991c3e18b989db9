"""Where requests may go: what an address may lead to that the administrator did not name.

A policy looks at the address that is connected to, because a name can be made to lead anywhere,
and elsewhere a moment later. Connecting belongs to `http/transport.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from analysis.errors import EgressRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Where clouds tell a machine who it is and hand out its credentials, beside 169.254.169.254, which
#: is link-local: AWS and Google Cloud over IPv6, Alibaba Cloud, Azure's wire server, Oracle Cloud.
METADATA = frozenset(
    ip_address(each)
    for each in (
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    )
)
API_SERVER_NAMES = ("kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.*")
METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}
)
#: IPv6 networks whose addresses hold one of IPv4 in their last 32 bits (RFC 6052, RFC 4291).
_EMBEDDING = (ip_network("64:ff9b::/96"), ip_network("::/96"))
#: Translators of a network's own (RFC 8215): where the address of IPv4 is in one is theirs to say.
_TRANSLATING = ip_network("64:ff9b:1::/48")
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
_NUMBERS = re.compile(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}")
_THIS_NETWORK = ip_network("0.0.0.0/8")


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """Which hosts and addresses may be connected to.

    A rule is a pattern of host names (`*.example.com`), an address or a network (`10.0.0.0/8`).
    What `deny` names is refused. Loopback, link-local and the other addresses that no receiver has
    are refused but where `allow` names them by address. Where `allow` names anything, the rest is
    refused. `reserved` are hosts with their ports that stay closed whatever is allowed.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    reserved: tuple[tuple[str, int], ...] = ()
    enforced: bool = True
    """Whether anything is refused at all."""

    def check_host(self, host: str, port: int) -> None:
        """Check a host before its name is resolved; one that is an address is checked whole.

        Raises:
            EgressRefused: no request may go there.
        """
        if not self.enforced:
            return
        literal = as_address(host)
        if literal is not None:
            self.check(host, literal, port)
            return
        name = _plain(host)
        reason = self._refusal_of_name(name, port)
        if not reason and (name == "localhost" or name.endswith(".localhost")):
            # Where a proxy resolves the name, no address is checked.
            refusals = [self._refusal(name, each, port) for each in _LOOPBACK]
            reason = refusals[0] if all(refusals) else ""
        if reason:
            raise EgressRefused(host, reason)

    def check(self, host: str, address: Address, port: int) -> None:
        """Check an address that is about to be connected to, and the host that led to it.

        Raises:
            EgressRefused: no request may go there.
        """
        if not self.enforced:
            return
        name, real = _plain(host), unwrapped(address)
        if reason := self._refusal_of_name(name, port) or self._refusal(name, real, port):
            raise EgressRefused(host, reason)

    def allows_by_rule(self, host: str) -> bool:
        """Tell whether a rule of `allow` names this host, by its pattern or as an address."""
        literal = as_address(host)
        named = literal is not None and _in_any(self.allow, unwrapped(literal))
        return named or _matches_any(self.allow, _plain(host))

    def _refusal_of_name(self, name: str, port: int) -> str:
        if _matches_any(self.deny, name):
            return "the administrator denies this host (--egress-deny)"
        if name in METADATA_NAMES:
            return "it is a cloud's metadata service"
        names_it = any(fnmatchcase(name, each) for each in API_SERVER_NAMES)
        if names_it or (name, port) in self.reserved:
            return "it is the Kubernetes API server"
        return ""

    def _refusal(self, name: str, address: Address, port: int) -> str:
        if _in_any(self.deny, address):
            return f"the administrator denies {address} (--egress-deny)"
        if (str(address), port) in self.reserved:
            return "it is the Kubernetes API server"
        by_address = _in_any(self.allow, address)
        kind = special(address)
        if kind and not by_address:
            return (
                f"{address} is {kind}; an administrator can allow it with --egress-allow {address}"
            )
        if self.allow and not by_address and not _matches_any(self.allow, name):
            return "--egress-allow does not name it; ask the administrator to add it"
        return ""


UNRESTRICTED = EgressPolicy(enforced=False)
"""For addresses that the administrator has named, and for people at a command line."""


def special(address: Address) -> str:
    """Say what an address is that no receiver has; empty for any other."""
    if address in METADATA:
        return "a cloud's metadata service"
    for kind, holds in (
        ("a loopback address", address.is_loopback),
        ("a link-local address", address.is_link_local),
        ("an unspecified address", address.is_unspecified or address in _THIS_NETWORK),
        ("a multicast address", address.is_multicast),
        ("an address that a local NAT64 translates to any other", address in _TRANSLATING),
    ):
        if holds:
            return kind
    return ""


def unwrapped(address: Address) -> Address:
    """Take the address of IPv4 out of one of IPv6 that stands for it."""
    if isinstance(address, IPv4Address):
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is not None:
        return embedded
    if address.teredo is not None:
        return address.teredo[1]
    low = int(address) & 0xFFFF_FFFF
    # ::1 and :: are addresses of IPv6 of their own.
    if low > 1 and any(address in network for network in _EMBEDDING):
        return IPv4Address(low)
    return address


def as_address(host: str) -> Address | None:
    """Read a host that is an address, as resolvers do; None where it is a name."""
    plain = _plain(host).partition("%")[0]
    try:
        return ip_address(plain)
    except ValueError:
        return _written_otherwise(plain)


def _written_otherwise(host: str) -> IPv4Address | None:
    """Read an address of IPv4 as inet_aton(3) does: 2130706433 and 0x7f.1 are 127.0.0.1."""
    if _NUMBERS.fullmatch(host) is None:
        return None
    try:
        *first, last = (_number(each) for each in host.split("."))
        low = last.to_bytes(4 - len(first), "big")
    except (ValueError, OverflowError):
        return None
    return IPv4Address(bytes(first) + low) if max(first, default=0) < 256 else None


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text, 16)
    return int(text, 8 if text.startswith("0") else 10)


def rule_problem(rule: str) -> str:
    """Say what is wrong with a rule; empty where nothing is."""
    if _network(rule) is not None:
        return ""
    labels = rule.removeprefix("*.").split(".")
    sound = all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels)
    if sound and rule.isascii() and not labels[-1].isdigit():
        return ""
    return "write a host such as hooks.example.com, *.example.com, or a network such as 10.0.0.0/8"


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _network(rule: str) -> Network | None:
    try:
        return ip_network(rule, strict=False)
    except ValueError:
        return None


def _networks(rules: tuple[str, ...]) -> Iterator[Network]:
    return (network for rule in rules if (network := _network(rule)) is not None)


def _in_any(rules: tuple[str, ...], address: Address) -> bool:
    return any(address in network for network in _networks(rules))


def _matches_any(rules: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, rule.lower()) for rule in rules if _network(rule) is None)
