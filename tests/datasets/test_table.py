"""Tables of labels: what is detected, what is refused and in which words, and the real tables."""

import csv
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from taxoeval.datasets import table
from taxoeval.errors import TaxoevalError

HEADER = "path,kingdom,phylum,class,order,family,genus,species,common_name"
RAVEN = "Animalia,Chordata,Aves,Passeriformes,Corvidae,Corvus,Corvus corax,raven"
CROW = "Animalia,Chordata,Aves,Passeriformes,Corvidae,Corvus,Corvus corone,carrion crow"


@pytest.fixture
def folder(tmp_path):
    """A folder with four small images, each of its own colour."""
    for i in range(1, 5):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / f"{i}.png")
    return tmp_path


def write(folder, *lines, name="labels.csv"):
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def refused(path, **options):
    """The message a table is refused with: one line."""
    with pytest.raises(TaxoevalError) as caught:
        table.load(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_plain_table(folder):
    dataset = table.load(write(folder, HEADER, f"1.png,{RAVEN}", f"2.png,{CROW}", "3.png,Animalia,,,,,,,"))
    assert dataset.name == folder.name
    assert [dataset.taxonomy.path(t).split(" > ")[-1] for t in dataset.taxon] == [
        "Corvus corax", "Corvus corone", "Animalia",
    ]  # fmt: skip
    assert dataset.sample.tolist() == ["1.png", "2.png", "3.png"]
    assert dataset.label.tolist() == ["Corvus corax", "Corvus corone", "Animalia"]
    assert dataset.common_name[dataset.taxon[0]] == "raven"
    assert dataset.common_name[dataset.taxon[2]] == ""
    assert dataset.source.image(1).getpixel((0, 0)) == (80, 0, 0)
    assert dataset.source.content(0) == (folder / "1.png").read_bytes()
    assert dataset.source.where(2).endswith("3.png (" + str(folder / "labels.csv") + ", row 4)")
    assert "the species column holds binomials" in dataset.notes
    assert any("known for fewer: phylum 2, class 2" in note for note in dataset.notes)
    assert dataset.skipped == ()


@pytest.mark.parametrize("name", ["taxa.tsv", "taxa.parquet"])
def test_other_formats_give_the_same_dataset(folder, name):
    rows = [
        dict(zip(HEADER.split(","), f"{i}.png,{lineage}".split(","), strict=True))
        for i, lineage in ((1, RAVEN), (2, CROW))
    ]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(rows), folder / name)
    else:
        write(folder, *("\t".join(row) for row in [HEADER.split(","), *(row.values() for row in rows)]), name=name)
    dataset = table.load(folder / name)
    assert dataset.taxonomy == table.load(write(folder, HEADER, f"1.png,{RAVEN}", f"2.png,{CROW}")).taxonomy
    assert dataset.name == "taxa"
    assert dataset.source.where(0).endswith(", row 1)" if name.endswith("parquet") else ", row 2)")


def test_a_column_that_is_no_text_is_refused(folder):
    pq.write_table(pa.table({"image": [{"bytes": b"x", "path": "1.png"}], "genus": ["Corvus"]}), folder / "a.parquet")
    with pytest.raises(TaxoevalError, match="image, genus must be columns of text"):
        table.load(folder / "a.parquet", annotations_only=True)


def test_a_byte_order_mark_and_quotes_do_no_harm(folder):
    path = write(folder, "\ufeffpath,genus,common_name", '"1.png",Corvus,"crow, black"')
    assert table.load(path).common_name == ("crow, black",)


def test_epithets_become_binomials_and_it_is_said(folder):
    dataset = table.load(write(folder, "filename,genus,species", "1.png,Beta,vulgaris", "2.png,Thymus,vulgaris"))
    assert sorted(dataset.label) == ["Beta vulgaris", "Thymus vulgaris"]
    assert any("epithets: read as genus + epithet" in note for note in dataset.notes)


def test_case_of_the_header_and_missing_values(folder):
    lines = ["Image,CLS,Family,Genus", "1.png,Aves,NA,Corvus", "2.png,Aves,nan,", "3.png,Aves, Corvidae ,null"]
    dataset = table.load(write(folder, *lines))
    assert dataset.taxonomy.ranks == ("class", "family", "genus")
    assert [dataset.taxonomy.lineage(t) for t in dataset.taxon] == [
        ("Aves", "", "Corvus"), ("Aves", "", ""), ("Aves", "Corvidae", ""),
    ]  # fmt: skip


