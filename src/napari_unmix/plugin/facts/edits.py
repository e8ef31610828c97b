"""What a person makes of a result: endmembers merged, split, deleted, moved, or exchanged for another spectrum. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.findings import Edited, Note, NoteKind, numbers_in_order
from napari_unmix.output.palette import endmember_colours
from napari_unmix.plugin.facts.naming import default_names, distinct, is_default_name
from napari_unmix.plugin.facts.runs import Look
from napari_unmix.sentences import UnmixError

FEWEST = 2
_AT_ONCE = 50_000  # pixels between which a worker may be asked to stop
# An endmember is split by the groups of so many of its purest pixels: a share of all, within bounds.
_PUREST_SHARE, _FEWEST_PUREST, _MOST_PUREST = 0.02, 40, 2_000
_ROUNDS = 50
# Two groups are alike within this angle (degrees), or within this many times what noise alone makes of one group.
_ALIKE_DEGREES, _ALIKE_NOISE = 0.2, 1.5
_LARGEST_STD = 0.5
_TOLD = 2  # edits that a line names, the last ones


@dataclass(frozen=True, eq=False)
class Edit:
    """An edited result with its look, and what was done, in words: "merged rock and soil"."""

    unmixing: Unmixing
    look: Look
    said: str


def merged(result: Unmixing, look: Look, cube: Cube, which: Sequence[int]) -> Edit:
    """Two or more endmembers as one, in the place of the first: shares add, and so do variances, as if they were independent.

    The spectrum is the mean of theirs by mean share. Of two that have names both are kept, "rock + soil"; the colour is that of the larger.
    Raises UnmixError where fewer than two would be merged, or fewer than two endmembers be left.
    """
    chosen = sorted(set(which))
    count = len(look.names)
    if len(chosen) < 2:
        raise UnmixError("One endmember alone can't be merged: choose another one to merge it with.")
    if count - len(chosen) + 1 < FEWEST:
        raise UnmixError(f"Merging {len(chosen)} of {count} endmembers would leave one: at least {FEWEST} are needed.")
    first, good = chosen[0], cube.good_bands
    order = [k for k in range(count) if k == first or k not in chosen]
    place = order.index(first)
    weights = mean_shares(result)[chosen]
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(chosen), 1 / len(chosen))
    endmembers = result.endmembers[order]
    endmembers[place, good] = result.inversion.written(weights[None] @ result.endmembers[chosen][:, good])[0]
    abundances = result.abundances[..., order]
    abundances[..., place] = result.abundances[..., chosen].sum(axis=2)
    std = None
    if result.abundance_std is not None:
        std = result.abundance_std[..., order]
        std[..., place] = np.minimum(np.sqrt((result.abundance_std[..., chosen] ** 2).sum(axis=2)), _LARGEST_STD)
    leader = chosen[int(weights.argmax())]
    others = [name for k, name in enumerate(look.names) if k not in chosen]
    new = _renamed(look.taken(order, endmembers), place, distinct(_joined([look.names[k] for k in chosen]), others))
    new = _as_new(new.coloured(place, look.colours[leader]), place)
    hidden = {place} if all(k in look.hidden for k in chosen) else set()
    new = replace(new, hidden=new.hidden - {place} | hidden)
    said = f"merged {_listed([look.names[k] for k in chosen])}"
    how = "shares add, the spectrum is their mean by share, ± as if they were independent"
    edited = replace(result, endmembers=endmembers, abundances=abundances, abundance_std=std)
    return _edit(_relit(edited, cube), new, cube, said, how)


def split(result: Unmixing, look: Look, cube: Cube, index: int) -> Edit:
    """One endmember as two, by the two groups of its purest pixels; the second stands behind the first.

    Each pixel's share of it is divided between the two as its spectrum fits best; the shares of the others stay. Raises UnmixError where the
    purest pixels are alike.
    """
    name, good = look.names[index], cube.good_bands
    groups = _two_groups(result, cube, index, name)
    pair = result.inversion.written(groups)
    order = [*range(index + 1), *range(index, len(look.names))]
    endmembers = result.endmembers[order]
    endmembers[index, good], endmembers[index + 1, good] = pair
    part = _parted(result, cube, index, pair)
    abundances = result.abundances[..., order]
    abundances[..., index], abundances[..., index + 1] = (
        part * result.abundances[..., index],
        (1 - part) * result.abundances[..., index],
    )
    std = None
    if result.abundance_std is not None:
        # The share's own spread, and that of the part by noise.
        own = result.abundance_std[..., index]
        error = _noise(result) / max(float(np.linalg.norm(pair[0] - pair[1])), 1e-12)
        std = result.abundance_std[..., order]
        std[..., index] = np.minimum(np.hypot(part * own, error), _LARGEST_STD)
        std[..., index + 1] = np.minimum(np.hypot((1 - part) * own, error), _LARGEST_STD)
    new = look.taken(order, endmembers)
    free = next(colour for colour in endmember_colours(2 * len(order)) if colour not in look.colours)
    second = next(n for n in default_names(2 * len(order)) if n not in look.names) if is_default_name(name) else name
    new = replace(
        new,
        names=(*new.names[: index + 1], distinct(second, look.names), *new.names[index + 2 :]),
        colours=(*new.colours[: index + 1], free, *new.colours[index + 2 :]),
    )
    new = _as_new(new, index, index + 1)
    how = "its share is divided between the two groups of its purest pixels, the others stay"
    edited = replace(result, endmembers=endmembers, abundances=abundances, abundance_std=std)
    return _edit(_relit(edited, cube), new, cube, f"split {name}", how)


def deleted(result: Unmixing, look: Look, cube: Cube, index: int) -> Edit:
    """Without one endmember: what the result makes of every pixel is inverted on the others, on the simplex.

    So pixels without it keep their shares whatever method found them. Raises UnmixError where fewer than two endmembers would be left.
    """
    count = len(look.names)
    if count <= FEWEST:
        raise UnmixError(f"{count} endmembers are the fewest: split one, or train with more, before one is deleted.")
    order = [k for k in range(count) if k != index]
    good, name = cube.good_bands, look.names[index]
    others = result.endmembers[order]

    def fitted(rows: slice, valid: np.ndarray) -> FloatArray:
        light = 1.0 if result.illumination is None else result.illumination[rows][valid][:, None].astype(np.float64)
        mixed: FloatArray = light * (result.abundances[rows][valid].astype(np.float64) @ result.endmembers[:, good])
        return mixed

    std = None if result.abundance_std is None else result.abundance_std[..., order]
    left = replace(_inverted(result, cube, others, fitted), abundance_std=std)
    how = "its share goes to the others by least squares, their ± are those before"
    return _edit(left, look.taken(order, others), cube, f"deleted {name}", how)


def exchanged(result: Unmixing, look: Look, cube: Cube, index: int, spectrum: FloatArray, source: str) -> Edit:
    """With another spectrum (B,) for one endmember, locked to it; all shares anew by least squares on the spectra.

    ``source`` says where it is from ("pin 2"). Raises UnmixError where it is no spectrum of this cube.
    """
    from napari_unmix.given import Given

    good, name = cube.good_bands, look.names[index]
    endmembers = result.endmembers.copy()
    endmembers[index] = np.where(good, spectrum, np.nan)
    Given.known(endmembers, look.names).check_against(cube)
    endmembers[index, good] = result.inversion.written(endmembers[[index]][:, good])[0]

    def measured(rows: slice, valid: np.ndarray) -> FloatArray:
        return np.asarray(cube.spectra[rows][valid][:, good], dtype=np.float64)

    anew = replace(_inverted(result, cube, endmembers, measured), abundance_std=None, contribution=None)
    new = _as_new(look.taken(range(len(look.names)), endmembers), index)
    new = replace(new, locked={**new.locked, index: source})
    return _edit(anew, new, cube, f"locked {name} to {source}", "shares anew by least squares, without ±")


def moved(result: Unmixing, look: Look, index: int, by: int) -> Edit:
    """An endmember further up (``by`` −1) or down (+1); nothing else changes, and what may be claimed stays.

    Raises UnmixError at either end.
    """
    target, count = index + by, len(look.names)
    if not 0 <= target < count:
        raise UnmixError(f"{look.names[index]} is the {'first' if by < 0 else 'last'} endmember already.")
    order = list(range(count))
    order.insert(target, order.pop(index))
    return Edit(reordered(result, order), look.taken(order, result.endmembers[order]), f"moved {look.names[index]}")


def reordered(result: Unmixing, order: Sequence[int]) -> Unmixing:
    """The same result with its endmembers in this order; what is kept of them in the findings goes with them."""
    rows, findings = list(order), result.findings
    changed: dict[str, object] = {"search": numbers_in_order(findings.search, rows)}
    if findings.alpha is not None:
        changed["alpha"] = tuple(tuple(row[k] for k in rows) for row in findings.alpha)
    if findings.endmember_error is not None:
        changed["endmember_error"] = tuple(findings.endmember_error[k] for k in rows)
    model = dict(result.model)
    if findings.given:
        known = [*findings.given, *([None] * (len(rows) - len(findings.given)))]
        changed["given"] = tuple(known[k] for k in rows)
    if findings.support is not None:
        places = sorted(rows.index(k) for k in findings.support.halves)
        changed["support"] = findings.support.model_copy(update={"halves": tuple(places)})
    held = getattr(findings.recipe, "held", None)
    if held is not None:
        changed["recipe"] = findings.recipe.model_copy(update={"held": tuple(rows.index(k) for k in held)})
    for of_each in ("endmembers", "variation.factors", "variation.rest"):
        if of_each in model:
            model[of_each] = model[of_each][rows]
    return replace(
        result,
        endmembers=result.endmembers[rows],
        abundances=result.abundances[..., rows],
        abundance_std=None if result.abundance_std is None else result.abundance_std[..., rows],
        names=tuple(result.names[k] for k in rows),
        findings=findings.model_copy(update=changed),
        model=model,
    )


def mean_shares(result: Unmixing) -> FloatArray:
    """(P,) mean over all valid pixels; zero where there is none."""
    shares = result.abundances.reshape(-1, result.abundances.shape[2])
    valid = np.isfinite(shares).all(axis=1)
    return np.asarray(shares[valid].mean(axis=0, dtype=np.float64)) if valid.any() else np.zeros(shares.shape[1])


def is_edited(result: Unmixing) -> bool:
    """Whether a person changed it since it was fitted."""
    return any(note.kind is NoteKind.EDITED for note in result.notes)


def edited_text(result: Unmixing) -> str:
    """What was done to a result, as a line: "edited: merged rock and soil; not checked, Train on refits it"; "" where nothing was."""
    done = [note.sentence.partition(":")[0] for note in result.notes if note.kind is NoteKind.EDITED]
    if not done:
        return ""
    told = [f"{sentence[0].lower()}{sentence[1:]}" for sentence in done[-_TOLD:]]
    before = f"{len(done) - len(told)} more, " if len(done) > len(told) else ""
    return f"edited: {before}{', '.join(told)}; not checked, Train on refits it"


# Parts


def _edit(result: Unmixing, look: Look, cube: Cube, said: str, how: str) -> Edit:
    """The edited result: what was found and is no more is left out, and a note says what was done."""
    note = Note(NoteKind.EDITED, f"{said[0].upper()}{said[1:]}: {how}.")
    findings = result.findings.model_copy(
        update={
            "recipe": Edited(),
            "moments": None,
            "contrast": None,
            "prior": None,
            "alpha": None,
            "restarts": None,
            "endmember_error": None,
            "misfit": None,
            "search": {},
            "given": (),
            "abundances_moved": None,
            "support": None,
        }
    )
    edited = replace(result, names=look.names, notes=(*result.notes, note), findings=findings, model={})
    return Edit(replace(edited, reconstruction_error=_error(edited, cube)), look, said)


def _blocks(result: Unmixing) -> list[slice]:
    """Rows of the image, some at a time."""
    height, width = result.abundances.shape[:2]
    step = max(1, _AT_ONCE // max(width, 1))
    return [slice(start, start + step) for start in range(0, height, step)]


def _error(result: Unmixing, cube: Cube) -> FloatArray:
    """(H, W) float32 root mean square of spectrum minus reconstruction, NaN without an answer."""
    image = np.full(result.abundances.shape[:2], np.nan, np.float32)
    answered = np.asarray(np.isfinite(result.abundances).all(axis=2) & cube.valid_pixels)
    for rows in _blocks(result):
        where = np.zeros_like(answered)
        where[rows] = answered[rows]
        if where.any():
            image[where] = np.sqrt((result.residual(cube, where) ** 2).mean(axis=1))
    return image


def _inverted(
    result: Unmixing, cube: Cube, endmembers: FloatArray, spectra_of: Callable[[slice, np.ndarray], FloatArray]
) -> Unmixing:
    """Least squares of the spectra (n, B_good) that ``spectra_of`` gives for the valid pixels of some rows, on (P, B) endmembers."""
    height, width = result.abundances.shape[:2]
    abundances = np.full((height, width, len(endmembers)), np.nan, np.float32)
    light = None if result.illumination is None else np.full((height, width), np.nan, np.float32)
    answered = np.asarray(np.isfinite(result.abundances).all(axis=2))
    for rows in _blocks(result):
        valid = answered[rows]
        if valid.any():
            shares, brightness = result.inversion.invert(spectra_of(rows, valid), endmembers[:, cube.good_bands])
            abundances[rows][valid] = shares
            if light is not None and brightness is not None:
                light[rows][valid] = brightness
    return replace(result, endmembers=endmembers, abundances=abundances, illumination=light)


def _relit(result: Unmixing, cube: Cube) -> Unmixing:
    """Where brightness is free, each pixel's anew for endmembers that are written anew, by least squares."""
    if result.illumination is None:
        return result
    light = result.illumination.copy()
    good = cube.good_bands
    for rows in _blocks(result):
        shares = result.abundances[rows]
        valid = np.isfinite(shares).all(axis=2) & cube.valid_pixels[rows]
        mixed = shares[valid].astype(np.float64) @ result.endmembers[:, good]
        along = (cube.spectra[rows][valid][:, good] * mixed).sum(axis=1)
        light[rows][valid] = np.maximum(along / np.maximum((mixed**2).sum(axis=1), 1e-300), 0.0)
    return replace(result, illumination=light)


