"""How the command line ends: by a signal at any moment, on a full disk, with nobody who listens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_unmix.output.run import read_run

resource = pytest.importorskip("resource")  # and with it POSIX
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
# In one process, a child of which is ended at each of its file operations in turn: OUT CUBE SIGNAL.
ENDED_ANYWHERE = """
import io, os, signal, sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from napari_unmix import Cube, read_cube, drain, unmix, assess, method_specs, write_run
from napari_unmix.cli import main
import napari_unmix.cli.report_command, napari_unmix.output.page.render, napari_unmix.output.page.contents

out, cube, number = Path(sys.argv[1]), read_cube(sys.argv[2]), int(sys.argv[3])
result = drain(unmix(cube, method_specs()["vca-fcls"](endmembers=3)))
report = drain(assess(cube, result))
signal.signal(signal.SIGINT, signal.default_int_handler)

def ended(at):
    count = [0]
    def hook(event, arguments):
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link") and ".napari-unmix-" in str(arguments[0]):
            count[0] += 1
            if count[0] == at:
                signal.raise_signal(number)
    def write(arguments):
        sys.addaudithook(hook)
        write_run(out / "run", cube, result, report, overwrite=True)
        return 0
    napari_unmix.cli.report_command.run = write
    said = io.StringIO()
    with redirect_stderr(said):
        status = main(["report", "x"])
    print(at, status, said.getvalue().strip(), sorted(path.name for path in out.iterdir()), sep="|", flush=True)
    os._exit(0 if count[0] >= at else 7)

at = 1
while True:
    child = os.fork()
    if child == 0:
        ended(at)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7:
        break
    at += 1
"""


def command(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "napari_unmix", *map(str, words)],
        text=True,
        check=False,
        stderr=subprocess.PIPE,
        **options,
    )  # type: ignore[call-overload, no-any-return]


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES)
def test_wherever_a_signal_comes_what_is_said_is_true_and_nothing_is_left(
    tmp_path: Path, cube_file: Path, number: int
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "-c", ENDED_ANYWHERE, str(out), str(cube_file), str(int(number))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert len(lines) > 30
    there = False
    for _, status, said, names in lines[:-1]:
        assert status == str(CODES[signal.Signals(number)])
        assert re.fullmatch(
            r"napari-unmix: (cancelled|ended by SIG(TERM|HUP))(, nothing written\.|; \S+/run is written and whole\.)",
            said,
        )
        there = there or "written and whole" in said
        assert names == ("['run']" if there else "[]")
    assert lines[-1][1:3] == ["0", ""]  # after the last operation nothing was left to end
    assert there
    read_run(out / "run")


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES)
def test_a_signal_in_the_first_moments_is_one_sentence(tmp_path: Path, cube_file: Path, number: signal.Signals) -> None:
    """From when our first line runs: the interpreter's own first moments are its own."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from napari_unmix.cli import main\n"
        "print('here', flush=True); sys.exit(main())"
    )
    words = [sys.executable, "-c", code, "unmix", str(cube_file), "--epochs", "500", "--endmembers", "3"]
    for milliseconds in (10, 30, 60, 120, 250, 500):
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(milliseconds / 1000)
            process.send_signal(number)
            _, said = process.communicate()
        assert process.returncode == CODES[number]
        assert said.splitlines()[-1].endswith(", nothing written.")
        assert "Traceback" not in said
        assert "ignored" not in said
    assert [path.name for path in tmp_path.iterdir()] == [cube_file.name]


def test_nothing_heavy_is_imported_before_signals_are_ours() -> None:
    code = "import sys; before = set(sys.modules); import napari_unmix.cli; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['__future__', 'napari_unmix', 'napari_unmix.cli']"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_where_nothing_can_be_printed_the_run_is_said_to_be_written(tmp_path: Path, cube_file: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = command("unmix", cube_file, "--method", "vca-fcls", "--out", "run", stdout=full, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "napari-unmix: what is printed could not be written (the disk is full): print to another place; "
        f"{tmp_path / 'run'} is written and whole."
    )
    read_run(tmp_path / "run")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "napari_unmix", "info", str(tmp_path / "no.hdr")],
            stderr=full,
            stdout=full,
            check=False,
        )
    assert done.returncode == 2  # a complaint that nobody hears is still a refusal


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["unmix", "small.npz", "--method", "vca-fcls", "--endmembers", "3", "--out", "out"], "out/abundances.npy"),
        *((["convert", "small.npz", f"maps{end}"], f"maps{end}") for end in (".img", ".tif", ".mat", ".npz", ".bsq")),
    ],
)
def test_a_full_disk_is_called_full_and_the_file_named(
    tmp_path: Path, cube_file: Path, words: list[str], file: str
) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = command(*words, cwd=tmp_path, preexec_fn=limit)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"napari-unmix: {tmp_path / file} failed, the disk is full: make room on it, or choose another place."
    ).replace(f"{tmp_path}/maps", "maps")
    assert os.listdir(tmp_path) == [cube_file.name]
