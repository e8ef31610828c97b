"""Nothing is asked of a network, neither by importing nor by running."""

from __future__ import annotations

import os
import subprocess
import sys

FORBIDDEN = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg", "socket.bind"):
        raise RuntimeError(f"a network was asked for: {event} {arguments[1:]}")

sys.addaudithook(refuse)
"""
WORK = """
import pkgutil, importlib
import napari_unmix
from napari_unmix import Annotation, Cube, assess, drain, method_specs, read_cube, read_run, sample_scene, unmix, write_run
import numpy as np
from dataclasses import replace

for module in pkgutil.walk_packages(napari_unmix.__path__, "napari_unmix."):
    if ".plugin" not in module.name and not module.name.endswith(("__main__", "launch")):
        importlib.import_module(module.name)
scene = sample_scene().cube.spectra[40:52, 40:54, ::8]
np.save("cube.npy", scene)
cube = replace(read_cube("cube.npy"), wavelengths=np.linspace(400, 2400, scene.shape[2]))
for name, spec in method_specs().items():
    short = {"epochs": 1} if "epochs" in spec.model_fields else {}
    result = drain(unmix(cube, spec(endmembers=2, **short)))
report = drain(assess(cube, result))
write_run("run", cube, result, report)
read_run("run")
print("done")
"""


def run(program: str, folder: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FORBIDDEN + program],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_asked_of_a_network(tmp_path: object) -> None:
    done = run(WORK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("done")


def test_what_asks_a_network_is_caught(tmp_path: object) -> None:
    done = run("import socket\nsocket.create_connection(('127.0.0.1', 9))", tmp_path)
    assert done.returncode != 0
    assert "a network was asked for" in done.stderr
