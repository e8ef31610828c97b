"""What is told of a run under way: words, epochs, misfit, time left."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from napari_unmix.methods.registry import method_specs
from napari_unmix.plugin.facts.progress import TimeLeft, misfit_words, nothing_known, stage_words, time_words, told
from napari_unmix.progress import Progress


def test_stages_are_told_without_the_methods_own_words() -> None:
    """No encoder, posterior or prior for who waits for maps; what nobody translated speaks for itself."""
    assert stage_words("finding endmembers") == "finding the materials"
    assert stage_words("refining the posterior") == "refining the maps"
    assert stage_words("making the side information (superpixels)") == "dividing the image (superpixels)"
    assert stage_words("reading the pixels") == "reading the pixels"


def test_every_stage_of_every_method_has_words_for_people() -> None:
    """The stages that the fits write as literals: none with an expert's word is told as it is."""
    import napari_unmix

    experts = re.compile("posterior|prior|network|endmember|embedding|probing|inference")
    source = "".join(path.read_text() for path in _sources(napari_unmix.__path__[0]))
    stages = set(re.findall(r'Progress\(\s*"([^"]+)"', source)) | set(
        re.findall(r'(?:steps|staged)\(\s*"([^"]+)"', source)
    )
    assert len(stages) > 12
    assert [stage for stage in stages if experts.search(stage_words(stage))] == []


def _sources(folder: str) -> list:
    from pathlib import Path

    return [
        path
        for part in ("methods", "auxiliary")
        for path in (Path(folder) / part).rglob("*.py")
        if "_template" not in str(path)
    ]


def test_an_epoch_is_counted_where_there_are_epochs() -> None:
    """Steps are batches: 3 of 12 with 4 epochs is still the first."""
    spec = method_specs()["ivae"].model_validate({"epochs": 4})
    said = [told(Progress("training the inference network", step, 12, 0.4), spec) for step in (1, 3, 4, 12)]
    assert said == [f"learning the maps, epoch {n} of 4" for n in (1, 1, 2, 4)]
    assert told(Progress("training the inference network", 0, 1, 0.4), spec) == "learning the maps"  # it has not begun
    assert told(Progress("refining the posterior", 3, 0, 0.6), spec) == "refining the maps"
    assert told(Progress("finding endmembers", 3, 0, 0.6), None) == "finding the materials"


@pytest.mark.parametrize(
    ("misfit", "said"),
    [
        (1.0, "fits to 1.0× the noise"),
        (1.26, "fits to 1.3× the noise"),
        (23.4, "fits to 23× the noise"),
        (4e3, "fits to over 100× the noise"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_the_fit_is_told_in_units_of_the_noise(misfit: float | None, said: str) -> None:
    """Two figures are enough."""
    assert misfit_words(misfit) == said


def test_nothing_is_known_while_nothing_is_done() -> None:
    """A bar at zero for fifteen seconds is a dead one: it is busy."""
    assert nothing_known(Progress("measuring the noise", 0, 1, 0.0))
    assert not nothing_known(Progress("finding endmembers", 1, 0, 0.01))


# --- the time that is left


def run(done: Callable[[float], float], seconds: float, every: float = 0.05) -> list[tuple[float, str]]:
    """What is said at each moment of a run."""
    left = TimeLeft()
    return [(at, left.at(at, done(at))) for at in np.arange(0, seconds, every)]


def upper(said: str) -> float:
    """Seconds of what was said."""
    if said.startswith("a few"):
        return 10
    number = int(re.findall(r"\d+", said)[0])
    return number * 60 if "min" in said else number


def test_an_even_run_is_told_its_time_and_it_is_right() -> None:
    """120 s: from 10 % on the time is said, within a rounding of the truth, down to a few seconds."""
    told_times = [(at, said) for at, said in run(lambda at: at / 120, 119) if said]
    assert told_times[0][0] < 15
    for at, said in told_times:
        true = 120 - at
        assert true - 1 <= upper(said) <= true + 61 if "min" in said else true - 1 <= upper(said) <= max(true, 0) + 11
    assert told_times[-1][1] == "a few seconds left"


def test_nothing_is_said_before_it_is_known() -> None:
    """Not in the first seconds, not under a tenth, not at a standstill."""
    assert {said for at, said in run(lambda at: at / 20, 3.9)} == {""}
    assert {said for _, said in run(lambda at: 0.09 * at / 60, 60)} == {""}
    assert {said for _, said in run(lambda _: 0.35, 60)} == {""}


def test_a_rate_that_falls_all_the_time_is_not_believed() -> None:
    """A search whose bar only approaches its share gives no time at all: nobody knows it."""
    assert {said for _, said in run(lambda at: 0.35 * at / (at + 6), 80)} == {""}


SERIES: dict[str, Callable[[float], float]] = {
    "even": lambda at: at / 90,
    "slow, then fast": lambda at: at / 300 if at < 60 else 0.2 + (at - 60) / 40,
    "fast, then slow": lambda at: at / 40 if at < 20 else 0.5 + (at - 20) / 400,
    "a search, then epochs": lambda at: 0.35 * at / (at + 5) if at < 25 else 0.29 + (at - 25) / 60,
    "with stops": lambda at: (at // 7) / 20,
    "jumps at the end of a stage": lambda at: 0.1 * at / 10 if at < 30 else min(1.0, 0.6 + (at - 30) / 200),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_the_time_that_is_left_never_rises_while_it_is_said(name: str, jitter: float) -> None:
    """A time that turns out too short is taken back for a while; a longer one is never put in its place at once."""
    noise = np.random.default_rng(3)
    most = 0.0

    def done(at: float) -> float:
        nonlocal most
        most = max(most, SERIES[name](at) + jitter * noise.random())  # as the fraction itself: it never falls
        return min(most, 1.0)

    said = run(done, 85)
    for (_, before), (_, after) in itertools.pairwise(said):
        if before and after:
            assert upper(after) <= upper(before)
    gaps = [at for (at, after), (_, before) in zip(said[1:], said, strict=False) if before and not after]
    for gap in gaps:  # once taken back, it stays away for seconds
        assert all(not text for at, text in said if gap < at < gap + 4)


def test_a_run_that_becomes_slower_takes_its_time_back() -> None:
    """Half is done in 20 s, the rest takes 200: "about 20 s" is not left standing, and does not creep up."""
    said = dict(run(SERIES["fast, then slow"], 85))
    assert any(upper(text) <= 30 for at, text in said.items() if text and at < 20)
    assert not [text for at, text in said.items() if 35 < at < 38 and text and upper(text) < 60]


def test_times_are_rough() -> None:
    """Tens of seconds, then minutes, rounded up."""
    assert [time_words(s) for s in (0, 9.9, 10.5, 41, 90, 91, 121, 600)] == [
        "a few seconds left",
        "a few seconds left",
        "about 20 s left",
        "about 50 s left",
        "about 90 s left",
        "about 2 min left",
        "about 3 min left",
        "about 10 min left",
    ]
