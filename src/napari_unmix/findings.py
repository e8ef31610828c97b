"""How an answer was found: notes for the user, recipes that can find it again, and what each part of a fit measured. Torch-free values."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion

# A stroke with less than this share of its endmember in its median pixel is mostly background.
BACKGROUND = 1 / 3
# What a search measured, by name; and the names of the numbers of which there is one of each endmember, in their order.
SearchNumbers = dict[str, float | tuple[float, ...]]
OF_EACH = ("chord_cone_degrees", "facet_tails", "extrapolation_degrees")


class NoteKind(StrEnum):
    """What a note is about."""

    DECIDED = "decided"
    ENDMEMBERS = "endmembers"
    NOISE = "noise"
    DOUBT = "doubt"
    NO_PURE_PIXELS = "no pure pixels"
    STROKES = "strokes"
    REGIONS = "regions"
    MIXING = "mixing"
    VARIABILITY = "variability"
    PRIOR = "prior"
    METHOD = "method"
    SIDE_INFORMATION = "side information"
    PAINTING = "painting"
    GIVEN = "given"
    BRIGHTNESS = "brightness"
    EDITED = "edited"


@dataclass(frozen=True)
class Note:
    """A sentence for the user on what a method found or could not use, and what the user may do about it ("" where nothing)."""

    kind: NoteKind
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}" if self.advice else self.sentence


class Frozen(BaseModel):
    """A value of a run's folder: it reads back as itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


@dataclass(frozen=True, eq=False)
class Redraw:
    """Other data like those of a result, on which its endmembers are to be found again.

    Attributes
    ----------
    spectra : (N, B_good)
    regions : (N,) declared region of each pixel from 1, 0 = none
    noise : white noise level
    inversion : whether brightness is free
    generator : of the random numbers that the search draws
    """

    spectra: FloatArray
    regions: IntArray
    noise: float
    inversion: Inversion
    generator: np.random.Generator


class Recipe(Frozen):
    """How endmembers were found, and how to find them again on other data. A subclass names itself by ``kind``.

    ``repeatable`` is False where ``again`` can't do what the method did. ``reads_regions``: whether the endmembers rest on the regions,
    so that refits without a part leave out regions and not pixels. ``extrapolated``: whether they stand beyond the data, which no pure pixels
    back; None where the method does not say. ``by_strokes``: whether painted strokes led to them.
    """

    repeatable: ClassVar[bool] = True
    reads_regions: ClassVar[bool] = False
    extrapolated: ClassVar[bool | None] = None
    by_strokes: ClassVar[bool] = False
    known: ClassVar[dict[str, type[Recipe]]] = {}

    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        kind = cls.model_fields["kind"].default
        if isinstance(kind, str):  # what recipes of one family share names none
            Recipe.known[kind] = cls

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        """Endmembers (P, B_good) of other data by the same code, in the order of ``start`` (P, B_good), the result's; yields at every step."""
        raise NotImplementedError(f"the recipe {self.kind!r} can't be repeated")


class Learned(Recipe):
    """Learned by a network from random weights: another training is another answer, so there is nothing to repeat."""

    repeatable: ClassVar[bool] = False

    kind: Literal["learned"] = "learned"


class Edited(Recipe):
    """Merged, split, deleted or exchanged by a person in an answer that was there: there is nothing to repeat."""

    repeatable: ClassVar[bool] = False

    kind: Literal["edited"] = "edited"


