"""XML that comes with images, read without what XML may do beside: no document types, no entities, no other files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from napari_unmix.files.opened import read_regular
from napari_unmix.sentences import UnmixError

_LONGEST = 64_000_000  # bytes; EnMAP's are 2 MB


def parse_xml(text: str | bytes, label: str) -> ElementTree.Element:
    """The root of a document. Raises UnmixError where it is damaged, too long, or declares a document type."""
    if len(text) > _LONGEST:
        raise UnmixError(f"The XML of {label} is {len(text)} bytes long: more than any product's, so it is not read.")
    start = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
        raise UnmixError(f"The XML of {label} declares a document type, which is not safe to open: remove that line.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnmixError(f"The XML of {label} is damaged ({error}): copy the whole product again.") from error


def read_xml(path: Path) -> ElementTree.Element:
    """The same from a file. Raises UnmixError, OSError."""
    return parse_xml(read_regular(path, _LONGEST), path.name)


def local_name(element: ElementTree.Element) -> str:
    """The tag in lower case, without its namespace."""
    return str(element.tag).rpartition("}")[2].lower()
