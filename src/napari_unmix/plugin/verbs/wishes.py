"""What the user wishes for the endmembers of each cube: their names, and which maps are hidden."""

from __future__ import annotations

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.session import Answer, Session, same_image

_Wish = tuple[tuple[str, ...], frozenset[int]]
_NONE: _Wish = ((), frozenset())


class Wishes:
    """The current cube's stand in the session; those of the others are put away here."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._away: ByImage[_Wish] = ByImage()

    def change(self, before: Cube | None, cube: Cube | None) -> None:
        """Another cube is worked on: the wishes for the last one are put away, those for this one come back."""
        session = self._session
        if before is not None:
            self._away.put(before, (session.names, session.hidden))
        session.names, session.hidden = _NONE if cube is None else self._away.pop(cube, _NONE)

    def names_of(self, answer: Answer | None) -> tuple[str, ...]:
        """What the user calls the endmembers of an answer, which may be of another cube."""
        if answer is None:
            return ()
        current = same_image(answer.cube, self._session.cube)
        return self._session.names if current else self._away.get(answer.cube, _NONE)[0]

    def forget_closed(self) -> None:
        """Keep them for the open cubes and for that of the last good result."""
        answer = self._session.answer
        self._away.keep_only([*self._session.cubes, *([answer.cube] if answer is not None else [])])
