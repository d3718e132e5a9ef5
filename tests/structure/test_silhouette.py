"""Silhouettes: equal to their definition and to scikit-learn's, whatever the tree looks like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.followed_images import spread_out, whole_groups
from taxoeval.structure.shuffles import Shuffle
from taxoeval.structure.silhouette import silhouette
from taxoeval.structure.silhouette_null import Parts
from taxoeval.structure.silhouette_scores import silhouettes
from tests.structure.planted import planted, row


def by_hand(vectors, taxon, parent):
    """Silhouette of every image among all taxa and among siblings, from all pairs; -1 is unknown."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distance = 1 - units @ units.T
    found = np.full((2, len(taxon)), np.nan)
    for i in np.flatnonzero(taxon >= 0):
        own = np.flatnonzero((taxon == taxon[i]) & (np.arange(len(taxon)) != i))
        for kind in (0, 1):
            others = set(taxon[taxon >= 0].tolist()) - {int(taxon[i])}
            if kind:
                others = {t for t in others if parent[i] >= 0 and parent[taxon == t][0] == parent[i]}
            if others:
                b = min(distance[i, taxon == t].mean() for t in others)
                a = distance[i, own].mean() if len(own) else np.nan
                found[kind, i] = (b - a) / max(a, b) if len(own) else 0.0
    return found


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), zipf=st.booleans(), holes=st.booleans())
def test_equals_its_definition(seed, zipf, holes):
    vectors, taxon, taxonomy = planted(seed, zipf=zipf, holes=holes)
    result = silhouette(vectors, taxon, taxonomy, permutations=0)
    for place in range(taxonomy.n_ranks):
        own = taxonomy.ancestor[taxon, place]
        parent = taxonomy.ancestor[taxon, place - 1] if place else np.zeros(len(taxon), dtype=int)
        expected = by_hand(vectors, own, parent)
        np.testing.assert_allclose(result.image[:, place], expected[0], atol=1e-9)
        np.testing.assert_allclose(result.image_among_siblings[:, place], expected[1], atol=1e-9)


@pytest.mark.parametrize("zipf", [False, True])
@pytest.mark.parametrize("offset", [0.0, 100.0])  # a narrow cone, in which all cosines are near 1
def test_equals_scikit_learns(zipf, offset):
    vectors, taxon, taxonomy = planted(3, zipf=zipf, holes=True, species=40)
    vectors = vectors + offset
    result = silhouette(vectors, taxon, taxonomy, permutations=0)
    value = row(result, "silhouette").value
    for place in range(taxonomy.n_ranks):
        own = taxonomy.ancestor[taxon, place]
        theirs = silhouette_samples(vectors[own >= 0], own[own >= 0], metric="cosine")
        np.testing.assert_allclose(result.image[own >= 0, place], theirs, atol=1e-9 if not offset else 1e-7)
        assert value[place] == pytest.approx(theirs.mean(), abs=1e-9 if not offset else 1e-7)


def test_single_precision_loses_no_digits_in_a_narrow_cone():
    vectors, taxon, taxonomy = planted(3)
    vectors = (vectors + 30.0).astype(np.float32)
    rough = silhouette(vectors, taxon, taxonomy, permutations=0)
    exact = silhouette(vectors.astype(np.float64), taxon, taxonomy, permutations=0)
    np.testing.assert_allclose(rough.image, exact.image, atol=1e-5)


def test_golden_values_of_four_birds():
    #        Aves
    #      /      \
    #   Corvus    Pica        corax at 0 and 10 degrees, corone at 20 (alone), pica at 90 and 100
    taxonomy = Taxonomy.from_lineages(
        [("Corvus", "C. corax"), ("Corvus", "C. corone"), ("Pica", "P. pica")], ranks=("genus", "species")
    )
    angle = np.radians([0, 10, 20, 90, 100])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    taxon = taxonomy.ids(["C. corax", "C. corax", "C. corone", "P. pica", "P. pica"])
    result = silhouette(vectors, taxon, taxonomy, permutations=0)

    def d(*degrees):
        return np.mean([1 - np.cos(np.radians(g)) for g in degrees])

    first = 1 - d(10) / d(20)  # corax at 0: the other corax at 10 degrees, corone at 20
    np.testing.assert_allclose(result.image[:3, 1], [first, 0.0, 0.0], atol=1e-12)  # corone is alone
    np.testing.assert_allclose(result.image[0, 0], 1 - d(10, 20) / d(90, 100), atol=1e-12)
    assert np.isnan(result.image_among_siblings[3, 1])  # Pica has a single species
    assert result.alone.tolist() == [0, 1]
    names = list(taxonomy.names)
    assert result.taxon[names.index("C. corax")] == pytest.approx(first / 2)
    assert np.isnan(result.taxon[names.index("C. corone")])
    by_taxon = row(result, "silhouette, by taxon")
    assert by_taxon.n.tolist() == [2, 2]
    assert by_taxon.reason[1] == "1 taxa have one image and are left out"
    assert row(result, "silhouette").reason[1] == "1 images are alone in their taxon and count 0"


