"""Links between the files of one source, as links between the articles that they have become. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urljoin, urlsplit

from knowledge.drafts import Draft

ARTICLE = "/knowledge/articles/"
# [words](../other.md "title"): the address in angle brackets when it holds spaces. Pictures begin with "!".
LINK = re.compile(r"(?<!!)(\[(?:[^\[\]\n]|\[[^\[\]\n]*\]|\\.)*\]\()(<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)")
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|#")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """An article's body with links as its file has them, and with links that lead somewhere."""

    id: int
    before: str
    after: str


class Crosslinks:
    """Learns each article's names while a source is read; afterwards says what the bodies' links lead to."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # path: external id
        self.slugs: dict[str, str] = {}  # external id: slug, of those written
        self.written: dict[str, tuple[int, str, str]] = {}  # external id: article id, body, url

    def note(self, draft: Draft) -> None:
        """An article may be called by its file's path, its own address, or one it had before."""
        former = draft.meta.get("redirect_from") or draft.meta.get("aliases") or ()
        former = former if isinstance(former, list) else [former]
        for name in (draft.external_id, draft.url, *former):
            if isinstance(name, str) and name:
                self.names.setdefault(path_of(name), draft.external_id)

    def wrote(self, draft: Draft, article_id: int, slug: str) -> None:
        self.slugs[draft.external_id] = slug
        if any(SCHEME.match(match[2].strip("<>")) is None for match in LINK.finditer(draft.body)):
            self.written[draft.external_id] = (article_id, draft.body, draft.url or "")

    def resolved(self, slugs: Mapping[str, str]) -> Iterator[Change]:
        """The articles whose links lead elsewhere now. `slugs`: of the articles that were there before."""
        for external_id, (article_id, body, url) in self.written.items():
            address = partial(self.rewritten, external_id=external_id, url=url, slugs=slugs)
            after = "".join(part if is_code else LINK.sub(address, part) for is_code, part in parts(body))
            if after != body:
                yield Change(article_id, body, after)

    def rewritten(self, link: re.Match[str], external_id: str, url: str, slugs: Mapping[str, str]) -> str:
        return link[1] + (self.leads_to(link[2].strip("<>"), external_id, url, slugs) or link[2])

    def leads_to(self, target: str, external_id: str, url: str, slugs: Mapping[str, str]) -> str | None:
        if not target or SCHEME.match(target):
            return None
        for base in (external_id, urlsplit(url).path):
            found = self.names.get(path_of(posixpath.join("/", posixpath.dirname(base), target)))
            if found and (slug := self.slugs.get(found) or slugs.get(found)):
                return ARTICLE + slug
        absolute = urljoin(url, target)
        return absolute.replace(" ", "%20") if absolute.startswith(("http://", "https://")) else None


def path_of(name: str) -> str:
    """One spelling for all of them: /returns/policy for returns/policy.md, ./policy.md#top, https://x.example/…"""
    path = posixpath.normpath("/" + unquote(urlsplit(name).path if "//" in name else re.split("[?#]", name)[0]))
    path = re.sub(r"\.(md|markdown|html?|txt|docx|pdf)$", "", path.replace("//", "/"), flags=re.IGNORECASE)
    return re.sub(r"(?<=.)/(index|readme)$", "", path, flags=re.IGNORECASE).casefold()


def parts(body: str) -> Iterator[tuple[bool, str]]:
    """The body in turns of words and fenced code, which is left as it is."""
    begin, fence = 0, ""
    for match in FENCE.finditer(body):
        if not fence:
            yield False, body[begin : match.start()]
            begin, fence = match.start(), match[1]
        elif match[1].startswith(fence):
            yield True, body[begin : match.end()]
            begin, fence = match.end(), ""
    yield bool(fence), body[begin:]