def test_where_cls_is_the_rank_class_is_the_label(folder):
    path = write(folder, "filepath,cls,genus,species,class", "1.png,Aves,Corvus,corax,a raven")
    dataset = table.load(path)
    assert dataset.taxonomy.lineage(int(dataset.taxon[0])) == ("Aves", "Corvus", "Corvus corax")
    assert dataset.label.tolist() == ["a raven"]
    assert "the rank class is read from 'cls', labels as written from 'class'" in dataset.notes
    assert table.load(path, ranks=["genus"]).label.tolist() == ["a raven"]


def test_file_path_and_class_alone_are_flat_labels(folder):
    dataset = table.load(write(folder, "filepath,class", "1.png,leaf rust", "2.png,healthy"))
    assert dataset.taxonomy.ranks == ("label",)
    assert dataset.label.tolist() == ["leaf rust", "healthy"]


def test_ranks_by_list_and_by_mapping(folder):
    path = write(folder, "file,Tribus,SciName,genus", "1.png,Corvini,Corvus corax,Corvus")
    assert table.load(path, ranks={"tribe": "Tribus", "species": "SciName"}).taxonomy.ranks == ("tribe", "species")
    assert table.load(path, ranks=["genus"]).taxonomy.ranks == ("genus",)
    assert "no column 'family'" in refused(path, ranks=["family"])
    assert "give auto, a list of ranks" in refused(path, ranks="genus")


def test_columns_by_name(folder):
    path = write(folder, "a,b,genus,vernacular", "1.png,x,Corvus,crow")
    assert "no column with image paths; the columns are a, b, genus, vernacular" in refused(path)
    dataset = table.load(path, image="a", label="b", common_name="vernacular")
    assert dataset.label.tolist() == ["x"]
    assert dataset.common_name == ("crow",)
    assert "no column 'vernaculer' (nearest: 'vernacular')" in refused(path, image="a", common_name="vernaculer")


def test_several_image_columns_are_noted(folder):
    dataset = table.load(write(folder, "filename,file_path,genus", "1.png,gone.png,Corvus"))
    assert "image paths are read from 'filename'; also possible: file_path" in dataset.notes


def test_commonest_common_name_wins_and_it_is_said(folder):
    lines = ["path,genus,common_name", "1.png,Corvus,crow", "2.png,Corvus,raven", "3.png,Corvus,raven"]
    dataset = table.load(write(folder, *lines))
    assert dataset.common_name == ("raven",)
    assert "1 taxa have several common names: the commonest is used" in dataset.notes


def test_homonyms_stay_apart_and_are_noted(folder):
    lines = ["path,kingdom,genus", "1.png,Plantae,Ficus", "2.png,Animalia,Ficus"]
    dataset = table.load(write(folder, *lines))
    assert dataset.taxon[0] != dataset.taxon[1]
    assert any("several taxa share a name and stay apart (genus Ficus)" in note for note in dataset.notes)


def test_every_bad_row_is_named_in_one_message(folder):
    (folder / "text.jpg").write_text("no image")
    lines = [
        "path,genus,species",
        "1.png,Corvus,corax",  # row 2, good
        "gone.png,Corvus,corax",
        ",Corvus,corax",
        "../other/2.png,Corvus,corax",
        "2.png,,",
        "1.png,Corvus,corax",
        "3.png,Corvus,corax",
        "3.png,Corvus,corone",
    ]
    path = write(folder, *lines)
    message = refused(path)
    assert message.startswith(f"{path}: 7 of 8 rows cannot be used (2 one image with conflicting labels, ")
    for part in (
        "1 no such file",
        "row 3: 'gone.png': no such file (under ",
        "row 4: '': no image path",
        "row 5: '../other/2.png': leads out of the image root",
        "row 6: '2.png': no name at any rank",
        "row 7: '1.png': duplicate row (rows 2, 7)",
        "and 2 more",
        "pass on_bad=skip",
    ):
        assert part in message
    dataset = table.load(path, on_bad="skip")
    assert dataset.sample.tolist() == ["1.png"]
    assert [problem.row for problem in dataset.skipped] == [3, 4, 5, 6, 7, 8, 9]
    assert dataset.skipped[-1].reason == "one image with conflicting labels (rows 8, 9)"
    assert dataset.notes[1].startswith(f"7 of 8 rows of {path} left out (2 one image with conflicting labels")


@pytest.mark.parametrize("path", ["sub/../1.png", "./1.png"])
def test_detours_are_seen_through(folder, path):
    (folder / "sub").mkdir()
    dataset = table.load(write(folder, "path,genus", f"{path},Corvus"))
    assert dataset.sample.tolist() == ["1.png"]
    assert "duplicate row (rows 2, 3)" in refused(write(folder, "path,genus", "1.png,Corvus", f"{path},Corvus"))