def test_invariant_to_order_names_and_length():
    vectors, taxon, taxonomy = planted(5, zipf=True)
    order = np.random.default_rng(0).permutation(len(taxon))
    one = silhouette(vectors, taxon, taxonomy, permutations=0)
    other = silhouette(vectors[order] * np.linspace(1, 9, len(taxon))[:, None], taxon[order], taxonomy, permutations=0)
    np.testing.assert_allclose(other.image, one.image[order], atol=1e-12)


def test_finds_the_ranks_that_were_planted():
    vectors, taxon, taxonomy = planted(1, effects=(0.0, 2.0, 0.0, 1.0), species=48, dimension=64)
    result = silhouette(vectors, taxon, taxonomy, permutations=99)
    plain, siblings = row(result, "silhouette"), row(result, "silhouette among siblings")
    assert plain.p[1] == 0.01
    assert plain.value[1] > 0.3 > plain.null[1]
    assert siblings.p[1] < 0.05  # families differ within their order
    assert siblings.p[2] > 0.05  # genera of a family do not
    assert siblings.p[3] == 0.01  # species of a genus do


def test_noise_has_the_value_of_its_null():
    vectors, taxon, taxonomy = planted(2, effects=(0.0, 0.0, 0.0, 1.0), species=48)
    plain = row(silhouette(vectors, taxon, taxonomy, permutations=99), "silhouette")
    assert (plain.p[:3] > 0.05).all()
    np.testing.assert_allclose(plain.value[:3], plain.null[:3], atol=0.05)
    assert plain.p[3] == 0.01


def test_a_shuffle_of_all_images_has_the_mean_that_is_reported():
    vectors, taxon, taxonomy = planted(7, effects=(0.0, 0.0, 0.0, 1.0))
    result = row(silhouette(vectors, taxon, taxonomy, permutations=400), "silhouette")
    rng, species = np.random.default_rng(1), np.unique(taxon)
    drawn = []
    for _ in range(60):
        dealt = dict(zip(species.tolist(), rng.permutation(species).tolist(), strict=True))
        again = np.array([dealt[t] for t in taxon.tolist()])
        drawn.append(silhouette(vectors, again, taxonomy, permutations=0).rows[0].value[:3])
    error = np.std(drawn, axis=0) / np.sqrt(60)
    assert (np.abs(np.mean(drawn, axis=0) - result.null[:3]) < 4 * error).all()


def test_odd_input_has_a_reason_or_an_error():
    taxonomy = Taxonomy.from_lineages([("A", "a"), ("A", "b"), ("B", "c")], ranks=("genus", "species"))
    rng = np.random.default_rng(0)
    a, b, c = taxonomy.ids(["a", "b", "c"])
    one = silhouette(rng.normal(size=(6, 3)), np.repeat(a, 6), taxonomy)
    assert all(np.isnan(r.value).all() and set(r.reason) == {"all images are of one taxon"} for r in one.rows)
    alone = silhouette(rng.normal(size=(3, 3)), np.array([a, b, c]), taxonomy)
    assert row(alone, "silhouette").reason[1] == "every taxon has a single image"
    assert np.isnan(alone.image[:, 1]).all()
    same = silhouette(np.ones((6, 3)), np.array([a, a, b, b, c, c]), taxonomy)
    assert set(row(same, "silhouette").reason) == {"all vectors point the same way"}
    two = silhouette(rng.normal(size=(6, 3)), np.array([a, a, b, b, c, c]), taxonomy)
    assert row(two, "silhouette").reason[0].startswith("untested: no more than 3 ways")
    assert np.isnan(row(two, "silhouette").p[0])
    genus = silhouette(rng.normal(size=(4, 3)), np.array([0, 0, taxonomy.parent[c], taxonomy.parent[c]]), taxonomy)
    assert row(genus, "silhouette").reason[1] == "no image is known to this rank"
    with pytest.raises(TaxoevalError, match="holds NaN"):
        silhouette(np.full((2, 3), np.nan), np.array([a, b]), taxonomy)
    with pytest.raises(ValueError, match="vectors"):
        silhouette(np.ones((2, 3)), np.array([a]), taxonomy)


