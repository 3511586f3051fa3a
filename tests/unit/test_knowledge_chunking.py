from __future__ import annotations

import pytest

from knowledge.chunking import LONGEST, OVERLAP, WORD, cut, sentences, with_context


def words(text: str) -> int:
    return len(WORD.findall(text))


def sentence(number: int, length: int = 12) -> str:
    return " ".join([f"Sentence{number}", *["word"] * (length - 1)]) + "."


def test_a_passage_never_crosses_a_heading_and_carries_the_headings_above_it() -> None:
    pieces = cut("Lamps", "Before.\n\n# Care\n\nDust it.\n\n## Bulbs\n\nE27 only.\n\n# Returns\n\n45 days.")
    assert [(piece.heading, piece.text) for piece in pieces] == [
        ("", "Before."),
        ("Care", "Dust it."),
        ("Care › Bulbs", "E27 only."),
        ("Returns", "45 days."),
    ]


def test_a_heading_that_repeats_the_title_is_left_out_of_the_path() -> None:
    assert [piece.heading for piece in cut("Lamps", "# LAMPS\n\nDust it.\n\n## Bulbs\n\nE27.")] == ["", "Bulbs"]


@pytest.mark.parametrize("count", [1, 10, 13, 14, 26, 60, 200])
def test_a_long_section_becomes_even_passages_that_lose_no_sentence(count: int) -> None:
    pieces = cut("Title", " ".join(sentence(number) for number in range(count)))
    for number in range(count):
        assert any(sentence(number) in piece.text for piece in pieces)
    sizes = [words(piece.text) for piece in pieces]
    assert max(sizes) <= LONGEST
    assert len(sizes) == 1 or min(sizes) >= LONGEST / 3


def test_the_last_sentence_of_a_passage_is_repeated_when_it_is_short() -> None:
    first, second = cut("Title", " ".join(sentence(number) for number in range(20)))[:2]
    last = first.text[slice(*sentences(first.text)[-1])]
    assert second.text.startswith(last)
    assert words(last) <= OVERLAP


def test_a_text_without_any_full_stop_is_cut_all_the_same() -> None:
    pieces = cut("Title", " ".join(f"word{number}" for number in range(1000)))
    assert all(words(piece.text) <= LONGEST for piece in pieces)
    assert {f"word{number}" for number in range(1000)} <= set(" ".join(piece.text for piece in pieces).split())


def test_scripts_without_spaces_are_cut_too() -> None:
    assert len(cut("标题", "这是一个句子。" * 100)) > 3


def test_lists_tables_code_and_the_words_of_images_are_kept_and_links_lose_their_address() -> None:
    body = """
1. Open [the order](https://shop.example/o).
2. Press **Refund**, see ![the blue button](b.png).
   - not *Exchange*

| reason | money |
| --- | --- |
| late | £3.95 |

```
REFUND <id>
```

<p>Ask <b>Amara</b>.</p>
"""
    (piece,) = cut("Refunds", body)
    assert piece.text.split("\n") == [
        "1. Open the order.",
        "2. Press Refund, see the blue button.",
        "• not Exchange",
        "reason | money",
        "late | £3.95",
        "REFUND <id>",
        "Ask Amara.",
    ]


@pytest.mark.parametrize("body", ["", "   \n\n", "# Only a heading", "<!-- a comment -->", "---"])
def test_what_holds_no_words_gives_no_passage(body: str) -> None:
    assert cut("Title", body) == []


@pytest.mark.parametrize(("text", "found"), [
    ("One. Two! Three?", ["One.", "Two!", "Three?"]),
    ("See e.g. the lamp. It works.", ["See e.g. the lamp.", "It works."]),
    ("1. Open it.\n2. Close it.", ["1. Open it.", "2. Close it."]),
    ("It costs 3.95 a parcel.", ["It costs 3.95 a parcel."]),
    ("Ring on Tuesday at 3. His twins start school.", ["Ring on Tuesday at 3.", "His twins start school."]),
    ("“Keep it.” She did.", ["“Keep it.”", "She did."]),
    ("Check:\nwhat | lamp\nplug | Beacon\nfoot | Heron\nThen ring.",
     ["Check:", "what | lamp\nplug | Beacon", "foot | Heron", "Then ring."]),
    ("no. | qty.\n1 | 2\n3 | 4", ["no. | qty.\n1 | 2", "3 | 4"]),
    ("Home | About\nLamps and more", ["Home | About", "Lamps and more"]),
    ("第一句。第二句。", ["第一句。", "第二句。"]),
    ("", []),
])  # fmt: skip
def test_sentences_end_where_a_reader_would_end_them(text: str, found: list[str]) -> None:
    assert [text[begin:end] for begin, end in sentences(text)] == found


def test_title_and_headings_stand_in_front_of_what_is_embedded() -> None:
    assert with_context("Lamps", "Care › Bulbs", "E27 only.") == "Lamps\nCare › Bulbs\nE27 only."
    assert with_context("Lamps", "", "E27 only.") == "Lamps\nE27 only."


def test_scripts_and_styles_within_an_article_are_no_words_of_it() -> None:
    body = "<script>steal(1)</script> Say sorry.\n\n<div>Then <style>p {}</style>pay.<svg><text>x</text></svg></div>\n"
    assert [piece.text for piece in cut("", body)] == ["Say sorry.\nThen pay."]
