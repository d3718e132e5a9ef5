"""Is a hedged answer right as often as was promised? See hedging.md; `python experiments/validity/hedging.py`."""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from taxoeval import Taxonomy
from taxoeval.datasets import simulated
from taxoeval.decoding import ClimbAt, DartsAt, leaf_argmax
from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.encoders import open_clip
from taxoeval.prompts import Prompts
from taxoeval.tasks import Subject
from taxoeval.tasks.base import normalised, softmax

ACCURACIES = (0.8, 0.9, 0.95)
RULES = {
    "darts, confidence 0.99": lambda accuracy: DartsAt(accuracy, confidence=0.99),
    "darts, confidence 0.95": lambda accuracy: DartsAt(accuracy, confidence=0.95),
    "darts, confidence 0.5": lambda accuracy: DartsAt(accuracy, confidence=0.5),
    "climb, conformal quantile": lambda accuracy: ClimbAt(accuracy),
}


def simulated_subject(store: Path) -> Subject:
    """The simulated clade through the bundled encoder."""
    import torch

    torch.set_num_threads(1)
    dataset = simulated.load()
    encoder = open_clip.load("bundled:mini_clip")
    images = embed_images(encoder, dataset, EmbeddingStore(store), workers=0, device="cpu", progress=False)

    def embed_texts(texts: list[str]) -> np.ndarray:
        return encoder.embed_texts(texts).numpy()

    return Subject(images, dataset.taxonomy, dataset.common_name, dataset.label, embed_texts, encoder.logit_scale)


def probabilities(subject: Subject) -> dict[str, np.ndarray]:
    """Of all labels for all images, zero-shot and by vote of the ten nearest other images; computed once."""
    images = subject.embeddings
    units = normalised(images.vectors, "images")
    candidates, first, column = np.unique(images.taxon, return_index=True, return_inverse=True)
    prompts = Prompts(text_type="taxon", templates="one")
    texts = prompts.texts(subject.taxonomy, candidates.tolist(), subject.common_name, subject.label[first].tolist())
    classifier = normalised(subject.embed_texts([prompts.fill(text)[0] for text in texts]), "texts")
    cosine = units @ units.T
    np.fill_diagonal(cosine, -np.inf)
    nearest = np.argsort(-cosine, axis=1)[:, :10]
    votes = np.zeros((len(units), len(candidates)))
    weight = softmax(np.take_along_axis(cosine, nearest, axis=1) / 0.07)
    np.add.at(votes, (np.arange(len(units))[:, None], column[nearest]), weight)
    return {"zero_shot": softmax(subject.logit_scale * (units @ classifier.T)).astype(np.float64), "knn": votes}


def right(target: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """Whether target and finest answer lie on one path; no answer is right."""
    finest = taxon.max(axis=1)  # finer taxa have higher ids
    met = taxonomy.lca(target, finest)
    return (finest < 0) | (met == finest) | (met == target)


def bits(taxon: np.ndarray, candidates: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """How much each finest answer tells, from 0 to 1."""
    finest = taxon.max(axis=1)
    held = np.searchsorted(candidates, finest + taxonomy.size[finest]) - np.searchsorted(candidates, finest)
    return np.where(finest < 0, 0.0, 1 - np.log2(np.maximum(held, 1)) / np.log2(len(candidates)))


def trial(probability: np.ndarray, subject: Subject, seed: int) -> dict[str, dict[str, list[float]]]:
    """Accuracy on the second half of a random split, and how much is told, of each rule fitted on the first."""
    taxonomy, target = subject.taxonomy, subject.embeddings.taxon
    candidates = np.unique(target)
    order = np.random.default_rng(seed).permutation(len(target))
    one, other = np.array_split(order, 2)
    found: dict[str, dict[str, list[float]]] = {}
    for accuracy in ACCURACIES:
        for name, rule in RULES.items():
            fitted = rule(accuracy).fit(probability[one], candidates, taxonomy, target[one])
            taxon = fitted(probability[other], candidates, taxonomy).taxon[:, :, 0]
            told, hit = bits(taxon, candidates, taxonomy), right(target[other], taxon, taxonomy)
            found.setdefault(name, {})[f"{accuracy:g}"] = [
                float(hit.mean()),
                float(told.mean()),
                float((told * hit).mean()),
                float((taxon[:, 0] < 0).mean()),
            ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=1000)
    parser.add_argument("--store", type=Path, default=Path("outputs/hedging_store"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("hedging.json"))
    arguments = parser.parse_args()
    subject = simulated_subject(arguments.store)
    target, taxonomy = subject.embeddings.taxon, subject.taxonomy
    found: dict[str, object] = {"splits": arguments.splits, "images": len(target), "numpy": np.__version__}
    print("| probabilities | rule | target | met, first 100 | met, all, % | accuracy | told | told rightly | silent |")
    print("|---|---|---|---|---|---|---|---|---|")
    for source, probability in probabilities(subject).items():
        leaf = leaf_argmax(probability, np.unique(target), taxonomy).taxon[:, :, 0]
        told, hit = bits(leaf, np.unique(target), taxonomy), right(target, leaf, taxonomy)
        best = [float(v) for v in (hit.mean(), told.mean(), (told * hit).mean())]
        shares = " | ".join(f"{share:.3f}" for share in best)
        print(f"| {source} | leaf_argmax | | | | {shares} | 0.000 |", flush=True)
        found[source] = {"leaf_argmax": [round(share, 4) for share in best]}
        trials = [trial(probability, subject, seed) for seed in range(arguments.splits)]
        for name in RULES:
            for wanted in map(str, ACCURACIES):
                values = np.array([t[name][wanted] for t in trials])
                met = values[:, 0] >= float(wanted)
                row = [int(met[:100].sum()), 100 * met.mean(), *values.mean(axis=0)]
                shares = " | ".join(f"{share:.3f}" for share in row[2:])
                print(f"| {source} | {name} | {wanted} | {row[0]} | {row[1]:.1f} | {shares} |", flush=True)
                found[source] |= {f"{name}, {wanted}": [row[0], *(round(float(v), 4) for v in row[1:])]}
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
