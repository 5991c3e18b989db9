"""Nodes that kwok plays, and what it does with the pods on them.

kwok's stages are objects of its own: which objects are meant, and what becomes of them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tests.testbed.namespace import POD_NETWORK

Pods = Literal["none", "reported", "served"]
"""What becomes of pods: they stay pending; kwok reports them ready; they are processes."""

NODE_COUNT = 3
_CAPACITY = {"cpu": "1k", "memory": "1Ti", "pods": "10k"}
_LEASE_SECONDS = 40
#: A node with this label is left as it is (`failing.py`).
FAILED = "failed"

_NODE_READY = """\
conditions:
- type: Ready
  status: "True"
  reason: KubeletReady
  message: kwok plays this node
  lastHeartbeatTime: {{ Now | Quote }}
  lastTransitionTime: {{ Now | Quote }}
phase: Running
"""
_ON_ITS_ADDRESS = """\
{{ $now := Now }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
- ip: {{ index . 0 | Quote }}
{{ end }}
{{ with PodIPsWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace }}
podIP: {{ index . 0 | Quote }}
podIPs:
- ip: {{ index . 0 | Quote }}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
- type: Initialized
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
"""
_READY = """\
- type: ContainersReady
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
- type: Ready
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
"""
_UNREADY = """\
- type: ContainersReady
  status: "False"
  reason: ContainersNotReady
  lastTransitionTime: {{ $now | Quote }}
- type: Ready
  status: "False"
  reason: ContainersNotReady
  lastTransitionTime: {{ $now | Quote }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: false
  started: false
"""
_CREATING = """\
  restartCount: 0
  state:
    waiting:
      reason: ContainerCreating
{{ end }}
"""
_CRASHING = """\
  restartCount: 1
  state:
    waiting:
      reason: CrashLoopBackOff
      message: back-off 10s restarting failed container={{ .name }}
  lastState:
    terminated:
      exitCode: 137
      reason: OOMKilled
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
"""
#: Containers whose image bears the tag, as in the embedded world.
_OUT_OF_MEMORY = '.spec.containers.[] | select( .image | endswith(":oom") ) | .name'
_READY_CONDITION = '.status.conditions.[] | select( .type == "Ready" ) | .status'
_NOT_DELETED = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
_DELETED = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}
_WITHOUT_ADDRESS = {"key": ".status.podIP", "operator": "DoesNotExist"}


def node(number: int) -> dict[str, Any]:
    """Make a node that has room for thousands of pods."""
    name = f"node-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": _CAPACITY, "allocatable": _CAPACITY},
    }


def takes_pods(node: Mapping[str, Any]) -> bool:
    """Tell whether a node is ready, and keeps no pod away."""
    conditions = node["status"].get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not node["spec"].get("taints")


def stages(pods: Pods) -> list[dict[str, Any]]:
    """Say what kwok does: nodes are ready; pods run on an address.

    They are ready if nobody serves them, and fit.
    """
    not_ready = {"key": _READY_CONDITION, "operator": "NotIn", "values": ["True"]}
    sound = {"key": f".metadata.labels.{FAILED}", "operator": "DoesNotExist"}
    ready = _stage("node-ready", "Node", [not_ready, sound], {"statusTemplate": _NODE_READY})
    runs = [_NOT_DELETED, _WITHOUT_ADDRESS]
    if pods == "served":  # who serves them says when they are ready, and when they have gone
        bound = {"statusTemplate": _ON_ITS_ADDRESS + _UNREADY + _CREATING}
        return [ready, _stage("pod-bound", "Pod", runs, bound)]
    done = {"statusTemplate": _ON_ITS_ADDRESS + _READY}
    crashing = {"statusTemplate": _ON_ITS_ADDRESS + _UNREADY + _CRASHING}
    fits = {"key": _OUT_OF_MEMORY, "operator": "DoesNotExist"}
    too_large = {"key": _OUT_OF_MEMORY, "operator": "Exists"}
    return [
        ready,
        _stage("pod-ready", "Pod", [*runs, fits], done),
        _stage("pod-out-of-memory", "Pod", [*runs, too_large], crashing),
        _stage("pod-gone", "Pod", [_DELETED], {"delete": True}),
    ]


def _stage(
    name: str, kind: str, where: Sequence[Mapping[str, Any]], becomes: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": where},
            "next": becomes,
        },
    }


def kwok_arguments(folder: Path, pods: Pods, kubeconfig: Path) -> list[str]:
    """Say to kwok what it has to do; its configuration is written into the folder."""
    configuration = folder / "kwok.yaml"
    documents = (json.dumps(each, indent=1) for each in stages(pods))
    configuration.write_text("\n---\n".join(documents) + "\n")
    network, _, length = POD_NETWORK.partition("/")
    return [
        f"--config={configuration}",
        f"--kubeconfig={kubeconfig}",
        "--manage-all-nodes=true",
        f"--cidr={network[:-1]}1/{length}",
        "--node-ip=127.0.0.1",
        f"--node-lease-duration-seconds={_LEASE_SECONDS}",
    ]
