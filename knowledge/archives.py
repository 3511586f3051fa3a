"""Zips, opened with care: bounded, nothing outside a private temporary folder, and that is gone afterwards."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from knowledge.drafts import Rejected
from knowledge.unfolding import Refused, check_size

LARGEST_FILE = 50_000_000  # bytes, of one file unpacked
ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
DRIVE = re.compile(r"^[A-Za-z]:")


@contextmanager
def unpacked(file: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[Path, list[Rejected]]]:
    """A folder with the files of a zip whose names are `wanted`, and what was left out and why.

    Raises Refused for an archive that is damaged, or that would fill the disk.
    """
    with tempfile.TemporaryDirectory(prefix="plusone-") as folder:
        try:
            with zipfile.ZipFile(file) as archive:
                check_size(archive)
                rejected = unpack(archive, Path(folder), wanted)
        except (zipfile.BadZipFile, OSError, EOFError, ValueError) as problem:
            raise problem if isinstance(problem, Refused) else Refused("it is not a zip, or it is damaged") from None
        yield Path(folder), rejected


def unpack(archive: zipfile.ZipFile, folder: Path, wanted: Callable[[str], bool]) -> list[Rejected]:
    rejected = []
    entries = [(entry, clean_name(entry.filename)) for entry in archive.infolist() if not entry.is_dir()]
    top = common_folder([name for _, name in entries if name and wanted(name)])
    there: Counter[str] = Counter()
    for entry, name in entries:
        if name is not None and not wanted(name):
            continue
        place = (name or printable(entry.filename)).removeprefix(top)
        there[place.casefold()] += 1
        if name is None:
            rejected.append(Rejected(place, "its name leads out of the archive"))
        elif there[place.casefold()] > 1:
            rejected.append(Rejected(place, "the same name stands above"))
        elif reason := why_not(entry):
            rejected.append(Rejected(place, reason, place))
        elif problem := write(archive, entry, folder / place):
            rejected.append(Rejected(place, problem, place))
    return rejected


def why_not(entry: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link"
    if entry.flag_bits & 1:
        return "it is locked with a password"
    if entry.file_size > LARGEST_FILE:
        return f"it is larger than {LARGEST_FILE // 1_000_000} MB"
    if PurePosixPath(entry.filename).suffix.lower() in ARCHIVES:
        return "it is an archive inside an archive: unpack it and bring it in by itself"
    return ""


def write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> str:
    """Copy one entry; returns what went wrong, or nothing."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as packed, target.open("xb") as file:
            shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        target.unlink(missing_ok=True)
        return "it is damaged"
    except OSError:
        return "its name cannot be used here"
    return ""


def clean_name(name: str) -> str | None:
    """The entry's path below the archive, with "/" between; None for one that leads elsewhere."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or name.startswith("/") or DRIVE.match(name) or ".." in parts or "\0" in name:
        return None
    return "/".join(parts)


def common_folder(names: list[str]) -> str:
    """The one folder that everything is in, as when a folder was packed: "docs/". Empty when there is none."""
    tops = {name.partition("/")[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""


def printable(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name)[:300]
