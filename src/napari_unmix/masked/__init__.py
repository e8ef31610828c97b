"""Masked autoencoding over bands (He et al., CVPR 2022, on single spectra): groups of bands are hidden, a network fills them in.

``architecture`` says what a network is like, ``grid`` where its bands lie, ``network`` has its parts and ``autoencoder`` puts them together;
``pretext`` trains it on the pixels of cubes, ``inference`` begins a posterior's network from it, and ``stored`` is its file. What filling in
identifies, the theory page says: nothing of the abundances.
"""
