"""What grades are worth: how well they, and what they rest on, order right and wrong endmembers; how often a word is wrong; what all missed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from unmix_benchmarks.common.trust_rows import STEADY, UNDETERMINED, WORDS, WRONG, Row, scenes

TITLES = {
    "choose": "simulated, to choose on",
    "look": "simulated, looked at once",
    "painted choose by regions": "painted, by regions, to choose on",
    "painted look by regions": "painted, by regions, looked at once",
    "painted choose": "painted, by geometry, to choose on",
    "painted look": "painted, by geometry, looked at once",
    "families choose by regions": "families, by regions, to choose on",
    "families look by regions": "families, by regions, looked at once",
    "families choose": "families, by geometry, to choose on",
    "families look": "families, by geometry, looked at once",
    "sample by regions": "the sample, by regions",
    "sample": "the sample, by geometry",
    "published": "published simulated sets",
    "real": "real images",
}
PARTS = tuple(TITLES)
# Whether the endmembers of a painted scene are its regions' (1) or the geometry's.
BY_REGIONS = "by_regions"
_SIMULATED = ("choose", "look", "published")
_LOOKED_AT = ("painted look by regions", "families look by regions")
_OF_REGIONS = ("painted choose by regions", "families choose by regions", *_LOOKED_AT)
# Answers by regions are seldom over 5° off, so they are held against a finer line as well (degrees).
FINER = 3.0
DOUBT = "doubt_degrees"
# Of all others more is worse: angles, tails, what is left over the noise.
LESS_IS_WORSE = ("pure_pixels", "mean_share", "purest_share", "nearest_endmember_degrees", "stroke_share")


@dataclass(frozen=True)
class Goal:
    """A line that the grade should reach: what, on which parts, and whether a value does."""

    name: str
    where: str
    parts: tuple[str, ...]
    measure: Callable[[Sequence[Row]], float]
    least: float | None = None
    most: float | None = None

    def said(self, rows: Sequence[Row]) -> str:
        """The value beside the goal, and whether it is reached."""
        value = self.measure([row for row in rows if part_of(row) in self.parts])
        if not np.isfinite(value):
            return f"* {self.name}, {self.where}: nothing to measure it on."
        goal = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        met = (self.least is None or value >= self.least) and (self.most is None or value <= self.most)
        return f"* {self.name}, {self.where}: {value:.2f} (goal {goal}: {'reached' if met else 'missed'})."


def part_of(row: Row) -> str:
    """Its part; of a painted scene whose endmembers are the regions', one of its own."""
    return f"{row.part} by regions" if row.numbers.get(BY_REGIONS) else row.part


def auc(values: FloatArray, wrong: BoolArray) -> float:
    """Probability that a wrong one has the larger value than a right one, ties counting half (Mann & Whitney 1947); NaN where one kind is missing.

    What has no value counts for neither.
    """
    from scipy.stats import rankdata

    known = np.isfinite(values)
    values, wrong = values[known], wrong[known]
    many, others = int(wrong.sum()), int((~wrong).sum())
    if not many or not others:
        return float("nan")
    return float((rankdata(values)[wrong].sum() - many * (many + 1) / 2) / (many * others))


def values_of(rows: Sequence[Row], name: str) -> FloatArray:
    """(n,) one predictor, NaN where it was not measured."""
    found = [row.numbers.get(name) for row in rows]
    return np.array([np.nan if value is None else value for value in found])


def auc_of(rows: Sequence[Row], name: str, over: float = WRONG) -> float:
    """How well a predictor orders endmembers by whether they are ``over`` so many degrees off, more being worse."""
    return auc(values_of(rows, name), np.array([row.error_degrees > over for row in rows], bool))


def auc_of_doubt(rows: Sequence[Row], over: float = WRONG) -> float:
    """The same of the number that the word is made from."""
    return auc_of(rows, DOUBT, over)


def auc_of_words(rows: Sequence[Row], over: float = WRONG) -> float:
    """The same of the word itself: steady, shaky, not determined."""
    graded = [row for row in rows if row.word in WORDS]
    places = np.array([float(WORDS.index(row.word)) for row in graded])
    return auc(places, np.array([row.error_degrees > over for row in graded], bool))


def share_wrong(rows: Sequence[Row], word: str) -> float:
    """Share of the endmembers of that word that are wrong; NaN where it was never said."""
    said = [row.wrong for row in rows if row.word == word]
    return sum(said) / len(said) if said else float("nan")


def steady_but_wrong(rows: Sequence[Row]) -> float:
    """Share of the steady ones that are wrong."""
    return share_wrong(rows, STEADY)


def right_to_warn(rows: Sequence[Row]) -> float:
    """Share of those that are not determined that are wrong."""
    return share_wrong(rows, UNDETERMINED)


def right_and_steady(rows: Sequence[Row]) -> float:
    """Share of the right ones that are steady."""
    right = [row.word == STEADY for row in rows if not row.wrong and row.word in WORDS]
    return sum(right) / len(right) if right else float("nan")


