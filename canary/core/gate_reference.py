"""What a button in a chat is for: one gate, of one run of one Canary, and no right to open it."""

import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(
    r"(?P<group>[a-z0-9.-]{1,253})/(?P<namespace>[a-z0-9-]{1,63})/(?P<name>[a-z0-9.-]{1,253})"
    r"/(?P<uid>[A-Za-z0-9-]{1,64})/(?P<gate>confirm-[a-z-]{1,32}/[0-9]{1,18}/[0-9]{1,9})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReference:
    """A gate by its name (`held_gates`), and the Canary that it is of."""

    group: str
    namespace: str
    name: str
    uid: str
    """That of the Canary: another one of the same name has other runs."""
    gate: str
    run: int

    @classmethod
    def of(cls, *, group: str, namespace: str, name: str, uid: str, gate: str) -> Self:
        """Refer to a gate."""
        run = int(gate.split("/")[1])
        return cls(group=group, namespace=namespace, name=name, uid=uid, gate=gate, run=run)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read what `str` has written; None where it is nothing of that form."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        return cls.of(**found.groupdict())

    def __str__(self) -> str:
        """Write it in at most 700 characters."""
        return f"{self.group}/{self.namespace}/{self.name}/{self.uid}/{self.gate}"
