"""What is kept for each open image. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, overload

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.images import same_image

T = TypeVar("T")


class ByImage(Generic[T]):
    """One value per image: a cube with other bands excluded shares its spectra, and finds the same value."""

    def __init__(self) -> None:
        self._items: list[tuple[Cube, T]] = []

    @overload
    def get(self, cube: Cube, default: T) -> T: ...

    @overload
    def get(self, cube: Cube, default: None) -> T | None: ...

    def get(self, cube: Cube, default: T | None) -> T | None:
        """The value of this image."""
        return next((value for known, value in self._items if same_image(known, cube)), default)

    def first(self) -> tuple[Cube, T] | None:
        """The image that was put in longest ago, with its value."""
        return self._items[0] if self._items else None

    def put(self, cube: Cube, value: T) -> None:
        """Keep a value in place of what was kept for this image."""
        self._items = [item for item in self._items if not same_image(item[0], cube)] + [(cube, value)]

    def pop(self, cube: Cube, default: T) -> T:
        """The value of this image, which is kept no longer."""
        value = self.get(cube, default)
        self._items = [item for item in self._items if not same_image(item[0], cube)]
        return value

    def values(self) -> list[T]:
        """All values."""
        return [value for _, value in self._items]

    def keep_only(self, cubes: Iterable[Cube]) -> None:
        """Forget the other images."""
        kept = tuple(cubes)
        self._items = [item for item in self._items if any(same_image(item[0], cube) for cube in kept)]

    def update(self, change: Callable[[T], T]) -> None:
        """Change every value."""
        self._items = [(cube, change(value)) for cube, value in self._items]

    def change(self, cube: Cube, change: Callable[[T], T]) -> None:
        """Change the value of one image, where there is one."""
        self._items = [(known, change(value) if same_image(known, cube) else value) for known, value in self._items]
