"""Pictures that somebody took of a radiograph, or put together from several: are they warned of, or refused?

Drawn from radiographs, float32 [H, W] in [0, 1]; each returns float32 [H, W] in [0, 1] of another size.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pulmoscan.reading.scaling import at_most
from pulmoscan.training.data.not_chest import FONTS

Pixels = NDArray[np.float32]

SUBPIXELS = 4  # samples of each of the screen's pixels, in either direction
STRIPES = (0.30, 0.59, 0.11, 0.0)  # how bright red, green, blue and the gap are in grey (ITU-R BT.601)
GAMMA = 2.2
MESSENGER_SIDE = 1600  # pixels of the longer side that messengers send
TOOLBAR_GREYS = range(24, 256, 24)  # of 255


def photographed(pixels: Pixels, rng: random.Random, screen: bool = True) -> Pixels:
    """By a camera: tilt, perspective, a frame or none, uneven light, a reflection, noise and JPEG; in grey and without
    EXIF data.

    Args:
        screen: it shows a screen, whose pixels beat with the camera's; else a film on a light box.
    """
    noise = np.random.default_rng(rng.getrandbits(32))
    size = rng.randint(600, 1000) / max(pixels.shape)
    shown = np.clip(cv2.resize(pixels, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC), 0, 1)
    scale = rng.uniform(1.0, 2.5)  # of the camera's pixels for each of the screen's
    light = _floats((0.004 + 0.996 * shown) ** GAMMA)
    light = _screen(light, rng) if screen else _floats(cv2.resize(light, None, fx=SUBPIXELS, fy=SUBPIXELS))
    light = _floats(cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 0.9) * SUBPIXELS / scale))
    seen = _seen(light, scale / SUBPIXELS, rng, noise)
    seen = _lit(seen, rng)
    grain = rng.uniform(0.004, 0.02) * np.sqrt(np.clip(seen, 0, 1) + 0.02)
    grey = np.clip(seen + grain * noise.standard_normal(seen.shape), 0, 1) ** (1 / GAMMA)
    if rng.random() < 0.5:
        grey = at_most(grey, MESSENGER_SIDE)
    return _jpeg(grey, rng.randint(75, 92))


def in_a_black_viewer(pixels: Pixels, rng: random.Random) -> Pixels:
    """A screenshot: buttons above, perhaps lists beside and a line of text below, all on black."""
    black = rng.randint(0, 12)
    return _in_a_viewer(pixels, rng, black, black, rng.randint(110, 240))


def in_a_grey_viewer(pixels: Pixels, rng: random.Random) -> Pixels:
    """The same on toolbars and panels of one grey, with black between them and the radiograph."""
    grey = rng.choice(TOOLBAR_GREYS)
    ink = rng.randint(grey + 90, 255) if grey < 128 else rng.randint(0, grey - 90)
    return _in_a_viewer(pixels, rng, rng.randint(0, 12), grey, ink)


def without_a_gap(films: Sequence[Pixels], rng: random.Random) -> Pixels:
    """Films side by side or one above the other, scaled to one height or width, and JPEG."""
    across = rng.random() < 0.5
    side = rng.randint(224, 700)
    scaled = []
    for film in films:
        factor = side / film.shape[0 if across else 1]
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        width, height = (round(factor * length) for length in film.shape[::-1])  # the shared one is `side`
        scaled.append(np.clip(cv2.resize(film, (width, height), interpolation=method), 0, 1))
    return _jpeg(np.concatenate(scaled, axis=1 if across else 0), rng.randint(70, 95))


def _in_a_viewer(pixels: Pixels, rng: random.Random, background: int, bars: int, ink: int) -> Pixels:
    """Greys of 255: `background` around the radiograph, `bars` of toolbars and panels, `ink` of what is on these."""
    height, width = pixels.shape
    side = rng.randint(600, 1100)
    shown = (round(width * side / max(height, width)), round(height * side / max(height, width)))
    picture = Image.fromarray((pixels * 255).astype(np.uint8)).resize(shown, Image.Resampling.BICUBIC)
    top, below = round(side * rng.uniform(0.04, 0.1)), round(side * rng.choice([0, rng.uniform(0.03, 0.06)]))
    left, right = (round(side * rng.choice([0, 0, rng.uniform(0.1, 0.25)])) for _ in range(2))
    gap = round(side * rng.choice([0, rng.uniform(0, 0.15)]))
    screen = Image.new("L", (left + right + 2 * gap + shown[0], top + below + shown[1]), bars)
    screen.paste(background, (left, top, screen.width - right, screen.height - below))
    screen.paste(picture, (left + gap, top))
    draw = ImageDraw.Draw(screen)
    _buttons(draw, rng, screen.width, top, ink)
    font = ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), max(9, round(side * 0.014)))
    for start, room in ((4, left), (screen.width - right + 4, right)):
        for line in range(rng.randint(5, 25) if room > 40 else 0):
            words = "".join(rng.choice("abcdefghij 0123456789") for _ in range(round(100 * room / side)))
            draw.text((start, top + 8 + line * round(side * 0.03)), words, fill=ink, font=font)
    if below:
        draw.text((8, screen.height - below + 2), "Series 1  Image 1/1  W 2000 L 1000", fill=ink, font=font)
    return _jpeg(np.asarray(screen) / 255, rng.randint(70, 95))


def _screen(light: Pixels, rng: random.Random) -> Pixels:
    """Each pixel as stripes of three colours with gaps between; the mean stays."""
    stripes = np.array(STRIPES, np.float32) * len(STRIPES) / sum(STRIPES)
    stripes = 1 + rng.uniform(0.5, 1) * (stripes - 1)
    rows = np.array([1, 1, 1, rng.uniform(0, 0.5)], np.float32)
    rows /= rows.mean()
    pixel = np.outer(rows, stripes)
    return _floats(np.kron(light, np.ones_like(pixel)) * np.tile(pixel, light.shape))


def _seen(light: Pixels, scale: float, rng: random.Random, noise: np.random.Generator) -> Pixels:
    """Through the camera's perspective, with a dark frame around or cut within the picture."""
    height, width = light.shape
    size = (int(width * scale), int(height * scale))
    margin = rng.uniform(0.02, 0.08) if rng.random() < 0.5 else -rng.uniform(0.01, 0.05)
    corners = np.array([(margin, margin), (1 - margin, margin), (1 - margin, 1 - margin), (margin, 1 - margin)])
    corners = (corners + noise.uniform(-0.025, 0.025, (4, 2)) - 0.5) * size
    turn = np.radians(rng.uniform(-4, 4))
    corners = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))]) + np.array(size) / 2
    own = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    way = cv2.getPerspectiveTransform(own, corners.astype(np.float32))
    return _floats(cv2.warpPerspective(light, way, size, borderValue=rng.uniform(0.005, 0.05)))


