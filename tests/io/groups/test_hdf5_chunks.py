"""Chunks of HDF5 that are unpacked here: the same numbers as h5py's, never more than is claimed, and those that are not there are said."""

from __future__ import annotations

import ctypes
import struct
import tracemalloc
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unmix import UnmixError, read_cube
from napari_unmix.io.groups.hdf5_chunks import Hdf5Array
from napari_unmix.io.unpacked import check_bitshuffle

PACKINGS = [
    {},
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"shuffle": True, "fletcher32": True},
    {"compression": "lzf"},
    {"compression": "szip"},
    {"scaleoffset": 0},
]


def write(path: Path, cube: np.ndarray, **options: object) -> Path:
    """A cube of bands last with its wavelengths."""
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=cube, **options)
        file["wavelength"] = np.linspace(400, 900, cube.shape[2])
    return path


def stored_raw(path: Path, chunk: bytes, *, claimed: tuple[int, int, int] = (4, 4, 8)) -> Path:
    """A gzip file of one chunk whose packed bytes are given."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("cube", claimed, "f4", chunks=claimed, compression="gzip")
        dataset.id.write_direct_chunk((0, 0, 0), chunk)
        file["wavelength"] = np.linspace(400, 900, claimed[2])
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    chunks=st.tuples(*[st.integers(1, 9)] * 3),
    kind=st.sampled_from(["<f4", ">f4", "<i2", ">u2", "<f8", "u1"]),
    packing=st.sampled_from(PACKINGS[:5]),
    data=st.data(),
)
def test_any_part_is_what_h5py_reads(tmp_path, shape, chunks, kind, packing, data):
    values = np.random.default_rng(0).integers(0, 200, shape).astype(kind)
    limits = tuple(min(one, length) for one, length in zip(chunks, shape, strict=True))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=limits, **packing)
    index = tuple(
        data.draw(st.integers(0, length - 1) | st.builds(slice, st.integers(0, length), st.none(), st.integers(1, 4)))
        for length in shape
    )
    with h5py.File(tmp_path / "a.h5") as file:
        found = Hdf5Array(file["x"], "x")[index]
        np.testing.assert_array_equal(found, file["x"][index])
    assert found.dtype == values.dtype


@pytest.mark.parametrize("packing", PACKINGS, ids=lambda packing: "+".join(map(str, packing)) or "bare")
def test_every_usual_packing_is_read(tmp_path, packing):
    cube = np.random.default_rng(0).integers(1, 3000, (9, 8, 12)).astype(np.int16)
    chunks = {"chunks": (4, 4, 12)} if packing else {}
    read = read_cube(write(tmp_path / "a.h5", cube, **chunks, **packing), scale=1, repair="none")
    np.testing.assert_array_equal(read.spectra, cube)
    assert not any("never written" in said for said in read.repairs)


@pytest.mark.parametrize("stored", [40_000, 400])
def test_a_bomb_is_refused_within_what_it_claims(tmp_path, stored):
    packed = zlib.compress(bytes(stored * 1000), 9)
    path = stored_raw(tmp_path / "a.h5", packed, claimed=(16, 16, 32))
    tracemalloc.start()
    try:
        with pytest.raises(UnmixError, match=r"a\.h5/cube .*claims.*: it is damaged, copy the whole file again"):
            read_cube(path)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (zlib.compress(bytes(512))[:-6], "it ends early"),
        (zlib.compress(bytes(100)), "has 100 of its 512 bytes"),
        (b"x" * 40, "incorrect header check"),
        (b"x" * 4000, "is stored in 4,000 bytes and claims to hold 512"),
    ],
)
def test_a_damaged_chunk_is_a_sentence(tmp_path, packed, said):
    with pytest.raises(UnmixError, match=said):
        read_cube(stored_raw(tmp_path / "a.h5", packed))


def test_a_changed_byte_is_seen_by_its_checksum(tmp_path):
    cube = np.random.default_rng(0).integers(1, 3000, (4, 4, 8)).astype(np.int16)
    path = write(tmp_path / "a.h5", cube, chunks=(4, 4, 8), fletcher32=True)
    with h5py.File(path) as file:
        place = file["cube"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 5] ^= 4
    path.write_bytes(content)
    with pytest.raises(UnmixError, match="another checksum"):
        read_cube(path)


def test_too_many_chunks_are_refused_by_their_number(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("cube", (1000, 1000, 200), "f4", chunks=(1, 1, 1))
    with pytest.raises(UnmixError, match="stored in 200,000,000 chunks of 1×1×1, more than the 500,000 that are read"):
        read_cube(tmp_path / "a.h5")


def part_written(path: Path, rows: int, fill: float = 0.0) -> Path:
    """A cube of 16 rows of which some were written, each a chunk."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, (16, 6, 8)).astype(np.float32)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("cube", values.shape, "f4", chunks=(1, 6, 8), fillvalue=fill)
        dataset[:rows] = values[:rows]
        file["wavelength"] = np.linspace(400, 900, 8)
    return path


def test_chunks_that_are_not_there_are_said(tmp_path):
    said = "4 of 16 chunks were never written: their numbers were read as 0 (--no-data 0 leaves them out)"
    assert said in read_cube(part_written(tmp_path / "a.h5", 12)).repairs


