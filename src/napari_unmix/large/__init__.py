"""Cubes of which a part is read: those that do not fit into memory are fitted on a sample that lies all over the image, then inferred pixel by pixel
in one pass (decision 0044); of those in memory a search reads a part, and every residual is looked at afterwards (decision 0051).

============  =====================================================================================
``sampling``  a thinned image in memory, with all that is painted: what is fitted
``maps``      where the maps of all pixels are meanwhile and afterwards: in memory, or in a file
``lacking``   pixels that the sample did not hold, and that its answer does not explain
``again``     whether they are fitted again with these, and whether that is taken
``saying``    what is said of that
``held``      ``unmix`` of cubes in memory
``fitting``   ``unmix``: sample, pass, and once or twice again with what was lacking
``judging``   ``assess`` on the same sample
============  =====================================================================================
"""

from napari_unmix.large.fitting import unmix
from napari_unmix.large.judging import assess

__all__ = ["assess", "unmix"]