def test_absolute_paths_must_lie_in_the_root(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    Image.new("RGB", (8, 8)).save(other / "1.png")
    assert table.load(write(folder, "path,genus", f"{folder / '1.png'},Corvus")).sample.tolist() == ["1.png"]
    outside = write(folder, "path,genus", f"{other / '1.png'},Corvus", "2.png,Corvus")
    assert "leads out of the image root" in refused(outside)
    beside = write(folder, "path,genus", f"{folder}-more/1.png,Corvus", "2.png,Corvus")
    assert "leads out of the image root" in refused(beside)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.jpg", b"no image at all", "unreadable image (not an image, it begins with b'no image at all')"),
        ("empty.jpg", b"", "unreadable image (the file is empty)"),
        ("cut.png", None, "unreadable image (the image cannot be decoded"),
    ],
)
def test_images_that_cannot_be_decoded(folder, name, content, reason):
    if content is None:
        Image.effect_noise((64, 64), 50).save(folder / "whole.png")
        content = (folder / "whole.png").read_bytes()[:900]
    (folder / name).write_bytes(content)
    path = write(folder, "path,genus", "1.png,Corvus", f"{name},Corvus")
    trusting = table.load(path)
    with pytest.raises(TaxoevalError, match=rf"{name} \({path}, row 3\): "):
        trusting.source.image(1)
    dataset = table.load(path, on_bad="skip")
    assert dataset.sample.tolist() == ["1.png"]
    assert dataset.skipped[0].reason.startswith(reason)
    assert dataset.skipped[0].row == 3


def test_a_lineage_in_a_circle(folder):
    path = write(folder, "path,order,family,genus", "1.png,Aves,Corvidae,Corvus", "2.png,Pica,Corvidae,Pica")
    assert "row 3: '2.png': the lineage goes in a circle (Pica > Corvidae > Pica)" in refused(path)
    assert len(table.load(path, on_bad="skip")) == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEADER,), "the table has no rows"),
        (("",), ": "),
        (("path,genus,path", "1.png,Corvus,2.png"), "the column 'path' stands there twice"),
        (("path,colour", "1.png,red"), "no column of a taxonomic rank and no label; name them"),
        (("path,genus", "1.png,Corvus,extra"), "labels.csv: "),
    ],
)
def test_tables_that_are_none(folder, lines, message):
    assert message in refused(write(folder, *lines))


def test_no_such_table_or_root(folder):
    assert "no such file" in refused(folder / "absent.csv")
    path = write(folder, "path,genus", "1.png,Corvus")
    assert "no such folder; give the folder that the image paths start from" in refused(path, root=folder / "absent")
    assert "cannot tell the format" in refused(write(folder, "x", name="labels.docx"))


def test_a_wrong_root_is_recognised(folder):
    (folder / "sub").mkdir()
    path = write(folder, "path,genus", *(f"{i}.png,Corvus" for i in range(1, 5)))
    message = refused(path, root=folder / "sub")
    assert message.endswith(
        f"Not one image is there: are they downloaded, and do their paths start from {folder / 'sub'} (root=...)? "
        "To score answers without any image: annotations_only=true"
    )
    assert "and 3 more" in message
    assert "4 of 4 rows" in refused(path, root=folder / "sub", on_bad="skip")


def test_groups_are_a_column_and_blanks_stand_alone(folder):
    lines = ["path,genus,burst", "1.png,Corvus,a", "2.png,Corvus,a", "3.png,Pica,", "4.png,Pica,unknown"]
    path = write(folder, *lines)
    assert table.load(path).group is None
    dataset = table.load(path, group="burst")
    assert dataset.group.tolist() == ["a", "a", "", "unknown"]
    assert "3 images are in 2 groups of 'burst'; 1 images have none, and are each a group of their own" in dataset.notes
    assert "no column 'bursts' (nearest: 'burst'); the columns are path, genus, burst" in refused(path, group="bursts")
    assert "no column 'auto'" in refused(path, group="auto")
    gone = write(folder, *lines[:2], "gone.png,Corvus,b", *lines[3:], name="gone.csv")
    assert table.load(gone, group="burst", on_bad="skip").group.tolist() == ["a", "", "unknown"]


def test_numbers_are_groups_too(folder):
    pq.write_table(
        pa.table({"path": ["1.png", "2.png", "3.png"], "genus": ["Pica"] * 3, "burst": [7, 7, None]}),
        folder / "a.parquet",
    )
    assert table.load(folder / "a.parquet", group="burst").group.tolist() == ["7", "7", ""]


