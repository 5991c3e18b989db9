"""The ports of the services."""

from typing import Any

import pytest

from canary.resources.ports import service_ports
from tests.resources.builders import a_canary, a_deployment


def found(service: dict[str, Any], *containers: dict[str, Any]) -> list[tuple[Any, ...]]:
    target = a_deployment(pod={"containers": list(containers)})
    ports = service_ports(a_canary(service=service), target)
    return [(port["name"], port["port"], port["protocol"], port["targetPort"]) for port in ports]


MAIN = {
    "name": "main",
    "ports": [
        {"containerPort": 8080, "name": "http"},
        {"containerPort": 9797},
        {"containerPort": 53, "protocol": "UDP"},
        {"containerPort": 8080, "protocol": "UDP", "name": "quic"},
    ],
}


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ({}, ("http", 80, "TCP", 80)),
        ({"targetPort": 0}, ("http", 80, "TCP", 80)),
        ({"targetPort": 8080, "portName": "grpc"}, ("grpc", 80, "TCP", 8080)),
        ({"targetPort": "web"}, ("http", 80, "TCP", "web")),
    ],
)
def test_the_first_port_is_the_one_that_the_canary_names(
    service: dict[str, Any], port: tuple[Any, ...]
) -> None:
    assert found(service, MAIN) == [port]


def test_the_protocol_of_the_application_is_told() -> None:
    (port,) = service_ports(a_canary(service={"appProtocol": "grpc"}), a_deployment())
    assert port["appProtocol"] == "grpc"
    (port,) = service_ports(a_canary(), a_deployment())
    assert "appProtocol" not in port


@pytest.mark.parametrize("target_port", [8080, "http"])
def test_discovered_ports_follow_but_for_the_one_that_is_named(target_port: object) -> None:
    assert found({"portDiscovery": True, "targetPort": target_port}, MAIN) == [
        ("http", 80, "TCP", target_port),
        ("tcp-main-1", 9797, "TCP", 9797),
        ("udp-main-2", 53, "UDP", 53),
        ("quic", 8080, "UDP", 8080),
    ]


def test_sidecars_of_a_mesh_have_no_ports_of_the_workload() -> None:
    sidecars = [
        {"name": name, "ports": [{"containerPort": 15090}]} for name in ("istio-proxy", "envoy")
    ]
    assert found({"portDiscovery": True}, *sidecars, {"name": "bare"}) == [("http", 80, "TCP", 80)]


def test_no_port_and_no_name_is_given_twice() -> None:
    first = {"name": "one", "ports": [{"containerPort": 81, "name": "http"}, {"containerPort": 82}]}
    second = {"name": "two", "ports": [{"containerPort": 82}, {"containerPort": 80, "name": "x"}]}
    assert found({"portDiscovery": True, "targetPort": 8080}, first, second) == [
        ("http", 80, "TCP", 8080),
        ("tcp-one-0", 81, "TCP", 81),
        ("tcp-one-1", 82, "TCP", 82),
    ]


def test_names_fit_what_a_service_takes() -> None:
    long = {"name": "x" * 60 + "-yz", "ports": [{"containerPort": 81}]}
    (_, discovered) = found({"portDiscovery": True}, long)
    assert discovered[0] == "tcp-" + "x" * 57 + "-0"
    cut = {"name": "x" * 56 + "-" + "y" * 6, "ports": [{"containerPort": 81}]}
    (_, discovered) = found({"portDiscovery": True}, cut)
    assert discovered[0] == "tcp-" + "x" * 56 + "-0"
