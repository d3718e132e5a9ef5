"""A simulated dataset: a clade whose organisms the program draws, so that the truth about them is known.

Nothing is read from disk or downloaded. The clade (tree, names, traits) depends on ``seed`` alone, the individuals on
``seed`` and ``individuals``: two draws of one clade show different individuals of the same species.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taxoeval.datasets.clade import RATE, TRAITS, Clade, grow
from taxoeval.datasets.drawing import Scene, draw
from taxoeval.datasets.names import RANKS
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from PIL import Image

    from taxoeval.datasets.base import ImageDataset

JUVENILE: dict[str, float] = {
    "size": -1.1, "head": 1.0, "eye": 0.8, "limb_length": -0.7, "snout": -0.8, "tail": -0.6, "horns": -0.6,
    "wings": -0.5, "light": 0.5, "spots": -0.4, "stripes": -0.4, "petal_depth": -0.7, "petals": -0.3,
}  # fmt: skip
"""What is added to a species' traits in a juvenile: the same for every species."""

STAGE_SHIFT: NDArray[np.float64] = np.array([JUVENILE.get(trait, 0.0) for trait in TRAITS])
"""``(n_traits,)``: `JUVENILE` as a vector in the order of the traits."""
STAGE_SHIFT.flags.writeable = False

INDIVIDUAL_VARIANCE: NDArray[np.float64] = np.where(RATE[0] > RATE[1], 0.0, 0.02)
"""``(n_traits,)`` variance among individuals of one species and life stage, where the species of a clade vary by 1.

It is 0 for the traits of the body plan, the ones that change fastest between kingdoms."""
INDIVIDUAL_VARIANCE.flags.writeable = False

ADULT_SHARE = 0.6
GENUS_SHARE = 0.05
_KEPT = 4096  # pictures a source remembers: the whole default dataset, and not all of a huge one


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known about a simulated dataset because it was made up.

    Attributes
    ----------
    clade
        Tree, names and the traits of every taxon.
    rate
        ``(7, n_traits)`` variance that arises in each trait at each rank; columns sum to 1.
    species
        ``(n,)`` index into ``clade.species`` of each image, also where its label stops at genus.
    adult
        ``(n,)`` bool, life stage of each image.
    to_genus
        ``(n,)`` bool, whether the label of an image stops at genus.
    traits
        ``(n, n_traits)`` traits of each individual, life stage and individual variation included.
    """

    clade: Clade
    rate: NDArray[np.float64]
    species: NDArray[np.int64]
    adult: NDArray[np.bool_]
    to_genus: NDArray[np.bool_]
    traits: NDArray[np.float64]


def _counts(abundance: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Split ``n`` images over the species: one each, the rest by abundance with the largest remainders."""
    share = abundance * (n - len(abundance))
    counts = np.floor(share).astype(np.int64)
    left = n - len(abundance) - int(counts.sum())
    counts[np.argsort(counts - share, kind="stable")[:left]] += 1
    return counts + 1


def truth(seed: int = 0, individuals: int = 0, n_species: int = 60, n_images: int = 1500) -> Truth:
    """What is true of the dataset that `load` makes from the same arguments.

    Parameters
    ----------
    seed
        Fixes tree, names and traits of the species.
    individuals
        Which draw of individuals: 0 is the one to evaluate on, the bundled encoder was trained on others.
    n_species, n_images
        Size. Every species has at least one image.

    Returns
    -------
    Truth

    Raises
    ------
    TaxoevalError
        If there are fewer images than species, fewer than two species, or a seed is negative.

    Examples
    --------
    >>> t = truth(seed=0, n_species=10, n_images=50)
    >>> t.traits.shape == (50, t.rate.shape[1])
    True
    >>> t.rate.sum(axis=0).round(9).tolist() == [1.0] * t.rate.shape[1]
    True
    """
    if seed < 0 or individuals < 0:
        raise TaxoevalError(f"seed={seed} and individuals={individuals} must not be negative")
    clade = grow(seed, n_species)
    if n_images < n_species:
        raise TaxoevalError(f"n_images={n_images} is below n_species={n_species}: every species needs an image")
    rng = np.random.default_rng([seed, 4, individuals])
    species = rng.permutation(np.repeat(np.arange(n_species), _counts(clade.abundance, n_images)))
    adult = rng.random(n_images) < ADULT_SHARE
    to_genus = rng.random(n_images) < GENUS_SHARE
    own = rng.standard_normal((n_images, len(TRAITS))) * np.sqrt(INDIVIDUAL_VARIANCE)
    traits = clade.traits[clade.species[species]] + own + np.where(adult[:, None], 0.0, STAGE_SHIFT)
    return Truth(clade, RATE, species, adult, to_genus, np.round(traits, 9))