def test_annotations_without_images(folder):
    path = write(folder, "id,genus", ".\\there\\1.png,Corvus", "7,Pica", "7,Pica")
    assert "no column with image paths" in refused(path)
    assert "row 4: '7': duplicate row (rows 3, 4)" in refused(path, annotations_only=True)
    dataset = table.load(path, annotations_only=True, on_bad="skip")
    assert dataset.sample.tolist() == ["there/1.png", "7"]
    assert len(dataset.source) == 2
    for ask in (dataset.source.content, dataset.source.image):
        with pytest.raises(TaxoevalError, match=r"^7 \(.*labels.csv, row 3\): read with annotations_only=true"):
            ask(1)
    assert "row 3: '': no sample id" in refused(write(folder, "id,genus", "1,Pica", ",Pica"), annotations_only=True)


def test_limit_and_unknown_words(folder):
    path = write(folder, "path,genus", "1.png,Corvus", "2.png,Pica", "gone.png,Pica")
    assert table.load(path, limit=2).sample.tolist() == ["1.png", "2.png"]
    assert "limit=0: give at least 1" in refused(path, limit=0)
    assert "use 'error' to stop at bad rows or 'skip'" in refused(path, on_bad="ignore")


def test_animated_images_are_noted(folder):
    Image.new("RGB", (8, 8)).save(folder / "a.gif", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")])
    dataset = table.load(write(folder, "path,genus", "a.gif,Corvus", "1.png,Corvus"))
    assert "1 images are animated: their first frame is used" in dataset.notes


# --- real tables


@pytest.mark.parametrize(
    ("name", "n", "counts"),
    [
        ("birds", 1760, (1, 1, 1, 34, 121, 280, 338)),
        ("produce", 582, (2, 2, 3, 11, 14, 16, 20)),
        ("animals92", 92, (3, 4, 10, 34, 59, 75, 91)),
    ],
)
def test_real_photographs(shared_data, name, n, counts):
    dataset = table.load(shared_data / "images" / name / "labels.csv")
    assert (dataset.name, len(dataset)) == (name, n)
    assert tuple(np.bincount(dataset.taxonomy.rank, minlength=7)) == counts
    assert dataset.source.image(n - 1).mode == "RGB"
    assert all(" " in dataset.taxonomy.names[t] for t in dataset.taxon if dataset.taxonomy.rank[t] == 6)


def test_birds_whose_label_stops_early(shared_data):
    dataset = table.load(shared_data / "images" / "birds" / "labels.csv")
    assert np.bincount(dataset.taxonomy.rank[dataset.taxon], minlength=7).tolist() == [0, 0, 0, 0, 45, 25, 1690]
    kiwi = dataset.taxon[dataset.label == "KIWI"]
    assert {dataset.taxonomy.lineage(int(t))[-2:] for t in kiwi} == {("Apteryx", "")}


@pytest.mark.parametrize(
    "name", ["rare_species.csv", "camera_trap_island-balanced.csv", "camera_trap_ENA24-balanced.csv"]
)
def test_real_tables_without_their_images(shared_data, name):
    message = refused(shared_data / "annotations" / name)
    assert "no such file" in message
    assert "Not one image is there" in message
    labels = table.load(shared_data / "annotations" / name, annotations_only=True)
    assert len(labels) == {"rare_species.csv": 11983}.get(name, len(labels))
    assert labels.sample[0].endswith((".jpg", ".png"))


def link_images(source, column, folder):
    """Copy a real table beside one image that every path of it leads to."""
    Image.new("RGB", (8, 8)).save(folder / "one.png")
    with source.open(encoding="utf-8") as stream:
        paths = [row[column] for row in csv.DictReader(stream)]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / "one.png", folder / path)
    return table.load(source, root=folder)


def test_rare_species(shared_data, tmp_path):
    dataset = link_images(shared_data / "annotations" / "rare_species.csv", "filepath", tmp_path)
    assert len(dataset) == 11983
    assert (dataset.taxonomy.rank == 6).sum() == 400
    assert dataset.taxonomy.ranks[2] == "class"
    assert len({dataset.common_name[t] for t in np.unique(dataset.taxon)}) == 398
    assert dataset.label[0] == "Cyclonaias tuberculata"
    assert "the species column holds epithets: read as genus + epithet" in " ".join(dataset.notes)


def test_camera_trap_with_mixed_ranks(shared_data, tmp_path):
    dataset = link_images(shared_data / "annotations" / "camera_trap_island-balanced.csv", "filepath", tmp_path)
    known = (dataset.taxonomy.ancestor[dataset.taxon] >= 0).sum(0)
    assert known.tolist()[3:] == [290, 270, 200, 160]
    assert dataset.label[0] == "brown_noddy"
