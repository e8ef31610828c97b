"""Stacks of microscopes. No library writes these formats: objects of the libraries' interface stand in for their files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_unmix.io.assemble import build_cube
from napari_unmix.io.raster.microscopy import czi_stack, is_czi, is_lif, is_nd2, lif_stack, nd2_stack, stored_of
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)
PATH = Path("stack.czi")


def czi_xml(channels):
    around = ("ImageDocument", "Metadata", "Information", "Image", "Dimensions", "Channels")
    return "".join(f"<{name}>" for name in around) + channels + "".join(f"</{name}>" for name in reversed(around))


def czi(spectra, axes="SCZYX0", channels=""):
    array = np.moveaxis(spectra, 2, 0).reshape([{"C": 8, "Y": 6, "X": 5}.get(name, 1) for name in axes])
    return SimpleNamespace(
        axes=axes, shape=array.shape, dtype=array.dtype, asarray=lambda: array, metadata=lambda: czi_xml(channels)
    )


def nd2(spectra, emission, **further):
    channels = [
        SimpleNamespace(channel=SimpleNamespace(emissionLambdaNm=place, name=f"S{at}"))
        for at, place in enumerate(emission)
    ]
    array = np.moveaxis(spectra, 2, 0)
    sizes = further | {"C": 8, "Y": 6, "X": 5}
    return SimpleNamespace(
        metadata=SimpleNamespace(channels=channels), sizes=sizes, dtype=array.dtype, asarray=lambda: array
    )


def lif(spectra, metres=True):
    array = np.moveaxis(spectra, 2, 0)
    coords = {"λ": NM * 1e-9 if metres else NM}
    return SimpleNamespace(
        dims=("λ", "Y", "X"), shape=array.shape, coords=coords, dtype=array.dtype, asarray=lambda: array
    )


RANGE = '<Channel Name="C"><DetectionWavelength><Ranges>{}-{}</Ranges></DetectionWavelength></Channel>'
DETECTED = "".join(RANGE.format(place - 4, place + 4) for place in NM)
EMITTED = "".join(f"<Channel><EmissionWavelength>{place}</EmissionWavelength></Channel>" for place in NM)
NAMED = "".join(f'<Channel Name="ChS1-{place:g}"/>' for place in NM)


@pytest.mark.parametrize("channels", [DETECTED, EMITTED, NAMED], ids=["detected", "emitted", "named"])
def test_zeiss(spectra, channels):
    cube = build_cube(stored_of(czi_stack(czi(spectra, channels=channels)), PATH), PATH)
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_allclose(cube.wavelengths, NM)


def test_nikon_and_leica(spectra):
    for stack in (
        nd2_stack(nd2(spectra, NM)),
        nd2_stack(nd2(spectra, NM, T=1, Z=1)),
        lif_stack(lif(spectra)),
        lif_stack(lif(spectra, metres=False)),
    ):
        cube = build_cube(stored_of(stack, PATH), PATH)
        np.testing.assert_array_equal(cube.spectra, spectra)
        np.testing.assert_allclose(cube.wavelengths, NM)


def test_channels_of_dyes_have_no_places(spectra):
    assert build_cube(stored_of(nd2_stack(nd2(spectra, [525, None] * 4)), PATH), PATH).wavelengths is None
    assert build_cube(stored_of(nd2_stack(nd2(spectra, [525] * 8)), PATH), PATH).wavelengths is None
    assert build_cube(stored_of(czi_stack(czi(spectra)), PATH), PATH).wavelengths is None


def test_further_axes_and_single_channels_are_refused(spectra):
    with pytest.raises(UnmixError, match=r"stack\.czi holds 3 times and 2 planes beside its 8 bands: save one of them"):
        stored_of(nd2_stack(nd2(spectra, NM, T=3, Z=2)), PATH)
    single = SimpleNamespace(
        metadata=None, sizes={"Y": 6, "X": 5}, dtype=np.dtype("u2"), asarray=lambda: np.zeros((6, 5), "u2")
    )
    with pytest.raises(UnmixError, match=r"stack\.czi has one channel: a spectral stack has one for each band"):
        stored_of(nd2_stack(single), PATH)


def test_a_stack_beyond_the_memory_is_not_read(spectra):
    def read():
        pytest.fail("it was read")

    huge = SimpleNamespace(metadata=None, sizes={"C": 100, "Y": 10**6, "X": 10**6}, dtype=np.dtype("u2"), asarray=read)
    with pytest.raises(UnmixError, match=r"stack\.czi needs 600 TB, this machine can give"):
        stored_of(nd2_stack(huge), PATH)


def test_first_bytes():
    assert is_czi(PATH, b"ZISRAWFI")
    assert is_nd2(Path("a.x"), b"\xda\xce\xbe\x0a\0\0\0\0")
    assert is_nd2(Path("a.nd2"), b"\0\0\0\x0cjP  ")
    assert not is_nd2(Path("a.jp2"), b"\0\0\0\x0cjP  ")
    assert is_lif(Path("a.lif"), b"\x70\0\0\0\x10\0\0\0")


DAMAGED = [
    ("a.czi", b"ZISRAWFILE", "czifile"),
    ("a.nd2", b"\xda\xce\xbe\x0a", "nd2"),
    ("a.lif", b"\x70\0\0\0", "liffile"),
]


@pytest.mark.parametrize(
    ("name", "start", "library"),
    DAMAGED,
)
def test_damage_and_the_extra(tmp_path, name, start, library):
    from napari_unmix.io import can_read, read_cube

    (tmp_path / name).write_bytes(start + bytes(200))
    pattern = rf"{name} (is damaged, or newer than its library knows \(.*\): save it as OME-TIFF|needs a library for its format)"
    with pytest.raises(UnmixError, match=pattern):
        read_cube(tmp_path / name)
    assert not can_read(tmp_path / name)
    code = f"import sys; sys.modules['{library}'] = None\nfrom napari_unmix import read_cube\nread_cube(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert f'{name} needs a library for its format: pip install "napari-unmix[microscopy]".' in done.stderr
