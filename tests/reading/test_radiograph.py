from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from pulmoscan import errors
from pulmoscan.reading import radiograph
from pulmoscan.reading.radiograph import load_radiograph
from tests.pictures import chest, encode, grey8, grey16, png_bomb, tiff

LOSSY = 0.03  # what JPEG and WebP may change
GREY = Image.fromarray(grey8())


def assert_shows_chest(data: bytes, tolerance: float = 1 / 255) -> radiograph.Radiograph:
    """The file decodes to the upright `chest`, by the contract of `Radiograph`."""
    result = load_radiograph(data)
    assert result.pixels.dtype == np.float32
    assert (result.height, result.width) == result.pixels.shape == (96, 128)
    assert 0 <= result.pixels.min() < result.pixels.max() <= 1
    assert not result.pixels.flags.writeable
    np.testing.assert_allclose(result.pixels, chest(), atol=tolerance)
    return result


@pytest.mark.parametrize(
    ("image", "file_format", "options", "tolerance"),
    [
        pytest.param(GREY, "PNG", {}, 1 / 255, id="PNG grey"),
        pytest.param(GREY.convert("RGB"), "PNG", {}, 2 / 255, id="PNG colour"),
        pytest.param(GREY.convert("RGBA"), "PNG", {}, 2 / 255, id="PNG colour with alpha"),
        pytest.param(GREY.convert("LA"), "PNG", {}, 2 / 255, id="PNG grey with alpha"),
        pytest.param(GREY.convert("P"), "PNG", {}, 2 / 255, id="PNG palette"),
        pytest.param(GREY.convert("P"), "PNG", {"transparency": 0}, 2 / 255, id="PNG transparent palette"),
        pytest.param(GREY, "JPEG", {"quality": 95}, LOSSY, id="JPEG grey"),
        pytest.param(GREY, "JPEG", {"quality": 95, "progressive": True}, LOSSY, id="JPEG progressive"),
        pytest.param(GREY.convert("RGB"), "JPEG", {"quality": 95}, LOSSY, id="JPEG colour"),
        pytest.param(GREY.convert("RGB").convert("CMYK"), "JPEG", {"quality": 95}, LOSSY, id="JPEG CMYK"),
        pytest.param(GREY, "TIFF", {}, 1 / 255, id="TIFF grey"),
        pytest.param(GREY, "TIFF", {"compression": "tiff_lzw"}, 1 / 255, id="TIFF LZW"),
        pytest.param(GREY, "TIFF", {"compression": "tiff_adobe_deflate"}, 1 / 255, id="TIFF deflate"),
        pytest.param(GREY.convert("RGB"), "TIFF", {}, 2 / 255, id="TIFF colour"),
        pytest.param(GREY, "BMP", {}, 1 / 255, id="BMP grey"),
        pytest.param(GREY.convert("RGB"), "BMP", {}, 2 / 255, id="BMP colour"),
        pytest.param(GREY.convert("RGB"), "WEBP", {"lossless": True}, 2 / 255, id="WebP lossless"),
        pytest.param(GREY.convert("RGB"), "WEBP", {"quality": 95}, LOSSY, id="WebP lossy"),
    ],
)
def test_eight_bits(image: Image.Image, file_format: str, options: dict[str, Any], tolerance: float) -> None:
    result = assert_shows_chest(encode(image, file_format, **options), tolerance)
    assert result.source.format == file_format
    assert result.source.bits == 8


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "big-endian TIFF"])
def test_deep_grey_keeps_its_depth(bits: int, kind: str) -> None:
    """Detectors fill 10, 12 or 14 of a file's 16 bits."""
    values = grey16(bits)
    data = encode(values, "PNG") if kind == "PNG" else tiff(values, ">" if kind.startswith("big") else "<")
    result = assert_shows_chest(data, tolerance=1 / (2**bits - 1))
    assert result.source.bits == bits
    assert len(np.unique(result.pixels)) > 256


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("values", [grey8(), grey16(12), grey16(16)], ids=["8 bits", "12 bits", "16 bits"])
def test_white_is_zero(values: np.ndarray[Any, Any], order: Any) -> None:
    inverted = values.max() - values
    assert_shows_chest(tiff(inverted, order, white_is_zero=True), tolerance=0.01)


