"""What the programs of a control plane are told."""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.testbed import audit, namespace

LOOPBACK = "127.0.0.1"
#: Where the API server says that it is: the address of an endpoint may not be loopback.
_ADVERTISED = "10.244.255.1"
#: Requests a second that each of the cluster's own programs may send: many objects change at once.
_HASTE = ("--kube-api-qps=200", "--kube-api-burst=400")
#: Megabytes after which the audit log would be begun anew.
_LARGEST_LOG = 100_000


def of_etcd(folder: Path, *, clients: str, peers: str) -> Sequence[str]:
    """Have etcd listen on two addresses, with what it stores in a folder."""
    return (
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",  # what is stored dies with us
    )


def of_the_api_server(
    folder: Path, *, port: int, etcd: str, audit_log: Path, remembers: bool
) -> Sequence[str]:
    """Have the API server trust what lies in a folder: certificates, keys and tokens."""
    (folder / "audit.yaml").write_text(json.dumps(audit.POLICY))
    compaction = ("--etcd-compaction-interval=0",) if remembers else ()
    return (
        f"--etcd-servers={etcd}",
        *compaction,
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--advertise-address={_ADVERTISED}",
        f"--tls-cert-file={folder / 'server.pem'}",
        f"--tls-private-key-file={folder / 'server-key.pem'}",
        f"--service-account-key-file={folder / 'accounts-key.pem'}",
        f"--service-account-signing-key-file={folder / 'accounts-key.pem'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={namespace.SERVICE_NETWORK}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC,Node",
        # Pods get no token, and so need not wait for the account of a new namespace.
        "--disable-admission-plugins=ServiceAccount",
        f"--audit-policy-file={folder / 'audit.yaml'}",
        f"--audit-log-path={audit_log}",
        f"--audit-log-maxsize={_LARGEST_LOG}",
        # Who has an answer finds the request in the log.
        "--audit-log-mode=blocking",
    )


def of_the_controller_manager(folder: Path, kubeconfig: Path) -> Sequence[str]:
    """Have the cluster's own controllers act at once, for there is one of each."""
    return (
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={folder / 'accounts-key.pem'}",
        f"--root-ca-file={folder / 'authority.pem'}",
        "--leader-elect=false",
        "--secure-port=0",
        *_HASTE,
    )


def of_the_scheduler(kubeconfig: Path) -> Sequence[str]:
    """Have the scheduler act at once, for there is one."""
    return (f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0", *_HASTE)
