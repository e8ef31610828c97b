"""The methods there are: every folder beside this file that has a ``spec`` adds one. Listing them loads no torch."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from napari_unmix import methods
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import GROUPS, MethodSpec


@cache
def method_specs() -> dict[str, type[MethodSpec]]:
    """Method name -> spec class, by group, the default first, then by name."""
    found: dict[str, type[MethodSpec]] = {}
    for folder in pkgutil.iter_modules(methods.__path__):
        if not folder.ispkg or folder.name.startswith("_"):
            continue
        module = importlib.import_module(f"{methods.__name__}.{folder.name}.spec")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, MethodSpec) and value.__module__ == module.__name__:
                found[value.model_fields["method"].default] = value
    return dict(sorted(found.items(), key=lambda item: (GROUPS.index(item[1].group), item[0])))


def spec_class(method: str) -> type[MethodSpec]:
    """The spec class of a method; UnmixError names the methods there are."""
    try:
        return method_specs()[method]
    except KeyError:
        raise UnmixError(f"There is no method {method!r}: choose one of {', '.join(method_specs())}.") from None


def called_now(method: str, spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and spec of a stored run as they are called today.

    What "gcl" was up to version 0.2 is "region-contrast" now; its spec had no ``form``, which that of today's "gcl" always has.
    """
    if method == "gcl" and "form" not in spec:
        return "region-contrast", {**spec, "method": "region-contrast"}
    return method, dict(spec)


def stored_spec(method: str, spec: Mapping[str, Any]) -> MethodSpec:
    """The spec that this version wrote, or an earlier one. Raises UnmixError or ValidationError."""
    name, values = called_now(method, spec)
    return spec_class(name).model_validate(values)
