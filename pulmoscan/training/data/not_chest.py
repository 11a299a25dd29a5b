"""Pictures that people upload by mistake and no dataset holds, drawn afresh: blanks, noise, text, screens, drawings.

Every generator takes a random source and returns grey uint8 [H, W]; those that show pictures inside take them too.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Grey = NDArray[np.uint8]
Generator = Callable[[random.Random, Sequence[Grey]], Grey]

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def blank(rng: random.Random, _pictures: Sequence[Grey]) -> Grey:
    """One grey, a gradient or a vignette, with a trace of noise."""
    height, width = _size(rng)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    shape = rng.choice([np.zeros_like(x), x * np.cos(angle) + y * np.sin(angle), np.hypot(x, y)])
    values = rng.uniform(0, 255) + rng.uniform(0, 100) * shape
    return _grey(values + _normal(rng, (height, width)) * rng.uniform(0.3, 4))


def noise(rng: random.Random, _pictures: Sequence[Grey]) -> Grey:
    """Noise of any coarseness, from white to clouds."""
    height, width = _size(rng)
    values = np.zeros((height, width))
    for octave in rng.sample(range(8), rng.randint(1, 4)):
        cells = (max(2, height >> octave), max(2, width >> octave))
        values += cv2.resize(_normal(rng, cells), (width, height), interpolation=cv2.INTER_CUBIC)
    return _grey(rng.uniform(60, 200) + rng.uniform(20, 70) * values)


def text_page(rng: random.Random, _pictures: Sequence[Grey]) -> Grey:
    """A page of text: a letter, a report, a form."""
    height, width = _size(rng)
    dark_on_light = rng.random() < 0.8
    paper, ink = (rng.randint(200, 255), rng.randint(0, 90)) if dark_on_light else (rng.randint(0, 50), 230)
    page = Image.new("L", (width, height), paper)
    draw = ImageDraw.Draw(page)
    y, size = rng.randint(8, 40), rng.randint(8, 24)
    margin = rng.randint(6, width // 6)
    while y < height - size:
        if rng.random() < 0.85:
            _write(draw, rng, (margin, y), rng.randint(3, max(4, int(1.6 * width / size))), size, ink)
        if rng.random() < 0.08:
            draw.line((margin, y, width - margin, y), fill=ink)
        y += round(size * rng.uniform(1.2, 1.6))
    return np.asarray(page)


def screenshot(rng: random.Random, pictures: Sequence[Grey]) -> Grey:
    """Windows, bars and buttons, perhaps with a picture in one of them."""
    height, width = _size(rng)
    screen = Image.new("L", (width, height), rng.randint(0, 255))
    draw = ImageDraw.Draw(screen)
    for _ in range(rng.randint(2, 6)):
        x0, y0, x1, y1 = _box(rng, width, height)
        fill = rng.randint(0, 255)
        draw.rectangle((x0, y0, x1, y1), fill=fill, outline=rng.randint(0, 255))
        draw.rectangle((x0, y0, x1, min(y1, y0 + 14)), fill=rng.randint(0, 255))
        if rng.random() < 0.4:
            size = (max(1, (x1 - x0) // 2), max(1, (y1 - y0) // 2))
            screen.paste(Image.fromarray(rng.choice(pictures)).resize(size), (x0 + 4, y0 + 16))
        for line in range(rng.randint(0, 6)):
            _write(draw, rng, (x0 + 4, y0 + 18 + 14 * line), rng.randint(3, 30), 11, 255 - fill)
    return np.asarray(screen)


def drawing(rng: random.Random, _pictures: Sequence[Grey]) -> Grey:
    """Lines, ellipses and polygons: diagrams, sketches, logos."""
    height, width = _size(rng)
    dark_on_light = rng.random() < 0.7
    canvas = Image.new("L", (width, height), rng.randint(190, 255) if dark_on_light else rng.randint(0, 60))
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.randint(2, 25)):
        ink = rng.randint(0, 120) if dark_on_light else rng.randint(120, 255)
        fill = ink if rng.random() < 0.3 else None
        x0, y0, x1, y1 = _box(rng, width, height)
        kind = rng.randrange(4)
        if kind == 0:
            draw.line((x0, y0, x1, y1), fill=ink, width=rng.randint(1, 5))
        elif kind == 1:
            draw.ellipse((x0, y0, x1, y1), outline=ink, fill=fill, width=rng.randint(1, 4))
        elif kind == 2:
            draw.rectangle((x0, y0, x1, y1), outline=ink, fill=fill, width=rng.randint(1, 4))
        else:
            corners = [(rng.randrange(width), rng.randrange(height)) for _ in range(rng.randint(3, 8))]
            draw.line([*corners, corners[0]], fill=ink, width=rng.randint(1, 4), joint="curve")
    return np.asarray(canvas)


def collage(rng: random.Random, pictures: Sequence[Grey]) -> Grey:
    """Two to nine pictures in a grid: a figure of a paper, a contact sheet."""
    rows, columns = rng.choice([(1, 2), (2, 1), (2, 2), (1, 3), (2, 3), (3, 3)])
    cell, gap = rng.randint(90, 200), rng.randint(0, 12)
    sheet = Image.new("L", (columns * (cell + gap) + gap, rows * (cell + gap) + gap), rng.choice([0, 255, 128]))
    for row in range(rows):
        for column in range(columns):
            picture = Image.fromarray(rng.choice(pictures)).resize((cell, cell), Image.Resampling.BILINEAR)
            sheet.paste(picture, (gap + column * (cell + gap), gap + row * (cell + gap)))
    return np.asarray(sheet)


GENERATORS: Mapping[str, Generator] = {
    "blank": blank,
    "noise": noise,
    "text page": text_page,
    "screenshot": screenshot,
    "drawing": drawing,
    "collage": collage,
}


def _size(rng: random.Random) -> tuple[int, int]:
    return rng.randint(180, 420), rng.randint(180, 420)


def _box(rng: random.Random, width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0 = rng.randrange(width - 20), rng.randrange(height - 20)
    return x0, y0, rng.randint(x0 + 15, width), rng.randint(y0 + 15, height)


def _normal(rng: random.Random, shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.random.default_rng(rng.randrange(2**32)).standard_normal(shape)


def _grey(values: NDArray[np.float64]) -> Grey:
    return np.clip(values, 0, 255).astype(np.uint8)


def _write(
    draw: ImageDraw.ImageDraw, rng: random.Random, at: tuple[int, int], letters: int, size: int, ink: int
) -> None:
    words = "".join(rng.choice(string.ascii_letters + string.digits + "     .,:-") for _ in range(letters))
    draw.text(at, words, fill=ink, font=_font(rng.randrange(len(_font_files())), size))


@cache
def _font_files() -> tuple[Path, ...]:
    return tuple(sorted(FONTS.glob("DejaVu*.ttf")) + sorted(FONTS.glob("STIXGeneral*.ttf")))


@cache
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_files()[number], size)