def test_most_chunks_missing_is_half_of_a_copy_unless_they_are_no_data(tmp_path):
    path = part_written(tmp_path / "a.h5", 3)
    with pytest.raises(
        UnmixError, match="lacks 13 of the 16 chunks of its cube: copy the whole file again, or give --no-data 0"
    ):
        read_cube(path)
    for cube in (read_cube(path, no_data=0), read_cube(part_written(tmp_path / "b.h5", 3, np.nan))):
        assert int(cube.valid_pixels.sum()) == 18
        assert any(
            "13 of 16 chunks were never written: their numbers were read as no data" in said for said in cube.repairs
        )


def test_an_array_in_one_piece_that_was_never_written(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("cube", (16, 6, 8), "f4")
    with pytest.raises(UnmixError, match="lacks 1 of the 1 chunks"):
        read_cube(tmp_path / "a.h5")


def test_an_unknown_packing_is_refused(tmp_path):
    from napari_unmix.io.groups.blocks import Blocks

    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = Hdf5Array(file.create_dataset("x", (4, 4), "f4", chunks=(4, 4)), "x")
        with pytest.raises(UnmixError, match="packed by HDF5's filter 32026, whose size cannot be checked"):
            array._check_filter(32026, (), 64)
        with pytest.raises(UnmixError, match="its bytes are shuffled by 2,147,483,647, its numbers have 4"):
            array._check_filter(2, (2**31 - 1,), 64)
        with pytest.raises(UnmixError, match="its filter 32000 gives chunks of 3 bytes, they have 64"):
            array._check_filter(32000, (4, 261, 3), 64)
    assert Blocks((4,), (2,), np.dtype("f4"), 7, lambda place: None, "x")[1:].tolist() == [7, 7, 7]


def bare_edges(path: Path, cube: np.ndarray, **packing: object) -> Path:
    """A file whose chunks at the edge were left unpacked, an option of HDF5 that h5py does not offer."""
    library = next((Path(h5py.__file__).parents[1] / "h5py.libs").glob("libhdf5-*"), None)
    if library is None:
        pytest.skip("h5py is not linked to a library of its own")
    set_options = ctypes.CDLL(str(library)).H5Pset_chunk_opts
    set_options.argtypes = [ctypes.c_int64, ctypes.c_uint]
    with h5py.File(path, "w", libver="latest") as file:
        pattern = file.create_dataset("pattern", cube.shape, cube.dtype, chunks=(4, 4, 12), **packing)
        properties = pattern.id.get_create_plist()
        assert set_options(properties.id, 2) == 0
        space = h5py.h5s.create_simple(cube.shape)
        dataset = h5py.h5d.create(file.id, b"cube", h5py.h5t.py_create(cube.dtype), space, properties)
        h5py.Dataset(dataset)[...] = cube
        del file["pattern"]
        file["wavelength"] = np.linspace(400, 900, cube.shape[2])
    return path


@pytest.mark.parametrize("packing", PACKINGS[1:6], ids=lambda packing: "+".join(map(str, packing)))
def test_edges_that_were_left_unpacked_are_read(tmp_path, packing):
    cube = np.random.default_rng(0).integers(1, 3000, (9, 10, 12)).astype(np.int16)
    path = bare_edges(tmp_path / "a.h5", cube, **packing)
    with h5py.File(path) as file:
        sizes = {file["cube"].id.get_chunk_info(at).size for at in range(file["cube"].id.get_num_chunks())}
        assert 4 * 4 * 12 * 2 in sizes
    np.testing.assert_array_equal(read_cube(path, scale=1, repair="none").spectra, cube)


def test_a_bomb_at_the_edge_is_refused_however_long_it_is(tmp_path):
    packed = zlib.compress(bytes(150_000), 9)
    length = len(packed)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset(
            "cube", (3, 3, length - 1), "u1", chunks=(1, 1, length), maxshape=(3, 3, None), compression="gzip"
        )
        dataset.id.write_direct_chunk((0, 0, 0), packed)
        with pytest.raises(UnmixError, match="unpacks to more than"):
            Hdf5Array(dataset, "x")[:1, :1]


def shuffled(size: int, block: int, lengths: list[int], rest: int) -> bytes:
    """Packed bits of these claims."""
    return (
        struct.pack(">QI", size, block) + b"".join(struct.pack(">I", one) + bytes(one) for one in lengths) + bytes(rest)
    )


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (shuffled(1 << 40, 64, [9], 0), "unpacks to more than"),
        (shuffled(512, 0, [9], 0), "blocks of 0 bytes"),
        (shuffled(512, 12, [9], 0), "blocks of 12 bytes"),
        (shuffled(512, 256, [9, 9], 0)[:-1], "its blocks have"),
        (shuffled(512, 256, [9, 9], 0)[:12] + b"\xff" * 30, "its blocks have"),
        (shuffled(512, 256, [9], 0), "its blocks have"),
        (b"123", "it has 3 bytes"),
    ],
)
def test_packed_bits_that_lie(packed, said):
    with pytest.raises(UnmixError, match=said):
        check_bitshuffle(packed, 600, "x", 2)


@pytest.mark.parametrize(
    "packed",
    [
        shuffled(512, 256, [9, 30], 0),
        shuffled(518, 256, [9, 3], 6),
        shuffled(540, 256, [9, 3, 5], 12),
        shuffled(6, 256, [], 6),
    ],
)
def test_packed_bits_that_are_what_they_say(packed):
    check_bitshuffle(packed, 600, "x", 2)


def test_bits_of_other_numbers_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = Hdf5Array(file.create_dataset("x", (4, 4), "f4", chunks=(4, 4)), "x")
        array._check_filter(32008, (0, 4, 4, 0, 2), 64)
        with pytest.raises(UnmixError, match="its filter 32008"):
            array._check_filter(32008, (0, 4, 400, 0, 2), 64)
