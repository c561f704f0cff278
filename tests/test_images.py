"""Images: what is refused, what models see, and how they are stored."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from lmms_eval_cross.data import images
from lmms_eval_cross.data.images import MAX_PIXELS, ImageStore, StoredImage, check_image, write_images
from lmms_eval_cross.data.preparing import write_checked_images
from lmms_eval_cross.errors import DataError

NAME = "images/casa/a.png"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.effect_noise(size, 60).convert(mode)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises these pixels, and that holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def swollen_text_chunk() -> bytes:
    """A small PNG with a comment that unpacks to 80 MB."""
    whole = encoded(noise(), "PNG")
    return whole[:33] + png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 80_000_000)) + whole[33:]


Check = Callable[[bytes], StoredImage]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(data: bytes) -> StoredImage:
        path = tmp_path / "file"
        path.write_bytes(data)
        return check_image(path, NAME)

    return run


@pytest.fixture
def stored(tmp_path: Path, check: Check) -> Callable[[bytes], Image.Image]:
    """What a model sees of an image file's bytes."""

    def through_parquet(data: bytes) -> Image.Image:
        image = check(data)
        write_images(iter([image]), tmp_path / "images.parquet")
        return ImageStore(tmp_path / "images.parquet").open(image.sha256)

    return through_parquet


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not one of PNG, JPEG, WEBP, GIF"),
        (b"<html>404</html>", "is not one of"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not one of"),
        (encoded(noise(), "TIFF"), "is not one of"),
        (encoded(noise(), "PNG")[:200], "can't be decoded"),
        (encoded(noise(), "PNG")[:20], "is not one of|can't be decoded"),
        (encoded(noise(), "JPEG")[:400], "can't be decoded"),
        (encoded(noise(), "WEBP")[:200], "can't be decoded|is not one of"),
        (swollen_text_chunk(), "can't be decoded"),
    ],
    ids=["empty", "html", "postscript", "tiff", "cut-png", "cut-header", "cut-jpeg", "cut-webp", "text-bomb"],
)
def test_what_is_no_whole_picture_is_refused_by_name(check: Check, data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as error:
        check(data)
    assert str(error.value).startswith(NAME)
    assert "0x" not in str(error.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (12_000, 12_000), (MAX_PIXELS + 1, 1)])
def test_decompression_bomb_is_refused_before_it_is_decoded(check: Check, width: int, height: int) -> None:
    with pytest.raises(DataError, match="more than the 89,000,000 pixels"):
        check(png_of_size(width, height))


def test_a_file_that_promises_many_pixels_and_holds_few_is_refused(check: Check) -> None:
    with pytest.raises(DataError, match="can't be decoded"):
        check(png_of_size(3_000, 3_000))


def test_a_picture_whose_exif_can_not_be_read_is_refused_or_opens_later(check: Check, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = bytearray(encoded(noise(), "JPEG", exif=exif))
    start = whole.index(b"Exif")
    for position in range(start, start + 40):
        damaged = whole[:position] + bytes([255]) + whole[position + 1 :]
        try:
            image = check(bytes(damaged))
        except (DataError, UserWarning):
            continue
        write_images(iter([image]), tmp_path / "images.parquet")
        assert ImageStore(tmp_path / "images.parquet").open(image.sha256).mode == "RGB"


def test_every_bad_image_is_named_and_none_twice(tmp_path: Path) -> None:
    files = {f"images/casa/{n}.png": tmp_path / f"{n}.png" for n in range(40)}
    for number, path in enumerate(files.values()):
        path.write_bytes(b"x" if number < 30 else encoded(noise(), "PNG"))
    rejected: list[str] = []
    with pytest.raises(DataError, match=r"^30 images can't be used") as error:
        write_checked_images(files, tmp_path / "images.parquet", rejected.extend)
    assert [str(error.value).count(f"images/casa/{n}.png") for n in range(40)] == [1] * 30 + [0] * 10
    assert rejected == [f"images/casa/{n}.png" for n in range(30)]


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (encoded(noise(), "PNG"), "image/png"),
        (encoded(noise(), "JPEG"), "image/jpeg"),
        (encoded(noise(), "WEBP"), "image/webp"),
        (encoded(noise("P"), "GIF"), "image/gif"),
        (encoded(noise(), "MPO", save_all=True, append_images=[noise()]), "image/jpeg"),
    ],
    ids=["png", "jpeg", "webp", "gif", "mpo"],
)
def test_mime_type_follows_the_bytes_not_the_ending(check: Check, data: bytes, mime: str) -> None:
    assert check(data).mime == mime


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_becomes_rgb_of_the_same_size(stored: Callable[[bytes], Image.Image], mode: str) -> None:
    image = Image.new("I;16", (5, 4), 40_000) if mode == "I;16" else noise(mode, (5, 4))
    seen = stored(encoded(image, "PNG"))
    assert (seen.mode, seen.size) == ("RGB", (5, 4))


