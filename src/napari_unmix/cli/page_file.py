"""Where ``report`` puts its page: over a page of ours, over anything else only when asked to, and beside the run if that can be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from napari_unmix.files.paths import check_name, given_path
from napari_unmix.sentences import UnmixError, shown


@dataclass(frozen=True)
class PageFile:
    """The file that ``--html`` names, or None: ``report.html`` in the run; ``overwrite`` says that it may be replaced whatever it is."""

    named: Path | None
    overwrite: bool

    @classmethod
    def of(cls, html: str | None, *, overwrite: bool) -> PageFile:
        """What the options say. Raises UnmixError where the page may not be written there, before anything is read."""
        if overwrite and html is None:
            raise UnmixError(
                "--overwrite replaces the file that --html names: give --html FILE, or leave --overwrite out."
            )
        page = cls(None if html is None else given_path(html), overwrite)
        if page.named is not None:
            check_name(page.named, Path.cwd())
            if os.path.lexists(page.named):
                page._explained(page.named)
        return page

    def write(self, folder: Path, text: str) -> tuple[Path | None, str]:
        """Write the page and return where, or None and why not: nobody asked for one beside the run. Raises UnmixError, OSError for others."""
        from napari_unmix.files.whole import write_whole
        from napari_unmix.output.export import AlreadyThere

        if self.named is not None:
            write_whole(self.named, text, self._explained)
            return self.named, ""
        target = folder / "report.html"
        try:
            write_whole(target, text, self._allow)
        except AlreadyThere as error:
            why = f"{error.target.name} {error.why}"
        except OSError as error:
            why = shown(error.strerror or error, 200).lower()
        else:
            return target, ""
        return None, f"the page could not be written beside the run ({why}): give --html FILE for another place."

    def _allow(self, place: Path) -> None:
        """Raise AlreadyThere where something stands that may not be replaced."""
        from napari_unmix.output.page.render import check_page

        if not self.overwrite or (place.is_dir() and not place.is_symlink()):
            check_page(place)

    def _explained(self, place: Path) -> None:
        """The same as a sentence with the options that help."""
        from napari_unmix.output.export import AlreadyThere

        try:
            self._allow(place)
        except AlreadyThere as error:
            replacing = "" if place.is_dir() and not place.is_symlink() else ", or replace it with --overwrite"
            raise UnmixError(f"{error.target} {error.why}: choose another file with --html{replacing}.") from error
