"""``python -m napari_unmix`` is ``napari-unmix``."""

import sys

from napari_unmix.cli import main

sys.exit(main())