def _read_recipe(value: Any) -> Any:
    """The recipe of that kind; only classes that were imported already are known, so a file can load no code."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind not in Recipe.known:
        raise ValueError(f"there is no recipe {kind!r}: known are {', '.join(sorted(Recipe.known))}")
    return Recipe.known[kind].model_validate(value)


class MomentsFound(Frozen):
    """What the means and covariances of the painted regions did to the endmembers.

    ``use``: "refused", "refined" (the endmembers are theirs) or "averaged" (the mean of theirs and the geometry's). ``relative_error``: standard
    error of the vertices over the simplex's size. ``misfit``: reduced χ² of a Dirichlet.
    """

    use: Literal["refused", "refined", "averaged"]
    relative_error: float
    misfit: float


class ContrastFound(Frozen):
    """What telling regions apart found, used or not: nats per pixel of the classifier and of chance, standard error over the simplex's size."""

    used: bool
    cross_entropy: float
    chance: float
    relative_error: float
    regions: int


class PriorFound(Frozen):
    """The region prior that was chosen, and log evidence in nats per pixel of each that took part."""

    chosen: str
    evidence: dict[str, float]


class MixingFound(Frozen):
    """The mixing function that was kept, and log evidence in nats per pixel of what was compared.

    ``smallest_slope``: the least singular value of its Jacobian on the simplex.
    """

    kept: str = "linear"
    variability: bool = False
    evidence: dict[str, float] = {}
    smallest_slope: float | None = None


class VariabilityFound(Frozen):
    """Whether the materials' spectra were found to vary, by a law that was learned from pairs of neighbouring pixels.

    ``chosen``: "pairs" where that law was kept. ``pairs``: how many it was learned from. ``evidence``: log evidence in nats per pixel with it
    ("pairs") and with noise alone ("none"). ``spread``: of each endmember, how far one pixel's spectrum is from it, root mean square over its own.
    ``source``: whether pairs were of neighbours, or, where those are too few, pixels of one region, each against the others: then their number.
    """

    chosen: Literal["none", "pairs"]
    pairs: int
    evidence: dict[str, float]
    spread: tuple[float, ...] = ()
    source: Literal["neighbours", "regions"] = "neighbours"


class RestartsFound(Frozen):
    """The starts that competed: their evidence per pixel, and how far their abundances are from the chosen one's (root mean square)."""

    starts: tuple[str, ...]
    evidence: tuple[float, ...]
    chosen: str
    abundance_rms_to_chosen: tuple[float, ...]


class SupportFound(Frozen):
    """Two endmembers that are halves of one material, and how many the scene supports: fewer than were asked for, or one was missed.

    ``supported``: how many rise over noise and variability; ``rises``: to what the further ones do, where a material reaches ``needed``.
    Of the ``halves``: ``apart`` is their angle (radians), ``left`` what one spectrum in their place leaves of their pixels over what is
    explained, ``between`` the share of these pixels that lie between the two.
    """

    supported: int
    rises: tuple[float, ...] = ()
    needed: float = 0.0
    halves: tuple[int, int]
    apart: float
    left: float
    between: float


class GivenFound(Frozen):
    """How an endmember was given: as number ``place`` and under which name; held, or to begin from; and where it is from ("from the library").

    Its number and name in the answer may be others by now.
    """

    place: int
    name: str
    held: bool
    source: str = ""


class StrokeFound(Frozen):
    """What the search made of the stroke of one painted ``material``.

    ``how``: it "names" the endmember that it has most of, "confirms" it, "anchors" one that was not found without it, or was "refused" to do so and
    names. ``purity``: the share of its endmember in its median pixel. ``cost``: what the fit that it anchored leaves, as a multiple of what is left
    without; None where it was not asked to.
    """

    material: str = ""
    how: Literal["names", "confirms", "anchors", "refused"]
    purity: float
    cost: float | None = None

    @property
    def background(self) -> bool:
        """Whether it is mostly something else than its endmember."""
        return self.how in ("names", "refused") and self.purity < BACKGROUND

    @property
    def said(self) -> str:
        """What became of it."""
        share = f"{100 * self.purity:.0f} %"
        if self.how == "anchors":
            return f"anchors an endmember that the search had not found ({share} of the stroke is it)."
        if self.how == "confirms":
            return f"confirms the endmember that it names ({share} of the stroke is it)."
        if self.how == "refused" and self.cost is not None:
            return f"contradicts the rest of the scene, with it the fit leaves {self.cost:.1f} × as much: it names an endmember and does not move it."
        if self.background:
            return f"mostly background: {share} of it is the endmember that it names, which it does not move."
        return f"names its endmember ({share} of the stroke is it)."

    @property
    def advice(self) -> str:
        """What may be done about it, "" where nothing has to."""
        return "Paint only where the material is pure." if self.how == "refused" or self.background else ""

    def __str__(self) -> str:
        return f"Stroke “{self.material}”: {self.said}"


# The spectra that were given, among the fitted parameters.
GIVEN = "given"


def numbers_in_order(numbers: SearchNumbers, order: Sequence[int]) -> SearchNumbers:
    """What a search measured, where the endmembers come in this order (P,): the numbers of each endmember go with it."""
    return {
        name: tuple(value[k] for k in order) if name in OF_EACH and isinstance(value, tuple) else value
        for name, value in numbers.items()
    }


def given_in(found: Sequence[GivenFound | None], spectra: FloatArray | None) -> Given | None:
    """What was given to a fit, from how each endmember was and the spectra (Q, B); None where nothing was, or they do not fit."""
    known = sorted((one for one in found if one is not None), key=lambda one: one.place)
    fits = spectra is not None and spectra.ndim == 2 and [one.place for one in known] == list(range(len(spectra)))
    if not known or spectra is None or not fits:
        return None
    held = np.array([one.held for one in known])
    return Given(spectra, held, tuple(one.name for one in known), tuple(one.source for one in known))


class Findings(Frozen):
    """How the answer came about: whole in a run's folder, and all that its judge reads beside the answer itself.

    Attributes
    ----------
    recipe : how the geometry, or learning, found the endmembers
    noise : white noise level that the method used; None where it has none
    declared_regions : labels of u up to here were declared by a person
    sources : where u comes from, painted regions first
    moments, contrast, prior, mixing, variability, restarts : see their classes; None where the method has none
    alpha : (R, P) Dirichlet parameters of the declared regions; None where the method fits none
    endmember_error : (P,) standard error of each endmember as a share of the simplex
    misfit : the root of the fit's reduced χ²
    search : numbers that the search for endmembers measured, for the reader
    given : how each endmember was given, the first ones of a fit; None, or nothing, for one that was not
    abundances_moved : root mean square of the abundances less those of least squares on the same endmembers, on some of the pixels
    strokes : what the search made of each painted material
    support : which two endmembers are halves of one material, and how many the scene supports; None where no two are
    """

    recipe: Annotated[SerializeAsAny[Recipe], BeforeValidator(_read_recipe)] = Learned()
    noise: float | None = None
    declared_regions: int = 0
    sources: tuple[str, ...] = ()
    moments: MomentsFound | None = None
    contrast: ContrastFound | None = None
    prior: PriorFound | None = None
    alpha: tuple[tuple[float, ...], ...] | None = None
    mixing: MixingFound = MixingFound()
    variability: VariabilityFound | None = None
    restarts: RestartsFound | None = None
    endmember_error: tuple[float, ...] | None = None
    misfit: float | None = None
    search: SearchNumbers = {}
    given: tuple[GivenFound | None, ...] = ()
    abundances_moved: float | None = None
    support: SupportFound | None = None
    strokes: tuple[StrokeFound, ...] = ()

    @property
    def held(self) -> tuple[int, ...]:
        """The numbers of the endmembers that are in the answer as they were given."""
        return tuple(k for k, one in enumerate(self.given) if one is not None and one.held)

    @property
    def by_regions(self) -> bool:
        """Whether the endmembers are, or are averaged with, those of the painted regions' moments."""
        return self.moments is not None and self.moments.use != "refused"
