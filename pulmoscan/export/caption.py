"""The overlay as a picture that speaks for itself: what was decided, by what, on which scale, and what it is not."""

from __future__ import annotations

import textwrap
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pulmoscan import DISCLAIMER
from pulmoscan.export.content import Report, font_file
from pulmoscan.export.words import CAPTION, NUMBER, TRIAGE_WORDS, probability_text
from pulmoscan.models import gradcam

Pixels = NDArray[np.uint8]
INK, PAPER, ALARM = (235, 240, 242), (16, 24, 28), (150, 20, 20)
LEAST_SIZE = 11  # pixels of the lettering
LINE = 1.4
"""Of the lettering's size."""


def caption_lines(report: Report) -> list[str]:
    """Score, threshold, operating point, model, method and disclaimer, in words."""
    reading = report.screening.reading
    return [
        f"{report.headline}: {NUMBER.lower()} {probability_text(reading.probability)}, "
        f"threshold {report.threshold_text}",
        *([f"Triage: {TRIAGE_WORDS[call]}."] if (call := report.screening.triage_call) else []),
        f"{report.software}, {report.spec.title}, {report.heat_method}. {CAPTION}",
        DISCLAIMER,
    ]


def captioned(report: Report) -> Pixels:
    """uint8 RGB [H, W, 3]: the overlay, below it the colour bar and the caption; the mark of a refusal lies on it."""
    overlay = marked(report.overlay, report.mark)
    width = overlay.shape[1]
    size = _size(width)
    lines = [part for line in caption_lines(report) for part in _wrapped(line, width, size)]
    strip = Image.new("RGB", (width, int(size * (LINE * (len(lines) + 1) + 1))), PAPER)
    draw = ImageDraw.Draw(strip)
    _draw_colour_bar(strip, draw, width, size)
    for number, line in enumerate(lines, start=1):
        draw.text((size, size * (0.5 + LINE * number)), line, font=font(size), fill=INK)
    return np.concatenate([overlay, np.asarray(strip, dtype=np.uint8)])


def marked(picture: Pixels, words: str) -> Pixels:
    """The picture, uint8 RGB [H, W, 3], with words on a red band over its upper edge; as it is where there are none."""
    if not words:
        return picture
    width = picture.shape[1]
    size = _size(width)
    lines = _wrapped(words, width, size)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, size * (LINE * len(lines) + 0.6)), fill=ALARM)
    for number, line in enumerate(lines):
        draw.text((size, size * (0.3 + LINE * number)), line, font=font(size), fill=INK)
    return np.asarray(image, dtype=np.uint8)


def _draw_colour_bar(strip: Image.Image, draw: ImageDraw.ImageDraw, width: int, size: int) -> None:
    """The heatmap's scale, little to much, in the first line."""
    left = draw.textlength("little ", font=font(size)) + size
    right = width - size - draw.textlength(" much", font=font(size))
    length = max(1, min(int(right - left), 16 * size))
    bar = np.repeat(gradcam.colours(np.linspace(0, 1, length))[None], size, axis=0)
    draw.text((size, size * 0.5), "little", font=font(size), fill=INK)
    strip.paste(Image.fromarray(bar), (int(left), int(size * 0.65)))
    draw.text((left + length + size * 0.4, size * 0.5), "much", font=font(size), fill=INK)


def _size(width: int) -> int:
    return max(LEAST_SIZE, width // 55)


def _wrapped(line: str, width: int, size: int) -> list[str]:
    return textwrap.wrap(line, max(20, int(width / size * 1.7)))


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with Matplotlib."""
    return ImageFont.truetype(str(font_file("DejaVuSans")), size)
