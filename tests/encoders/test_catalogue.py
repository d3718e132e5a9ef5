"""``python -m taxoeval.encoders`` lists what there is, without loading any of it."""

import subprocess
import sys
from pathlib import Path

from taxoeval.encoders.__main__ import main
from taxoeval.encoders.catalogue import catalogue, configs


def test_every_configuration_is_listed_with_its_facts(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["encoder", "dim", "text", "px", "size", "licence", "what"]
    rows = {line.split()[0]: line for line in lines[1 : lines.index("")]}
    assert set(rows) == {file.stem for file in configs().glob("*.yaml")}
    assert rows["bioclip2"].startswith("bioclip2  ")
    for fact in ("768", "CLIP's", " 224 ", "428 M", "MIT", "BioCLIP 2: ViT-L/14"):
        assert fact in rows["bioclip2"]
    assert " none " in rows["dinov2_vitl14"]
    assert max(map(len, lines)) <= 100
    assert rows["siglip_vit_b16"].split()[1:7] == ["768", "sentencepiece", "224", "203", "M", "Apache-2.0"]
    assert rows["timm"].split()[1:7] == ["any", "none", "any", "any", "model", "card"]
    assert rows["bioclip2"].endswith("BioCLIP 2: ViT-L/14 from…")


def test_configurations_of_ones_own(tmp_path: Path, capsys):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "moth_net.yaml").write_text("# Moths.\n# dimension: 7\n_target_: mine.load\n")
    (tmp_path / "encoder" / "bare.yaml").write_text("_target_: mine.load\n")
    (tmp_path / "encoder" / "bioclip.yaml").write_text("# Another one.\n")
    assert main(["--config-dir", str(tmp_path)]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert rows["moth_net"] == ["moth_net", "7", "?", "?", "?", "?", "Moths."]
    assert rows["bare"] == ["bare", *["?"] * 6]
    assert rows["bioclip"][-2:] == ["Another", "one."]
    assert len(catalogue([configs(), tmp_path / "encoder"])) == len(catalogue([configs()])) + 2


def test_a_folder_without_encoders(tmp_path: Path, capsys):
    assert main(["--config-dir", str(tmp_path)]) == 1
    assert "has no folder encoder/; your own encoders are" in capsys.readouterr().err


def test_nothing_heavy_is_loaded():
    heavy = ["torch", "open_clip", "timm", "transformers", "pyarrow", "hydra"]
    code = f"import sys, taxoeval.encoders.__main__; print(sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
