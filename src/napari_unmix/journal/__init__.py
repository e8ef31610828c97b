"""What a long fit keeps of itself, so that another process goes on from there to the same bits.

A fit is a generator that the cube, the spec and the painting decide to the bit. So not all of it is kept: a loop that may take long says how its
place is saved and restored (``loops``), everything between loops is computed again, and a loop that ended goes straight to its end. Places are
trees of arrays and plain values (``trees``), and a file holds them with what they are a part of (``checkpoint``). No pickle anywhere.
"""
