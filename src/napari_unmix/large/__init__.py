"""Cubes that do not fit into memory: fitted on a sample that lies all over the image, then inferred pixel by pixel in one pass (decision 0044).

============  =====================================================================================
``sampling``  a thinned image in memory, with all that is painted: what is fitted
``maps``      where the maps of all pixels are meanwhile and afterwards: in memory, or in a file
``lacking``   pixels that the sample did not hold, and that its answer does not explain
``fitting``   ``unmix``: sample, pass, and once or twice again with what was lacking
``judging``   ``assess`` on the same sample
============  =====================================================================================

A cube in memory goes straight to ``pipeline``.
"""

from napari_unmix.large.fitting import unmix
from napari_unmix.large.judging import assess

__all__ = ["assess", "unmix"]