@pytest.mark.parametrize(
    "values",
    [chest(), 5000 * chest() - 1000, 6e38 * chest() - 3e38, chest() / 1e30],
    ids=["unit range", "Hounsfield-like", "the largest range", "tiny"],
)
def test_floating_point_is_stretched(values: np.ndarray[Any, Any]) -> None:
    assert_shows_chest(tiff(values.astype(np.float32)), tolerance=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floating_point_that_is_no_number(value: float) -> None:
    values = chest().astype(np.float32)
    values[3, 5] = value
    with pytest.raises(errors.DamagedImage):
        load_radiograph(tiff(values))


def test_one_bit() -> None:
    result = load_radiograph(encode(GREY.convert("1"), "PNG"))
    assert set(np.unique(result.pixels)) == {0.0, 1.0}


def test_transparency_is_laid_over_black() -> None:
    alpha = np.full((96, 128), 255, np.uint8)
    alpha[:48] = 0
    for image in (Image.merge("LA", (GREY, Image.fromarray(alpha))), GREY.convert("RGBA")):
        image.putalpha(Image.fromarray(alpha))
        result = load_radiograph(encode(image, "PNG"))
        assert result.pixels[:48].max() == 0
        np.testing.assert_allclose(result.pixels[48:], chest()[48:], atol=2 / 255)


def test_colour_becomes_luminance() -> None:
    image = Image.new("RGB", (64, 64), (255, 0, 0))
    image.paste((0, 255, 0), (32, 0, 64, 64))
    result = load_radiograph(encode(image, "PNG"))
    np.testing.assert_allclose(result.pixels[0, [0, 40]], [0.299, 0.587], atol=1 / 255)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, np.transpose),
        (6, np.rot90),
        (7, lambda a: np.rot90(a, 2).T),
        (8, lambda a: np.rot90(a, -1)),
    ],
)
def test_exif_orientation(file_format: str, orientation: int, stored: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored(grey8())))
    options = {"lossless": True} if file_format == "WEBP" else {"quality": 95} if file_format == "JPEG" else {}
    assert_shows_chest(encode(image, file_format, exif=exif, **options), LOSSY)


@pytest.mark.parametrize("file_format", ["TIFF", "WEBP", "PNG"])
def test_several_frames_are_refused(file_format: str) -> None:
    other = Image.fromarray(grey8(seed=1))
    data = encode(GREY, file_format, save_all=True, append_images=[other])
    with pytest.raises(errors.AnimatedImage, match="2 frames"):
        load_radiograph(data)


def test_first_picture_of_mpo() -> None:
    """Phones append a preview or a depth map to a JPEG."""
    data = encode(GREY, "MPO", save_all=True, append_images=[Image.fromarray(grey8(seed=1))], quality=95)
    assert_shows_chest(data, LOSSY)


def test_source() -> None:
    data = encode(grey16(12), "PNG")
    result = load_radiograph(data, "chest.png")
    assert result.source.name == "chest.png"
    assert (result.source.format, result.source.mode, result.source.bits) == ("PNG", "I;16", 12)
    assert result.key == result.source.sha256 == hashlib.sha256(data).hexdigest()
    assert result.source.age is None


# Limits


def test_file_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = encode(GREY, "PNG")
    path = tmp_path / "chest.png"
    path.write_bytes(data)
    monkeypatch.setattr(radiograph, "MAX_FILE_BYTES", len(data))
    load_radiograph(data)
    load_radiograph(path)
    monkeypatch.setattr(radiograph, "MAX_FILE_BYTES", len(data) - 1)
    for source in (data, path):
        with pytest.raises(errors.FileTooLarge):
            load_radiograph(source)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_devices_are_not_read() -> None:
    with pytest.raises(errors.FileNotReadable, match="a device"):
        load_radiograph("/dev/zero")


@pytest.mark.parametrize("side", [7_100, 10_000, 14_000, 50_000, 2**31 - 1])
def test_pixel_count_is_checked_before_unpacking(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: Any) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr(ImageFile.ImageFile, "load", unpack)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(errors.ImageTooLarge):
            load_radiograph(png_bomb(side, side))


def test_text_that_unpacks_without_end() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 20_000_000, zip=True)
    with pytest.raises(errors.DamagedImage):
        load_radiograph(encode(GREY, "PNG", pnginfo=info))


@pytest.mark.parametrize(("width", "height"), [(63, 500), (500, 63), (1, 1)])
def test_smallest_side(width: int, height: int) -> None:
    with pytest.raises(errors.ImageTooSmall, match=f"{width} × {height}"):
        load_radiograph(encode(Image.new("L", (width, height)), "PNG"))
    assert load_radiograph(encode(grey8(64, 64), "PNG")).height == 64


# What is no radiograph


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    for source in (b"", tmp_path / "empty.png"):
        with pytest.raises(errors.EmptyFile):
            load_radiograph(source)


@pytest.mark.parametrize(
    "data",
    [b"x", b"Dear colleague, please find the radiograph attached.", bytes(500), b"%PDF-1.7\n", encode(GREY, "GIF")],
    ids=["one byte", "text", "zeros", "PDF", "GIF"],
)
def test_unsupported_format(data: bytes) -> None:
    with pytest.raises(errors.UnsupportedFormat, match="TIFF"):
        load_radiograph(data)


def test_dicom_magic_alone_is_no_dicom_file() -> None:
    with pytest.raises(errors.RadiographError, match="DICOM"):
        load_radiograph(bytes(128) + b"DICM" + bytes(200))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank(value: int) -> None:
    with pytest.raises(errors.BlankImage):
        load_radiograph(encode(np.full((100, 100), value, np.uint8), "PNG"))


