import csv
import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy, read_table

THREE = ("class", "genus", "species")
ROWS = [("Aves", "Corvus", "Corvus corax"), ("Aves", "Pica", ""), ("", "Larus", "Larus sp., indet."), ("Aves", "", "")]


def write(path, rows, header=THREE, delimiter=","):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([header, *rows])
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.TSV.gz", "a.tab", "a.parquet"])
def test_every_format_round_trips(tmp_path, name):
    taxonomy = Taxonomy.from_lineages(ROWS, ranks=THREE)
    taxonomy.to_table(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert Taxonomy.from_table(tmp_path / name, ranks=THREE) == taxonomy


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz"])
def test_rows_keep_their_taxon(tmp_path, name):
    path = write(tmp_path / name, ROWS, delimiter="\t" if "tsv" in name else ",")
    table = read_table(str(path), ranks=THREE)
    assert [table.taxonomy.lineage(i) for i in table.taxon] == ROWS
    assert table.notes == ("the species column holds binomials",)


def test_parquet_with_dictionaries_and_numbers(tmp_path):
    table = pa.table({"genus": pa.array(["a", "b", "a"]).dictionary_encode(), "species": pa.array([1, 2, None])})
    pq.write_table(table, tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet", ranks=("genus", "species"))
    assert [read.taxonomy.path(i) for i in read.taxon] == ["a > a 1", "b > b 2", "a"]


def test_columns_are_found_by_alias_case_and_mapping(tmp_path):
    path = write(tmp_path / "a.csv", [("Aves", "Corvus", "corax")], header=("CLS", "Genus", "Epithet"))
    table = read_table(path, ranks=THREE, columns={"species": "epithet"})
    assert table.columns == {"class": "CLS", "genus": "Genus", "species": "Epithet"}
    assert table.taxonomy.path(2) == "Aves > Corvus > Corvus corax"
    assert table.notes[:2] == ("class is read from the column CLS", "species is read from the column Epithet")


def test_cls_wins_over_class(tmp_path):
    path = write(tmp_path / "a.csv", [("a label", "Aves")], header=("class", "cls"))
    assert read_table(path, ranks=("class",)).taxonomy.names.tolist() == ["Aves"]


def test_a_byte_order_mark_and_line_breaks_in_quotes_do_no_harm(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\ufeffgenus,note,species\nPica,"two\nlines",pica\n', encoding="utf-8")
    assert Taxonomy.from_table(path, ranks=("genus", "species")).path(1) == "Pica > Pica pica"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv: the file is empty"),
        ("genus,species\n", "a.csv: there is no row"),
        ("genus,species\nPica,pica\n,\n", "a.csv: row 2 has no name at any rank"),
        ("genus,species\nPica,pica\nPica\n", r"a.csv: .*Row #3: Expected 2 columns, got 1"),
        ("genus,Species,SPECIES\na,b,c\n", "2 columns fit the rank species: Species, SPECIES; rename all but one"),
        (
            "genus,specis\na,b\n",
            r"no column 'species' for the rank species \(nearest: 'specis'\); the columns are genus, ",
        ),
        ("genus,x\na,b\n", r"or read only the ranks it has, ranks=\('genus',\)"),
        ("kingdom,species\na,b\n", "no column 'genus'"),
    ],
)
def test_bad_tables_are_explained(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(TaxoevalError, match=message):
        read_table(path, ranks=("genus", "species"))


def test_bad_files_are_explained(tmp_path):
    with pytest.raises(TaxoevalError, match=r"none.csv: no such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(TaxoevalError, match=r"cannot tell the format from '.xlsx'; use .csv"):
        read_table(tmp_path / "a.xlsx")
    (tmp_path / "a.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(TaxoevalError, match=r"a.parquet: cannot be read as a table"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "b.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(TaxoevalError, match=r"b.csv.gz: cannot be read as a table"):
        read_table(tmp_path / "b.csv.gz")
    (tmp_path / "c.csv").write_bytes("genus,species\nPica,m\xe9lan\n".encode("latin-1"))
    with pytest.raises(TaxoevalError, match=r"c.csv: .*UTF-?8"):
        read_table(tmp_path / "c.csv", ranks=("genus", "species"))
    with pytest.raises(TaxoevalError, match=r"columns are given for \['tribe'\]"):
        read_table(write(tmp_path / "d.csv", ROWS), ranks=THREE, columns={"tribe": "x"})


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    taxonomy = Taxonomy.from_lineages(ROWS, ranks=THREE)
    with pytest.raises(TaxoevalError, match=r"a.csv: cannot be written: No such file or directory"):
        taxonomy.to_table(tmp_path / "missing" / "a.csv")
    with pytest.raises(TaxoevalError, match="cannot tell the format"):
        taxonomy.to_table(tmp_path / "a.txt")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TaxoevalError, match="cannot be written"):
        taxonomy.to_table(tmp_path / "folder.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_rare_species(shared_data):
    table = read_table(shared_data / "annotations" / "rare_species.csv")
    species = table.taxonomy.names[table.taxonomy.rank == 6]
    assert len(table.taxon) == 11_983
    assert len(species) == 400
    assert len({name.split(" ", 1)[1] for name in species}) == 385
    assert table.columns["class"] == "cls"
    assert table.notes[-1] == "the species column holds epithets: read as genus + epithet"


def test_mixed_ranks_of_camera_traps(shared_data):
    table = read_table(shared_data / "annotations" / "camera_trap_island-balanced.csv")
    ranks = table.taxonomy.rank[table.taxon]
    assert (ranks < 6).sum() == 150
    assert len(table.taxon) == 310


@pytest.mark.parametrize("name", ["MDD1.0_species_list.csv", "MDD1.2_species_list.csv"])
def test_mammals_with_underscores_and_line_breaks(shared_data, name):
    columns = {"species": "sciname"}
    table = read_table(
        shared_data / "taxonomies" / name, ranks=("order", "family", "genus", "species"), columns=columns
    )
    assert not any("_" in name for name in table.taxonomy.names)
    assert {"MDD1.0_species_list.csv": 6495, "MDD1.2_species_list.csv": 6485}[name] == len(table.taxon)
