"""How much a zip may unfold to: asked of an archive, and of a Word file, which is one too."""

from __future__ import annotations

import zipfile

ENTRIES = 50_000
LARGEST_WHOLE = 1_000_000_000  # bytes, of all of them
BOMB_FROM = 10_000_000  # bytes unpacked; below it, a ratio says nothing
BOMB_RATIO = 150  # help texts shrink to a fifth, a log file to a fiftieth


class Refused(ValueError):
    """The archive as a whole is not opened; the message says why."""


def check_size(archive: zipfile.ZipFile) -> None:
    """What the zip says of itself is enough: never more than that is read of any entry. Raises Refused."""
    entries = archive.infolist()
    if len(entries) > ENTRIES:
        raise Refused(f"it holds more than {ENTRIES:,} files")
    whole = sum(entry.file_size for entry in entries)
    if whole > LARGEST_WHOLE:
        raise Refused(f"unpacked it would be larger than {LARGEST_WHOLE // 1_000_000:,} MB")
    if whole > BOMB_FROM and whole > BOMB_RATIO * max(1, sum(entry.compress_size for entry in entries)):
        raise Refused("it would unpack to more than a hundred times its size, as a zip bomb does")
