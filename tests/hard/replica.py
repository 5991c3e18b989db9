"""One replica as a process of its own, which its requests can be told by: `replica.py NAME`.

Its name is its version, and so a part of its user agent in every audit log; its settings come from
the environment.
"""

import os
import sys

from canary.__main__ import run
from canary.settings import Settings

if __name__ == "__main__":
    run(Settings.read(os.environ, {}), version=sys.argv[1])
