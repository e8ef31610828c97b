"""What a fit yields and what it returns, with how it was found: small frozen values, torch-free."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Thread
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny

from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion, inversion
from napari_unmix.spec import MethodSpec
from napari_unmix.wanted import wanted, wanted_while

T = TypeVar("T")
E = TypeVar("E")

# --- while it runs


@dataclass(frozen=True, eq=False)
class Preview:
    """The answer so far: endmembers (P, B) with NaN in excluded bands, abundances (H, W, P) float32 with NaN in invalid pixels.

    ``misfit`` is how many times the noise what they leave of the spectra is (root mean square), None where it is not known.
    """

    endmembers: FloatArray
    abundances: FloatArray
    misfit: float | None = None


@dataclass(frozen=True)
class Progress:
    """One step of a fit.

    ``stage`` says what happens now, in the user's words ("finding endmembers"). ``fraction`` is the share of the whole run that is
    done, 0–1. ``loss`` is the objective per pixel where the stage has one. ``snapshot`` makes a preview on demand: call it from the
    thread that drives the generator, between two steps, and only as often as you show it.
    """

    stage: str
    step: int
    total: int
    fraction: float
    loss: float | None = None
    snapshot: Callable[[], Preview] | None = field(default=None, compare=False, repr=False)


Fit = Generator[Progress, None, T]


def drain(steps: Generator[Any, None, T], on_progress: Callable[[Any], None] | None = None) -> T:
    """Run a generator to its end and return its result; the command line and the tests drive fits with this."""
    try:
        while True:
            event = next(steps)
            if on_progress is not None:
                on_progress(event)
    except StopIteration as end:
        result: T = end.value
        return result


def staged(
    stage: str,
    steps: Generator[Any, None, T],
    share: tuple[float, float],
    *,
    halfway: int = 60,
    show: Callable[[Any], tuple[float | None, Callable[[], Preview] | None]] = lambda _: (None, None),
) -> Fit[T]:
    """The steps of a search as progress of one stage: nobody knows how many there will be, so the bar approaches the end of its ``share``.

    After ``halfway`` steps half of the share is done. ``show`` makes loss and snapshot of what a step yields.
    """
    start, end = share
    step = 0
    while True:
        try:
            loss, snapshot = show(next(steps))
        except StopIteration as last:
            result: T = last.value
            return result
        step += 1
        yield Progress(stage, step, 0, start + (end - start) * step / (step + halfway), loss, snapshot)


def forward(steps: Fit[T]) -> Fit[T]:
    """The steps of a fit, none of which says that less is done than one before."""
    done = 0.0
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            fraction = min(event.fraction, 1.0)
            done = fraction if fraction > done else done  # NaN is not
            yield event if event.fraction == done else replace(event, fraction=done)
    finally:
        steps.close()


def looking(steps: Fit[T], look: Callable[[], Preview]) -> Fit[T]:
    """The steps of a fit, with the preview ``look`` until they have one of their own."""
    own = False
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            own = own or event.snapshot is not None
            yield event if own else replace(event, snapshot=look)
    finally:
        steps.close()


_EVERY = 0.1  # seconds between two steps that only wait
_FEW_PIXELS = 2_000


def meanwhile(
    call: Callable[[], T], progress: E | Callable[[], E], *, pixels: int | None = None
) -> Generator[E, None, T]:
    """What ``call`` returns, or raises: a call that can't be divided, in a thread of its own; yields ``progress`` ten times a second until then.

    ``progress`` may be a function that tells how far it is. A fit that is closed does not wait for it: the call comes to its own end (at
    once, where its loops ask ``still_wanted``), and nobody reads what it returns. On few ``pixels`` it is no matter of waiting: no thread is made.
    """
    if pixels is not None and pixels <= _FEW_PIXELS:
        return call()
    made: Future[T] = Future()
    closed = False
    around = contextvars.copy_context()

    def run() -> None:
        try:
            with wanted_while(lambda: not closed and around.run(wanted)):
                made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            made.set_exception(error)

    Thread(target=run, name=getattr(progress, "stage", "meanwhile"), daemon=True).start()
    try:
        while not wait([made], _EVERY).done:
            yield progress() if callable(progress) else progress
    finally:
        closed = True
    return made.result()


# --- how it was found


class NoteKind(StrEnum):
    """What a note is about."""

    ENDMEMBERS = "endmembers"
    NOISE = "noise"
    DOUBT = "doubt"
    NO_PURE_PIXELS = "no pure pixels"
    STROKES = "strokes"
    REGIONS = "regions"
    MIXING = "mixing"
    PRIOR = "prior"
    METHOD = "method"
    SIDE_INFORMATION = "side information"
    PAINTING = "painting"
    GIVEN = "given"
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


class RestartsFound(Frozen):
    """The starts that competed: their evidence per pixel, and how far their abundances are from the chosen one's (root mean square)."""

    starts: tuple[str, ...]
    evidence: tuple[float, ...]
    chosen: str
    abundance_rms_to_chosen: tuple[float, ...]


class GivenFound(Frozen):
    """How an endmember was given: as number ``place`` and under which name; held, or to begin from; and where it is from ("from the library").

    Its number and name in the answer may be others by now.
    """

    place: int
    name: str
    held: bool
    source: str = ""