def _lit(light: Pixels, rng: random.Random) -> Pixels:
    """Darker corners, a reflection, stray light, and the camera's exposure."""
    height, width = light.shape
    down, across = np.linspace(-0.5, 0.5, height)[:, None], np.linspace(-0.5, 0.5, width)[None]
    light = _floats(light * (1 - rng.uniform(0.2, 1) * (across**2 + down**2)))
    at = (rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5))
    distance = (across - at[0]) ** 2 + (down - at[1]) ** 2
    reflection = rng.uniform(0, 0.12) * np.exp(-distance / (2 * rng.uniform(0.1, 0.3) ** 2))
    light = _floats(light + reflection + rng.uniform(0, 0.02))
    return _floats(light / np.percentile(light, 99.5) * rng.uniform(0.7, 1))


def _buttons(draw: ImageDraw.ImageDraw, rng: random.Random, width: int, height: int, ink: int) -> None:
    """A row of them, over half of the width or more."""
    size = round(height * rng.uniform(0.35, 0.6))
    x, y, end = rng.randint(6, 30), (height - size) // 2, width * rng.uniform(0.5, 1)
    while x < end:
        box = (x, y, x + size, y + size)
        match rng.randrange(4):
            case 0:
                draw.rectangle(box, outline=ink, width=2)
            case 1:
                draw.ellipse(box, outline=ink, width=2)
            case 2:
                draw.line(box, fill=ink, width=3)
                draw.line((x, y + size, x + size, y), fill=ink, width=3)
            case _:
                draw.rectangle(box, fill=ink)
        x += round(size * rng.uniform(1.3, 2.5))


def _jpeg(grey: NDArray[np.floating], quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", (grey * 255).round().astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _floats(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))) / np.float32(255)


def _floats(values: NDArray[np.generic]) -> Pixels:
    return np.asarray(values, dtype=np.float32)