def _two_groups(result: Unmixing, cube: Cube, index: int, name: str) -> FloatArray:
    """(2, B_good) means of the two groups of an endmember's purest pixels; the larger group first."""
    shares = result.abundances[..., index]
    valid = np.isfinite(shares) & cube.valid_pixels
    count = int(valid.sum())
    few = min(count, int(np.clip(_PUREST_SHARE * count, _FEWEST_PUREST, _MOST_PUREST)))
    if few < 2 * FEWEST:
        raise UnmixError(f"{name} has {few} valid pixels, too few to be split.")
    places = np.flatnonzero(valid)
    purest = places[np.argsort(-shares.ravel()[places], kind="stable")[:few]]
    rows, columns = np.unravel_index(purest, shares.shape)
    spectra = cube.spectra[rows, columns][:, cube.good_bands].astype(np.float64)
    unit = spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), 1e-12)
    label = _two_means(unit)
    sizes = np.bincount(label, minlength=2)
    means = np.array([spectra[label == k].mean(axis=0) for k in np.argsort(-sizes, kind="stable")])
    _check_apart(means, sizes, _noise(result), name)
    return means


def _two_means(unit: FloatArray) -> IntArray:
    """(n,) 0 or 1: Lloyd's algorithm from the pixel furthest from the mean and the one furthest from that."""
    first = int(((unit - unit.mean(axis=0)) ** 2).sum(axis=1).argmax())
    second = int(((unit - unit[first]) ** 2).sum(axis=1).argmax())
    centres, label = unit[[first, second]], np.zeros(len(unit), int)
    for _ in range(_ROUNDS):
        now = ((unit[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        if (now == label).all() or len(np.unique(now)) < 2:
            label = now
            break
        label = now
        centres = np.array([unit[label == k].mean(axis=0) for k in range(2)])
    if len(np.unique(label)) < 2:  # all alike
        label = np.zeros(len(unit), int)
        label[second] = 1
    return label


def _check_apart(means: FloatArray, sizes: IntArray, noise: float, name: str) -> None:
    """Raise UnmixError where two groups are one material and its noise."""
    lengths = np.maximum(np.linalg.norm(means, axis=1), 1e-12)
    apart = float(np.degrees(np.linalg.norm(means[0] / lengths[0] - means[1] / lengths[1])))
    # Noise that is cut in two along one direction, and the error of the means along all others.
    by_noise = noise * (1.6 + np.sqrt(means.shape[1] * (1 / sizes[0] + 1 / sizes[1]))) / lengths.min()
    least = max(_ALIKE_DEGREES, _ALIKE_NOISE * float(np.degrees(by_noise)))
    if apart < least:
        raise UnmixError(
            f"The {int(sizes.sum())} purest pixels of {name} are alike (two groups {apart:.1f}° apart, {least:.1f}° and more would be two): "
            "there is nothing to split; train with one endmember more."
        )


def _parted(result: Unmixing, cube: Cube, index: int, pair: FloatArray) -> FloatArray:
    """(H, W) 0–1: the first one's part of an endmember's share, as each pixel's spectrum fits best; one half where it has none."""
    part = np.full(result.abundances.shape[:2], 0.5)
    good, apart = cube.good_bands, pair[0] - pair[1]
    for rows in _blocks(result):
        shares = result.abundances[rows].astype(np.float64)
        valid = np.isfinite(shares).all(axis=2) & cube.valid_pixels[rows]
        own = shares[valid][:, index]
        light = 1.0 if result.illumination is None else result.illumination[rows][valid].astype(np.float64)
        others = np.delete(shares[valid], index, axis=1) @ np.delete(result.endmembers[:, good], index, axis=0)
        left = cube.spectra[rows][valid][:, good] - np.reshape(light, (-1, 1)) * others
        if result.contribution is not None:
            left = left - result.contribution.scores[rows][valid] @ result.contribution.basis[:, good]
        amount = np.maximum(light * own, 1e-9)
        fit = (left / amount[:, None] - pair[1]) @ apart / max(float(apart @ apart), 1e-300)
        part[rows][valid] = np.where(own > 1e-6, np.clip(fit, 0.0, 1.0), 0.5)
    return part


def _noise(result: Unmixing) -> float:
    """The noise in a band: the method's, or the residual."""
    return result.findings.noise or result.reconstruction_rmse


def _renamed(look: Look, index: int, name: str) -> Look:
    return replace(look, names=(*look.names[:index], name, *look.names[index + 1 :]))


def _as_new(look: Look, *indices: int) -> Look:
    """Of a spectrum that was not there before: no lock holds it, and nobody judged it yet."""
    locked = {k: source for k, source in look.locked.items() if k not in indices}
    return replace(look, locked=locked, graded={k: grade for k, grade in look.graded.items() if k not in indices})


def _joined(names: Sequence[str]) -> str:
    """The names that a person gave, joined; the first where nobody gave any."""
    given = [name for name in names if not is_default_name(name)]
    return " + ".join(given) or names[0]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
