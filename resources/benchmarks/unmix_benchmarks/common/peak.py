"""The memory that a process holds, as the system counts it."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


class Peak:
    """The most memory that this process holds from now on."""

    def __init__(self) -> None:
        self._reset = False
        try:  # Linux forgets the peak so far
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._reset = True
        except OSError:
            pass

    def bytes(self) -> int:
        """So far; with what went before where the system does not forget it."""
        if self._reset and (found := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))):
            return 1024 * int(found[1])
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else 1024 * used