def _goals() -> Iterator[Goal]:
    """Those of the grade, on simulated scenes (by the doubt and by the word), on answers by regions and on real images."""
    places: tuple[tuple[str, tuple[str, ...], float], ...] = (
        ("simulated", _SIMULATED, 0.90),
        ("looked at once", ("look",), 0.90),
        ("answers by regions", _OF_REGIONS, 0.90),
        ("answers by regions, looked at once", _LOOKED_AT, 0.90),
        ("real images", ("real",), 0.85),
    )
    for where, parts, least in places:
        yield Goal(f"AUC of the doubt for an error over {WRONG:g}°", where, parts, auc_of_doubt, least=least)
        yield Goal(f"AUC of the word for an error over {WRONG:g}°", where, parts, auc_of_words, least=least)
        if parts in (_OF_REGIONS, _LOOKED_AT):
            finer = f"for an error over {FINER:g}°"
            yield Goal(f"AUC of the doubt {finer}", where, parts, partial(auc_of_doubt, over=FINER), least=least)
            yield Goal(f"AUC of the word {finer}", where, parts, partial(auc_of_words, over=FINER), least=least)
    for where, parts, _ in (("all", PARTS, 0.0), *places[2:]):
        yield Goal("Share of “steady” that is wrong", where, parts, steady_but_wrong, most=0.05)
        yield Goal("Share of “not determined here” that is wrong", where, parts, right_to_warn, least=0.60)

    for where, parts, _ in places[2:]:
        yield Goal("Share of right ones that is “steady”", where, parts, right_and_steady, least=0.50)


GOALS = tuple(_goals())


def counts(rows: Sequence[Row]) -> list[str]:
    """Markdown: for each part, endmembers and how many are wrong, by word."""
    lines = [
        f"| part | scenes | endmembers | over {WRONG:g}° | {' | '.join(f'{word}, over {WRONG:g}°' for word in WORDS)} | not graded |",
        f"|---|---|---|---|{'---|' * (len(WORDS) + 1)}",
    ]
    for part, here in _by_part(rows):
        words = [[row.wrong for row in here if row.word == word] for word in WORDS]
        said = " | ".join(f"{len(each)}, {sum(each)}" for each in words)
        ungraded = sum(row.word not in WORDS for row in here)
        wrong = sum(row.wrong for row in here)
        lines.append(f"| {TITLES[part]} | {len(scenes(here))} | {len(here)} | {wrong} | {said} | {ungraded} |")
    return lines


def predictors(rows: Sequence[Row]) -> list[str]:
    """Markdown: the AUC of the word and of each predictor that was measured, each in the direction in which it ought to be worse."""
    parts = [part for part, _ in _by_part(rows)]
    lines = [f"| AUC for an error over {WRONG:g}° | worse is | {' | '.join(TITLES[part] for part in parts)} |"]
    lines.append(f"|---|---|{'---|' * len(parts)}")
    if any(row.word in WORDS for row in rows):
        lines.append(_line("**the word**", "", [auc_of_words(here) for _, here in _by_part(rows)]))
    for name in dict.fromkeys(name for row in rows for name in row.numbers):
        more = name not in LESS_IS_WORSE
        found = [auc_of(here, name) for _, here in _by_part(rows)]
        if not np.isfinite(found).any():
            continue
        lines.append(_line(name, "more" if more else "less", [value if more else 1 - value for value in found]))
    return lines


def _line(name: str, worse: str, found: Sequence[float]) -> str:
    cells = " | ".join(f"{value:.2f}" if np.isfinite(value) else "" for value in found)
    return f"| {name} | {worse} | {cells} |"


def _by_part(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for part in PARTS:
        if here := [row for row in rows if part_of(row) == part]:
            yield part, here


def blind_spots(rows: Sequence[Row]) -> list[str]:
    """By name: each endmember that is called steady and is wrong."""
    missed = sorted((row for row in rows if row.word == STEADY and row.wrong), key=lambda row: -row.error_degrees)
    if not missed:
        return ["Blind spots: none; no endmember that is called steady is wrong."]
    lines = [f"Blind spots, {len(missed)} endmembers that are called steady and are over {WRONG:g}° off:"]
    return [*lines, "", *(f"* {row.scene}: {row.material}, {row.error_degrees:.1f}° off." for row in missed)]


def cost(rows: Sequence[Row]) -> str:
    """Processor time of what the grades rest on, over that of the search."""
    each = [(here[0].grade_seconds, here[0].search_seconds) for here in scenes(rows).values()]
    ratios = [graded / searched for graded, searched in each if searched > 0 and graded > 0]
    if not ratios:
        return "Cost: nothing was searched again."
    total = sum(graded for graded, _ in each) / sum(searched for _, searched in each)
    return (
        f"Cost: the searches that grades rest on take {total:.1f} × the processor time of the search in all, "
        f"{statistics.median(ratios):.1f} × in the median scene, {max(ratios):.1f} × at most."
    )
