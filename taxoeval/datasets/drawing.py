"""Draws one organism from its traits, in its scene.

The same traits and scene give the same bytes on every machine (see `canvas`): sines and cosines of a pose are taken
once per image and rounded before they touch a pixel.

An organism is *bilateral* (a bent tube with head, tail and pairs of limbs, seen from above or from the side) or
*radial* (petals around a disc, on a stem); which of the two is a trait as well.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.datasets.canvas import Canvas, Colour, Plane, blend, colour, unit

Traits = Mapping[str, float]


@dataclass(frozen=True)
class Scene:
    """Everything in a picture that says nothing about the species.

    Attributes
    ----------
    angle
        Rotation in radians.
    flip
        ``1`` or ``-1``: which way the organism looks.
    x, y, scale
        Position of the centre and half-length of the body, the frame reaching from -1 to 1.
    bend
        How the individual bends its body.
    gain, tint, slope
        Light: brightness, one factor per channel, and its change across the frame.
    ground
        ``(3, 5, 5)`` background colours on a coarse grid, interpolated between.
    blades
        Blades of grass in front: foot and tip ``(x0, y0, x1, y1, shade)``.
    noise
        Amplitude of the sensor noise in grey levels.
    blurred
        Whether the picture is slightly out of focus.
    """

    angle: float
    flip: float
    x: float
    y: float
    scale: float
    bend: float
    gain: float
    tint: Colour
    slope: tuple[float, float]
    ground: NDArray[np.float32]
    blades: tuple[tuple[float, float, float, float, float], ...]
    noise: int
    blurred: bool


@dataclass(frozen=True)
class Palette:
    """Colours of one organism."""

    body: Colour
    mark: Colour
    limb: Colour
    pale: Colour


def _palette(t: Traits) -> Palette:
    body = colour(t["light"], t["red"], t["blue"])
    mark = colour(t["light2"] - 0.8 * t["light"], t["red2"], t["blue2"])
    limb = blend(body, mark if t["limb_tone"] > 0 else (0.12, 0.1, 0.1), 0.75 * abs(2 * unit(t["limb_tone"]) - 1))
    return Palette(body, mark, limb, blend(body, (0.95, 0.93, 0.88), 0.7 * unit(t["belly"])))


def _wave(position: Plane) -> Plane:
    """0 at whole numbers, 1 half-way between, a parabola in between."""
    part = position - np.floor(position)
    return np.float32(4) * part * (np.float32(1) - part)


def _markings(c: Canvas, t: Traits, inside: Plane, x: Plane, y: Plane, ink: Colour) -> None:
    """Spots on a staggered lattice, stripes and a collar; each is there only when its trait is high enough."""
    if t["spots"] > 0:
        density = np.float32(2.2 + 4 * unit(t["spot_density"]))
        row = np.floor(y * density)
        stagger = np.float32(0.5) * (row - np.float32(2) * np.floor(row * np.float32(0.5)))
        dx = x * density + stagger
        dx = dx - np.floor(dx) - np.float32(0.5)
        dy = y * density - row - np.float32(0.5)
        radius = np.float32(0.12 + 0.3 * (2 * unit(t["spots"]) - 1))
        c.paint(inside * c.cover((np.sqrt(dx * dx + dy * dy) - radius) / density), ink)
    if t["stripes"] > 0:
        number = np.float32(1.2 + 3.2 * unit(t["stripe_number"]))
        lean = np.float32(1.6 * t["stripe_angle"] / math.sqrt(1 + t["stripe_angle"] ** 2))
        width = np.float32(0.25 + 0.6 * (2 * unit(t["stripes"]) - 1))
        wave = _wave((x + lean * y) * number)
        c.paint(inside * c.cover((np.float32(1) - width - wave) / (np.float32(3) * number)), ink)
    if t["collar"] > 0.2:
        c.paint(inside * c.cover(np.abs(x - np.float32(0.5)) - np.float32(0.18 * unit(t["collar"]))), ink)


def _limbs(c: Canvas, t: Traits, width: float, both: bool, ink: Colour) -> None:
    pairs = min(5, max(0, round(2 + 1.8 * t["limb_number"])))
    length, thick = 0.25 + 0.75 * unit(t["limb_length"]), 0.04 + 0.1 * unit(t["limb_width"])
    sweep = 0.5 * t["limb_sweep"] / math.sqrt(1 + t["limb_sweep"] ** 2)
    for i in range(pairs):
        x = 0.0 if pairs == 1 else -0.6 + 1.2 * i / (pairs - 1)
        for side in (1, -1) if both else (-1,):
            foot = (x + sweep * length + 0.25 * x, side * (0.6 * width + length))
            c.rod((x, side * 0.5 * width), foot, (thick, 0.6 * thick), ink)


def _tail(c: Canvas, t: Traits, ink: Colour) -> None:
    length, fan = 1.1 * unit(t["tail"]), 0.5 * unit(t["fan"])
    if length < 0.3:
        return
    tip = -0.9 - length
    c.rod((-0.8, 0), (tip, 0), (0.12, 0.05), ink)
    if fan > 0.2:
        for side in (1, -1):
            c.rod((-0.8 - 0.5 * length, 0), (tip, side * fan), (0.05, 0.11), ink)


def _wings(c: Canvas, t: Traits, both: bool, ink: Colour) -> None:
    if t["wings"] < 0.3:
        return
    span = 0.5 + 0.6 * unit(t["wings"])
    for side in (1, -1) if both else (1,):
        c.rod((0.15, side * 0.2), (-0.3, side * (0.25 + span)), (0.3, 0.14), ink)


def _head(c: Canvas, t: Traits, both: bool, p: Palette) -> None:
    size, x = 0.16 + 0.26 * unit(t["head"]), 0.95
    snout = 0.7 * unit(t["snout"]) - 0.12
    horns = 0.8 * unit(t["horns"]) - 0.3
    if snout > 0.05:
        c.rod((x, 0), (x + size + snout, -0.05), (0.6 * size, 0.03), p.limb)
    if horns > 0.05:
        for side in (1, -1) if both else (1, 0.6):
            c.rod((x, side * 0.4 * size), (x + 0.6 * horns + size, side * (size + horns)), (0.035, 0.035), p.limb)
    c.disc(x, 0, size, blend(p.body, p.mark, 0.6 if t["collar"] > 0 else 0.15))
    eye = size * (0.18 + 0.25 * unit(t["eye"]))
    for side in (1, -1) if both else (0.35,):
        c.disc(x + 0.25 * size, side * 0.55 * size, eye, (0.95, 0.94, 0.85))
        c.disc(x + 0.3 * size, side * 0.55 * size, 0.6 * eye, (0.04, 0.04, 0.05))


def _bilateral(c: Canvas, t: Traits, p: Palette) -> None:
    both = t["lateral"] < 0
    width = 0.2 + 0.5 * unit(-t["elongation"])
    _tail(c, t, p.limb)
    _limbs(c, t, width, both, p.limb)
    if both:
        _wings(c, t, both, p.pale)
    square = np.float32(unit(t["squareness"]))
    q = np.minimum(c.x * c.x, np.float32(1))
    profile = (1 - square) * np.sqrt(1 - q) + square * np.sqrt(1 - q * q * q)
    profile *= np.float32(1) + np.float32(unit(t["taper"]) - 0.5) * c.x
    if t["segments"] > 0:
        profile *= np.float32(1) - np.float32(0.4 * (2 * unit(t["segments"]) - 1)) * (1 - _wave(c.x * np.float32(3)))
    half = np.float32(width) * profile
    inside = c.cover(np.maximum(np.abs(c.y) - half, np.abs(c.x) - 1))
    round_off = c.y / np.maximum(half, np.float32(0.05))
    c.paint(inside, p.body)
    belly = np.clip(np.abs(round_off) if both else -round_off, 0, 1)
    c.paint(inside * belly * belly, p.pale)
    _markings(c, t, inside, c.x, c.y, p.mark)
    c.rgb *= 1 - np.float32(0.3) * inside * np.clip(round_off * round_off, 0, 1)
    if not both:
        _wings(c, t, both, blend(p.limb, p.pale, 0.5))
    _head(c, t, both, p)


def _petals(c: Canvas, t: Traits, turn: float) -> tuple[Plane, Plane]:
    """Distance to a flower-like outline, by the Chebyshev polynomial cos(k a) of cos(a); and the distance from 0."""
    k = min(9, max(3, round(5.5 + 2.2 * t["petals"])))
    r = np.sqrt(c.x * c.x + c.y * c.y) + np.float32(1e-4)
    a, b = math.cos(turn), math.sin(turn)
    cos = (np.float32(round(a, 6)) * c.x + np.float32(round(b, 6)) * c.y) / r
    before, now = np.ones_like(cos), cos
    for _ in range(k - 1):
        before, now = now, np.float32(2) * cos * now - before
    depth = np.float32(0.08 + 0.55 * unit(t["petal_depth"]))
    outline = np.float32(1) - depth * (np.float32(0.5) - np.float32(0.5) * now)
    return np.asarray((r - outline) * np.float32(0.7), dtype=np.float32), r


def _radial(c: Canvas, t: Traits, p: Palette) -> None:
    stem = 0.6 + 1.2 * unit(t["tail"])
    c.rod((0, -0.2), (0.1, -0.6 - stem), (0.07, 0.1 + 0.1 * unit(t["fan"])), p.limb)
    leaves = min(4, max(0, round(1.5 + 1.5 * t["limb_number"])))
    reach = 0.3 + 0.6 * unit(t["limb_length"])
    for i in range(leaves):
        y, side = -0.95 - 0.28 * i, 1 - 2 * (i % 2)
        c.rod((0.05, y), (side * reach, y + 0.5 * reach * (2 * unit(t["limb_sweep"]) - 1)), (0.06, 0.12), p.limb)
    flat = np.float32(1 / (0.55 + 0.45 * unit(t["elongation"])))
    face = Canvas(c.rgb, c.x, c.y * flat, float(c.pixel) * float(flat))
    distance, r = _petals(face, t, 0.3)
    inside = face.cover(distance)
    face.paint(inside, p.body)
    face.paint(inside * np.clip(np.float32(1.3) * r - np.float32(0.4), 0, 1), p.pale)
    _markings(face, t, inside, r, face.y, p.mark)
    if t["segments"] > 0:
        inner = Canvas(c.rgb, face.x * np.float32(1.7), face.y * np.float32(1.7), float(face.pixel) * 1.7)
        inner.paint(inner.cover(_petals(inner, t, 0.9)[0]), blend(p.body, p.mark, 0.6))
    face.disc(0, 0, 0.14 + 0.3 * unit(t["head"]), p.mark)
    if t["horns"] > 0:
        face.disc(0, 0, 0.08 + 0.1 * unit(t["horns"]), p.limb)


def _enlarge(grid: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Planes ``(3, g, g)`` to ``(3, size, size)``, straight lines in between."""
    position = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32((grid.shape[-1] - 1) / size)
    low = position.astype(np.int64)
    part = (position - low).astype(np.float32)
    rows = grid[:, low, :] + part[None, :, None] * (grid[:, low + 1, :] - grid[:, low, :])
    return np.asarray(rows[:, :, low] + part[None, None, :] * (rows[:, :, low + 1] - rows[:, :, low]), dtype=np.float32)


