"""A release of the chart: installed by Helm, its controller a process of this machine.

The process is what the Deployment's container would be: with the arguments that Helm has given it,
and as the account that Helm has made, whose rights it has and no others.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from canary.api.kinds import Manifest
from tests.delivery.helm import CHART, RELEASE, as_flags, run_helm
from tests.delivery.process import Controller, running
from tests.delivery.role import account, account_kubeconfig
from tests.testbed.control_plane import ControlPlane


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release in a namespace of its own; what Helm keeps, and what is logged, is in `folder`."""

    plane: ControlPlane
    folder: Path
    namespace: str
    name: str = field(default=RELEASE)

    @property
    def account(self) -> str:
        """The name that the API server knows its account by."""
        return account(self.name, self.namespace)

    def helm(self, *arguments: str) -> str:
        """Run Helm in the release's namespace."""
        return run_helm(
            *arguments,
            f"--namespace={self.namespace}",
            kubeconfig=self.plane.kubeconfig,
            state=self.folder / "helm",
        )

    def install(self, *values: str) -> None:
        """Install it, or upgrade it, with values, each as `name=JSON`."""
        chart = str(CHART)
        self.helm("upgrade", self.name, chart, "--install", "--create-namespace", *as_flags(values))

    def uninstall(self) -> None:
        """Remove it."""
        self.helm("uninstall", self.name)

    def objects(self) -> list[Manifest]:
        """Give the objects that Helm has made, as it has rendered them."""
        manifest = self.helm("get", "manifest", self.name)
        return [each for each in yaml.safe_load_all(manifest) if each]

    @asynccontextmanager
    async def running(self, *flags: str) -> AsyncIterator[Controller]:
        """Run the controller until the context is left; flags win over the container's."""
        (deployment,) = (each for each in self.objects() if each["kind"] == "Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        kubeconfig = await account_kubeconfig(
            self.plane, self.folder, release=self.name, namespace=self.namespace
        )
        arguments = (
            *container["args"],
            *("--kubeconfig", str(kubeconfig), "--lease-namespace", self.namespace),
            *flags,
        )
        async with running(arguments, log=self.folder / "tidegate.log") as controller:
            await controller.until_ready()
            yield controller
