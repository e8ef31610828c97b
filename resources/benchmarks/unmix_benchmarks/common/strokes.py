"""Strokes as a user would paint them, from a reference and a seed: short, a little off, and never over each other."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import Annotation, FloatArray, Meaning

MOST_PIXELS = 60
WRONG = 0.1
_CAREFUL = 0.7
_WIDTH = 2
_DIRECTIONS = 4
_WOBBLE = 0.15


def paint_strokes(
    shares: FloatArray, seed: int, strokes: int = 2, length: int = 22, *, inside: bool = False
) -> Annotation:
    """Paint up to ``strokes`` strokes for every material of (H, W, P) shares; each material is one label with the meaning "material".

    A stroke is a wavering line, two pixels wide, through a place where the smoothed share is high, in the best of four directions: a person
    follows what is seen. A tenth of its pixels are wrong: they land anywhere. A pixel that is painted already is left as it is. With
    ``inside``, the line starts in, and does not leave, the places of full share: a small target, seen from close by.
    """
    from scipy.ndimage import uniform_filter

    generator = np.random.default_rng(seed)
    height, width, materials = shares.shape
    labels = np.zeros((height, width), dtype=np.int32)
    for material in range(materials):
        share = shares[..., material]
        smooth = share if inside else uniform_filter(share, 5)
        places = np.argwhere(smooth >= min(0.9, float(np.quantile(smooth, 0.98))) if not inside else share >= 1)
        for _ in range(strokes):
            centre = places[generator.integers(len(places))]
            lines = brush_lines(centre, length, (height, width), generator)
            pixels = max(lines, key=lambda line: float(share[tuple(np.array(line).T)].mean()))
            if inside:
                pixels = [pixel for pixel in pixels if share[pixel] >= 1]
            for row, column in with_mistakes(pixels, (height, width), generator):
                if labels[row, column] == 0:
                    labels[row, column] = material + 1
    meanings = {k + 1: Meaning("material", f"material {k + 1}") for k in range(materials)}
    return Annotation(labels, meanings)


def careful_strokes(shares: FloatArray, seed: int) -> Annotation:
    """Strokes of a painter who stays where a material's share (H, W, P) is at least ``_CAREFUL`` of its highest; a tenth is wrong here too."""
    highest = shares.reshape(-1, shares.shape[2]).max(axis=0)
    return paint_strokes((shares >= _CAREFUL * highest).astype(float), seed, length=12, inside=True)


def brush_lines(
    centre: np.ndarray, length: int, shape: tuple[int, int], generator: np.random.Generator
) -> list[list[tuple[int, int]]]:
    """The pixels of wavering lines through a centre, in the directions that a person may choose from."""
    return [_line(centre, length, shape, generator) for _ in range(_DIRECTIONS)]


def _line(
    centre: np.ndarray, length: int, shape: tuple[int, int], generator: np.random.Generator
) -> list[tuple[int, int]]:
    angle = generator.uniform(0, np.pi)
    place = centre - 0.5 * length * np.array([np.sin(angle), np.cos(angle)])
    pixels: dict[tuple[int, int], None] = {(int(centre[0]), int(centre[1])): None}
    bend = 0.0
    for _ in range(length):
        bend += _WOBBLE * generator.normal()
        ahead = np.array([np.sin(angle + bend), np.cos(angle + bend)])
        place = place + ahead
        for offset in range(_WIDTH):
            row, column = np.round(place + offset * np.array([ahead[1], -ahead[0]])).astype(int)
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                pixels[int(row), int(column)] = None
    return list(pixels)[:MOST_PIXELS]


def with_mistakes(
    pixels: list[tuple[int, int]], shape: tuple[int, int], generator: np.random.Generator
) -> list[tuple[int, int]]:
    """The pixels of a stroke of which some landed anywhere."""
    pixels = list(pixels)
    wrong = generator.choice(len(pixels), round(WRONG * len(pixels)), replace=False)
    for index in wrong:
        pixels[index] = (int(generator.integers(shape[0])), int(generator.integers(shape[1])))
    return pixels
