"""Stems that tell plate, well, field and time, and paths of several files: names only."""

from itertools import chain, permutations
from pathlib import Path

import pytest

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.groups import groups_of
from lacss_tools.io.joined import join_channels
from lacss_tools.io.patterns import Position, parse, position_of
from lacss_tools.io.stems import own_patterns, pair_by


def test_stems_are_read_as_themselves():
    texts = {"plate": "P", "well": "A01", "field": "2", "time": "t3", "plane": "4", "channel": "w5"}
    place = {"plate": "P", "well": "A01", "field": "2", "time": "3"}
    few = (permutations(texts, count) for count in (1, 2, 3))
    for order in (order for order in chain(*few, permutations(place)) if "well" in order):
        (form,) = parse("_".join(f"{{{name}}}" for name in order))
        stem = form.read("_".join(texts[name] for name in order)).stem
        again = form.read(stem)
        assert again is None or again.stem == stem
        assert position_of(stem) == Position(**{name: place[name] for name in order if name in place})


def test_positions():
    assert position_of("my_plate_AF48_3") == Position("my_plate", "AF48", "3")
    assert position_of("image_7") is None


def test_files_whose_names_are_no_path_together_are_refused():
    with pytest.raises(InputError, match="cannot be taken together"):
        join_channels({"a": Path("{x}_a.tif"), "b": Path("{x}_b.tif")})
    with pytest.raises(InputError, match="cannot be taken together"):
        join_channels({"a": Path("one/x_a.tif"), "b": Path("two/x_b.tif")})


def test_wells_are_groups_where_all_names_tell_them():
    assert groups_of(["p_A01_1", "p_B02_1"], None, None) == {"p_A01_1": "A01", "p_B02_1": "B02"}
    assert groups_of(["p_A01_1", "q_A01_1"], None, None) == {"p_A01_1": "p_A01", "q_A01_1": "q_A01"}
    assert groups_of(["p_A01_1", "other"], None, None) is None
    assert groups_of(["cells_B2", "cells_C1"], None, None) is None
    assert groups_of(["F01_120", "F02_7"], None, None) is None
    with own_patterns():
        pair_by("metaxpress")
        assert groups_of(["cells_B2", "cells_C1"], None, None) == {"cells_B2": "B2", "cells_C1": "C1"}
        assert groups_of(["p_A01_1", "p_B02_1"], "^(p)", None) == {"p_A01_1": "p", "p_B02_1": "p"}


@pytest.mark.parametrize("pattern", ["{stem}_{well}", "{stem}_s{field}_w{channel}", "{plate}_{stem}"])
def test_a_stem_beside_other_names_of_an_image_is_refused(pattern):
    with pytest.raises(UsageError, match=r"has \{stem}, which is the whole name of an image, beside"):
        pair_by(pattern)
