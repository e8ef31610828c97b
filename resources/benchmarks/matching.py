"""How often a spectrum of the shipped library is named, and named wrongly, by the largest angle allowed: the tables of decision 0010.

Run: python resources/benchmarks/matching.py [DRAWS]     # the library's own spectra under noise
     python resources/benchmarks/matching.py scenes      # endmembers that a fit found (two minutes)
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.library import SpectralLibrary
from napari_unmix.library.matching import decided, ranked
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import angle_table
from napari_unmix.synthetic import Scene, blind_scene, measured_spectra, region_scene, sample_scene

WHOLE = np.arange(405.0, 2440.0, 9.7)
WATER = ((WHOLE > 1340) & (WHOLE < 1430)) | ((WHOLE > 1800) & (WHOLE < 1960))
SENSORS = {
    "405–2440 nm every 9.7 nm": WHOLE,
    "the same without the water bands": WHOLE[~WATER],
    "420–2420 nm every 25 nm": np.arange(420.0, 2420.0, 25.0),
    "1000–2430 nm every 7 nm": np.arange(1000.0, 2430.0, 7.0),
    "420–1000 nm every 5.3 nm": np.arange(420.0, 1000.0, 5.3),
}
LIMITS = (3.0, 4.0, 5.0)
DECIBELS = 30.0


def noisy(spectra: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Spectra (P, B) under white noise of 30 dB each."""
    level = np.sqrt((spectra**2).mean(axis=1, keepdims=True) / 10 ** (DECIBELS / 10))
    return np.asarray(spectra + level * generator.normal(size=spectra.shape))


def row(bands: FloatArray, draws: int, generator: np.random.Generator) -> list[float]:
    """Shares: first in the ranking; named right, wrong or not at 4°; named within each limit without an own entry."""
    wavelengths, spectra, names = measured_spectra()
    library = SpectralLibrary(spectra, wavelengths, names).resampled(bands)
    first, right, wrong, alone = 0, 0, 0, dict.fromkeys(LIMITS, 0)
    for _ in range(draws):
        drawn = SpectralLibrary(noisy(library.spectra, generator), bands, names)
        for ranking in ranked(drawn, library):
            own = ranking.endmember
            first += ranking.candidates[0].name == own
            found = decided(ranking)
            right += own in (found.name, *found.also)
            wrong += found.name is not None and own not in (found.name, *found.also)
            others = replace(ranking, candidates=tuple(one for one in ranking.candidates if one.name != own))
            for limit in LIMITS:
                alone[limit] += decided(others, limit).name is not None
    count = draws * len(names)
    return [share / count for share in (first, right, wrong, count - right - wrong, *alone.values())]


def main(draws: int = 5) -> None:
    """Print the table."""
    out = " | ".join(f"own entry out {limit:g}°" for limit in LIMITS)
    print(f"| bands | comes first | right | wrong | nothing | {out} |\n|{'---|' * (5 + len(LIMITS))}")
    for name, bands in SENSORS.items():
        shares = row(bands, draws, np.random.default_rng(0))
        print(f"| {name} | {' | '.join(f'{100 * share:.0f} %' for share in shares)} |", flush=True)


def scenes() -> None:
    """Name the endmembers that iVAE and VCA find in synthetic scenes of these spectra; print the shares over all."""
    made = {
        "sample": sample_scene(),
        "regions": region_scene(1, materials=4, regions=20),
        "pure pixels": blind_scene(2, materials=4, pure=True, kind="linear", decibels=DECIBELS),
        "gains": blind_scene(3, materials=5, pure=False, kind="gains", decibels=DECIBELS),
        "illumination": blind_scene(4, materials=6, pure=False, kind="illumination", decibels=DECIBELS),
    }
    print(
        "| scene | method | error of the endmembers | right | wrong | nothing | own entry out |\n|---|---|---|---|---|---|---|"
    )
    for name, scene in made.items():
        for method in ("ivae", "vca-fcls"):
            settings = {"endmembers": len(scene.names)} | ({"illumination": scene.scaled} if method == "ivae" else {})
            found = drain(unmix(scene.cube, spec_class(method).model_validate(settings), scene.annotation))
            print(f"| {name} | {method} | {' | '.join(_counted(found.endmembers, scene))} |", flush=True)


def _counted(endmembers: FloatArray, scene: Scene) -> list[str]:
    """Errors in degrees; how many are named right, wrong, not, and by a relative where their own entry is left out."""
    wavelengths, spectra, names = measured_spectra()
    bands = scene.cube.wavelengths
    assert bands is not None
    order = match_endmembers(endmembers, scene.endmembers)
    found = SpectralLibrary(endmembers[order], bands, scene.names)
    errors = np.degrees(np.diag(angle_table(found.spectra, scene.endmembers)))
    right = wrong = nothing = relative = 0
    for ranking in ranked(found, SpectralLibrary(spectra, wavelengths, names).resampled(bands)):
        match, own = decided(ranking), ranking.endmember
        right += own in (match.name, *match.also)
        nothing += match.name is None
        wrong += match.name is not None and own not in (match.name, *match.also)
        others = tuple(one for one in ranking.candidates if one.name != own)
        relative += decided(replace(ranking, candidates=others)).name is not None
    return [f"{errors.min():.1f}–{errors.max():.1f}°", str(right), str(wrong), str(nothing), str(relative)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["scenes"]:
        scenes()
    else:
        main(*map(int, sys.argv[1:2]))
