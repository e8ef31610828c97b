"""File > Open Sample: the synthetic scene with its first painting."""

from __future__ import annotations

from napari_unmix.plugin.viewer.layers import LayerData, annotation_layer, cube_layers


def sample_layers() -> list[LayerData]:
    """The synthetic mixture of measured spectra, and its annotation."""
    from napari_unmix.synthetic import sample_scene

    scene = sample_scene()
    layers = cube_layers(scene.cube, {"illumination": scene.scaled})  # it has light and shade
    return [*layers, annotation_layer(scene.annotation, scene.cube)]
