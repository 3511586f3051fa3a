"""What static-site generators write between the words of Markdown: kept where a reader would miss it, else dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from knowledge.converting import MARKED, Unreadable, ended, is_only_a_name, to_markdown
from knowledge.decoding import decoded

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
PICTURE = re.compile(r"!\[([^\[\]\n]+)\](?=[(\[])")
LARGEST_SNIPPET = 200_000  # bytes of a file that others include
# DocFX: another file, or a piece of code, in place of this line.
INCLUDE = re.compile(r"^([ \t>]*)\[!INCLUDE[ \t]*\[[^\]\n]*\][ \t]*\(([^)\n]+)\)[ \t]*\]", re.IGNORECASE | re.MULTILINE)
INLINE_INCLUDE = re.compile(r"\[!INCLUDE[ \t]*\[[^\]\n]*\][ \t]*\(([^)\n]+)\)[ \t]*\]", re.IGNORECASE)
CODE = re.compile(r"^[ \t]*:::code\b[^\n]*?source=\"([^\"\n]+)\"[^\n]*$", re.MULTILINE)
# Jekyll: a list that stands in the front matter, shown by a component.
LIQUID = re.compile(r"\{%-?.*?-?%\}", re.DOTALL)
OF_PAGE = re.compile(r"=\s*page\.(\w+)")
FIELD = re.compile(r"\{\{-?\s*page\.(\w+)[^}]*\}\}")
OTHERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\{\{-?\s*(?:site|page)\.[^}]*\}\}"), ""),
    (re.compile(r"^[ \t]*\{:[^}\n]*\}[ \t]*$|(?<=[)>*_`])\{:[^}\n]*\}", re.MULTILINE), ""),
    (re.compile(r"^([ \t>]*)\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*", re.MULTILINE | re.I), r"\1**\2:** "),
    (re.compile(r"\[!VIDEO[ \t]+(\S+?)[ \t]*\]", re.IGNORECASE), r"[Video](\1)"),
    (re.compile(r"^[ \t>]*\[!div\b[^\n]*$", re.MULTILINE | re.IGNORECASE), ""),
    (re.compile(r":::image(?!-end)\b[^\n]*?alt-text=\"([^\"\n]*)\"[^\n]*?(?::::|$)", re.MULTILINE), r"![\1]()"),
    (re.compile(r":::image(?!-end)\b[^\n]*?alt-text='([^'\n]*)'[^\n]*?(?::::|$)", re.MULTILINE), r"![\1]()"),
    (re.compile(r"^[ \t]*:::[^\n]*$", re.MULTILINE), ""),
)
# An element written as HTML. CommonMark ends it at the first empty line and takes what is indented there for code.
ELEMENT = re.compile(
    r"^ {0,3}<(div|section|article|aside|details|figure|blockquote|center|ol|ul|dl|table)\b",
    re.MULTILINE | re.IGNORECASE,
)
MARKDOWN_INSIDE = re.compile(r"\n[ \t]*\n[ \t]*[^<\s]")


def split_front_matter(text: str) -> tuple[dict[str, Any] | None, str]:
    """The YAML between --- lines at the top, and the rest. None when it is there but cannot be read."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    match = FRONT_MATTER.match(text)
    if not match:
        return {}, text
    try:
        meta = yaml.safe_load(match[1])
    except (yaml.YAMLError, RecursionError, ValueError):
        return None, text
    return (meta if isinstance(meta, dict) else {}), text[match.end() :]


def plain_markdown(
    body: str, meta: Mapping[str, Any], file: Path, root: Path, included: Callable[[Path], object]
) -> str:
    """Markdown that any reader understands. What it includes is read from below `root` alone, and told `included`."""

    def put_in(target: str) -> str:
        words = snippet(target, file, root)
        if words:
            included(place_of(target, file, root).resolve())
        return words

    body = INCLUDE.sub(lambda found: found[1] + put_in(found[2]).replace("\n", "\n" + found[1]), body)
    body = INLINE_INCLUDE.sub(lambda found: put_in(found[1]), body)
    body = CODE.sub(lambda found: fenced(raw(found[1], file, root)), body)
    return outside_code(body, partial(without_liquid, meta=meta))


def without_liquid(body: str, meta: Mapping[str, Any]) -> str:
    body = LIQUID.sub(lambda tag: "".join(shown(meta.get(name)) for name in OF_PAGE.findall(tag[0])), body)
    body = FIELD.sub(lambda found: value if isinstance(value := meta.get(found[1]), str) else "", body)
    for pattern, replacement in OTHERS:
        body = pattern.sub(replacement, body)
    body = MARKED.sub(ended, body)
    return without_elements(PICTURE.sub(lambda found: "![]" if is_only_a_name(found[1]) else found[0], body))


def without_elements(body: str) -> str:
    """Elements of nothing but HTML as Markdown; one that holds Markdown, or is never closed, stays as it is."""
    parts: list[str] = []
    written = looked_at = 0
    never_closed: set[str] = set()
    for found in ELEMENT.finditer(body):
        name, start = found[1].lower(), found.start()
        if start < looked_at or name in never_closed:
            continue
        looked_at = end_of(name, body, start)
        element = body[start:looked_at]
        if not element:
            never_closed.add(name)
        elif not MARKDOWN_INSIDE.search(element):
            with suppress(Unreadable):
                parts += [body[written:start], f"\n{to_markdown(element)[1]}\n\n"]
                written = looked_at
    return "".join([*parts, body[written:]])


def end_of(name: str, body: str, start: int) -> int:
    """Where the element that begins at `start` is closed; 0 when it is not."""
    depth = 0
    for tag in re.compile(rf"<(/?){name}\b[^<>]*>", re.IGNORECASE).finditer(body, start):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.end()
    return 0


def outside_code(body: str, change: Callable[[str], str]) -> str:
    """What stands in a fenced block is what somebody types: it stays."""
    pieces = re.split(r"(^[ \t>]*(`{3,}|~{3,})[^\n]*\n.*?^[ \t>]*\2[`~]*[ \t]*$)", body, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        piece if number % 3 == 1 else change(piece) for number, piece in enumerate(pieces) if number % 3 != 2
    )


def shown(value: Any) -> str:
    """A list of the front matter as a list; its entries are words, or have them under some name."""
    if not isinstance(value, list):
        return ""
    words = [" — ".join(map(str, item.values())) if isinstance(item, dict) else str(item) for item in value]
    return "\n\n" + "\n".join(f"- {' '.join(word.split())}" for word in words) + "\n\n"


def snippet(target: str, file: Path, root: Path) -> str:
    text = raw(target, file, root)
    meta, body = split_front_matter(text)
    return INLINE_INCLUDE.sub("", body if meta is not None else text).strip()


def fenced(code: str) -> str:
    return f"```\n{code.strip()}\n```" if code else ""


def place_of(target: str, file: Path, root: Path) -> Path:
    return root / target[1:].lstrip("/") if target.startswith(("/", "~")) else file.parent / target.strip()


def raw(target: str, file: Path, root: Path) -> str:
    """A file that another one includes; nothing when it is not there, or not below `root`."""
    try:
        found = place_of(target, file, root)
        if not found.resolve().is_relative_to(root.resolve()) or found.stat().st_size > LARGEST_SNIPPET:
            return ""
        return decoded(found.read_bytes()).text
    except (OSError, ValueError):
        return ""
