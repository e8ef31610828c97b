"""The linear fit: the best start, EM, and the endmembers within their error; each change is kept only where the evidence rises."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unmix.model.learn import with_moved_endmembers
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.settle import Steps, kept_if_better, settle
from napari_unmix.model.start import Begun, Start, Tried, choose_start

# α(u) is learned from at most this many pixels; every pixel is inferred.
_MOST_LEARNED = 60_000


def fit(start: Start, tried: Sequence[Tried], trained: RegionDirichlet | None = None) -> Steps[Begun]:
    """From the starts that were ``tried``, and the network's with α(u) as training left it where it was ``trained``, to a settled state."""
    data = start.data
    # 1. The best of a few starts, judged on a sample.
    begun, restarts = yield from choose_start(start, tried, trained)
    # 2. α(u) by maximum likelihood of the posterior's moments (EM).
    rows = data.learned_pixels(_MOST_LEARNED)
    settled = yield from settle(begun, data, rows)
    # 3. The endmembers, within their standard error.
    if bool((data.anchor_std > 0).any()):
        moved = with_moved_endmembers(settled.state, data, rows)
        settled = yield from kept_if_better(settled, moved, data, rows)
    return Begun(settled.state, restarts)
