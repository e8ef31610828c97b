"""What is told of a run under way: its stage in the user's words, how well it fits, the time that is left. Pure."""

from __future__ import annotations

from collections import deque
from math import inf

from napari_unmix.progress import Progress
from napari_unmix.spec import MethodSpec

# The stages of the fits in the words of who waits for maps. A stage that is not here speaks for itself.
_WORDS = {
    "measuring the noise": "counting the materials",
    "finding endmembers": "finding the materials",
    "finding a start": "finding the materials",
    "finding the endmember": "finding the material",
    "refining endmembers by regions": "refining the materials by the painted regions",
    "telling the regions apart": "refining the materials by the painted regions",
    "comparing starts": "learning the maps",
    "training the inference network": "learning the maps",
    "training": "learning the maps",
    "hiding bands": "learning to fill in hidden bands",
    "filling in hidden bands": "learning to fill in hidden bands",
    "refining the posterior": "refining the maps",
    "fitting the mixing": "fitting how light mixes",
    "comparing region priors": "comparing models of the regions",
    "finding abundances": "making the maps",
    "embedding": "making the maps",
    "probing": "making the maps",
    "measuring the residual": "measuring what is left over",
}
_SIDE_INFORMATION = "making the side information"
_EPOCHS = frozenset({"training the inference network", "training", "filling in hidden bands"})


def stage_words(stage: str) -> str:
    """What happens in a stage, for who does not know the method."""
    if stage.startswith(_SIDE_INFORMATION):
        return f"dividing the image{stage.removeprefix(_SIDE_INFORMATION)}"
    return _WORDS.get(stage, str(stage))


def epoch_words(progress: Progress, spec: MethodSpec) -> str:
    """Which epoch of how many ("epoch 3 of 40"), where the stage passes over the pixels so often; else ""."""
    epochs = getattr(spec, "epochs", 0)
    if progress.stage not in _EPOCHS or not epochs or progress.total < 1 or progress.step < 1:
        return ""
    return f"epoch {min(epochs, (progress.step - 1) * epochs // progress.total + 1)} of {epochs}"


def told(progress: Progress, spec: MethodSpec | None) -> str:
    """Stage and epoch, as one line."""
    epoch = "" if spec is None else epoch_words(progress, spec)
    words = stage_words(progress.stage)
    return f"{words}, {epoch}" if epoch else words


def misfit_words(misfit: float | None) -> str:
    """How well the maps so far explain the spectra."""
    if misfit is None or not 0 < misfit < inf:
        return ""
    if misfit >= 100:
        return "fits to over 100× the noise"
    return f"fits to {misfit:.0f}× the noise" if misfit >= 9.95 else f"fits to {misfit:.1f}× the noise"


def nothing_known(progress: Progress) -> bool:
    """Whether it can't be told yet which share is done: the bar is busy then, not empty."""
    return not progress.fraction > 0


class TimeLeft:
    """The time that a run still takes, said only when it is known.

    It is said where the rate of the last seconds is steady and agrees with the rate of the whole run. It never rises: one that turns out
    too short is taken back, and another is said when the rate has been steady again for a while.
    """

    SURE_AFTER_SECONDS, SURE_AFTER_SHARE = 4.0, 0.1
    _RECENT, _STEADY, _AGREE, _TOO_SHORT = 0.3, 1.35, 1.4, 1.4
    _MOST_SEEN = 50
    _UNSURE_SECONDS, _SILENT_SECONDS = 3.0, 5.0

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()
        self._left: float | None = None  # what was said last
        self._said_at = self._sure_at = 0.0
        self._silent_until = 0.0

    def at(self, seconds: float, fraction: float) -> str:
        """What to say ``seconds`` after the begin (pauses taken off), when ``fraction`` is done; "" where it is not known."""
        self._note(seconds, fraction)
        now = self._estimate(seconds, fraction)
        self._sure_at = self._sure_at if now is None else seconds
        if self._left is None:
            self._left = now if seconds >= self._silent_until else None
        else:
            self._left = max(0.0, self._left - (seconds - self._said_at))
            unsure = seconds - self._sure_at > self._UNSURE_SECONDS
            if unsure or (now is not None and now > max(self._TOO_SHORT * self._left, self._left + 2)):
                self._left, self._silent_until = None, seconds + self._SILENT_SECONDS
            elif now is not None:
                self._left = min(self._left, now)
        self._said_at = seconds
        return "" if self._left is None else time_words(self._left)

    def _note(self, seconds: float, fraction: float) -> None:
        recent = max(self.SURE_AFTER_SECONDS, self._RECENT * seconds)
        if not self._seen or seconds - self._seen[-1][0] >= recent / self._MOST_SEEN:
            self._seen.append((seconds, fraction))
        while len(self._seen) > 2 and self._seen[1][0] <= seconds - recent:
            self._seen.popleft()

    def _estimate(self, seconds: float, fraction: float) -> float | None:
        """Seconds that are left, None where the rates do not agree."""
        if seconds < self.SURE_AFTER_SECONDS or fraction < self.SURE_AFTER_SHARE:
            return None
        (begin, first), middle = self._seen[0], (self._seen[0][0] + seconds) / 2
        between, half = min(self._seen, key=lambda seen: abs(seen[0] - middle))
        if not begin < between < seconds or not first < half < fraction:
            return None
        early, late = (half - first) / (between - begin), (fraction - half) / (seconds - between)
        if max(early, late) > self._STEADY * min(early, late):
            return None
        recent, whole = (fraction - first) / (seconds - begin), fraction / seconds
        if max(recent, whole) > self._AGREE * min(recent, whole):
            return None
        return (1 - fraction) / (recent * whole) ** 0.5


def time_words(seconds: float) -> str:
    """Roughly how long, as a person says it."""
    if seconds <= 10:
        return "a few seconds left"
    if seconds <= 90:
        return f"about {-(-int(seconds + 0.999) // 10) * 10} s left"
    return f"about {-(-int(seconds) // 60)} min left"
