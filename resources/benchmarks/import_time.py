"""How long importing and --help take beyond NumPy: medians of fresh interpreters.

    python resources/benchmarks/import_time.py [ROUNDS]

Limits: ``import napari_unmix`` 50 ms beyond NumPy, ``--help`` of any command 300 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {
    "import numpy": "import numpy",
    "import napari_unmix": "import numpy, napari_unmix",
    "napari-unmix --help": "from napari_unmix.cli import main; main(['--help'])",
    "napari-unmix unmix --help": "from napari_unmix.cli import main; main(['unmix', '--help'])",
    "napari-unmix methods": "from napari_unmix.cli import main; main(['methods'])",
}


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs this."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Print a table. The cases take turns, so that a busy moment falls on all of them."""
    taken: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(rounds + 1):
        for case, code in CASES.items():
            taken[case].append(seconds(code))
    median = {
        case: 1000 * statistics.median(times[1:]) for case, times in taken.items()
    }  # the first round fills caches
    numpy = median["import numpy"]
    print(f"| case (median of {rounds}) | ms | ms beyond NumPy |\n|---|---|---|")
    for case, value in median.items():
        print(f"| {case} | {value:.0f} | {value - numpy:.0f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
