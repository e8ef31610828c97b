"""What is fuzzed: for each kind of file, small samples that are read as they are, and how they are read."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix import Cube, UnmixError, read_cube
from napari_unmix.cube import Georeference, Reading
from napari_unmix.io import _opened, read_annotation
from napari_unmix.io.assemble import bands_axis
from napari_unmix.io.boundary import explained
from napari_unmix.io.capture import within
from napari_unmix.io.stored import to_spectra
from napari_unmix.library import read_library

SHAPE = (9, 8, 12)
WAVELENGTHS = np.linspace(400, 1000, SHAPE[2])
Make = Callable[[Path], object]


@dataclass(frozen=True)
class Target:
    """``make`` are functions that write a sample into a folder each; ``opened`` is the file in it that is read, by ``how``."""

    opened: str
    make: tuple[Make, ...]
    how: Callable[[Path], object] = read_cube

    def seeds(self, place: Path) -> list[Path]:
        """Folders of samples; each is read once, so that what is mutated is a file that can be read."""
        return [self._seed(make, place / str(number)) for number, make in enumerate(self.make)]

    def _seed(self, make: Make, folder: Path) -> Path:
        folder.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(folder)
            self.read(folder)
            self.read(folder, thorough=False)
        return folder

    def read(self, folder: Path, thorough: bool = True) -> object:
        """Read the sample in a folder; a cube that is not to be checked thoroughly to its numbers only."""
        how = numbers if self.how is read_cube and not thorough else self.how
        return how(folder / self.opened)


def numbers(path: Path) -> object:
    """What ``read_cube`` reads before it looks for what is broken in it, inside of the same boundary."""
    reading = Reading()
    if not path.exists():
        raise UnmixError("it was left out")
    with explained(path):
        found, _ = within(path)
        with ExitStack() as stack:
            stored = _opened(found, reading)
            if stored.close is not None:
                stack.callback(stored.close)
            return to_spectra(stored, bands_axis(stored, reading, found)[0])


def spectra() -> np.ndarray[Any, Any]:
    """A small cube of mixed spectra with some noise."""
    generator = np.random.default_rng(0)
    materials = 0.2 + 0.6 * np.exp(-(((np.arange(SHAPE[2]) - np.array([[2], [6], [10]])) / 3.0) ** 2))
    mixed = generator.dirichlet(np.ones(3), SHAPE[:2]) @ materials
    return (mixed + generator.normal(0, 0.002, SHAPE)).astype(np.float32)


def cube() -> Cube:
    """The same as a cube that has everything that a file can keep."""
    mask = np.ones(SHAPE[:2], bool)
    mask[0, :2] = False
    good = np.ones(SHAPE[2], bool)
    good[4] = False
    place = Georeference((30.0, 0.0, 500000.0, 0.0, -30.0, 4600000.0), "EPSG:32633")
    return Cube(spectra(), WAVELENGTHS, good, mask, fwhm=np.full(SHAPE[2], 10.0), georeference=place, name="scene")


def labels() -> np.ndarray[Any, Any]:
    """A painting of three labels."""
    painted = np.zeros(SHAPE[:2], np.int32)
    painted[2:5, 1:4], painted[6:8, 3:7], painted[0, 5] = 1, 2, 3
    return painted


def exported(folder: Path, name: str) -> None:
    """A file of our own writers."""
    from napari_unmix.output.export import export

    export(cube(), folder / name)


def envi(folder: Path, interleave: str, dtype: str, code: int) -> None:
    """An ENVI image, its header with most of the fields that change numbers."""
    stored = (spectra() * 10000).astype(dtype)
    axes = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}[interleave]
    (folder / "scene.img").write_bytes(np.ascontiguousarray(stored.transpose(axes)).tobytes())
    fields = {
        "samples": SHAPE[1], "lines": SHAPE[0], "bands": SHAPE[2], "header offset": 0, "file type": "ENVI Standard", "data type": code,
        "interleave": interleave, "byte order": 0, "reflectance scale factor": 10000, "data ignore value": -9999,
        "wavelength units": "Nanometers", "wavelength": _listed(WAVELENGTHS), "fwhm": _listed(np.full(SHAPE[2], 10.0)),
        "bbl": _listed([1] * 11 + [0]), "map info": "{UTM, 1, 1, 500000, 4600000, 30, 30, 33, North, WGS-84, units=Meters}",
    }  # fmt: skip
    (folder / "scene.hdr").write_text("ENVI\n" + "\n".join(f"{key} = {value}" for key, value in fields.items()))


def _listed(values: Any) -> str:
    return "{" + ", ".join(f"{value:g}" for value in values) + "}"


def esri(folder: Path) -> None:
    """An image of ESRI's keyword header."""
    (folder / "scene.bil").write_bytes((spectra().transpose(0, 2, 1) * 10000).astype("<i2").tobytes())
    lines = {
        "NROWS": SHAPE[0],
        "NCOLS": SHAPE[1],
        "NBANDS": SHAPE[2],
        "NBITS": 16,
        "PIXELTYPE": "SIGNEDINT",
        "LAYOUT": "BIL",
        "BYTEORDER": "I",
    }
    (folder / "scene.hdr").write_text("\n".join(f"{key} {value}" for key, value in lines.items()))


