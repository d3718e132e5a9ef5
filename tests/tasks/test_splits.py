"""Splits by their promises: even over taxa and clades, nothing hidden without a sister, the same for the same seed."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.tasks.splits import Split, leave_taxa_out, split_images
from tests.tasks.clades import clade


def test_golden_splits():
    """Positions as first drawn: a change of these makes earlier results irreproducible."""
    taxon = np.repeat([4, 7, 9], [6, 5, 1])
    split = split_images(taxon, validation=0.2, test=0.25, seed=3)
    assert split.positions("validation").tolist() == [5, 6]
    assert split.positions("test").tolist() == [1, 3, 8]
    subject = clade(n_species=18)
    hidden = leave_taxa_out(
        subject.embeddings.taxon, subject.taxonomy, rank="genus", share=0.34, validation=0, test=0.2, seed=1
    ).hidden
    assert [str(name) for name in subject.taxonomy.names[hidden]] == ["G0", "G4"]


@pytest.mark.parametrize("seed", range(20))
def test_shares_are_even_over_taxa_and_clades(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, size=30)
    taxon = rng.permutation(np.repeat(np.arange(30) * 2, sizes))
    split = split_images(taxon, validation=0.1, test=0.2, seed=seed)
    assert abs(len(split.positions("test")) - 0.2 * len(taxon)) <= 2
    assert abs(len(split.positions("validation")) - 0.1 * len(taxon)) <= 2
    np.testing.assert_array_equal(np.unique(taxon[split.positions("train")]), np.unique(taxon))
    held = np.isin(split.part, ["validation", "test"])
    share = held.sum() / (len(taxon) - 30)
    for low, high in ((0, 60), (10, 30), (4, 6)):  # everything, a clade, a taxon
        inside = (taxon >= low) & (taxon < high)
        spare = inside.sum() - len(np.unique(taxon[inside]))
        assert abs(held[inside].sum() - share * spare) < 2
    assert sum(split.counts().values()) == len(taxon)


def test_a_tenth_of_five_images_a_taxon_is_not_nothing():
    split = split_images(np.repeat(np.arange(100), 5), validation=0.1, test=0.2, seed=0)
    assert split.counts() == {"train": 350, "validation": 50, "test": 100}
    per_taxon = np.bincount(np.repeat(np.arange(100), 5)[split.positions("test")], minlength=100)
    assert per_taxon.max() <= 2


def test_seeds():
    taxon = np.repeat(np.arange(10), 10)
    one, again, other = (split_images(taxon, validation=0.1, test=0.2, seed=s).part for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_single_images_only_train():
    assert split_images(np.arange(7), validation=0.1, test=0.3, seed=0).counts() == {"train": 7}


@pytest.mark.parametrize("rank", ["genus", "species"])
@pytest.mark.parametrize("seed", range(5))
def test_hidden_taxa_are_whole_and_have_a_sister(rank, seed):
    subject = clade(n_species=18, partial=20, seed=seed)
    taxon, taxonomy = subject.embeddings.taxon, subject.taxonomy
    split = leave_taxa_out(taxon, taxonomy, rank=rank, share=0.5, validation=0.1, test=0.2, seed=seed)
    at_rank = taxonomy.at(rank)[taxon]
    np.testing.assert_array_equal(split.part == "hidden", np.isin(at_rank, split.hidden))
    trained = split.positions("train")
    assert np.isin(taxonomy.parent[split.hidden], taxonomy.parent[at_rank[trained]]).all()
    # a label that stops above the rank could be of a hidden taxon below it
    for i in np.flatnonzero(at_rank < 0):
        could = any(i_hidden in range(taxon[i], taxon[i] + taxonomy.size[taxon[i]]) for i_hidden in split.hidden)
        assert (split.part[i] == "unsure") == could


def test_what_has_no_sister_is_not_hidden():
    taxonomy = Taxonomy.from_lineages([("A", "a"), ("B", "b"), ("C", "c")], ranks=("family", "genus"))
    taxon = np.repeat(taxonomy.ids(["a", "b", "c"]), 4)
    split = leave_taxa_out(taxon, taxonomy, rank="genus", share=0.5, validation=0, test=0.25, seed=0)
    assert len(split.hidden) == 0
    assert split.counts() == {"train": 9, "test": 3}
    assert len(leave_taxa_out(taxon, taxonomy, rank="family", share=0.5, validation=0, test=0, seed=0).hidden) == 0


def test_a_hole_above_the_rank_is_asked_of_the_next_taxon():
    taxonomy = Taxonomy.from_lineages(
        [("O", "F", "g", "s"), ("O", "F", "h", "t"), ("O", "", "", "u")], ranks=("order", "family", "genus", "species")
    )
    taxon = np.repeat(taxonomy.ids(["s", "t", "u"]), 3)
    split = leave_taxa_out(taxon, taxonomy, rank="genus", share=0.5, validation=0, test=0, seed=0)
    assert len(split.hidden) == 1
    assert split.counts() == {"train": 3, "hidden": 3, "unsure": 3}  # u is an O of unknown genus


def test_table_and_errors():
    table = Split(np.array(["train", "test"])).table(np.array(["a", "b"]))
    assert list(table["sample"]) == ["a", "b"]
    assert list(table["part"]) == ["train", "test"]
    with pytest.raises(ValueError, match=r"together below 1; got 0\.5 and 0\.5"):
        split_images(np.arange(3), validation=0.5, test=0.5, seed=0)
    subject = clade()
    with pytest.raises(ValueError, match="between 0 and 1; got 1"):
        leave_taxa_out(subject.embeddings.taxon, subject.taxonomy, rank="genus", share=1, validation=0, test=0, seed=0)
    with pytest.raises(ValueError, match="no part 'tests'"):
        Split(np.array(["train"])).positions("tests")
