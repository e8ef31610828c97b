"""The rows of the comparison of methods: every method of the registry, the classical one by the algorithms that it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import Group, MethodSpec

DEFAULT: Group = "default"
# VCA and SISAL with exact least squares are methods of their own.
_EXTRACTIONS = ("n-findr", "ppi", "atgp", "spa", "sivm", "mvsa", "minimum-volume-nmf", "archetypal-analysis")
_SOLVERS = ("nnls", "sunsal", "sunsal-tv")
_COMBINED = (*((extraction, "fcls") for extraction in _EXTRACTIONS), *(("vca", solver) for solver in _SOLVERS))


@dataclass(frozen=True, eq=False)
class Entry:
    """A method with what is chosen within it; all else is its presets."""

    name: str
    method: str
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def spec(self) -> MethodSpec:
        """The presets."""
        return spec_class(self.method).model_validate({"method": self.method, **self.options})

    @property
    def group(self) -> Group:
        """What the method is for."""
        return self.spec.group

    @property
    def claims(self) -> str:
        """What makes its endmembers unique up to order, or that nothing does."""
        return self.spec.unique_if or "nothing"

    @property
    def knows_more(self) -> bool:
        """Whether it is given spectra to choose from, which the others are not."""
        return bool(self.spec.chooser)

    def seeds(self, asked: Sequence[int]) -> Sequence[int]:
        """Those that tell something: one where nothing is drawn."""
        return asked if self.spec.uses_seed else asked[:1]


def entries(names: Sequence[str] | None = None) -> list[Entry]:
    """All, in the order of the registry, or those of these names. Raises UnmixError for a name that none has."""
    every: list[Entry] = []
    for method in method_specs():
        combined = _COMBINED if method == "classical" else ()
        every += [
            Entry(f"{extraction} + {solver}", method, {"extraction": extraction, "abundances": solver})
            for extraction, solver in combined
        ]
        if not combined:
            every.append(Entry(method, method))
    known = {entry.name: entry for entry in every}
    for name in names or ():
        if name not in known:
            raise UnmixError(f"There is no method {name!r} in this comparison: choose from {', '.join(known)}.")
    return every if names is None else [entry for entry in every if entry.name in names]


def default_name() -> str:
    """The method that a newcomer is told to take."""
    return next(name for name, spec in method_specs().items() if spec.group == DEFAULT)
