"""A run applied to other pixels: one pure function from stored spectra to abundances, and what drives it over scenes of any size.

======================  =====================================================================================
``law``                 what a run holds, as the law that it infers by; None where it holds too little
``compressing``         the mixture over a run's regions by a few components: p(a) of pixels of unknown u
``tile``                ``Applied``, the function: from a run's folder, or from an answer in memory
``bands``               from the bands of another cube to those of the run
``scene``               a cube that a run is applied to, read some rows at a time
``order``               the same as paths, for workers that make both themselves
``partial``             maps that are being made: what is done stays, whatever ends the program
``outputs``             the maps as files
``steps``               all of it as steps with progress
``scheduling``          the same function on a cluster
======================  =====================================================================================
"""

from napari_unmix.applying.steps import Done, apply_steps
from napari_unmix.applying.tile import Applied, Maps

__all__ = ["Applied", "Done", "Maps", "apply_steps"]