def test_sixteen_bits_of_grey_are_scaled_not_clipped(stored: Callable[[bytes], Image.Image]) -> None:
    seen = stored(encoded(Image.new("I;16", (3, 3), 0x8040), "PNG"))
    assert seen.getpixel((1, 1)) == (0x80, 0x80, 0x80)


def test_transparency_lies_on_white(stored: Callable[[bytes], Image.Image]) -> None:
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert stored(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG")).getpixel((0, 0)) == (255, 255, 255)
    assert stored(encoded(palette, "PNG", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_cmyk_photograph_keeps_its_colours(stored: Callable[[bytes], Image.Image]) -> None:
    red, green, blue = stored(encoded(Image.new("RGB", (8, 8), "red").convert("CMYK"), "JPEG")).getpixel((4, 4))
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


def test_picture_is_turned_as_its_exif_says(stored: Callable[[bytes], Image.Image]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert stored(encoded(noise(size=(40, 30)), "JPEG", exif=exif)).size == (30, 40)


def test_the_first_frame_of_a_moving_picture_is_shown(stored: Callable[[bytes], Image.Image]) -> None:
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    for kind in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        seen = stored(encoded(red, kind, save_all=True, append_images=[blue], **options))
        assert seen.getpixel((0, 0)) == (255, 0, 0), kind


def test_one_pixel_is_a_picture(stored: Callable[[bytes], Image.Image]) -> None:
    assert stored(encoded(noise(size=(1, 1)), "PNG")).size == (1, 1)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An images.parquet of 20 pictures, and their bytes by hash."""
    folder = tmp_path_factory.mktemp("many")
    files = {f"images/casa/{n}.png": folder / f"{n}.png" for n in range(20)}
    for number, path in enumerate(files.values()):
        noise(size=(20 + number, 30)).save(path)
    hashes = write_checked_images(files, folder / "images.parquet")
    return folder / "images.parquet", {hashes[name]: path.read_bytes() for name, path in files.items()}


def test_stored_bytes_are_the_files_bytes(many: tuple[Path, dict[str, bytes]]) -> None:
    path, contents = many
    store = ImageStore(path)
    for sha256, data in contents.items():
        assert store.read(sha256).data == data
        assert hashlib.sha256(data).hexdigest() == sha256


def test_each_image_has_a_row_group_of_its_own(many: tuple[Path, dict[str, bytes]]) -> None:
    path, contents = many
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == metadata.num_rows == len(contents)


def test_store_is_read_from_several_threads(many: tuple[Path, dict[str, bytes]]) -> None:
    path, contents = many
    store = ImageStore(path)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(store.read, list(contents) * 10))
    assert [image.data for image in read] == list(contents.values()) * 10


def test_image_that_is_not_prepared_is_a_sentence(many: tuple[Path, dict[str, bytes]]) -> None:
    with pytest.raises(DataError, match="lmms-eval-cross prepare"):
        ImageStore(many[0]).read("0" * 64)


@pytest.mark.long
def test_datasets_opens_the_images(many: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    import datasets

    path, contents = many
    table = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert table.column_names == ["sha256", "mime", "bytes"]
    assert {row["sha256"]: row["bytes"] for row in table} == contents


def test_a_picture_beyond_the_limits_of_size_and_of_passes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(encoded(noise(), "JPEG") + b"\xff\xda" * 101)
    with pytest.raises(DataError, match="goes over its picture more than 100 times"):
        check_image(file, NAME)
    monkeypatch.setattr(images, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="100 are read at most"):
        check_image(file, NAME)
