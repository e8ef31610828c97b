"""The registry: every module of this folder that defines a MethodSpec adds a method."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from napari_unmix.cube import UnmixError
from napari_unmix.specs.base import MethodSpec


@cache
def method_specs() -> dict[str, type[MethodSpec]]:
    """Method name -> spec class, the default method first, then by name."""
    found: dict[str, type[MethodSpec]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, MethodSpec)
                and value.__module__ == module.__name__
                and value is not MethodSpec
            ):
                found[value.model_fields["method"].default] = value
    return dict(sorted(found.items(), key=lambda item: (item[0] != "ivae", item[0])))


def spec_class(method: str) -> type[MethodSpec]:
    """The spec class of a method; UnmixError names the methods there are."""
    try:
        return method_specs()[method]
    except KeyError:
        raise UnmixError(f"There is no method {method!r}: choose one of {', '.join(method_specs())}.") from None


__all__ = ["MethodSpec", "method_specs", "spec_class"]
