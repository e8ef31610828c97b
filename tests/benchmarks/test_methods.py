"""The comparison of methods: what made-up rows say, what is run, what a run that was stopped goes on with, and a small real one."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.methods.registry import method_specs
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import blind_scene
from unmix_benchmarks import run
from unmix_benchmarks.common import method_scenes
from unmix_benchmarks.common.apart import Apart, Failure
from unmix_benchmarks.common.cases import Truth
from unmix_benchmarks.common.kept import read, write
from unmix_benchmarks.common.method_entries import default_name, entries
from unmix_benchmarks.common.method_figures import apart, figures
from unmix_benchmarks.common.method_rows import Answers, Key, Row, between, failed, still_to_run
from unmix_benchmarks.common.method_scenes import Window, cropped, places
from unmix_benchmarks.common.method_tables import losses, method_table, page, scene_tables
from unmix_benchmarks.common.peak import Peak

RESOURCES = Path(__file__).parents[2] / "resources"
FIRST, SECOND = "linear, pure pixels", "linear, no pure pixels"


def row(method: str, angle: float, error: float, scene: str = FIRST, seed: int = 0, **others: object) -> Row:
    made = Row(scene, method, seed, angle, error, 1.0, None, 0.9, 0.8, 0.7, 2.0, 100.0, commit="abc1234")
    return replace(made, **others)  # type: ignore[arg-type]


def said(rows: list[Row]) -> str:
    return "\n".join(losses(rows, entries(), places()))


# What rows say


def test_what_is_lost_is_said_first_with_whom_and_by_how_much() -> None:
    rows = [row("ivae", 1.0, 0.02), row("vae", 0.5, 0.03), row("sisal", 0.8, 0.04), row("vca-fcls", 2.0, 0.05)]
    text = said(rows)
    assert text == "\n".join(page(rows, entries(), places())).partition("\n\n| method")[0]
    assert (
        "Of 1 scenes another method that knows no more has the smaller mean angle on 1, and the smaller error on 0."
        in text
    )
    assert "the best of 3 is picked with the truth" in text
    assert f"* {FIRST}: angle 0.50° by `vae`, of `ivae` 1.00°, 2.00 times (2 of 3 methods are below it)." in text
    assert "* `vae` has 0.50 times its angle in the geometric mean over 1 scenes." in text
    assert "`vca-fcls` has" not in text
    assert "ahead most often: by angle `vae`, on 1 of 1." in text


@pytest.mark.parametrize(("other", "lost"), [(0.996, False), (0.9949, True)])
def test_what_agrees_in_every_printed_digit_is_not_lost(other: float, lost: bool) -> None:
    text = said([row("ivae", 1.0, 0.02), row("vae", other, 0.03)])
    assert (f"* {FIRST}: angle 0.99° by `vae`" in text) == lost
    assert ("ahead most often" in text) == lost


def test_means_over_seeds_are_compared_and_the_largest_loss_comes_first() -> None:
    rows = [
        *(row("ivae", 1.0 + seed, 0.02, seed=seed) for seed in range(3)),
        row("vae", 1.9, 0.03),
        row("ivae", 1.0, 0.06, SECOND),
        row("vae", 2.0, 0.02, SECOND),
    ]
    text = said(rows)
    assert text.index(f"* {SECOND}: error 0.0200 by `vae`, of `ivae` 0.0600") < text.index(f"* {FIRST}: angle 1.90°")
    assert "(no other of 1 is below it)" in text


def test_a_library_is_told_apart_and_never_called_the_better_method() -> None:
    text = said([row("ivae", 1.0, 0.02), row("library", 0.0, 0.001), row("vae", 2.0, 0.2)])
    assert "smaller mean angle on 0, and the smaller error on 0" in text
    assert (
        "`library`, which is given spectra to choose from, has the smaller angle on 1 and the smaller error on 1 of 1"
        in text
    )
    assert "**0.00**" not in "\n".join(
        scene_tables([row("ivae", 1.0, 0.02), row("library", 0.0, 0.001)], entries(), places())
    )


def test_a_method_without_an_answer_is_a_row_that_says_why() -> None:
    rows = [row("ivae", 1.0, 0.02), failed(Key(FIRST, "vae", 0), Failure("The network ended."))]
    assert f"* No answer: `vae` on {FIRST}: The network ended." in said(rows)
    tables = "\n".join(scene_tables(rows, entries(), places()))
    assert "| `vae` | no answer |" in tables
    assert not [line for line in method_table(rows, entries()) if "`vae`" in line]


def test_scenes_have_means_spreads_and_the_smallest_in_bold() -> None:
    rows = [
        *(row("ivae", 1.0 + seed, 0.02, seed=seed) for seed in range(3)),
        row("vae", 2.5, 0.01),
        row("sisal", 3.0, 0.03, SECOND),
    ]
    lines = scene_tables(rows, entries(), places())
    assert f"| {FIRST} | simulated | 48×48, 4 materials, 30 dB, seed 905000 |" in lines
    assert f"| method | {FIRST} | {SECOND} |" in lines
    assert "| `ivae` | **2.00** ± 1.00 | – |" in lines
    assert "| `vae` | 2.50 | – |" in lines
    assert "| `vae` | **0.0100** | – |" in lines
    assert "published and real scenes" not in "\n".join(lines)


def test_methods_have_claims_beside_what_their_seeds_agree_in() -> None:
    rows = [
        row("ivae", 1.0, 0.02, between=1.0),
        row("ivae", 2.0, 0.04, SECOND, between=0.9),
        row("vae", 4.0, 0.02, between=0.5, memory=None),
        row("vae", 2.0, 0.08, SECOND, between=0.7, seconds=6.0, memory=None),
        row("sisal", 0.5, 0.02),
    ]
    lines = {line.split("`")[1]: line for line in method_table(rows, entries()) if "`" in line}
    assert "| 1.000 (0.900) |" not in lines["ivae"]
    assert "| 0.950 (0.900) | 0.90 / 0.80 / 0.70 | 1.00 | 1.00 |  | 2.0 | 100 |" in lines["ivae"]
    assert "| baseline | nothing | 2 | 1 | 0.600 (0.500) |" in lines["vae"]
    assert "| 2.00 | 1.41 | 0, 0 of 2 | 4.0 | – |" in lines["vae"]
    assert "| draws nothing |" in lines["sisal"]
    assert "| 0.50 | 1.00 | 1, 0 of 1 |" in lines["sisal"]
    assert f"| {method_specs()['sisal']().unique_if} |" in lines["sisal"]


def test_figures_have_a_dot_for_each_method_on_each_scene() -> None:
    rows = [row("ivae", 1.0, 0.02), row("vae", 2.0, 0.0), row("library", 0.0, 0.01), row("ivae", 3.0, 0.1, SECOND)]
    drawn = figures(rows, entries(), places())
    assert set(drawn) == {"scenes", "cost"}
    titles = {
        name: [node.text for node in ElementTree.fromstring(text).iter() if node.tag.endswith("title")]
        for name, text in drawn.items()
    }
    assert titles["scenes"].count("ivae: 1.00") == titles["scenes"].count("ivae: 3.00") == 1
    assert {"vae: 2.00", "vae: 0.0000", "library: 0.00"} <= set(titles["scenes"])
    assert "vae: 2.0 s, 2.00" in titles["cost"]
    assert not [title for title in titles["cost"] if title and title.startswith("library")]


def test_names_in_a_figure_do_not_cover_each_other() -> None:
    generator = np.random.default_rng(0)
    dots = [(float(x), float(y)) for x, y in generator.uniform(0, 60, (25, 2))]
    long = 5.2 * len("some method")
    placed = [(x, height) for (x, _), height in zip(dots, apart(dots, ["some method"] * 25), strict=True)]
    for k, (x, height) in enumerate(placed):
        assert all(abs(height - level) >= 10 or abs(x - other) > long for other, level in placed[k + 1 :])
    assert apart([(0.0, 5.0), (500.0, 5.0)], ["a", "b"]) == [5.0, 5.0]


def test_the_pages_say_what_the_rows_say() -> None:
    rows = read(RESOURCES / "benchmarks" / "methods.csv", Row)
    printed = (RESOURCES / "benchmarks" / "methods.md").read_text(encoding="utf-8")
    assert printed.startswith("\n".join(page(rows, entries(), places())))
    scenes = (RESOURCES / "benchmarks" / "methods-scenes.md").read_text(encoding="utf-8")
    assert scenes.startswith("\n".join(scene_tables(rows, entries(), places())))
    for name, drawn in figures(rows, entries(), places()).items():
        assert (RESOURCES / "gallery" / f"methods-{name}.svg").read_text(encoding="utf-8") == drawn
    comparison = (RESOURCES / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert comparison.index("include resources/benchmarks/methods.md") < comparison.index("methods-scenes.svg")


# What is run


def test_every_method_of_the_registry_is_there_and_says_what_it_claims() -> None:
    every = entries()
    assert {entry.method for entry in every} == set(method_specs())
    assert len({entry.name for entry in every}) == len(every)
    assert [entry.name for entry in every if entry.knows_more] == ["library"]
    assert default_name() == "ivae"
    for entry in every:
        assert bool(entry.spec.unique_if) != bool(entry.spec.why_not_identifiable)
    with pytest.raises(UnmixError, match="no method 'vca' in this comparison: choose from ivae, "):
        entries(["ivae", "vca"])


def test_the_page_of_methods_says_the_same_conditions() -> None:
    page_of_methods = (RESOURCES / "docs" / "methods" / "index.md").read_text("utf-8")
    words = {entry.spec.unique_if for entry in entries()} - {""}
    assert len(words) == 5
    assert [said for said in words if said not in page_of_methods] == []


def test_what_draws_nothing_runs_once_and_is_the_same_for_every_seed() -> None:
    made = blind_scene(7, materials=3, pure=True, kind="linear", decibels=30, size=12).cube
    assert made.wavelengths is not None
    cube = Cube(made.spectra[..., ::6], made.wavelengths[::6])
    drawn = {entry.name for entry in entries() if list(entry.seeds([4, 5])) == [4, 5]}
    assert {"ivae", "vae", "vca-fcls", "ppi + fcls", "mvsa + fcls", "vca + sunsal"} <= drawn
    once = [entry for entry in entries() if entry.name not in drawn]
    assert len(once) == 8
    for entry in once:
        answers = [
            drain(unmix(cube, entry.spec.model_copy(update={"endmembers": 3, "seed": seed}))).endmembers
            for seed in (0, 1)
        ]
        np.testing.assert_array_equal(*answers)


def test_seeds_are_compared_in_any_order_of_their_endmembers(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "answers")
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    keys = [Key(FIRST, "vae", seed) for seed in range(3)]
    answers.put(keys[0], shares)
    assert between(keys, answers) is None
    answers.put(keys[1], shares[:, [2, 0, 1]])
    assert between(keys, answers) == pytest.approx(1)
    again = Answers(tmp_path / "answers")  # what a run that was stopped has left
    again.put(keys[2], np.random.default_rng(1).dirichlet(np.ones(3), 200))
    agreed = between(keys, again)
    assert agreed is not None
    assert 0.3 < agreed < 0.6  # one pair of three agrees
    again.forget()
    assert not (tmp_path / "answers").exists()


def test_only_what_is_missing_is_run_and_what_it_is_compared_with() -> None:
    wanted = [Key(FIRST, method, seed) for method in ("ivae", "vae") for seed in (0, 1)]
    there = {key: Row(*key, angle=1.0, error=0.1) for key in wanted}
    assert still_to_run(wanted, there, Answers()) == []
    del there[wanted[1]]
    assert still_to_run(wanted, there, Answers()) == wanted[:2]
    held = Answers()
    held.put(wanted[0], np.ones((2, 2)))
    assert still_to_run(wanted, there, held) == [wanted[1]]
    there[wanted[0]] = failed(wanted[0], Failure("no"))
    assert still_to_run(wanted, there, Answers()) == [wanted[1]]


def test_a_window_of_a_scene_is_that_part_of_cube_and_truth() -> None:
    scene = blind_scene(1, materials=3, pure=True, kind="linear", decibels=30, size=16)
    cube, truth = cropped(scene.cube, Truth(scene.endmembers, scene.abundances), Window(3, 5, 8))
    np.testing.assert_array_equal(cube.spectra, scene.cube.spectra[3:11, 5:13])
    assert truth.abundances is not None
    np.testing.assert_array_equal(truth.abundances, scene.abundances[3:11, 5:13])
    assert Window(3, 5, 8).said() == "rows 3–10, columns 5–12"


# Processes of their own


@pytest.mark.skipif(not hasattr(os, "fork"), reason="calls are forked")
def test_a_call_is_a_process_of_its_own_and_one_that_ends_badly_stops_no_other() -> None:
    with Apart() as calls:
        numbers = {calls.call(os.getpid) for _ in range(3)}
        assert len(numbers | {os.getpid()}) == 4
        assert calls.call(int, "x") == Failure("ValueError: invalid literal for int() with base 10: 'x'")
        assert calls.call(os._exit, 3) == Failure("its process ended with 3")
        assert calls.call(print, "to nobody") is None
        assert calls.call(max, 3, 7) == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="calls are forked")
def test_a_server_ends_though_nobody_reads_its_last_answer() -> None:
    calls = Apart()
    to_server, _ = calls._pipes
    pickle.dump((bytes, (1_000_000,)), to_server)  # more than a pipe holds
    to_server.flush()
    ending = threading.Thread(target=calls.__exit__, args=(None, None, None), daemon=True)
    ending.start()
    ending.join(20)
    alive = ending.is_alive()
    calls._server.kill()
    assert not alive


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_a_peak_is_of_what_came_after_it_and_stays_when_that_is_gone() -> None:
    peak = Peak()
    before = peak.bytes()
    size = len(np.ones(8_000_000).tobytes())  # 64 MB twice, gone at once
    assert 0.9 * size < peak.bytes() - before < 4 * size


# One real run


def test_a_small_run_is_scored_printed_drawn_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method_scenes, "_SIZE", 20)
    asked = ["--rows", "linear, no", "--methods", "sisal", "vca-fcls", "--here", "--out", str(tmp_path), "--keep"]
    kept = Row(SECOND, "sisal", 0, 9.0, 0.5, 0.0, seconds=1.0, commit="abc1234")
    write([kept], tmp_path / "methods.csv.part")
    assert run("methods", [*asked, "--seeds", "0", "1", "--figures", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.err.splitlines()] == [
        f"{SECOND} · vca-fcls · {seed}" for seed in (0, 1)
    ]
    assert (tmp_path / "methods.md").read_text(encoding="utf-8") in printed.out + "\n"
    assert "rows of the commits abc1234, " in (tmp_path / "methods-scenes.md").read_text(encoding="utf-8")
    rows = {found.key: found for found in read(tmp_path / "methods.csv", Row)}
    assert rows[kept.key] == kept
    first, second = (rows[Key(SECOND, "vca-fcls", seed)] for seed in (0, 1))
    assert first.between == second.between
    assert 0.5 < _number(first.between) <= 1
    assert 0 < _number(first.angle) < 30
    assert 0 < _number(first.disentanglement) < 1
    assert first.memory is None  # of a process that others share
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "methods-cost.svg",
        "methods-scenes.md",
        "methods-scenes.svg",
        "methods.csv",
        "methods.md",
    ]
    with pytest.raises(UnmixError, match="Nothing was run"):
        run("methods", ["--rows", "nowhere", "--here"])


def _number(value: float | None) -> float:
    assert value is not None
    return value
