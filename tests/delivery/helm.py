"""Helm itself, and the chart as Helm renders it."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import yaml

from canary.api.kinds import Manifest
from tests.testbed.tools import ROOT, find_go, made_once

CHART = ROOT / "charts" / "tidegate"
HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1"
RELEASE = "tidegate"
NAMESPACE = "gates"
_ADMISSION = 'admission={"enabled":true,"secretName":"admission","certificate":"own"}'
#: Sets of values that go together, each as `name=JSON`.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "admission": (_ADMISSION, "replicaCount=2"),
    "chat": ('slack={"secretName":"chat","urlKey":"url"}', 'networkPolicy={"enabled":true}'),
    "everything": (
        _ADMISSION,
        "replicaCount=3",
        'shards="auto"',
        "configTracking=false",
        'apiGroups=["tidegate.dev","flagger.app"]',
        'slack={"secretName":"chat","tokenKey":"token","channel":"releases"}',
        'networkPolicy={"enabled":true,"metricsFrom":[{"namespaceSelector":{}}]}',
        'podLabels={"team":"harbour"}',
        'flowControl={"enabled":true,"shares":40}',
        (
            'dashboard={"enabled":true,"rootPath":"/gate","slack":{"app":"A0APP","workspaces":["T0WORK"],'
            '"secretName":"slack","identities":{"T0WORK/U0":{"user":"alice"}}}}'
        ),
        'tolerations=[{"key":"infra","operator":"Exists"}]',
        'secrets="named"',
        'secretNames=["on-call"]',
        'podSecurityContext={"runAsUser":null,"runAsGroup":null,"fsGroup":null}',
        'extraVolumes=[{"name":"ca","configMap":{"name":"ca"}}]',
        'extraVolumeMounts=[{"name":"ca","mountPath":"/ca"}]',
    ),
}


class HelmFailed(ValueError):
    """Helm refused; has what it said."""


@cache
def find_helm() -> str:
    """Find Helm on the PATH, or build it once into the project's cache."""
    found = shutil.which("helm")
    if found:
        return found

    def build(folder: Path) -> None:
        environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": ""}
        subprocess.run([find_go(), "install", HELM], env=environment, check=True)

    return str(made_once(HELM.rsplit("/", 1)[1], build) / "helm")


def run_helm(*arguments: str, kubeconfig: Path | None = None, state: Path | None = None) -> str:
    """Run Helm, and give what it says; what it keeps for itself goes to the folder `state`.

    Raises:
        HelmFailed: it could not do it.
    """
    environment = dict(os.environ)
    environment.pop("KUBECONFIG", None)
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    if state is not None:
        for kept in ("CACHE", "CONFIG", "DATA"):
            environment[f"HELM_{kept}_HOME"] = str(state / kept.lower())
    done = subprocess.run(
        [find_helm(), *arguments], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise HelmFailed(done.stderr or done.stdout)
    return done.stdout


def as_flags(values: Iterable[str]) -> list[str]:
    """Give values, each as `name=JSON`, to Helm."""
    return [word for value in values for word in ("--set-json", value)]


def render(
    *values: str, release: str = RELEASE, namespace: str = NAMESPACE, chart: Path = CHART
) -> list[Manifest]:
    """Render the chart's objects with values, each as `name=JSON`.

    Raises:
        HelmFailed: a value is refused.
    """
    rendered = run_helm(
        "template", release, str(chart), "--namespace", namespace, *as_flags(values)
    )
    return [each for each in yaml.safe_load_all(rendered) if each]


if __name__ == "__main__":
    print(find_helm())
