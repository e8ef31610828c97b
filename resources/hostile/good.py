"""Good files of every format, which the others are made from, and the run and the reference that commands want beside a hostile file."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path

import numpy as np
from formats import BANDS, HEIGHT, SHAPE, WIDTH, archive, labels, npy, spectra, tiff

WAVELENGTHS = np.linspace(400, 900, BANDS)


def beside(folder: Path) -> None:
    """A cube, labels, a run of the cube and a reference of the run, in a folder that stays the same for all cases."""
    from napari_unmix.cli import main

    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "cube.npz", cube=spectra(), wavelength=WAVELENGTHS)
    np.save(folder / "labels.npy", labels())
    command = ["unmix", str(folder / "cube.npz"), "--method", "vae", "--endmembers", "3", "--epochs", "1", "--out"]
    if main([*command, str(folder / "run")]):
        raise RuntimeError("the run beside the hostile files was not made")
    table = np.loadtxt(folder / "run" / "endmembers.csv", delimiter=",", skiprows=1)
    np.savez(folder / "reference.npz", E=table[:, 1:].T, A=np.load(folder / "run" / "abundances.npy"))


def cubes(folder: Path) -> dict[str, bytes]:
    """File name -> the bytes of a good cube of one file."""
    import h5py
    import tifffile
    from astropy.io import fits
    from scipy.io import netcdf_file, savemat

    savemat(folder / "c.mat", {"Y": spectra().astype(float), "wavelength": WAVELENGTHS})
    savemat(folder / "packed.mat", {"Y": spectra().astype(float), "s": {"wl": WAVELENGTHS}}, do_compression=True)
    for name, packing in (("c.h5", None), ("packed.h5", "gzip")):
        with h5py.File(folder / name, "w") as file:
            stored = file.create_dataset("reflectance", data=spectra(), chunks=SHAPE, compression=packing)
            stored.attrs["units"] = "1"
            file["wavelength"] = WAVELENGTHS
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file["Y"] = spectra().T
        file["Y"].attrs["MATLAB_class"] = np.bytes_("single")
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (folder / "v73.mat").write_bytes(head + (folder / "v73.mat").read_bytes()[len(head) :])
    tifffile.imwrite(folder / "c.tif", np.moveaxis(spectra(), 2, 0), photometric="minisblack", planarconfig="separate")
    tifffile.imwrite(folder / "packed.tif", np.moveaxis(spectra(), 2, 0), photometric="minisblack", compression="zlib")
    fits.PrimaryHDU(np.moveaxis(spectra(), 2, 0)).writeto(folder / "c.fits", overwrite=True)
    with netcdf_file(folder / "c.nc", "w") as classic:
        for name, length in zip(("y", "x", "band"), SHAPE, strict=True):
            classic.createDimension(name, length)
        classic.createVariable("reflectance", "f4", ("y", "x", "band"))[:] = spectra()
    head = struct.pack("<6shh6xii", b"HEAD74", 2, BANDS, WIDTH, HEIGHT).ljust(128, b"\0")
    (folder / "c.lan").write_bytes(head + np.moveaxis(spectra() * 9999, 2, 1).astype("<i2").tobytes())
    (folder / "c.npy").write_bytes(npy(spectra()))
    (folder / "c.npz").write_bytes(archive([("cube.npy", npy(spectra())), ("wavelength.npy", npy(WAVELENGTHS))], 8))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def paintings(folder: Path) -> dict[str, bytes]:
    """File name -> the bytes of a good painting of one file."""
    import h5py
    import shapefile
    from PIL import Image
    from scipy.io import savemat

    savemat(folder / "l.mat", {"labels": labels()})
    Image.fromarray(labels()).save(folder / "l.png")
    (folder / "l.tif").write_bytes(tiff(labels().tobytes()))
    (folder / "l.npy").write_bytes(npy(labels()))
    (folder / "l.npz").write_bytes(archive([("labels.npy", npy(labels()))], 8))
    with h5py.File(folder / "l.h5", "w") as file:
        file["labels"] = labels()
    square = [[[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]]]
    feature = {"type": "Feature", "properties": {"label": 1}, "geometry": {"type": "Polygon", "coordinates": square}}
    (folder / "l.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    rows = "".join(f"0,polygon,{corner},{y},{x}\n" for corner, (x, y) in enumerate(square[0][:4]))
    (folder / "l.csv").write_text("index,shape-type,vertex-index,axis-0,axis-1\n" + rows)
    with shapefile.Writer(folder / "l") as writer:
        writer.field("label", "N")
        writer.poly(square)
        writer.record(1)
    geopackage(folder / "l.gpkg")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def geopackage(path: Path, table: str = "CREATE TABLE shapes (id INTEGER, geom BLOB)") -> None:
    """A layer of one polygon, from a table made so."""
    points = ((0, 0), (3, 0), (3, 3), (0, 3), (0, 0))
    polygon = b"\1" + struct.pack("<III", 3, 1, 5) + b"".join(struct.pack("<dd", *point) for point in points)
    file = sqlite3.connect(path)
    file.executescript(
        "CREATE TABLE gpkg_spatial_ref_sys (srs_id INTEGER, organization TEXT, organization_coordsys_id INTEGER, definition TEXT);"
        "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, srs_id INTEGER);"
        f"INSERT INTO gpkg_geometry_columns VALUES ('shapes', 'geom', 0); {table};"
    )
    file.execute("INSERT INTO shapes (id, geom) VALUES (1, ?)", (b"GP\0\1" + bytes(4) + polygon,))
    file.commit()
    file.close()


def libraries(folder: Path) -> dict[str, bytes]:
    """File name -> the bytes of a good library of one file."""
    rows = "".join(f"{place:g},{0.1 * band},{0.9 - 0.1 * band}\n" for band, place in enumerate(WAVELENGTHS))
    (folder / "l.csv").write_text("wavelength_nm,oak,brick\n" + rows)
    file = sqlite3.connect(folder / "l.db")
    file.executescript(
        "CREATE TABLE Samples (SampleID INTEGER PRIMARY KEY, Name TEXT);"
        "CREATE TABLE Spectra (SpectrumID INTEGER PRIMARY KEY, SampleID INTEGER, XUnit TEXT, YUnit TEXT, Measurement TEXT, XData BLOB, YData BLOB)"
    )
    file.execute("INSERT INTO Samples VALUES (1, 'oak')")
    blobs = (np.linspace(0.4, 0.9, 50).astype("<f4").tobytes(), np.linspace(1, 50, 50).astype("<f4").tobytes())
    file.execute("INSERT INTO Spectra VALUES (1, 1, 'micrometers', 'percent', 'r', ?, ?)", blobs)
    file.commit()
    file.close()
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
