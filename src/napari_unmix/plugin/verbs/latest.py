"""One piece of background work at a time: of what is asked meanwhile, only the last is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_unmix.plugin.verbs.chores import Chores
from napari_unmix.progress import Fit


class Latest:
    """Work that is asked for by what it is for (``wanted``): its result is handed over while that is still wanted."""

    def __init__(self, chores: Chores) -> None:
        self._chores = chores
        self._wanted: tuple[Any, ...] | None = None
        self._begun: tuple[Any, ...] | None = None  # under way, or done for what is wanted
        self._busy = False

    def ask(
        self,
        wanted: tuple[Any, ...] | None,
        make: Callable[..., Fit[Any]],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Have ``make(*wanted)`` done, once; None wants nothing."""
        self._wanted = wanted
        if wanted == self._begun:
            self._begun = wanted  # the same, of runs that hold their maps no longer
        if wanted is None or self._busy or wanted == self._begun:
            if wanted is None and not self._busy:
                self._begun = None
            return
        self._begun, self._busy = wanted, True

        def ended(tell: Callable[[Any], None], value: Any) -> None:
            self._busy = False
            if self._wanted == wanted:
                tell(value)
            else:
                self.ask(self._wanted, make, done, failed)

        self._chores.do(lambda: make(*wanted), lambda value: ended(done, value), lambda error: ended(failed, error))
