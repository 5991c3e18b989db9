"""Runs a module while the calls of Python functions in its main thread are counted.

    python -P tests/bench/counted.py FILE canary run …

SIGUSR1 has the number so far written into the file. It takes twice the time, so that nothing else is
measured meanwhile.
"""

import runpy
import signal
import sys
from pathlib import Path
from types import FrameType


def main() -> None:
    """Count, and run the module."""
    file, module, *arguments = sys.argv[1:]
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    def tell(_signal: int, _frame: FrameType | None) -> None:
        whole = Path(f"{file}.part")
        whole.write_text(str(calls))
        whole.replace(file)

    signal.signal(signal.SIGUSR1, tell)
    sys.argv = [module, *arguments]
    sys.setprofile(count)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