# The spectra that were given, among the fitted parameters.
GIVEN = "given"


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
    moments, contrast, prior, mixing, restarts : see their classes; None where the method has none
    alpha : (R, P) Dirichlet parameters of the declared regions; None where the method fits none
    endmember_error : (P,) standard error of each endmember as a share of the simplex
    misfit : the root of the fit's reduced χ²
    search : numbers that the search for endmembers measured, for the reader
    given : how each endmember was given, the first ones of a fit; None, or nothing, for one that was not
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
    restarts: RestartsFound | None = None
    endmember_error: tuple[float, ...] | None = None
    misfit: float | None = None
    search: dict[str, float | tuple[float, ...]] = {}
    given: tuple[GivenFound | None, ...] = ()

    @property
    def held(self) -> tuple[int, ...]:
        """The numbers of the endmembers that are in the answer as they were given."""
        return tuple(k for k, one in enumerate(self.given) if one is not None and one.held)

    @property
    def by_regions(self) -> bool:
        """Whether the endmembers are, or are averaged with, those of the painted regions' moments."""
        return self.moments is not None and self.moments.use != "refused"


# --- the answer


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a mixing that is not linear, or varying endmembers, add to s·aM: ``scores`` (N, K) or (H, W, K) times ``basis`` (K, B)."""

    scores: FloatArray
    basis: FloatArray

    def of(self, pixels: Any, bands: BoolArray | slice = slice(None)) -> Contribution:
        """The part of some ``pixels`` (an index of ``scores``) in some ``bands``, in double precision."""
        return Contribution(np.asarray(self.scores[pixels], dtype=np.float64), self.basis[:, bands])


def mixed(
    abundances: FloatArray,
    endmembers: FloatArray,
    illumination: FloatArray | None = None,
    contribution: Contribution | None = None,
) -> FloatArray:
    """The forward model: s·aM + contribution of (N, P) abundances, (P, B) endmembers, (N,) illumination, and ``contribution`` (N, K), (K, B)."""
    amounts = abundances if illumination is None else illumination[:, None] * abundances
    linear = amounts @ endmembers
    return linear if contribution is None else linear + contribution.scores @ contribution.basis


@dataclass(frozen=True, eq=False)
class Unmixing:
    """The result of a run.

    Attributes
    ----------
    endmembers : (P, B) float64, in the cube's units (largest value 1 with free illumination); NaN in excluded bands
    abundances : (H, W, P) float32, non-negative, summing to one; NaN in invalid pixels
    abundance_std : (H, W, P) float32, posterior standard deviation, or None where the method has none
    illumination : (H, W) float32, the per-pixel scale, or None where abundances sum to one on the spectra as given
    reconstruction_error : (H, W) float32, root mean square over the good bands of spectrum minus reconstruction
    names : one per endmember
    spec : the spec of the run, complete
    notes : what the method found or could not use, for the user
    history : (stage, step, loss) of the steps that had a loss
    findings : how the answer came about
    regions : (H, W) int, the auxiliary variable u, 0 = unknown; None where the method reads none
    model : name -> array, the fitted parameters that are saved with the run
    seconds : wall time of the whole run
    contribution : what the fit adds to s·aM, or None where mixing is linear
    """

    endmembers: FloatArray
    abundances: FloatArray
    abundance_std: FloatArray | None
    illumination: FloatArray | None
    reconstruction_error: FloatArray
    names: tuple[str, ...]
    spec: MethodSpec
    notes: tuple[Note, ...] = ()
    history: tuple[tuple[str, int, float], ...] = ()
    findings: Findings = field(default_factory=Findings)
    regions: IntArray | None = None
    model: dict[str, FloatArray] = field(default_factory=dict)
    seconds: float = 0.0
    contribution: Contribution | None = None

    @property
    def inversion(self) -> Inversion:
        """How abundances follow from spectra."""
        return inversion(free_light=self.illumination is not None)

    @property
    def given(self) -> Given | None:
        """The endmembers that were given: found in ``findings`` and in ``model``, which are saved; None where nothing was."""
        return given_in(self.findings.given, self.model.get(GIVEN))

    def with_given(self, given: Given | None) -> Unmixing:
        """The result of a run to which these were given."""
        if given is None:
            return self
        found = tuple(
            GivenFound(place=k, name=given.names[k], held=bool(given.held[k]), source=given.sources[k])
            for k in range(len(given))
        )
        findings = self.findings.model_copy(update={"given": found})
        return replace(self, findings=findings, model={**self.model, GIVEN: given.spectra})

    @property
    def reconstruction_rmse(self) -> float:
        """Root mean square of spectrum minus reconstruction, over valid pixels and good bands."""
        return float(np.sqrt(np.nanmean(np.square(self.reconstruction_error, dtype=np.float64))))

    def reconstruction(self, row: int, column: int) -> FloatArray:
        """(B,) the fitted spectrum of one pixel, NaN in excluded bands."""
        return np.asarray(self._mixed((np.array([row]), np.array([column])), slice(None))[0])

    def residual(self, cube: Cube, where: BoolArray) -> FloatArray:
        """(N, B_good) spectra minus what the result makes of them, of the pixels ``where`` (H, W), in row-major order."""
        spectra = cube.spectra[where][:, cube.good_bands].astype(np.float64)
        return np.asarray(spectra - self._mixed(np.nonzero(where), cube.good_bands))

    def _mixed(self, where: tuple[IntArray, ...], bands: BoolArray | slice) -> FloatArray:
        def rows(image: FloatArray) -> FloatArray:
            return np.asarray(image[where], dtype=np.float64)

        light = None if self.illumination is None else rows(self.illumination)
        contribution = None if self.contribution is None else self.contribution.of(where, bands)
        fitted: FloatArray = mixed(rows(self.abundances), self.endmembers[:, bands], light, contribution)
        return fitted
