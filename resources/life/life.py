"""A long random life of the plugin, without a window: every step does anything a user may do, and after each everything has to hold.

    python resources/life/life.py --steps 10000 --seed 0

Prints how often each thing was done, memory after each tenth, and what broke, with the steps that led to it: the same seed takes the same
steps, but threads answer when they do. The short form of it is a test.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import deque
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))

from qtpy.QtWidgets import QApplication
from walk import Broken, Walk

TOLD_STEPS = 12
PARTS = 10
MEMORY_EVERY = 100


def memory() -> float:
    """Resident memory of this process in MB."""
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


def live(steps: int, seed: int, folder: Path) -> int:
    """Take the steps; how many things broke. What breaks ends a life, and another begins."""
    broke, taken, start = 0, 0, time.monotonic()
    counts: dict[str, int] = {}
    while taken < steps:
        walk, trail = Walk(seed + broke, folder), deque[str](maxlen=TOLD_STEPS)
        try:
            with walk.listening():
                while taken < steps:
                    taken += 1
                    trail.append("?")
                    trail[-1] = walk.random_step()
                    if taken % MEMORY_EVERY == 0:
                        walk.check_memory()
                    if taken % max(1, steps // PARTS) == 0:
                        print(
                            f"{taken:6d} steps {time.monotonic() - start:6.0f} s {memory():7.0f} MB {broke} broke",
                            flush=True,
                        )
                walk.end()
        except Exception as error:  # noqa: BLE001 - whatever broke is what is asked for
            broke += 1
            print(
                f"BROKE at step {taken} (seed {seed + broke - 1}) after {', '.join(trail)}:\n{error!r:.3000}",
                flush=True,
            )
            if not isinstance(error, Broken):
                traceback.print_exc()
            for name in list(walk.docks):
                walk.close_dock(name)
        for name, count in walk.counts.items():
            counts[name] = counts.get(name, 0) + count
    print("\n" + ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1])))
    print(f"{taken} steps in {time.monotonic() - start:.0f} s, {broke} broke")
    return broke


def main() -> None:
    """Read the options, live, and exit with 1 where something broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    application = QApplication.instance() or QApplication([])
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        broke = live(options.steps, options.seed, Path(folder))
    application.processEvents()
    sys.stdout.flush()
    sys.exit(1 if broke else 0)


if __name__ == "__main__":
    main()
