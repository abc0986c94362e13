"""Damage media files as storage, networks and attackers do; the same seed gives the same file."""

from collections.abc import Callable, Sequence

import numpy as np

Random = np.random.Generator

#: boxes of MP4 and MOV that hold other boxes
CONTAINER_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex"}
#: identifiers of Matroska elements with a size behind them (RFC 9559)
MATROSKA_IDS = tuple(
    bytes.fromhex(each)
    for each in (
        *("1a45dfa3", "18538067", "1549a966", "1654ae6b", "1f43b675", "1c53bb6b", "114d9b74"),
        *("ae", "e0", "e1", "a3", "a0", "a1", "86", "63a2", "b0", "ba", "9b", "23e383", "2ad7b1"),
    )
)
#: numbers at which programs break
EDGES = (0, 1, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 4096


def mutate(content: bytes, random: Random) -> tuple[str, bytes]:
    """Return the name of a random kind of damage, and *content* with it."""
    kinds = list(MUTATIONS)
    name = kinds[int(random.integers(len(kinds)))]
    data = bytearray(content)
    for _ in range(int(random.choice((1, 1, 2, 5)))):
        data = MUTATIONS[name](data, random)
    return name, bytes(data)


def flip_bits(data: bytearray, random: Random) -> bytearray:
    """Change single bits anywhere."""
    for _ in range(int(random.choice((1, 10, 100, 1000)))):
        data[_choose(data, random)] ^= 1 << int(random.integers(8))
    return data


def damage_header(data: bytearray, random: Random) -> bytearray:
    """Write random or extreme numbers into the beginning."""
    for _ in range(int(random.choice((1, 4, 16)))):
        at = int(random.integers(min(len(data), HEADER_BYTES)))
        _write_number(data, at, random)
    return data


def change_box(data: bytearray, random: Random) -> bytearray:
    """Change the size of a box, or a number in its beginning, such as a count."""
    boxes = list(_find_boxes(data, 0, len(data)))
    if not boxes:
        return change_element(data, random)
    small = [box for box in boxes if box[1] < len(data) // 2] or boxes
    start, size = small[int(random.integers(len(small)))]
    _write_number(
        data, start + int(random.choice((0, *range(8, max(9, min(size, 64)), 4)))), random
    )
    return data


def change_element(data: bytearray, random: Random) -> bytearray:
    """Change the size of an element of Matroska, or a number behind it."""
    kind = MATROSKA_IDS[int(random.integers(len(MATROSKA_IDS)))]
    at = data.find(kind, _choose(data, random) // 2)
    if at < 0:
        return damage_header(data, random)
    at += len(kind) + int(random.integers(3))
    data[at : at + 1] = bytes([int(random.integers(256))])
    return data


def truncate(data: bytearray, random: Random) -> bytearray:
    """Cut off the end, or a part of the middle."""
    if random.integers(2):
        return data[: 1 + _choose(data, random)]
    start, end = sorted((_choose(data, random), _choose(data, random)))
    return data[:start] + data[end:]


def swap_parts(data: bytearray, random: Random) -> bytearray:
    """Change the order of two parts; with boxes, mostly of whole ones."""
    boxes = list(_find_boxes(data, 0, len(data)))
    if len(boxes) > 1 and random.integers(3):
        first, second = sorted(random.choice(len(boxes), 2, replace=False))
        (a, a_size), (b, b_size) = boxes[first], boxes[second]
        if a + a_size <= b:
            return (
                data[:a]
                + data[b : b + b_size]
                + data[a + a_size : b]
                + data[a : a + a_size]
                + data[b + b_size :]
            )
    a, b, c = sorted(_choose(data, random) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def repeat_part(data: bytearray, random: Random) -> bytearray:
    """Write a part several times."""
    start = _choose(data, random)
    end = min(len(data), start + int(random.choice((4, 64, 1000, 50_000))))
    return data[:end] + data[start:end] * int(random.choice((1, 3, 20))) + data[end:]


def fill_part(data: bytearray, random: Random) -> bytearray:
    """Overwrite a part with zeros, ones or noise, as a bad download has them."""
    start = _choose(data, random)
    length = min(len(data) - start, int(random.choice((16, 500, 20_000))))
    filled = (bytes(length), b"\xff" * length, random.bytes(length))
    data[start : start + length] = filled[int(random.integers(3))]
    return data


MUTATIONS: dict[str, Callable[[bytearray, Random], bytearray]] = {
    "bits": flip_bits,
    "header": damage_header,
    "boxes": change_box,
    "elements": change_element,
    "truncation": truncate,
    "order": swap_parts,
    "repetition": repeat_part,
    "filling": fill_part,
}


def _choose(data: Sequence[int], random: Random) -> int:
    return int(random.integers(max(1, len(data))))


def _write_number(data: bytearray, at: int, random: Random) -> None:
    number = EDGES[int(random.integers(len(EDGES)))]
    if random.integers(2):
        number = int(random.integers(1 << 32))
    data[at : at + 4] = number.to_bytes(4, "big")


def _find_boxes(data: bytearray, start: int, end: int) -> "list[tuple[int, int]]":
    """Return start and size of each box of an MP4 or MOV (ISO/IEC 14496-12, 4.2)."""
    boxes = []
    while start + 8 <= end:
        size, kind = (
            int.from_bytes(data[start : start + 4], "big"),
            bytes(data[start + 4 : start + 8]),
        )
        if not 8 <= size <= end - start or not kind.isalnum():
            break
        boxes.append((start, size))
        if kind in CONTAINER_BOXES:
            boxes += _find_boxes(data, start + 8, start + size)
        start += size
    return boxes
