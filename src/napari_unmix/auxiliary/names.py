"""How a spec writes where the auxiliary variable u comes from: "auto", "none", or names of generators joined by +."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

# The order in which combinations are written: what reads no spectra first.
GENERATOR_NAMES = ("acquisition", "position", "blocks", "superpixels", "neighbours", "bands", "clusters")
ALONE = ("auto", "none")


def generator_names(written: str) -> tuple[str, ...]:
    """``"blocks+acquisition"`` -> ``("acquisition", "blocks")``, in the order of ``GENERATOR_NAMES``; ("auto",) and ("none",) stand alone.

    Raises ValueError, one sentence that lists the names, for any other word.
    """
    words = [word.strip() for word in written.split("+")]
    names = [word for word in words if word not in ALONE]
    unknown = [word for word in names if word not in GENERATOR_NAMES]
    if unknown:
        raise ValueError(
            f"side information {unknown[0]!r} is not known: give auto, none, or {', '.join(GENERATOR_NAMES)}, several joined by +"
        )
    if len(words) > 1 and len(names) < len(words):
        alone = next(word for word in words if word in ALONE)
        raise ValueError(f"side information {alone!r} can't be combined: give it alone, or leave it out of {written!r}")
    return tuple(name for name in GENERATOR_NAMES if name in names) if names else (words[0],)


# The type of a spec's field ``auxiliary``: any order of the names is one value.
Auxiliary = Annotated[str, AfterValidator(lambda written: "+".join(generator_names(written)))]
