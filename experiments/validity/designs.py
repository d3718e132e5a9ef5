"""Simulated data sets whose true mean is known: species are drawn from many, images from each species."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Sample = tuple[Floats, NDArray[np.int64]]
"""One value per image, and the species of each."""


@dataclass(frozen=True)
class Design:
    """How a data set is drawn, and what the means over all images, and over all species, there are would be."""

    draw: Callable[[np.random.Generator, int], Sample]
    species: int
    hits: bool = True
    averages: tuple[str, ...] = ("micro",)

    def truth(self) -> dict[str, float]:
        """From so many species that what is left of chance is below a tenth of a simulated interval's noise."""
        values, species = self.draw(np.random.default_rng(12345), 1_000_000)
        known = ~np.isnan(values)
        values, species = values[known], species[known]
        count = np.bincount(species)
        within = (np.bincount(species, weights=values)[count > 0]) / count[count > 0]
        return {"micro": float(values.mean()), "macro": float(within.mean())}


def balanced(a: float, b: float, images: int) -> Callable[[np.random.Generator, int], Sample]:
    """Accuracy on each species from a beta distribution; the same number of images each."""

    def draw(rng: np.random.Generator, species: int) -> Sample:
        skill = np.repeat(rng.beta(a, b, species), images)
        return (rng.random(len(skill)) < skill).astype(float), np.repeat(np.arange(species), images)

    return draw


def long_tailed(rng: np.random.Generator, species: int) -> Sample:
    """1 to 100 images a species, most of them with few, and the rarer the harder."""
    size = np.minimum(np.ceil(rng.lognormal(1.5, 1.2, species)), 100).astype(int)
    skill = np.repeat(rng.beta(1 + np.log(size), 1.0), size)
    return (rng.random(len(skill)) < skill).astype(float), np.repeat(np.arange(species), size)


def heights(rng: np.random.Generator, species: int) -> Sample:
    """`rank_height` 0 to 7 of eight images a species: mostly 0, the more often wrong the further off."""
    error = np.repeat(rng.beta(1, 2, species), 8)
    climbed = 1 + rng.binomial(6, error / 2)
    return np.where(rng.random(len(error)) < error, climbed, 0).astype(float), np.repeat(np.arange(species), 8)


def severity(rng: np.random.Generator, species: int) -> Sample:
    """The same with the right images undefined: the mean is over mistakes, and how many there are is chance too."""
    values, group = heights(rng, species)
    return np.where(values > 0, values, np.nan), group


def independent(rng: np.random.Generator, images: int) -> Sample:
    """Images that have nothing in common, accuracy 0.9."""
    return (rng.random(images) < 0.9).astype(float), np.arange(images)


DESIGNS = {
    "40 species x 8": Design(balanced(2, 1, 8), 40),
    "15 species x 8": Design(balanced(2, 1, 8), 15),
    "200 species x 8": Design(balanced(2, 1, 8), 200),
    "40 species x 2": Design(balanced(2, 1, 2), 40),
    "40 species x 8, accuracy 0.96": Design(balanced(4.8, 0.2, 8), 40),
    "60 species, long-tailed": Design(long_tailed, 60, averages=("micro", "macro")),
    "heights, 40 species x 8": Design(heights, 40, hits=False),
    "severity, 40 species x 8": Design(severity, 40, hits=False),
    "200 independent images": Design(independent, 200),
}
