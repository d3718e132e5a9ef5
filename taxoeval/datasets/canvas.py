"""A canvas and its strokes: signed distances to shapes, blended with a soft edge one pixel wide.

Per pixel only additions, products, quotients, square roots and comparisons are used here and in `drawing`. IEEE 754
fixes the result of each of them to the last bit, so the same strokes give the same bytes on every machine.
"""

import math

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Colour = tuple[float, float, float]


def unit(z: float) -> float:
    """Squash a trait from the real line to ``(0, 1)``.

    Examples
    --------
    >>> unit(0.0)
    0.5
    """
    return 0.5 + 0.5 * z / math.sqrt(1.0 + z * z)


def colour(light: float, red: float, blue: float) -> Colour:
    """Three traits on the real line to a colour: lightness, red against green, blue against yellow.

    Returns
    -------
    Red, green and blue, each in ``[0.03, 0.97]``.

    Examples
    --------
    >>> red, green, _ = colour(0.0, 2.0, 0.0)
    >>> red > green
    True
    """
    base, a, b = 0.2 + 0.65 * unit(light), 2 * unit(red) - 1, 2 * unit(blue) - 1
    mixed = (base + 0.32 * a - 0.12 * b, base - 0.2 * a - 0.12 * b, base - 0.05 * a + 0.38 * b)
    return tuple(min(0.97, max(0.03, channel)) for channel in mixed)  # type: ignore[return-value]


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """A colour ``share`` of the way from the first to the second.

    Examples
    --------
    >>> blend((0.0, 0.5, 1.0), (1.0, 0.5, 0.0), 0.5)
    (0.5, 0.5, 0.5)
    """
    return tuple(p + share * (q - p) for p, q in zip(first, second, strict=True))  # type: ignore[return-value]


class Canvas:
    """Three planes of colour with coordinates; every stroke is a plane of signed distances (negative inside).

    Parameters
    ----------
    ground
        ``(3, height, width)`` picture so far, values 0 to 1; strokes change it in place.
    x, y
        ``(height, width)`` coordinates of the pixels.
    pixel
        Width of a pixel in these coordinates.

    Examples
    --------
    >>> x, y = np.meshgrid(np.arange(3, dtype=np.float32), np.arange(3, dtype=np.float32))
    >>> canvas = Canvas(np.zeros((3, 3, 3), dtype=np.float32), x, y, pixel=1.0)
    >>> canvas.disc(1, 1, 0.5, (1.0, 1.0, 1.0))
    >>> canvas.rgb[0].tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, ground: NDArray[np.float32], x: Plane, y: Plane, pixel: float) -> None:
        self.rgb, self.x, self.y, self.pixel = ground, x, y, np.float32(pixel)

    def cover(self, distance: Plane) -> Plane:
        """How much of each pixel lies inside, 0 to 1."""
        return np.asarray(np.clip(np.float32(0.5) - distance / self.pixel, 0, 1), dtype=np.float32)

    def paint(self, cover: Plane, ink: Colour) -> None:
        """Lay a colour over the picture."""
        for plane, value in zip(self.rgb, ink, strict=True):
            plane += cover * (np.float32(value) - plane)

    def disc(self, x: float, y: float, radius: float, ink: Colour) -> None:
        """Paint a filled circle."""
        dx, dy = self.x - np.float32(x), self.y - np.float32(y)
        self.paint(self.cover(np.sqrt(dx * dx + dy * dy) - np.float32(radius)), ink)

    def rod(
        self, start: tuple[float, float], end: tuple[float, float], radii: tuple[float, float], ink: Colour
    ) -> None:
        """Paint a straight rod with round ends whose thickness goes from the first radius to the second."""
        ax, ay, bx, by = (np.float32(v) for v in (*start, *end))
        dx, dy = self.x - ax, self.y - ay
        ux, uy = bx - ax, by - ay
        along = np.clip((dx * ux + dy * uy) / max(ux * ux + uy * uy, np.float32(1e-6)), 0, 1)
        dx, dy = dx - along * ux, dy - along * uy
        radius = np.float32(radii[0]) + along * np.float32(radii[1] - radii[0])
        distance = np.asarray(np.sqrt(dx * dx + dy * dy) - radius, dtype=np.float32)
        self.paint(self.cover(distance), ink)
