"""Which of several descents are worth going on with: those that may still come as low as the best."""

from __future__ import annotations

# Every descent is followed for so many steps. It is given up where it would not come down to what is needed in so many more, at the rate of the
# last ones. Of 25 searches of 19 scenes no start of archetypes that ended near the best was given up so; of those that fall on for only 20 more
# one was (decision 0047).
TRIED, _FALLING, _FURTHER = 6, 3, 30


def out_of_reach(losses: list[float], needed: float) -> bool:
    """Whether a descent with these losses, one a step, would not come down to ``needed`` if it fell on for long as it does now."""
    if len(losses) < TRIED:
        return False
    falling = max((losses[-1 - _FALLING] - losses[-1]) / _FALLING, 0.0)
    return min(losses) - _FURTHER * falling > needed
