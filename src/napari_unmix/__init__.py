"""Interactive hyperspectral unmixing with identifiable models.

Public names are resolved on first use, so that ``import napari_unmix`` loads none of torch, napari, Qt, scipy, scikit-image.
"""

from __future__ import annotations

__version__ = "0.1.0"

_PUBLIC = {
    "Annotation": "cube",
    "Cube": "cube",
    "Given": "given",
    "Meaning": "cube",
    "UnmixError": "sentences",
    "join_cubes": "joining",
    "Progress": "progress",
    "Unmixing": "answer",
    "drain": "progress",
    "assess": "large",
    "unmix": "large",
    "read_run": "output.run",
    "write_run": "output.run",
    "export": "output.export",
    "to_xarray": "output.export.dataset",
    "read_cube": "io",
    "SpectralLibrary": "library",
    "read_library": "library",
    "write_library": "library",
    "method_specs": "methods.registry",
    "sample_scene": "synthetic",
    "simplex_least_squares": "rows.least_squares",
}

TYPE_CHECKING = False  # the command line begins here: nothing is imported that can be imported later
if TYPE_CHECKING:
    from typing import Any

    from napari_unmix.answer import Unmixing
    from napari_unmix.cube import Annotation, Cube, Meaning
    from napari_unmix.given import Given
    from napari_unmix.io import read_cube
    from napari_unmix.joining import join_cubes
    from napari_unmix.large import assess, unmix
    from napari_unmix.library import SpectralLibrary, read_library, write_library
    from napari_unmix.methods.registry import method_specs
    from napari_unmix.output.export import export
    from napari_unmix.output.export.dataset import to_xarray
    from napari_unmix.output.run import read_run, write_run
    from napari_unmix.progress import Progress, drain
    from napari_unmix.rows.least_squares import simplex_least_squares
    from napari_unmix.sentences import UnmixError
    from napari_unmix.synthetic import sample_scene

__all__ = [
    "Annotation",
    "Cube",
    "Given",
    "Meaning",
    "Progress",
    "SpectralLibrary",
    "UnmixError",
    "Unmixing",
    "assess",
    "drain",
    "export",
    "join_cubes",
    "method_specs",
    "read_cube",
    "read_library",
    "read_run",
    "sample_scene",
    "simplex_least_squares",
    "to_xarray",
    "unmix",
    "write_library",
    "write_run",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
