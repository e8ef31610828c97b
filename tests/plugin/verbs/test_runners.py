"""The worker thread: pacing, errors, cancel, pause, close."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from napari_unmix.plugin.verbs.jobs import Handlers, RunFailed
from napari_unmix.plugin.verbs.runners import run_in_thread, run_inline
from napari_unmix.progress import Fit, Preview, Progress
from napari_unmix.sentences import UnmixError

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("qapp")]  # the thread is Qt's


class Ear:
    """Hears what a job says, and in which thread."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.previews: list[Any] = []
        self.ends: list[Any] = []
        self.threads: set[int] = set()
        self.handlers = Handlers(self._progress, self._preview, self._end, self._end, lambda: self._end("stopped"))

    def _progress(self, progress: Progress) -> None:
        self.progress.append(progress)
        self.threads.add(threading.get_ident())

    def _preview(self, preview: Preview) -> None:
        self.previews.append(preview)
        self.threads.add(threading.get_ident())

    def _end(self, value: Any) -> None:
        self.ends.append(value)
        self.threads.add(threading.get_ident())


def steps(seconds: float, closed: threading.Event | None = None, snapshots: list[int] | None = None) -> Fit[str]:
    """Steps of a millisecond."""
    end = time.monotonic() + seconds
    try:
        step = 0
        while time.monotonic() < end:
            step += 1

            def snapshot(step: int = step) -> Any:
                if snapshots is not None:
                    snapshots.append(threading.get_ident())
                return step

            yield Progress("fitting", step, 0, 0.5, snapshot=snapshot)
            time.sleep(0.001)
    finally:
        if closed is not None:
            closed.set()
    return "result"


def test_a_fast_fit_is_paced(qtbot: Any) -> None:
    ear, snapshots = Ear(), []
    run_in_thread(lambda: steps(1.2, snapshots=snapshots), ear.handlers)
    qtbot.waitUntil(lambda: bool(ear.ends), timeout=5000)
    assert ear.ends == ["result"]
    assert 3 <= len(ear.progress) <= 1.2 * 20 + 3
    assert 2 <= len(ear.previews) <= 3
    assert all(progress.snapshot is None for progress in ear.progress)
    assert ear.threads == {threading.get_ident()}
    assert threading.get_ident() not in snapshots


def test_cancel_closes_the_generator(qtbot: Any) -> None:
    ear, closed = Ear(), threading.Event()
    job = run_in_thread(lambda: steps(30, closed), ear.handlers)
    qtbot.waitUntil(lambda: bool(ear.progress), timeout=3000)
    start = time.monotonic()
    job.cancel()
    assert job.wait(3.0)
    assert time.monotonic() - start < 2  # of the thirty seconds that the fit has
    assert closed.is_set()
    qtbot.waitUntil(lambda: ear.ends == ["stopped"], timeout=3000)


def test_a_job_that_never_began_need_not_be_waited_for(qtbot: Any) -> None:
    ear, closed = Ear(), threading.Event()
    job = run_in_thread(lambda: steps(30, closed), ear.handlers)
    job.cancel()
    assert job.wait(0.0) or job.wait(3.0)
    qtbot.waitUntil(lambda: ear.ends == ["stopped"], timeout=3000)


def test_pause_holds_the_steps(qtbot: Any) -> None:
    ear = Ear()
    job = run_in_thread(lambda: steps(30), ear.handlers)
    qtbot.waitUntil(lambda: bool(ear.progress), timeout=3000)
    job.pause()
    qtbot.wait(150)
    held = len(ear.progress)
    qtbot.wait(200)
    assert len(ear.progress) == held
    job.resume()
    qtbot.waitUntil(lambda: len(ear.progress) > held, timeout=3000)
    job.pause()
    job.cancel()
    assert job.wait(3.0)
    qtbot.waitUntil(lambda: bool(ear.ends), timeout=3000)


def test_a_real_torch_error_reaches_the_user(qtbot: Any) -> None:
    torch = pytest.importorskip("torch")

    def fit() -> Fit[None]:
        yield Progress("multiplying", 0, 1, 0.0)
        torch.ones(2, 3) @ torch.ones(4, 5)

    ear = Ear()
    run_in_thread(fit, ear.handlers)
    qtbot.waitUntil(lambda: bool(ear.ends), timeout=5000)
    error = ear.ends[0]
    assert isinstance(error, RunFailed)
    assert not isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, RuntimeError)
    assert "mat1 and mat2" in str(error)


@pytest.mark.parametrize("run", [run_inline, run_in_thread])
def test_a_sentence_for_the_user_stays_as_it_is(run: Any, qtbot: Any) -> None:
    def fit() -> Fit[None]:
        yield Progress("checking", 0, 1, 0.0)
        raise UnmixError("The cube is empty (0×0×0): check the file.")

    ear = Ear()
    run(fit, ear.handlers)
    qtbot.waitUntil(lambda: bool(ear.ends), timeout=5000)
    assert isinstance(ear.ends[0], UnmixError)


def test_lack_of_memory_has_its_own_remedy() -> None:
    def fit() -> Fit[None]:
        yield Progress("fitting", 0, 1, 0.0)
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 400 bytes")

    ear = Ear()
    run_inline(fit, ear.handlers)
    assert "smaller batch" in str(ear.ends[0])