def _blur(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = np.pad(rgb, ((0, 0), (1, 1), (1, 1)), mode="edge")
    tall = (wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]) / np.float32(3)
    return np.asarray((tall[:, :, :-2] + tall[:, :, 1:-1] + tall[:, :, 2:]) / np.float32(3))


def draw(traits: Traits, scene: Scene, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw an organism in its scene.

    Parameters
    ----------
    traits
        The individual's traits by name, on the real line.
    scene
        Pose, light and background.
    size
        Side of the picture in pixels.
    rng
        Source of the sensor noise.

    Returns
    -------
    ``(size, size, 3)`` uint8, RGB.

    Examples
    --------
    >>> from taxoeval.datasets.clade import TRAITS
    >>> from taxoeval.datasets.simulated import random_scene
    >>> rng = np.random.default_rng(0)
    >>> draw(dict.fromkeys(TRAITS, 0.0), random_scene(rng), 32, rng).shape
    (32, 32, 3)
    """
    axis = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size)) - np.float32(1)
    across, up = np.meshgrid(axis, -axis)
    cos, sin = np.float32(round(math.cos(scene.angle), 6)), np.float32(round(math.sin(scene.angle), 6))
    scale = scene.scale * (0.72 + 0.5 * unit(traits["size"]))
    dx, dy = across - np.float32(scene.x), up - np.float32(scene.y)
    x = (cos * dx + sin * dy) * np.float32(scene.flip / scale)
    y = (cos * dy - sin * dx) * np.float32(1 / scale)
    bend = np.float32(0.35 * (2 * unit(traits["bend"]) - 1) + scene.bend)
    canvas = Canvas(_enlarge(scene.ground, size), x, y - bend * (x * x), 2 / size / scale)
    (_radial if traits["radial"] > 0.45 else _bilateral)(canvas, traits, _palette(traits))
    front = Canvas(canvas.rgb, across, up, 2 / size)
    for x0, y0, x1, y1, shade in scene.blades:
        front.rod((x0, y0), (x1, y1), (0.05, 0.012), (0.3 * shade, 0.55 * shade, 0.2 * shade))
    rgb = _blur(canvas.rgb) if scene.blurred else canvas.rgb
    light = np.float32(scene.gain) + np.float32(scene.slope[0]) * across + np.float32(scene.slope[1]) * up
    rgb = rgb * light * np.array(scene.tint, dtype=np.float32)[:, None, None]
    levels = np.floor(rgb * np.float32(255) + np.float32(0.5)).astype(np.int64).transpose(1, 2, 0)
    levels = levels + rng.integers(-scene.noise, scene.noise + 1, levels.shape)
    return np.asarray(np.clip(levels, 0, 255), dtype=np.uint8)
