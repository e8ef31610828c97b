"""Values of a loop as trees of arrays and plain values, and back into values of a known form.

Nothing of a tree decides which code runs: it fills a value that the loop has made itself, and whatever does not fit it is damage.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.sentences import UnmixError

T = TypeVar("T")

# An array, a number, a text, a truth, None; or a list, or a mapping from names, of these.
Tree = Any


class Unfitting(UnmixError):
    """A kept place does not fit the loop that it was kept of."""

    def __init__(self, what: str) -> None:
        super().__init__(f"What was kept of the interrupted training does not fit it ({what}): start it anew.")


def plain(value: object) -> Tree:
    """Any value of tensors, arrays, plain values, and dataclasses, tuples, lists and mappings of them; arrays are copied."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.generic):
        return value.item()
    if _is_tensor(value):
        tensor: Any = value
        return np.array(tensor.detach().cpu().numpy())
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if is_dataclass(value):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Sequence):
        return [plain(part) for part in value]
    raise TypeError(f"{type(value).__name__} can't be kept")


def like(form: T, tree: Tree) -> T:
    """A value of the same classes, shapes and kinds as ``form`` with the numbers of ``tree``. Raises Unfitting."""
    filled: Any = _like(form, tree)
    return filled  # type: ignore[no-any-return]


def _like(form: Any, tree: Tree) -> Any:
    if isinstance(form, np.ndarray):
        return array(tree, form.shape, form.dtype)
    if _is_tensor(form):
        import torch

        dtype = torch.empty(0, dtype=form.dtype).numpy().dtype
        return torch.from_numpy(array(tree, tuple(form.shape), dtype)).to(form.device)
    if is_dataclass(form) and not isinstance(form, type):
        names = [part.name for part in fields(form)]
        return replace(form, **{name: _like(getattr(form, name), part) for name, part in _named(tree, names).items()})
    if isinstance(form, Mapping):
        return {name: _like(form[name], part) for name, part in _named(tree, list(form)).items()}
    if isinstance(form, list | tuple):
        parts = [_like(one, part) for one, part in zip(form, listed_as(tree, len(form)), strict=True)]
        if isinstance(form, list):
            return parts
        return type(form)(*parts) if hasattr(form, "_fields") else tuple(parts)
    if isinstance(form, float) and isinstance(tree, int) and not isinstance(tree, bool):
        return float(tree)
    if type(form) is not type(tree):
        raise Unfitting(f"{type(tree).__name__} for {type(form).__name__}")
    return tree


def array(tree: Tree, shape: Sequence[int | None], dtype: Any) -> FloatArray:
    """An array of that shape, in which None is any length, and kind, all finite. Raises Unfitting."""
    if not isinstance(tree, np.ndarray):
        raise Unfitting(f"{type(tree).__name__} for an array")
    fits = len(shape) == tree.ndim and all(want in (None, have) for want, have in zip(shape, tree.shape, strict=True))
    if not fits or tree.dtype != np.dtype(dtype):
        raise Unfitting(f"{tree.dtype} of shape {tree.shape} for {np.dtype(dtype)} of shape {tuple(shape)}")
    if tree.dtype.kind == "f" and not np.isfinite(tree).all():
        raise Unfitting("numbers that are not finite")
    return tree.copy()


def whole(tree: Tree, least: int = 0, most: int = sys.maxsize) -> int:
    """A whole number in a range. Raises Unfitting."""
    if type(tree) is not int or not least <= tree <= most:
        raise Unfitting(f"{str(tree)[:20]} for a number from {least} to {most}")
    return tree


def number(tree: Tree) -> float:
    """Any number, infinities among them. Raises Unfitting."""
    if type(tree) not in (int, float):
        raise Unfitting(f"{type(tree).__name__} for a number")
    return float(tree)


def numbers(tree: Tree, most: int = sys.maxsize) -> list[float]:
    """What ``np.array(list of floats)`` was, not finite ones among them. Raises Unfitting."""
    if not isinstance(tree, np.ndarray) or tree.dtype != np.float64 or tree.ndim != 1 or len(tree) > most:
        raise Unfitting("no list of numbers")
    return [float(one) for one in tree]


def truth(tree: Tree) -> bool:
    """True or false. Raises Unfitting."""
    if type(tree) is not bool:
        raise Unfitting(f"{type(tree).__name__} for true or false")
    return tree


def listed_as(tree: Tree, count: int | None = None) -> list[Tree]:
    """A list, of ``count`` parts where it is given. Raises Unfitting."""
    if not isinstance(tree, list) or count not in (None, len(tree)):
        raise Unfitting("another number of parts")
    return tree


def named(tree: Tree, *names: str) -> list[Tree]:
    """The parts of exactly these names, in their order. Raises Unfitting."""
    found = _named(tree, list(names))
    return [found[name] for name in names]


def _named(tree: Tree, names: list[str]) -> dict[str, Tree]:
    if not isinstance(tree, dict) or set(tree) != set(names):
        raise Unfitting("other names")
    return tree


def _is_tensor(value: object) -> bool:
    """Without importing torch: where there is a tensor, torch is there."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