def test_colours_that_cannot_be_made_grey() -> None:
    with pytest.raises(errors.DamagedImage):
        load_radiograph(encode(Image.merge("LAB", (GREY, GREY, GREY)), "TIFF"))


# Paths


def test_path(tmp_path: Path) -> None:
    path = tmp_path / "Röntgen 1.png"
    path.write_bytes(encode(GREY, "PNG"))
    for source in (path, str(path)):
        assert load_radiograph(source).source.name == "Röntgen 1.png"
    assert load_radiograph(path, "other").source.name == "other"


def test_path_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source, why in (
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "directory"),
        ("", "directory"),
        ("a\0b.png", "ValueError"),
        ("x" * 5000, "too long"),
    ):
        with pytest.raises(errors.FileNotReadable, match=why):
            load_radiograph(source)

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "chest.png").touch()
    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(errors.FileNotReadable, match="Permission denied"):
        load_radiograph(tmp_path / "chest.png")


# Damage

FILES = {
    "PNG": encode(GREY, "PNG"),
    "PNG 16": encode(grey16(), "PNG"),
    "PNG palette": encode(GREY.convert("P"), "PNG", transparency=0),
    "JPEG": encode(GREY, "JPEG"),
    "JPEG progressive": encode(GREY.convert("RGB"), "JPEG", progressive=True),
    "TIFF": encode(GREY, "TIFF"),
    "TIFF 16": tiff(grey16(), ">", white_is_zero=True),
    "TIFF float": tiff(chest().astype(np.float32)),
    "TIFF LZW": encode(GREY, "TIFF", compression="tiff_lzw"),
    "BMP": encode(GREY.convert("RGB"), "BMP"),
    "WebP": encode(GREY.convert("RGB"), "WEBP"),
    "MPO": encode(GREY, "MPO", save_all=True, append_images=[GREY]),
}


def assert_decodes_or_refuses(data: bytes) -> bool:
    """Damage leads to a `RadiographError` or a sound `Radiograph`, and to nothing else."""
    try:
        result = load_radiograph(data)
    except errors.RadiographError:
        return False
    assert result.pixels.dtype == np.float32
    assert np.isfinite(result.pixels).all()
    assert 0 <= result.pixels.min() < result.pixels.max() <= 1
    return True


@pytest.mark.filterwarnings("ignore")  # Pillow comments on what it finds
@pytest.mark.parametrize("name", FILES)
def test_truncated(name: str) -> None:
    data = FILES[name]
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        whole = assert_decodes_or_refuses(data[: int(share * len(data))])
        assert not whole or name == "MPO", f"a file cut to {share:.0%} was taken for whole"
    for cut in range(1, min(200, len(data)), 7):
        assert_decodes_or_refuses(data[:cut])
        assert_decodes_or_refuses(data[:-cut])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_random_damage(name: str) -> None:
    rng = np.random.default_rng(7)
    for attempt in range(120):
        data = np.frombuffer(FILES[name], np.uint8).copy()
        reach = min(len(data), 400) if attempt % 2 else len(data)  # headers are where it hurts
        for at in rng.integers(0, reach, rng.integers(1, 6)):
            data[at] = rng.integers(256)
        assert_decodes_or_refuses(data.tobytes())


# Colour


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "1"])
def test_grey_pictures_have_no_chroma_whatever_their_mode(mode: str) -> None:
    picture = Image.fromarray(grey8()).convert(mode)
    file_format = "TIFF" if mode == "CMYK" else "PNG"
    assert load_radiograph(encode(picture, file_format)).source.chroma < 0.02


def test_chroma_of_deep_grey_is_none() -> None:
    assert load_radiograph(encode(grey16(), "PNG")).source.chroma == 0


def test_chroma_is_the_mean_difference_of_the_channels() -> None:
    red = np.zeros((200, 300, 3), np.uint8)
    red[:, :150] = (255, 0, 0)
    red[:, 150:] = (90, 90, 90)
    assert load_radiograph(encode(red, "PNG")).source.chroma == pytest.approx(0.5, abs=0.01)


# Photographs


def test_what_a_camera_took_is_warned_of() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.01  # ExposureTime
    photograph = load_radiograph(encode(GREY, "JPEG", exif=exif))
    assert photograph.source.camera
    assert photograph.warnings == (radiograph.PHOTOGRAPH,)
    scanner = Image.Exif()
    scanner[0x010F] = "Maker of scanners"
    assert load_radiograph(encode(GREY, "JPEG", exif=scanner)).warnings == ()


def test_a_tint_is_warned_of() -> None:
    channels = [Image.fromarray((grey8() * gain).astype(np.uint8)) for gain in (1.0, 0.97, 0.9)]
    assert load_radiograph(encode(Image.merge("RGB", channels), "JPEG")).warnings == (radiograph.PHOTOGRAPH,)
    assert load_radiograph(encode(GREY.convert("RGB"), "JPEG", quality=60)).warnings == ()
    assert load_radiograph(encode(GREY.convert("RGB"), "WEBP", quality=60)).warnings == ()
