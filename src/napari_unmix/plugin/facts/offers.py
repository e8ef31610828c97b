"""What can be done with an endmember of the run shown, and why not, for the entries of menus. Pure."""

from __future__ import annotations

from napari_unmix.plugin.facts.edits import FEWEST
from napari_unmix.plugin.facts.locks import names_of_regions
from napari_unmix.plugin.facts.session import Doing, Session, doing, shown


def why_not_edit(session: Session, index: int) -> str:
    """Why an endmember can't be edited or locked now; "" where it can."""
    what = shown(session)
    if what is None or not 0 <= index < len(what.names):
        return "There is no such endmember."
    if what.run is None:
        return "This is a preview, which still changes: wait for the result."
    return "Another edit is under way." if doing(session) is Doing.EDITING else ""


def why_not_fewer(session: Session, index: int) -> str:
    """Why endmembers can't become fewer; "" where they can."""
    what = shown(session)
    reason = why_not_edit(session, index)
    if reason or what is None:
        return reason
    return f"{FEWEST} endmembers are the fewest." if len(what.names) <= FEWEST else ""


def why_not_move(session: Session, index: int, by: int) -> str:
    """Why an endmember can't be put further up (−1) or down (+1); "" where it can."""
    what = shown(session)
    reason = why_not_edit(session, index)
    if reason or what is None:
        return reason
    if 0 <= index + by < len(what.names):
        return ""
    return "It is the first." if by < 0 else "It is the last."


def why_not_pin(session: Session, index: int) -> str:
    """Why an endmember can't be locked to a pin; "" where it can."""
    return why_not_edit(session, index) or ("" if session.pins else "Pin a pixel first: click one, then press Pin.")


def why_not_region(session: Session, index: int) -> str:
    """Why an endmember can't be locked to the mean of a painted place; "" where it can."""
    painted = "" if names_of_regions(session.annotation) else "Paint a region first."
    return why_not_edit(session, index) or painted


def why_not_from_pin(session: Session, pin: int) -> str:
    """Why no endmember can be locked to this pin; "" where one can."""
    return "There is no such pin." if not 0 <= pin < len(session.pins) else why_not_edit(session, 0)


def lock_sign(session: Session, index: int) -> tuple[str, str]:
    """The sign of a locked endmember and what it means; ("", "") of another."""
    what = shown(session)
    if what is None or index not in what.look.locked:
        return "", ""
    source = what.look.locked[index]
    to = f" to {source}" if source else ""
    return "locked", f"Locked{to}: the next training holds this spectrum as it is, and finds the others beside it."
