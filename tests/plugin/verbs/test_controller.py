"""The verbs, with a runner that runs inline or waits for the test, and fake generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.plugin.facts.session import (
    Doing,
    Session,
    acquisition_count,
    current_report,
    doing,
    joinable,
    out_of_date,
    recommended_regions,
    shown,
    shown_names,
    shown_preview,
)
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError


@pytest.fixture
def controller(session: Session, cube: Cube, tools: Any) -> Controller:
    """With a cube, and runs that are over at once."""
    made = Controller(session, run_inline, tools.make_engine())
    made.add_cube(cube)
    return made


@pytest.fixture
def held(session: Session, cube: Cube, tools: Any) -> tuple[Controller, Any]:
    """With a cube, and runs that wait; the chores of opening are done."""
    runner = tools.HeldRunner()
    made = Controller(session, runner, tools.make_engine())
    made.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    runner.jobs.clear()
    return made, runner


def painted(cube: Cube, *labels: int) -> Annotation:
    """One row of pixels per label."""
    values = np.zeros(cube.shape[:2], np.int32)
    for row, label in enumerate(labels):
        values[row + 1] = label
    return Annotation(values)


def test_a_cube_is_surveyed_and_counted(controller: Controller, session: Session, cube: Cube) -> None:
    assert session.cube is cube
    assert session.suggested == 3
    assert recommended_regions(session) == 7
    assert session.survey is not None
    assert np.isnan(session.survey.mean[3])
    assert session.chore is None


def test_train_works_untouched(controller: Controller, session: Session, tools: Any) -> None:
    controller.start()
    assert session.trouble is None
    assert session.state == "idle"
    assert session.run is not None
    assert session.run.spec.method == "ivae"
    assert session.run.spec.endmembers == "auto"
    assert current_report(session) is not None
    assert current_report(session).verdict == "partly"
    assert shown_preview(session) is None
    assert out_of_date(session) == ""


def test_progress_and_previews_arrive(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.start()
    assert session.state == "training"
    runner.jobs[0].step()
    assert session.progress is not None
    assert session.progress.stage == "epoch 1 of 6"
    what = shown(session)
    assert what is not None
    assert what.run is None
    assert what.content is shown_preview(session)
    assert shown_names(session) == ("endmember 1", "endmember 2", "endmember 3")


def test_a_superseded_run_is_not_heard(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.start()
    first = runner.jobs[0]
    first.step()
    controller.cancel()
    controller.set_option("seed", 5)
    controller.start()
    second = runner.jobs[1]
    second.step()
    preview = shown_preview(session)
    first.finish()  # late signals of the first run
    assert first.cancelled
    assert shown_preview(session) is preview
    assert session.run is None
    assert session.state == "training"
    second.finish()
    assert session.run is not None
    assert session.run.spec.seed == 5


def test_cancel_keeps_the_last_good_result(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.start()
    runner.jobs[0].finish()
    runner.jobs[1].finish()
    good = session.run
    controller.start()
    runner.jobs[2].step()
    assert shown_preview(session) is not None
    controller.cancel()
    assert session.state == "idle"
    assert session.run is good
    assert good is not None
    what = shown(session)
    assert what is not None
    assert what.content is good.unmixing
    assert session.progress is not None
    assert session.progress.stage == "cancelled"


def test_cancel_without_a_result_keeps_the_preview(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.start()
    runner.jobs[0].step()
    controller.cancel()
    assert shown_preview(session) is not None
    assert session.run is None


def test_pause_and_resume(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.start()
    controller.pause()
    assert session.state == "paused"
    assert runner.jobs[0].paused
    controller.resume()
    assert session.state == "training"
    assert not runner.jobs[0].paused


def test_close_waits_for_the_thread(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.start()
    controller.close()
    assert runner.jobs[0].cancelled
    assert runner.jobs[0].waited
    assert session.state == "idle"


def test_stopping_the_run_leaves_small_work_alone_and_gives_the_last_result_back(
    held: tuple[Controller, Any], session: Session
) -> None:
    controller, runner = held
    controller.start()
    runner.jobs[0].finish()
    runner.jobs[1].finish()
    good = session.run
    controller.start()
    run = runner.jobs[2]
    run.step()
    controller.suggest()
    controller.stop()
    assert run.cancelled
    assert run.waited
    assert not runner.jobs[3].cancelled
    assert good is not None
    what = shown(session)
    assert what is not None
    assert what.content is good.unmixing
    controller.close()
    assert runner.jobs[3].cancelled


def test_an_error_is_a_sentence_and_the_last_result_stays(session: Session, cube: Cube, tools: Any) -> None:
    def unmix(cube: Cube, spec: Any, annotation: Any) -> Fit[Any]:
        if spec.seed == 1:
            raise UnmixError("3 endmembers need at least 9 valid pixels, the cube has 4: ask for fewer.")
        return (yield from tools.fake_unmix(cube, spec, annotation))

    controller = Controller(session, run_inline, tools.make_engine(unmix=unmix))
    controller.add_cube(cube)
    controller.start()
    good = session.run
    controller.set_option("seed", 1)
    controller.start()
    assert session.trouble is not None
    assert session.trouble.step == "train"
    assert "at least 9 valid pixels" in session.trouble.sentence
    assert session.run is good
    assert shown_preview(session) is None
    assert out_of_date(session) == "settings changed since"
    controller.set_option("seed", 0)
    assert session.trouble is None


def test_an_unexpected_error_is_converted(session: Session, cube: Cube, tools: Any) -> None:
    def unmix(cube: Cube, spec: Any, annotation: Any) -> Fit[Any]:
        yield Progress("epoch 1 of 2", 0, 2, 0.0)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)")

    controller = Controller(session, run_inline, tools.make_engine(unmix=unmix))
    controller.add_cube(cube)
    controller.start()
    assert session.trouble is not None
    assert "mat1 and mat2 shapes" in session.trouble.sentence
    assert session.state == "idle"


def test_a_value_out_of_range_is_a_sentence(controller: Controller, session: Session) -> None:
    before = session.spec
    controller.set_option("epochs", 0)
    assert session.spec is before
    assert session.trouble is not None
    assert session.trouble.step == "method"
    assert session.trouble.sentence == "Epochs is 0: it should be greater than or equal to 1."
    controller.set_option("endmembers", -3)
    assert session.trouble.sentence == "Endmembers is -3: choose a number from 2 to 30, or auto."


def test_an_annotation_of_another_size_is_refused(controller: Controller, session: Session) -> None:
    controller.set_annotation(Annotation(np.ones((3, 3), np.int32)))
    assert session.annotation is None
    assert session.trouble is not None
    assert session.trouble.step == "side information"
    assert "3×3" in session.trouble.sentence


@pytest.mark.parametrize("method", [name for name in method_specs() if name != "ivae"])
def test_choosing_a_method_keeps_what_was_set_and_both_have(
    controller: Controller, session: Session, method: str
) -> None:
    wanted = {"endmembers": 4, "illumination": True, "seed": 7, "epochs": 11, "auxiliary": "blocks"}
    for name, value in wanted.items():
        controller.set_option(name, value)
    controller.choose_method(method)
    spec, preset = session.spec.model_dump(), spec_class(method).model_validate({}).model_dump()
    assert spec == {**preset, **{name: value for name, value in wanted.items() if name in preset}}
    assert session.trouble is None


def test_a_preset_that_nobody_changed_gives_way_to_the_next_methods(controller: Controller, session: Session) -> None:
    controller.choose_method("vae")
    assert session.spec == spec_class("vae").model_validate({})


def test_a_value_that_the_next_method_refuses_is_left_out(controller: Controller, session: Session) -> None:
    session.spec = spec_class("ivae").model_construct(**{**session.spec.model_dump(), "seed": -5, "endmembers": 4})
    controller.choose_method("vae")
    assert session.spec == spec_class("vae").model_validate({"endmembers": 4})


def test_counting_is_told_by_a_value(session: Session, cube: Cube, tools: Any) -> None:
    runner = tools.HeldRunner()
    Controller(session, runner, tools.make_engine()).add_cube(cube)
    assert doing(session) is Doing.COUNTING
    for job in list(runner.jobs):
        job.finish()
    assert doing(session) is None


def test_an_array_that_was_closed_while_it_was_copied_becomes_no_cube(session: Session, tools: Any) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    kept, closed = np.zeros((9, 4, 5), np.float32), np.zeros((9, 4, 5), np.float32)
    for data in (kept, closed):
        controller.adopt(data, "by hand")
    controller.abandon(closed)
    for job in list(runner.jobs[:2]):
        job.finish()
    assert session.cubes == (session.cube,)
    assert session.adopted is not None
    assert session.adopted.data is kept
    assert session.adopted.cube is session.cube
    controller.remove_cube(session.adopted.cube)
    assert session.adopted is None


def test_what_makes_a_result_out_of_date(controller: Controller, session: Session, cube: Cube, tools: Any) -> None:
    controller.set_annotation(painted(cube, 1, 2))
    controller.start()
    assert out_of_date(session) == ""
    controller.set_meaning(1, Meaning("region", "shore"))
    assert out_of_date(session) == ""  # a region's name changes nothing
    controller.set_meaning(1, Meaning("ignore"))
    assert out_of_date(session) == "painted since"
    controller.set_meaning(1, Meaning("region"))
    controller.set_labels(painted(cube, 1, 3).labels)
    assert out_of_date(session) == "painted since"
    controller.set_labels(painted(cube, 1, 2).labels)
    assert out_of_date(session) == ""
    controller.choose_method("vae")
    assert out_of_date(session) == "another method since"
    controller.choose_method("ivae")
    controller.add_cube(tools.make_cube(name="other"))
    assert out_of_date(session) == ""  # it has no run yet
    assert shown(session) is None
    assert session.spec == spec_class("ivae").model_validate({})
    controller.set_cube(cube)
    assert shown(session) is not None


def test_a_run_goes_on_while_another_cube_is_looked_at(
    held: tuple[Controller, Any], session: Session, cube: Cube, tools: Any
) -> None:
    controller, runner = held
    other = tools.make_cube(name="other")
    controller.start()
    runner.jobs[0].step()
    controller.add_cube(other)
    assert session.cube is other
    assert session.state == "training"
    assert shown(session) is None
    runner.jobs[0].step()
    assert shown(session) is None
    runner.jobs[0].finish()
    assert session.run is None  # this cube has none
    assert not runner.jobs[0].cancelled
    controller.set_cube(cube)
    assert session.run is not None
    assert session.run.cube is cube
    controller.cancel()


def test_closing_the_cube_of_the_run_cancels_it(
    held: tuple[Controller, Any], session: Session, cube: Cube, tools: Any
) -> None:
    controller, runner = held
    other = tools.make_cube(name="other")
    controller.start()
    runner.jobs[0].step()
    controller.add_cube(other)
    controller.remove_cube(cube)
    assert runner.jobs[0].cancelled
    assert session.state == "idle"
    assert session.training is None
    assert session.cube is other


def test_renaming_goes_everywhere(controller: Controller, session: Session, cube: Cube) -> None:
    controller.set_annotation(Annotation(painted(cube, 1).labels, {1: Meaning("material", "endmember 1")}))
    controller.start()
    controller.rename_endmember(0, " tree ")
    assert shown_names(session)[0] == "tree"
    assert session.annotation is not None
    assert session.annotation.meaning(1).name == "tree"
    assert out_of_date(session) == ""
    controller.rename_endmember(1, "tree")
    assert shown_names(session)[1] == "tree 2"
    controller.rename_endmember(1, "  ")
    assert shown_names(session)[1] == "tree 2"


def test_the_users_names_survive_a_retraining(controller: Controller, session: Session) -> None:
    controller.start()
    controller.rename_endmember(2, "water")
    controller.set_option("seed", 3)
    controller.start()
    assert shown_names(session) == ("endmember 1", "endmember 2", "water")


def test_pixels_outside_are_ignored(controller: Controller, session: Session) -> None:
    controller.select_pixel(2, 3)
    controller.select_pixel(-1, 3)
    controller.select_pixel(2, 10)
    assert session.pixel == (2, 3)


def test_joined_cubes_become_the_current_one_and_a_refusal_is_a_sentence(
    controller: Controller, session: Session, cube: Cube, tools: Any
) -> None:
    for other in (tools.make_cube(name="later", seed=1), tools.make_cube(bands=7, name="few")):
        controller.add_cube(other)
    controller.set_cube(cube)
    assert [known.name for known in joinable(session)] == ["scene", "later"]
    controller.join(session.cubes)
    assert session.trouble is not None
    assert session.trouble.step == "cube"
    assert "scene has 8 bands but few has 7" in session.trouble.sentence
    assert session.cube is cube
    controller.join(joinable(session))
    assert session.trouble is None
    assert session.cube is session.cubes[-1]
    assert session.cube.name == "scene + later"
    assert acquisition_count(session) == 2
    assert [known.name for known in joinable(session)] == ["scene", "later"]
    assert session.chore is None


def test_joining_during_a_run_leaves_it_alone(
    held: tuple[Controller, Any], session: Session, cube: Cube, tools: Any
) -> None:
    controller, runner = held
    other = tools.make_cube(seed=1)
    controller.start()
    controller.add_cube(other)
    controller.join((cube, other))
    runner.jobs[-1].finish()
    assert len(session.cubes) == 3
    assert session.cube is session.cubes[2]
    assert session.state == "training"
    assert session.training is not None
    assert session.training.cube is cube


def test_a_report_page_needs_a_checked_result(session: Session, cube: Cube, tools: Any, tmp_path: Any) -> None:
    def page(run: Any) -> Fit[Any]:
        yield Progress("writing the report page", 0, 1, 0.0)
        return tmp_path / "report.html"

    controller = Controller(session, run_inline, tools.make_engine(page=page))
    controller.add_cube(cube)
    controller.open_report()
    assert session.trouble is not None
    assert session.trouble.sentence == "There is no checked result yet: train first, and wait for the checks."
    controller.start()
    controller.open_report()
    assert session.trouble is None
    assert session.page == tmp_path / "report.html"