def mat73(folder: Path) -> None:
    """A MATLAB 7.3 file."""
    import h5py

    with h5py.File(folder / "scene.mat", "w", userblock_size=512) as file:
        stored = file.create_dataset("Y", data=spectra().T, chunks=(4, 4, 4), compression="gzip")
        stored.attrs["MATLAB_class"] = np.bytes_("single")
        file.create_dataset("wavelength", data=WAVELENGTHS[:, None]).attrs["MATLAB_class"] = np.bytes_("double")


def emit(folder: Path) -> None:
    """A NetCDF file as EMIT's."""
    import h5py

    with h5py.File(folder / "scene.nc", "w") as file:
        stored = file.create_dataset("reflectance", data=spectra(), chunks=(4, 4, 12), compression="gzip")
        stored.attrs["_FillValue"] = np.float32(-9999)
        group = file.create_group("sensor_band_parameters")
        for name, values in (
            ("wavelengths", WAVELENGTHS),
            ("fwhm", np.full(SHAPE[2], 8.0)),
            ("good_wavelengths", np.ones(SHAPE[2])),
        ):
            group.create_dataset(name, data=values)


def netcdf3(folder: Path) -> None:
    """A classic NetCDF file."""
    from scipy.io import netcdf_file

    with netcdf_file(folder / "scene.nc", "w") as file:
        for name, length in zip(("y", "x", "wavelength"), SHAPE, strict=True):
            file.createDimension(name, length)
        axis = file.createVariable("wavelength", "f8", ("wavelength",))
        axis[:], axis.units = WAVELENGTHS, "nm"
        stored = file.createVariable("reflectance", "i2", ("y", "x", "wavelength"))
        stored[:], stored.scale_factor, stored.add_offset = (spectra() * 10000).astype(np.int16), 1e-4, 0.0


def zarr_group(folder: Path, version: int) -> None:
    """A group as xarray writes it."""
    import zarr

    group = zarr.open_group(str(folder / "scene.zarr"), mode="w", zarr_format=version)  # type: ignore[arg-type]
    names = {"dimension_names": ("y", "x", "wavelength")} if version == 3 else {}
    stored = group.create_array("reflectance", data=(spectra() * 10000).astype(np.int16), chunks=(5, 5, 6), **names)
    stored.attrs.update(
        {"scale_factor": 1e-4, "add_offset": 0.0, "_FillValue": -9999, "_ARRAY_DIMENSIONS": ["y", "x", "wavelength"]}
    )
    axis = group.create_array("wavelength", data=WAVELENGTHS)
    axis.attrs.update({"units": "nm", "_ARRAY_DIMENSIONS": ["wavelength"]})


def tiff_stack(folder: Path, **options: Any) -> None:
    """Pages as bands."""
    import tifffile

    tifffile.imwrite(folder / "scene.tif", np.moveaxis(spectra(), 2, 0), **options)


def image(folder: Path, name: str, dtype: str) -> None:
    """A painting as an image."""
    import tifffile
    from PIL import Image

    painted = labels().astype(dtype)
    tifffile.imwrite(folder / name, painted) if name.endswith(".tif") else Image.fromarray(painted).save(folder / name)


