import numpy as np
import pandas
import pyarrow as pa
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy
from taxoeval.taxonomy.lineages import columns_to_taxonomy

TWO = ("genus", "species")


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        lambda values: np.array(values, dtype=object),
        pandas.Series,
        lambda values: pandas.Series(values, dtype="category"),
        pa.array,
        lambda values: pa.array(values).dictionary_encode(),
        lambda values: pa.chunked_array([pa.array(values[:2], pa.string()), pa.array(values[2:], pa.string())]),
        lambda values: pa.array(values, pa.large_string()),
    ],
)
def test_columns_of_any_kind_mean_the_same(make):
    genus = ["Pica", " Corvus ", None, "Pica", "NA", "Corvus"]
    species = ["  ", "Corvus corax", "Larus sp.", "Pica pica ", "Larus sp.", "nan"]
    taxonomy, taxon = Taxonomy.from_columns({"species": make(species), "genus": make(genus)}, ranks=TWO)
    assert taxonomy.names.tolist() == ["Corvus", "Corvus corax", "Pica", "Pica pica", "Larus sp."]
    assert taxon.tolist() == [2, 1, 4, 3, 4, 0]
    assert taxon.dtype == np.int64


def test_nan_is_a_hole_and_numbers_are_names():
    taxonomy, taxon = columns_to_taxonomy([[float("nan"), 7.0, np.nan], [1, pandas.NA, "x"]], TWO)
    assert [taxonomy.path(i) for i in taxon] == ["1", "7.0", "x"]


def test_names_sort_by_code_point_in_every_door():
    names = ["éa", "za", "Za", "a b", "a-b", "ab"]
    lists, _ = columns_to_taxonomy([names], ("species",))
    arrow, _ = columns_to_taxonomy([pa.array(names)], ("species",))
    assert lists == arrow
    assert lists.names.tolist() == sorted(names)


def test_a_wrong_number_of_ranks_is_an_error_with_its_row():
    with pytest.raises(
        TaxoevalError, match=r"lineage in row 2 has 3 names for 2 ranks \(genus, species\): \('a', 'b', 'c'\)"
    ):
        Taxonomy.from_lineages([("a", "b"), ("a", "b", "c")], ranks=TWO)
    with pytest.raises(TaxoevalError, match="lineage in row 1 has 1 names for 2 ranks"):
        Taxonomy.from_lineages(["ab"], ranks=TWO)


def test_an_empty_lineage_is_an_error_with_its_row():
    with pytest.raises(
        TaxoevalError, match=r"taxa.csv: row 2 has no name at any rank \(genus, species\); remove the row"
    ):
        columns_to_taxonomy([["a", " ", "b"], ["", None, "c"]], TWO, where="taxa.csv")


def test_no_lineage_is_an_error():
    with pytest.raises(TaxoevalError, match="there is no row"):
        Taxonomy.from_lineages([], ranks=TWO)


def test_columns_must_fit():
    with pytest.raises(ValueError, match=r"same length; got \[1, 2\]"):
        columns_to_taxonomy([["a"], ["b", "c"]], TWO)
    with pytest.raises(ValueError, match="2 ranks need as many columns; got 1"):
        columns_to_taxonomy([["a"]], TWO)
    with pytest.raises(ValueError, match="no column for species; got genus"):
        columns_to_taxonomy({"genus": ["a"]}, TWO)


def test_a_name_that_comes_back_further_down_is_a_circle():
    rows = [("Aves", "Passeriformes", "Corvidae"), ("Aves", "Corvidae", "Aves")]
    with pytest.raises(
        TaxoevalError, match="row 2 goes in a circle: Aves > Corvidae > Aves names Aves twice; correct the lineage"
    ):
        Taxonomy.from_lineages(rows, ranks=("class", "order", "family"))


def test_a_name_filled_down_one_rank_is_none():
    taxonomy = Taxonomy.from_lineages([("Gorilla", "Gorilla"), ("Pica", "Pica pica")], ranks=TWO)
    assert taxonomy.n == 4


def test_a_large_table_of_codes_takes_both_ways_of_counting():
    rng = np.random.default_rng(0)
    genus = rng.integers(0, 50, 5000)
    species = rng.integers(0, 4000, 5000)
    rows = [(f"g{g}", f"s{s}") for g, s in zip(genus, species, strict=True)]
    taxonomy = Taxonomy.from_lineages(rows, ranks=TWO)
    assert taxonomy.n == len(set(rows)) + len({g for g, _ in rows})
    assert [taxonomy.lineage(i) for i in taxonomy.ids(rows)] == rows
