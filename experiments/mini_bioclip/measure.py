"""Train every model of the comparison and answer for birds that no caption of the training named.

    python experiments/mini_bioclip/measure.py --out outputs/mini_bioclip

Writes ``answers.parquet``, one row per photograph and question, from which ``table.py`` makes the tables of README.md.
Half an hour of processor time; runs found in the file are not repeated.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from captions import made_up, write
from model import PER_SPECIES, folds, photographs, read, see, set_projection, tokens, train
from torch import nn

from taxoeval.prompts import COUNTERFACTUALS

RANKS = ("order", "family", "genus", "species")
BIRDS, OBJECTS = "mobilenetv2_inat_bird", "mobilenetv2_imagenet"
FOLDS = range(5)


@dataclass(frozen=True)
class Run:
    """A model: weights of its image tower, what is new at the test, captions, fold, and seed (-1: the linear one)."""

    weights: str
    held_out: str
    captions: str
    fold: int
    seed: int


def plan() -> list[Run]:
    """The four captions of the question with three seeds; the rest, which ask how far it carries, with one."""
    main, further = ("taxon", "sci", "com", "exchanged"), ("sci_com", "taxon_com", "shuffled", "nonsense")
    asked = [(OBJECTS, "genus", main, 3), (OBJECTS, "genus", further, 1), (BIRDS, "genus", main, 1)]
    asked.append((OBJECTS, "family", main, 1))
    linear = [Run(w, h, c, f, -1) for w, h, cs, _ in asked for c in cs for f in FOLDS]
    towers = [Run(w, h, c, f, s) for w, h, cs, n in asked for s in range(n) for c in cs for f in FOLDS]
    return linear + sorted(towers, key=lambda run: run.seed)


photographs = cache(photographs)


def answer(run: Run) -> list[dict]:
    """Hits at every rank of each photograph, for each question and prompt."""
    torch.set_num_threads(1)
    dataset, rows, vectors = photographs(run.weights)
    taxon = dataset.taxon[rows]
    assert (taxon.reshape(-1, PER_SPECIES) == taxon[::PER_SPECIES, None]).all()
    left_out = np.arange(len(rows)) % PER_SPECIES == PER_SPECIES - 1
    species = np.unique(taxon)
    known = {"genus": "family", "family": "order"}[run.held_out]
    new = folds(dataset, species, run.held_out, known, seed=0) == run.fold
    draw = max(run.seed, 0)
    texts = write(dataset, species, run.captions, draw)
    shown = [vectors[rows[(taxon == s) & ~left_out]] for s in species[~new]]
    seen_texts = [text for text, n in zip(texts, new, strict=True) if not n]
    if run.seed < 0:
        see_all, read_all = linear(vectors, shown, seen_texts)
    else:
        model = train(run.weights, shown, seen_texts, run.seed)
        see_all, read_all = lambda v: see(model, v), lambda t: trained_reading(model, t)
    image = see_all(vectors[rows])
    is_new = np.isin(taxon, species[new])
    found = []
    for prompt, asked in prompts(run, dataset, species, texts, seen_texts, draw):
        text = read_all(asked)
        for part, of, candidates in (
            ("new", is_new, new),
            ("new among all", is_new, np.ones_like(new)),
            ("seen", ~is_new & left_out, ~new),
        ):
            best = species[candidates][(image[of] @ text[candidates].T).argmax(1)]
            right = [dataset.taxonomy.at(rank)[best] == dataset.taxonomy.at(rank)[taxon[of]] for rank in RANKS]
            guess = [share(dataset.taxonomy.at(rank), species[candidates], taxon[of]) for rank in RANKS]
            for i, row in enumerate(np.flatnonzero(of)):
                hits = {rank: bool(right[r][i]) for r, rank in enumerate(RANKS)}
                chance = {f"{rank}_chance": float(guess[r][i]) for r, rank in enumerate(RANKS)}
                found.append({**vars(run), "prompt": prompt, "part": part, "image": int(row), **hits, **chance})
    return found


def share(at: np.ndarray, candidates: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Chance that a candidate drawn at random is right."""
    return (at[candidates][None, :] == at[true][:, None]).mean(1)


def prompts(
    run: Run, dataset: object, species: np.ndarray, texts: list[str], seen: list[str], draw: int
) -> Iterator[tuple[str, list[str]]]:
    """The captions as in training; of a model of lineages also the same with wrong ancestors."""
    yield "as trained", texts
    if run.captions == "taxon" and run.held_out == "genus":
        met = set(tokens(seen).unique().tolist())
        for kind in COUNTERFACTUALS:
            yield kind, write(dataset, species, kind, draw)
        yield "known tokens", made_up(texts, lambda word: met.issuperset(tokens([word])[0].tolist()), draw)


@torch.inference_mode()
def trained_reading(model: nn.Module, texts: list[str]) -> np.ndarray:
    return read(model, tokens(texts)).numpy()


def linear(vectors: np.ndarray, shown: list[np.ndarray], texts: list[str]) -> tuple:
    """Ridge regression from which tokens a caption has to the mean vector of its photographs: reading without order."""
    head = nn.Module()
    head.visual = nn.Module()
    head.visual.head = nn.Sequential()
    head.visual.head.add_module("proj", nn.Linear(1, 1))
    set_projection(head, np.concatenate(shown))
    target = np.stack([see(head, one).mean(0) for one in shown])
    bag = tally(texts)
    used = bag.any(0)
    centre = bag[:, used].mean(0)
    bag = bag[:, used] - centre
    fitted = bag.T @ np.linalg.solve(bag @ bag.T + np.eye(len(bag)), target - target.mean(0))

    def read_all(asked: list[str]) -> np.ndarray:
        text = (tally(asked)[:, used] - centre) @ fitted
        return text / np.linalg.norm(text, axis=1, keepdims=True)

    return lambda v: see(head, v), read_all


def tally(texts: list[str]) -> np.ndarray:
    """Which tokens each text has, without its first and last, which all have."""
    ids = tokens(texts).numpy()
    bag = np.zeros((len(ids), 49408), dtype=np.float32)
    np.put_along_axis(bag, ids, 1, axis=1)
    bag[:, [0, 49406, 49407]] = 0
    return bag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, default=None, help="the first so many runs")
    args = parser.parse_args()
    file = args.out / "answers.parquet"
    args.out.mkdir(parents=True, exist_ok=True)
    rows = pq.read_table(file).to_pylist() if file.is_file() else []
    done = {tuple(row[name] for name in Run.__annotations__) for row in rows}
    todo = [run for run in plan()[: args.only] if astuple(run) not in done]
    with ProcessPoolExecutor(args.workers) as pool:
        for i, (run, found) in enumerate(zip(todo, pool.map(answer, todo), strict=True)):
            rows += found
            new = [row for row in found if row["part"] == "new" and row["prompt"] == "as trained"]
            told = " ".join(f"{rank} {100 * np.mean([row[rank] for row in new]):.0f}" for rank in RANKS)
            print(f"{i + 1}/{len(todo)} {run}: {told}", flush=True)
            if i % 20 == 19 or i + 1 == len(todo):
                pq.write_table(pa.Table.from_pylist(rows), file.with_suffix(".part"))
                file.with_suffix(".part").replace(file)


if __name__ == "__main__":
    main()
