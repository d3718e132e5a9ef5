"""Folders of class folders: flat names, iNaturalist's names, and what does not fit."""

import pytest
from PIL import Image

from taxoeval.datasets import folder
from taxoeval.errors import TaxoevalError

RAVEN = "00123_Animalia_Chordata_Aves_Passeriformes_Corvidae_Corvus_corax"
CROW = "00124_Animalia_Chordata_Aves_Passeriformes_Corvidae_Corvus_corone_corone"


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (len(path.name), 0, 0)).save(path)


def test_flat_names(tmp_path):
    for name in ("b/2.png", "a/1.jpg", "b/deep/3.PNG"):
        image(tmp_path / name)
    (tmp_path / "b" / "notes.txt").write_text("x")
    dataset = folder.load(tmp_path, name="mine")
    assert dataset.name == "mine"
    assert dataset.taxonomy.ranks == ("label",)
    assert dataset.sample.tolist() == ["a/1.jpg", "b/2.png", "b/deep/3.PNG"]
    assert dataset.label.tolist() == ["a", "b", "b"]
    assert [dataset.taxonomy.names[t] for t in dataset.taxon] == ["a", "b", "b"]
    assert "1 files without an image's ending are left alone (1 .txt)" in dataset.notes
    assert dataset.source.where(0) == str(tmp_path / "a" / "1.jpg")
    assert folder.load(tmp_path).name == tmp_path.name


def test_inaturalist_names(tmp_path):
    image(tmp_path / RAVEN / "1.jpg")
    image(tmp_path / CROW / "1.jpg")
    dataset = folder.load(tmp_path)
    lineages = [dataset.taxonomy.lineage(int(t)) for t in dataset.taxon]
    upper = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus")
    assert lineages == [(*upper, "Corvus corax"), (*upper, "Corvus corone corone")]
    assert dataset.label[0] == RAVEN
    assert "folder names are read as iNaturalist's: a number and seven ranks" in dataset.notes


def test_what_does_not_fit_stops_or_is_skipped(tmp_path):
    for name in (f"{RAVEN}/1.jpg", f"{RAVEN}/2.jpg", f"{CROW}/1.jpg", "misc/1.jpg", "loose.jpg"):
        image(tmp_path / name)
    (tmp_path / "00125_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_pica").mkdir()
    (tmp_path / RAVEN / "text.jpg").write_text("no image")
    with pytest.raises(TaxoevalError) as caught:
        folder.load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: 3 of 7 entries cannot be used")
    for part in (
        "'00125_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_pica': no image in this class folder",
        "'loose.jpg': lies in no class folder",
        "'misc/1.jpg': its class folder is not of the form NUMBER_kingdom_phylum_class_order_family_genus_species "
        "that 2 of 3 class folders have",
    ):
        assert part in message
    dataset = folder.load(tmp_path, on_bad="skip")
    assert dataset.sample.tolist() == [f"{RAVEN}/1.jpg", f"{RAVEN}/2.jpg", f"{CROW}/1.jpg"]
    assert {problem.value for problem in dataset.skipped} >= {"misc/1.jpg", "loose.jpg", f"{RAVEN}/text.jpg"}
    assert any("4 of 7 entries" in note for note in dataset.notes)


def test_limit(tmp_path):
    for i in range(4):
        image(tmp_path / "a" / f"{i}.png")
    assert folder.load(tmp_path, limit=2).sample.tolist() == ["a/0.png", "a/1.png"]


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(TaxoevalError, match="no such folder; give a folder with one subfolder per class"):
        folder.load(tmp_path / "absent")
    (tmp_path / "a").mkdir()
    with pytest.raises(TaxoevalError, match="no image in any of its 1 subfolders"):
        folder.load(tmp_path)


def test_a_folder_called_nan_is_refused(tmp_path):
    image(tmp_path / "nan" / "1.png")
    image(tmp_path / "b" / "1.png")
    with pytest.raises(TaxoevalError, match=r"'nan/1\.png': its class folder has a name that means unknown"):
        folder.load(tmp_path)


def test_the_birds_as_folders(shared_data):
    dataset = folder.load(shared_data / "images" / "birds" / "images")
    assert len(dataset) == 1760
    assert (dataset.taxonomy.rank == 0).sum() == 352
