"""The generators of the spectra: which bands are mostly noise, and writing what the plot shows. Heavy imports are inside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unmix.cube import Cube
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError

SAMPLE = 4000  # pixels, with one beside each: as many as a file is screened by


def noisy_bands_of(cube: Cube) -> Fit[tuple[int, ...]]:
    """The bands (from 0, ascending) among the cube's good ones that are mostly noise or hold one number, by the rules that screen a file."""
    yield Progress("looking for noisy bands", 0, 1, 0.0)
    from napari_unmix.screening.bands import band_noise, noisy_bands, stuck_bands
    from napari_unmix.screening.blocks import sampled
    from napari_unmix.screening.screen import neighbours
    from napari_unmix.screening.spikes import usual_jumps

    cube = cube.overview
    good = np.flatnonzero(cube.good_bands)
    if good.size < 2 or not cube.valid_pixels.any():
        return ()
    found = stuck_bands(sampled(cube.spectra, cube.valid_pixels, cube.good_bands, SAMPLE))
    yield Progress("looking for noisy bands", 1, 2, 0.5)
    usual = usual_jumps(cube.spectra, cube.good_bands, cube.valid_pixels)
    if usual is not None:
        pairs = neighbours(cube.spectra, cube.valid_pixels, cube.good_bands, SAMPLE // 2)
        noise = band_noise(*pairs, usual.noise)
        if noise is not None:
            found = found | noisy_bands(noise)
    return tuple(int(band) for band in good[found])


def write_file(path: Path, content: bytes) -> Fit[Path]:
    """Write what was drawn, whole or not at all; a file that is there was the user's to replace."""
    yield Progress(f"writing {path.name}", 0, 1, 0.0)
    from napari_unmix.files.whole import write_whole

    try:
        write_whole(path, content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(f"{path} cannot be written ({reason}): choose another place.") from error
    return path