def random_scene(rng: np.random.Generator) -> Scene:
    """A random pose, light and background.

    Examples
    --------
    >>> 0.4 < random_scene(np.random.default_rng(0)).scale < 0.7
    True
    """
    value = [round(float(v), 6) for v in rng.uniform(-1, 1, 16)]
    base = rng.uniform(0.15, 0.85) + rng.uniform(-0.2, 0.2, (3, 1, 1))
    ground = base + rng.uniform(-0.12, 0.12, (1, 5, 5)) + rng.uniform(-0.06, 0.06, (3, 5, 5))
    blades = []
    for _ in range(int(rng.integers(0, 4))):
        foot, lean, height, shade = (float(v) for v in rng.uniform(-1, 1, 4))
        blades.append((foot, -1.05, foot + 0.4 * lean, -0.3 + 0.7 * height, 0.8 + 0.4 * shade))
    return Scene(
        angle=math.pi / 4 * value[0] + math.pi / 6 * value[1],
        flip=1.0 if value[2] > 0 else -1.0,
        x=0.2 * value[3],
        y=0.2 * value[4],
        scale=0.54 + 0.1 * value[5],
        bend=0.15 * value[6],
        gain=0.95 + 0.3 * value[7],
        tint=(1 + 0.12 * value[8], 1 + 0.04 * value[9], 1 + 0.12 * value[10]),
        slope=(0.2 * value[11], 0.2 * value[12]),
        ground=np.clip(ground, 0.02, 0.98).astype(np.float32),
        blades=tuple(blades),
        noise=round(8 + 6 * value[13]),
        blurred=value[14] > 0.4,
    )


class DrawnImages:
    """An image source that draws a picture when it is asked for and remembers the last few thousand.

    Parameters
    ----------
    traits
        ``(n, n_traits)`` traits of the individuals.
    seed, individuals
        Fix pose, light and background of each picture, whichever is drawn first.
    size
        Side in pixels.
    """

    def __init__(self, traits: NDArray[np.float64], seed: int, individuals: int, size: int) -> None:
        self.traits, self.seed, self.individuals, self.size = traits, seed, individuals, size
        self._drawn: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.traits)

    def __getstate__(self) -> dict[str, object]:
        """Leave the remembered pictures behind: a loader process draws its own."""
        return {**self.__dict__, "_drawn": OrderedDict()}

    def pixels(self, i: int) -> NDArray[np.uint8]:
        """Picture ``i`` as ``(size, size, 3)`` uint8, read-only."""
        if i not in self._drawn:
            rng = np.random.default_rng([self.seed, 5, self.individuals, i])
            scene = random_scene(rng)
            picture = draw(dict(zip(TRAITS, self.traits[i].tolist(), strict=True)), scene, self.size, rng)
            picture.flags.writeable = False
            self._drawn[i] = picture
            if len(self._drawn) > _KEPT:
                self._drawn.popitem(last=False)
        return self._drawn[i]

    def content(self, i: int) -> bytes:
        """The pixels as bytes, behind the side length."""
        return self.size.to_bytes(4, "little") + self.pixels(i).tobytes()

    def image(self, i: int) -> "Image.Image":
        """The picture as a PIL image."""
        from PIL import Image

        return Image.fromarray(self.pixels(i))

    def where(self, i: int) -> str:
        """Which picture of which draw it is."""
        return f"simulated clade (seed {self.seed}, individuals {self.individuals}), picture {i}"


def load(
    seed: int = 0,
    individuals: int = 0,
    n_species: int = 60,
    n_images: int = 1500,
    size: int = 96,
    name: str | None = None,
) -> "ImageDataset":
    """A simulated dataset; the same arguments give the same bytes on every machine.

    Parameters
    ----------
    seed
        Which clade: tree, names, traits of the species, unequal class sizes.
    individuals
        Which individuals of it. 0 is the draw to evaluate on; the bundled encoder never saw it.
    n_species, n_images
        Size; every species has at least one image.
    size
        Side of the pictures in pixels, at least 16.
    name
        Name in tables; by default ``simulated``, with what differs from the default draw.

    Returns
    -------
    ImageDataset
        About 5 % of the labels stop at genus. Some orders have no class and some genera no family: holes in
        the lineage. The taxonomy holds all species of the clade. Pictures are drawn when asked for, about 2 ms each.

    Raises
    ------
    TaxoevalError
        If a size makes no sense.

    Examples
    --------
    >>> dataset = load(n_species=8, n_images=20, size=32)
    >>> len(dataset), dataset.source.image(0).size, dataset.name
    (20, (32, 32), 'simulated')
    """
    from taxoeval.datasets.base import ImageDataset
    from taxoeval.taxonomy import Taxonomy

    if size < 16:
        raise TaxoevalError(f"size={size}: an organism needs at least 16 pixels")
    t = truth(seed, individuals, n_species, n_images)
    names = np.where(t.clade.hidden, "", np.array(t.clade.names)[t.clade.lineage])
    taxonomy, species = Taxonomy.from_columns([column.tolist() for column in names.T], ranks=RANKS)
    genus = taxonomy.at("genus")[species]
    taxon = np.where(t.to_genus, genus[t.species], species[t.species]).astype(np.int64)
    common = [""] * len(taxonomy)
    for node, i in zip(t.clade.species, species, strict=True):
        common[i] = t.clade.common_names[node]
    parts = [f"{word}{value}" for word, value in (("seed", seed), ("individuals", individuals)) if value]
    holes = {rank: int(t.clade.hidden[:, r].sum()) for r, rank in enumerate(RANKS) if t.clade.hidden[:, r].any()}
    notes = [f"drawn by the program: clade of seed {seed}, individuals of draw {individuals}"]
    notes += [f"{k} of {n_species} species have no {rank} in their lineage" for rank, k in holes.items()]
    notes += [f"{int(t.to_genus.sum())} of {n_images} labels stop at genus"]
    return ImageDataset(
        name=name or "-".join(["simulated", *parts]),
        taxonomy=taxonomy,
        taxon=taxon,
        sample=np.array([f"seed{seed}/individuals{individuals}/{i:06d}" for i in range(n_images)]),
        source=DrawnImages(t.traits, seed, individuals, size),
        common_name=tuple(common),
        label=taxonomy.names[taxon].astype(np.str_),
        notes=tuple(notes),
    )
