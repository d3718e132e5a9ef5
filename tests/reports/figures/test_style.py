"""A figure is one figure in every format, and thousands of points are a picture in it."""

import numpy as np
import pytest

from taxoeval import Taxonomy, structure
from taxoeval.reports.figures.rank_maps import rank_maps
from taxoeval.reports.figures.style import KINDS, MOST_SHAPES, new_figure, rendered, title


def figure():
    drawn, axes = new_figure(4, 3)
    axes.plot([0, 1, 2], [10_000, 20_000, 15_000])
    title(axes, "Something to lay out", "in two lines")
    return drawn


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_rendered_before_makes_no_difference(kind):
    alone, among = figure(), figure()
    for other in KINDS:
        rendered(among, other)
    assert rendered(among, kind) == rendered(alone, kind)


def test_the_parts_do_not_overlap():
    drawn = figure()
    rendered(drawn, "svg")
    box = drawn.axes[0].get_tightbbox()
    assert box.x0 >= 0
    assert box.x1 <= drawn.bbox.width
    assert box.y1 <= drawn.bbox.height


@pytest.mark.parametrize(("n", "picture"), [(MOST_SHAPES, False), (MOST_SHAPES + 1, True)])
def test_many_points_are_a_picture(n: int, picture: bool):
    taxonomy = Taxonomy.from_lineages(
        [(f"genus {i % 3}", f"species {i}") for i in range(12)], ranks=("genus", "species")
    )
    taxon = taxonomy.leaves[np.arange(n) % 12]
    vectors = np.random.default_rng(0).standard_normal((n, 3)).astype(np.float32)
    svg = rendered(rank_maps(structure.space_map(vectors, taxon, taxonomy, method="pca", seed=0)), "svg")
    assert (b"<image" in svg) == picture
    assert (svg.count(b"<use") > n) != picture
