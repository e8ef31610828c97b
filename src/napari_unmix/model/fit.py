"""The linear fit: the best start, EM, and the endmembers within their error; each change is kept only where the evidence rises."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unmix.model.learn import with_moved_endmembers
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.settle import Steps, kept_if_better, settle
from napari_unmix.model.start import Begun, Start, Tried, choose_start

# α(u) is learned from every pixel of a scene up to this many, and from so many of a larger one; every pixel is inferred (decision 0057).
_LARGE, _OF_LARGE = 40_000, 20_000


def fit(start: Start, tried: Sequence[Tried], trained: RegionDirichlet | None = None) -> Steps[Begun]:
    """From the starts that were ``tried``, and the network's with α(u) as training left it where it was ``trained``, to a settled state."""
    data = start.data
    # 1. The best of a few starts, judged on a sample.
    begun, restarts = yield from choose_start(start, tried, trained)
    # 2. α(u) by maximum likelihood of the posterior's moments (EM).
    rows = data.learned_pixels(most_learned(len(data.scores)))
    settled = yield from settle(begun, data, rows)
    # 3. The endmembers, within their standard error.
    if bool((data.anchor_std > 0).any()):
        moved = with_moved_endmembers(settled.state, data, rows)
        settled = yield from kept_if_better(settled, moved, data, rows)
    return Begun(settled.state, restarts)


def most_learned(pixels: int) -> int:
    """From how many of so many ``pixels`` α(u) is learned, at most."""
    return pixels if pixels <= _LARGE else _OF_LARGE
