"""The verbs are mixed into one class: what two topics call the same would quietly take each other's place."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from napari_unmix.plugin.verbs.controller import Controller


def test_no_name_is_defined_twice_but_where_it_goes_on_to_the_next() -> None:
    defined: dict[str, list[type]] = defaultdict(list)
    for kind in Controller.__mro__[:-1]:
        for name in vars(kind):
            if not name.startswith("__"):
                defined[name].append(kind)
    doubled = {name: kinds for name, kinds in defined.items() if len(kinds) > 1}
    taken_over = {
        name: kinds
        for name, kinds in doubled.items()
        if not all(a is not b and issubclass(a, b) for a, b in pairwise(kinds))
    }
    assert not taken_over
