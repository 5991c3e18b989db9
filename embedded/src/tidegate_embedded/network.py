"""Addresses and ports of the embedded world, all of them on the loopback interface."""

import os
import random
import socket
from collections import deque
from itertools import chain
from types import TracebackType
from typing import Self

from tidegate_embedded.process import ProgramFailed

#: Bound on the first address of a network for as long as the network is in use, so that worlds
#: that run at the same time on one machine never share an address.
_CLAIM_PORT = 20_127
_ATTEMPTS = 64
_LARGEST = 65_534

_LOOPBACK = "127.0.0.1"
#: Linux gives connections ports from 32768 on, other systems higher ones; node ports begin at 30000.
_PORTS = range(21_000, 30_000)
#: A program is expected to listen on its port before its process has asked for so many others.
_MOST_CLAIMS = 256
#: The descriptors of these sockets; the system closes them with the process.
_claims: deque[int] = deque()


class PodNetwork:
    """A network 127.N.0.0/16 of this process alone; gives each address once until it is released.

    Linux answers on all of 127.0.0.0/8; elsewhere the addresses must be added to the interface.
    """

    def __init__(self) -> None:
        self._claim: socket.socket | None = None
        self._second = 0
        self._last = 1
        self._used: set[str] = set()

    def __enter__(self) -> Self:
        refused: OSError | None = None
        # Where to begin is left to chance, so that worlds seldom try for the same network.
        for second in random.sample(range(1, 255), _ATTEMPTS):
            claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                claim.bind((f"127.{second}.0.1", _CLAIM_PORT))
                claim.listen(1)
            except OSError as error:
                claim.close()
                refused = error
                continue
            self._claim, self._second = claim, second
            return self
        raise ProgramFailed(
            f"no pod network: 127.N.0.1 cannot be bound ({refused}); on systems other than Linux, "
            "add the addresses to the loopback interface first"
        ) from refused

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def allocate(self) -> str:
        """Give an address that no other pod has; an address given back is not reused at once."""
        for _ in range(_LARGEST):
            self._last = self._last % _LARGEST + 1
            address = f"127.{self._second}.{self._last // 256}.{self._last % 256}"
            if self._last > 1 and address not in self._used:
                self._used.add(address)
                return address
        raise ProgramFailed(f"127.{self._second}.0.0/16: every address is taken; stop some pods")

    def release(self, address: str) -> None:
        """Take an address back."""
        self._used.discard(address)


def free_port() -> int:
    """Give a port of the loopback interface that is this process's own, for a program to listen on.

    A port that the system chooses may be another's before the program has taken it: a client's
    connection gets one of the same range. So it lies below that range, and another process that
    asks here passes over it, because its number is held as a UDP port: for as long as this process
    lives, or until it has asked for many more.
    """
    first = random.randrange(len(_PORTS))
    for port in chain(_PORTS[first:], _PORTS[:first]):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                claim.bind((_LOOPBACK, port))
                probe.bind((_LOOPBACK, port))
            except OSError:
                claim.close()
                continue
        if len(_claims) == _MOST_CLAIMS:
            os.close(_claims.popleft())
        _claims.append(claim.detach())
        return port
    raise ProgramFailed(f"no port of {_LOOPBACK} from {_PORTS[0]} to {_PORTS[-1]} is free")