def test_vectors_are_read_a_block_at_a_time():
    vectors, taxon, taxonomy = planted(9)
    whole = silhouette(vectors, taxon, taxonomy, permutations=19)

    class Rows:
        shape = vectors.shape
        largest = 0

        def __getitem__(self, rows):
            self.largest = max(self.largest, rows.stop - rows.start)
            return vectors[rows]

    again = silhouette(Rows(), taxon, taxonomy, permutations=19)
    for one, other in zip(whole.rows, again.rows, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.p, other.p)


def test_zero_vectors_are_far_from_everything():
    taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    vectors = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    result = silhouette(vectors, np.array([0, 0, 1, 1]), taxonomy, permutations=0)
    theirs = silhouette_samples(vectors, [0, 0, 1, 1], metric="cosine")
    np.testing.assert_allclose(result.image[:, 0], theirs, atol=1e-12)


def test_samples_hold_all_labels_and_whole_groups():
    label = np.repeat([0, 1, 2, 3], [50, 5, 1, 10])
    spread = label[spread_out(label, np.random.default_rng(0), 20)]
    assert np.bincount(spread).min() == 1
    assert np.bincount(spread)[[0, 1, 3]].min() >= 5
    group = np.array([0, 1, 1, 2])[label]
    whole = whole_groups(group, label, np.random.default_rng(0), 20)
    assert {1, 2} <= set(label[whole].tolist())  # the group of two labels comes first


def one_shuffle(parts, taxon):
    """Mean silhouette over images and over taxa with the parts dealt out so, from all taxa of every image."""
    k = int(taxon.max()) + 1
    gather = (np.arange(k)[:, None] == taxon).astype(float)
    own = taxon[parts.part]
    seen = own >= 0
    count = gather @ parts.count
    pair = silhouettes(gather @ parts.product[:, seen], count, own[seen], parts.square[seen], parts.parent)
    value = pair[0] if parts.parent is None else pair[1]
    used = ~np.isnan(value)
    own, value, weight = own[seen][used], value[used], parts.weight[seen][used]
    several = count[own] > 1
    of_taxa = [np.average(value[own == t], weights=weight[own == t]) for t in np.unique(own[several])]
    return np.average(value, weights=weight), np.mean(of_taxa) if of_taxa else np.nan


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), siblings=st.booleans(), holes=st.booleans(), at_a_time=st.sampled_from([1, 4, 100]))
def test_many_shuffles_at_once_are_the_shuffles_one_by_one(seed, siblings, holes, at_a_time):
    rng = np.random.default_rng(seed)
    parent = np.array([-1, 0, 0, 0, 3, 5, 5]) if siblings else None  # of unknown parent, several, alone, two
    taxon = np.r_[np.arange(7), rng.choice(7, 13, p=[0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1])]
    stratum = np.zeros(20, dtype=int) if parent is None else parent[taxon]
    taxon = np.where(holes & (np.arange(20) > 16), -1, taxon)
    vectors = rng.normal(size=(60, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    of = np.r_[np.arange(20), rng.integers(0, 20, 40)]
    sums = np.stack([vectors[of == part].sum(axis=0) for part in range(20)])
    weight = rng.integers(1, 5, 60).astype(float)
    parts = Parts(
        Shuffle(taxon, stratum), sums @ vectors.T, np.bincount(of), of, weight, (vectors**2).sum(axis=1), parent
    )
    dealt = np.concatenate(list(parts.shuffle.deals(9, np.random.default_rng(seed), at_a_time)))
    found = parts.means(np.vstack([taxon, dealt]))
    np.testing.assert_allclose(found, [one_shuffle(parts, taxa) for taxa in (taxon, *dealt)], rtol=1e-10)


def test_nothing_to_compare_has_no_mean():
    alone = Parts(
        Shuffle(np.array([0, 0, 1]), np.array([0, 0, 1])),
        np.eye(3),
        np.ones(3, dtype=int),
        np.arange(3),
        np.ones(3),
        np.ones(3),
        np.array([4, 9]),
    )
    assert np.isnan(alone.means(alone.shuffle.taxon[None])).all()
