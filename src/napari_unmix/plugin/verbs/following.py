"""Verbs on maps that follow the painting: prepared once for a cube and its settings; of what is painted meanwhile, only the last is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.following import FOLLOWING, Followed, could_follow, followed_now, live_shown
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.runs import Training
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.cubes import CubeVerbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Runner
from napari_unmix.plugin.verbs.looking import LookVerbs
from napari_unmix.plugin.verbs.one_run import OneRun
from napari_unmix.plugin.verbs.training import known_look
from napari_unmix.progress import Progress

if TYPE_CHECKING:
    from napari_unmix.live import Live
    from napari_unmix.methods.ivae.live import Begun, LiveMaps

# Facts that the question is made of.
ASKED_BY = ("cube", "annotation", "spec", "held", "run", "state", "live", "suggested")
# So many preparations are held: of the cubes that were followed last.
MOST_PREPARED = 2


class LiveVerbs(CubeVerbs, LookVerbs):
    """Verbs on maps that follow the painting. They are a training that never becomes a run; the runs that there are stay as they are."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._preparing, self._following = OneRun(runner), OneRun(runner)
        self._prepared: ByImage[Live] = ByImage()
        self._prepares: Followed | None = None  # what the preparation under way is for
        self._followed: Followed | None = None
        self._live_maps: LiveMaps | None = None  # those that are shown
        for name in ASKED_BY:
            session.events[name].connect(self._ask_live)
        session.events.cubes.connect(self._forget_prepared)

    def set_live(self, wanted: bool) -> None:
        """Have the maps follow the painting, or no longer: then the run that was shown before is shown again."""
        if not wanted:
            self._prepared.keep_only(())
        self.session.live = wanted

    def show_run(self, number: int) -> None:
        """Show this run of the current cube; maps that follow the painting would cover it, and do so no longer."""
        if live_shown(self.session):
            self.set_live(False)
        super().show_run(number)

    def stop_following(self) -> None:
        """Nothing is prepared or followed any more."""
        self._preparing.drop()
        self._following.drop()
        self._prepares = self._followed = self._live_maps = None

    # --- what is asked

    def _ask_live(self, *_: Any) -> None:
        """A fact changed: what is to be prepared, or the painting that is to be followed, may be another, or none."""
        wanted, asked = could_follow(self.session), followed_now(self.session)
        if wanted is None:
            self._preparing.drop()
            self._prepares = None
        elif self._ready(wanted) is None:
            self._prepare(wanted)
        if asked == self._followed:
            return
        self._followed = asked
        self._following.drop()
        if asked is None or not same_image(asked.cube, self._shown_cube()):
            self._withdraw()
        self._follow_painting()

    def _ready(self, asked: Followed) -> Live | None:
        """What was prepared for it."""
        live = self._prepared.get(asked.cube, None)
        fits = live is not None and live.cube is asked.cube and live.spec == asked.spec and live.fits(asked.annotation)
        return live if fits else None

    def _shown_cube(self) -> Cube | None:
        """Whose maps follow the painting on the screen."""
        training = self.session.training
        return training.cube if training is not None and training.live else None

    def _follow_painting(self) -> None:
        """Follow what is asked for, where that is prepared."""
        asked = self._followed
        prepared = None if asked is None else self._ready(asked)
        if asked is None or prepared is None:
            return
        self.session.following = Progress(FOLLOWING, 0, 2, 0.0)
        before = self._live_maps
        self._following.launch(
            lambda: self._engine.live_first(prepared, asked.annotation, before),
            Handlers(done=lambda begun: self._first_maps(prepared, asked, begun), failed=self._not_followed),
        )

    def _prepare(self, wanted: Followed) -> None:
        """Once for a cube and its settings; strokes that come meanwhile are followed when it is done."""
        before = self._prepares
        if before is not None and before.cube is wanted.cube and before.spec == wanted.spec:
            return  # one that ignores other pixels is asked for again when this is done
        self._prepares = wanted
        self._withdraw()  # with other settings, or other pixels, the maps are other ones
        self.session.following = Progress("reading the pixels", 0, 1, 0.0)
        self._preparing.launch(
            lambda: self._engine.prepare_live(wanted.cube, wanted.spec, wanted.annotation),
            Handlers(progress=self._prepare_progressed, done=self._have_prepared, failed=self._not_followed),
        )

    def _prepare_progressed(self, progress: Progress) -> None:
        self.session.following = progress

    def _have_prepared(self, live: Live) -> None:
        self._prepares = self.session.following = None
        self._prepared.put(live.cube, live)
        while len(self._prepared.values()) > MOST_PREPARED:
            first = self._prepared.first()
            assert first is not None  # there are several
            self._prepared.pop(*first)
        wanted = could_follow(self.session)
        if wanted is not None and self._ready(wanted) is None:
            self._prepare(wanted)
        self._follow_painting()

    # --- what comes of it

    def _first_maps(self, prepared: Live, asked: Followed, begun: Begun) -> None:
        self._show_maps(asked, begun.maps)
        self.session.following = Progress(FOLLOWING, 1, 2, 0.5)
        self._following.launch(
            lambda: self._engine.live_final(prepared, begun),
            Handlers(done=lambda maps: self._final_maps(asked, maps), failed=self._not_followed),
        )

    def _final_maps(self, asked: Followed, maps: LiveMaps) -> None:
        self._show_maps(asked, maps)
        self.session.following = None

    def _show_maps(self, asked: Followed, maps: LiveMaps) -> None:
        session, training = self.session, self.session.training
        if training is None or not training.live or not same_image(training.cube, asked.cube):
            known = known_look(session)
            training = Training(self._next_number(), asked.cube, asked.spec, asked.annotation, known, live=True)
        self._live_maps = maps
        self._settle("train")
        session.training = training.previewed(maps.preview, maps.names)

    def _not_followed(self, error: Exception) -> None:
        """What went wrong is a sentence; the maps that were there stay."""
        self._prepares = None
        self.session.following = None
        self.session.trouble = self._trouble_of("train", error)

    def _withdraw(self) -> None:
        """Maps that follow nothing are shown no longer: the run is, where there is one."""
        training = self.session.training
        self._live_maps = None
        if self._prepares is None:
            self.session.following = None
        if training is not None and training.live:
            self.session.training = None

    def _forget_prepared(self, *_: Any) -> None:
        """Hold nothing for cubes that are closed."""
        self._prepared.keep_only(self.session.cubes)