def geojson(folder: Path) -> None:
    """Polygons in pixels."""
    ring = [[1, 2], [4, 2], [4, 5], [1, 5], [1, 2]]
    shape = {
        "type": "Feature",
        "properties": {"label": 1, "name": "rock"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (folder / "painted.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [shape]}))


def napari_shapes(folder: Path) -> None:
    """Shapes as napari saves them."""
    corners = [(1, 1), (1, 4), (5, 4), (5, 1)]
    rows = [
        f"{shape},polygon,{k},{row + shape},{column}" for shape in (0, 1) for k, (row, column) in enumerate(corners)
    ]
    (folder / "painted.csv").write_text("\n".join(["index,shape-type,vertex-index,axis-0,axis-1", *rows]))


def erdas(folder: Path) -> None:
    """An image of ERDAS 7."""
    header = bytearray(128)
    header[:6] = b"HEAD74"
    header[6:10] = struct.pack("<HH", 2, SHAPE[2])
    header[16:24] = struct.pack("<II", SHAPE[1], SHAPE[0])
    (folder / "scene.lan").write_bytes(bytes(header) + (spectra().transpose(0, 2, 1) * 10000).astype("<i2").tobytes())


def hyperspy(folder: Path) -> None:
    """A signal as HyperSpy stores it."""
    import h5py

    with h5py.File(folder / "scene.hspy", "w") as file:
        file.attrs["file_format"], file.attrs["file_format_version"] = "HyperSpy", "3.1"
        group = file.create_group("Experiments/scene")
        group.create_dataset("data", data=spectra(), chunks=(4, 4, 12))
        for number, (name, unit, scale) in enumerate((("y", "µm", 1.0), ("x", "µm", 1.0), ("Energy", "eV", 0.1))):
            axis = group.create_group(f"axis-{number}")
            axis.attrs.update(
                {
                    "name": name,
                    "units": unit,
                    "scale": scale,
                    "offset": 1.0,
                    "size": SHAPE[number],
                    "navigate": number < 2,
                }
            )


def fits(folder: Path) -> None:
    """A FITS cube."""
    from astropy.io.fits import PrimaryHDU

    hdu = PrimaryHDU(np.moveaxis(spectra(), 2, 0))
    hdu.header.update({"CTYPE3": "WAVE", "CUNIT3": "nm", "CRVAL3": 400.0, "CDELT3": 50.0, "CRPIX3": 1.0})
    hdu.writeto(folder / "scene.fits")


def npz(folder: Path) -> None:
    """Arrays with everything beside the cube."""
    np.savez_compressed(
        folder / "scene.npz",
        cube=spectra(),
        wavelengths=WAVELENGTHS,
        mask=np.ones(SHAPE[:2], bool),
        bbl=np.ones(SHAPE[2]),
    )


def mat5(folder: Path, compressed: bool) -> None:
    """A scene as the literature stores it."""
    from scipy.io import savemat

    matrix = spectra().transpose(2, 1, 0).reshape(SHAPE[2], -1)
    content = {"Y": matrix, "nRow": SHAPE[0], "nCol": SHAPE[1], "wavelength": WAVELENGTHS, "hsi": {"data": spectra()}}
    savemat(folder / "scene.mat", content, do_compression=compressed)


def sli(folder: Path) -> None:
    """A spectral library."""
    from napari_unmix.library import SpectralLibrary, write_library

    write_library(
        SpectralLibrary(spectra()[0].astype(float), WAVELENGTHS, tuple("abcdefgh"), name="lib"), folder / "lib.sli"
    )


def table(folder: Path) -> None:
    """A table of spectra."""
    rows = [
        ["wavelength_nm", "a", "b"],
        *([f"{w:g}", f"{x:g}", f"{y:g}"] for w, (x, y) in zip(WAVELENGTHS, spectra()[0, :2].T, strict=True)),
    ]
    (folder / "lib.csv").write_text("\n".join(",".join(row) for row in rows))


def run(folder: Path) -> None:
    """The folder of a run."""
    from napari_unmix import assess, drain, method_specs, unmix, write_run

    result = drain(unmix(cube(), method_specs()["ivae"](endmembers=3)))
    write_run(folder / "run", cube(), result, drain(assess(cube(), result)))


def reference(folder: Path) -> None:
    """Endmembers and abundances that a run is compared with."""
    shares = np.random.default_rng(0).dirichlet(np.ones(3), SHAPE[:2])
    np.savez_compressed(folder / "reference.npz", E=spectra()[0, :3], A=shares)


def picture(folder: Path, driver: str, name: str) -> None:
    """A raster that GDAL writes and reads."""
    import rasterio

    with rasterio.open(
        folder / name, "w", driver=driver, width=SHAPE[1], height=SHAPE[0], count=SHAPE[2], dtype="uint16"
    ) as file:
        file.write((np.moveaxis(spectra(), 2, 0) * 10000).astype(np.uint16))


def tiles(folder: Path) -> None:
    """A FITS cube in tiles that gzip packed."""
    from astropy.io.fits import CompImageHDU

    CompImageHDU((np.moveaxis(spectra(), 2, 0) * 10000).astype(np.int16), compression_type="GZIP_1").writeto(
        folder / "scene.fits"
    )


def zarr_packed(folder: Path) -> None:
    """An array of Zarr 2, packed by gzip."""
    import numcodecs
    import zarr

    options: dict[str, Any] = {
        "shape": SHAPE,
        "dtype": "i2",
        "chunks": (5, 5, 6),
        "zarr_format": 2,
        "compressors": numcodecs.GZip(),
    }
    zarr.create_array(str(folder / "scene.zarr"), **options)[...] = (spectra() * 10000).astype(np.int16)


def labelled(folder: Path, name: str) -> None:
    """A painting among other arrays, or alone."""
    if name.endswith(".npz"):
        np.savez_compressed(folder / name, labels=labels(), other=np.zeros(3))
    elif name.endswith(".mat"):
        from scipy.io import savemat

        savemat(folder / name, {"labels": labels()})
    else:
        import h5py

        with h5py.File(folder / name, "w") as file:
            file.create_dataset("labels", data=labels(), chunks=(4, 4), compression="gzip", shuffle=True)


def _painting(path: Path) -> object:
    return read_annotation(path, SHAPE)


def _run(path: Path) -> object:
    """A run, its model, and its result on its cube, as a report or a comparison takes them."""
    from napari_unmix import read_run

    found = read_run(path)
    return found.model, found.unmixing(cube())


def _reference(path: Path) -> object:
    from napari_unmix.library.reference import read_reference

    return read_reference(str(path), "", cube())


TARGETS: dict[str, Target] = {
    "npy": Target("scene.npy", (lambda folder: np.save(folder / "scene.npy", spectra()),)),
    "npz": Target("scene.npz", (npz, partial(exported, name="scene.npz"))),
    "envi": Target(
        "scene.hdr",
        tuple(
            partial(envi, interleave=i, dtype=d, code=c)
            for i, d, c in (("bsq", "<i2", 2), ("bil", "<f4", 4), ("bip", "<u2", 12))
        ),
    ),
    "esri": Target("scene.hdr", (esri,)),
    "mat5": Target("scene.mat", (partial(mat5, compressed=False), partial(mat5, compressed=True))),
    "mat73": Target("scene.mat", (mat73,)),
    "hdf5": Target("scene.nc", (emit,)),
    "netcdf3": Target("scene.nc", (netcdf3,)),
    "zarr": Target("scene.zarr", (partial(zarr_group, version=2), partial(zarr_group, version=3), zarr_packed)),
    "ome-zarr": Target("scene.ome.zarr", (partial(exported, name="scene.ome.zarr"),)),
    "tiff": Target(
        "scene.tif",
        (tiff_stack, partial(tiff_stack, compression="zlib"), partial(tiff_stack, bigtiff=True, imagej=False)),
    ),
    "geotiff": Target("scene.tif", (partial(exported, name="scene.tif"),)),
    "paint-npy": Target("painted.npy", (lambda folder: np.save(folder / "painted.npy", labels()),), _painting),
    "paint-png": Target("painted.png", (partial(image, name="painted.png", dtype="uint8"),), _painting),
    "paint-tiff": Target(
        "painted.tif",
        (partial(image, name="painted.tif", dtype="int32"), partial(image, name="painted.tif", dtype="float32")),
        _painting,
    ),
    "geojson": Target("painted.geojson", (geojson,), _painting),
    "shapes": Target("painted.csv", (napari_shapes,), _painting),
    "erdas": Target("scene.lan", (erdas,)),
    "hspy": Target("scene.hspy", (hyperspy,)),
    "fits": Target("scene.fits", (fits, tiles)),
    "jpeg2000": Target("scene.jp2", (partial(picture, driver="JP2OpenJPEG", name="scene.jp2"),)),
    "imagine": Target("scene.img", (partial(picture, driver="HFA", name="scene.img"),)),
    "pcidsk": Target("scene.pix", (partial(picture, driver="PCIDSK", name="scene.pix"),)),
    "run": Target("run", (run,), _run),
    "reference": Target("reference.npz", (reference,), _reference),
    "paint-npz": Target("painted.npz", (partial(labelled, name="painted.npz"),), _painting),
    "paint-mat": Target("painted.mat", (partial(labelled, name="painted.mat"),), _painting),
    "paint-hdf5": Target("painted.h5", (partial(labelled, name="painted.h5"),), _painting),
    "sli": Target("lib.hdr", (sli,), read_library),
    "csv": Target("lib.csv", (table,), read_library),
}
