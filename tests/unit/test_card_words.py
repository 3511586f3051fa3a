"""What a note says turned into a line to the customer, or left to a person."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notes.cards import candidates
from notes.cards.turning import told
from notes.cards.words import PHRASES, drafted, exchanged, language_of, line_to_them, middle_of
from notes.models import Note

NAMES = ("Rosalind", "Rosalind Mercer")

TURNED = [
    ("Looking for a lamp to read by.", "You told us you are looking for a lamp to read by."),
    ("Loves the moss green one.", "You told us you love the moss green one."),
    ("Her daughter starts school in May.", "You told us that your daughter starts school in May."),
    ("Moving house in spring.", "You told us you are moving house in spring."),
    ("Wants it before Christmas.", "You told us you want it before Christmas."),
    ("She's looking for a reading chair.", "You told us you are looking for a reading chair."),
    ("He'd rather have oak than walnut.", "You told us you would rather have oak than walnut."),
    ("Really likes the oak and wants a second chair.", "You told us you really like the oak and want a second chair."),
    ("Painting the hall; the ladder is ours.", "You told us you are painting the hall."),
    ("Fond of oak and linen.", "You told us you are fond of oak and linen."),
    ("She loves the green one", "You told us you love the green one."),
    ("She is looking for a lamp to read by!", "You told us you are looking for a lamp to read by."),
    ("Rosalind Mercer prefers evening light.", "You told us you prefer evening light."),
    ("Mrs Mercer keeps hens and names them after ministers.", "You told us you keep hens."),
    ("The customer said the lamp suits her kitchen.", "You said the lamp suits your kitchen."),
    ("He said he loves paper wrapping.", "You said you love paper wrapping."),
    ("They love their garden.", "You told us you love your garden."),
    ("Bought it for her mother.", "You told us you bought it for your mother."),
    ("She said that it makes her smile.", "You said that it makes you smile."),
    ("Says the oak reminds her of home.", ""),  # nobody is named that "her" could be
    ("She says the oak reminds her of home.", "You said the oak reminds you of home."),
    (
        "Her dad turns seventy and reads with a bicycle torch.",
        "You told us that your dad turns seventy and reads with a bicycle torch.",
    ),
    ("Has a new puppy, Biscuit, legs like a table.", "You told us you have a new puppy, Biscuit, legs like a table."),
    ("She doesn’t like plastic.", "You told us you don’t like plastic."),
    ("Told me it was “the quietest lamp I ever had”.", "You told us: “the quietest lamp I ever had”."),
    ("Said: “it is quiet here”, “quieter than a library”.", "You told us: “quieter than a library”."),
    ('Laughed: "why would anybody buy a dull lamp?"', "You told us: “why would anybody buy a dull lamp?”"),
    # What it says first, where the end is in the way.
    ("She wants a lamp that lasts and looks nice and loves oak.", "You told us you want a lamp that lasts."),
    ("Wants a cat and loves tuna, eats nothing else.", "You told us you want a cat."),
    ("Building a treehouse with his son, needs a lantern.", "You told us you are building a treehouse with your son."),
    ("Lives on a boat, so it must fit through a hatch.", "You told us you live on a boat."),
    ("Grows sweet peas on the balcony; they are huge.", "You told us you grow sweet peas on the balcony."),
    (
        "Said: 'I have waited ten years for a blue like this.'",
        "You told us: “I have waited ten years for a blue like this”.",
    ),
]
LEFT_TO_A_PERSON = [
    "Rosalind Mercer prefers evening deliveries.",  # our business with them
    "Wants to know whether the glue is vegan.",
    "Loves the blue, the price is another matter, but not for the hall.",
    "Has a parrot who says 'parcel!' before the bell rings.",
    "Collects dust.",
    "Turned the chair upside down and found the staple.",
    "Loves to argue, keep it short.",
    "Wants a lamp for her lover, her husband must not know.",
    "“I will never buy here again”, she said.",
    "Plays up when it is warm.",
    "Her sister does not know yet.",
    "The courier said “nobody answered the door”.",  # somebody else's words, ours, and a book
    "Told her “we never do that here”.",
    "Told her: “it lasts for ever and ever”.",
    "Reading “The Wind in the Willows” to the twins.",
    "She said “The Wind in the Willows”.",
    "Loved that book “the lamp that woke nobody”.",
    "Told me our lamp is “the quietest I ever had”.",
    "Beacon lamp: “it lasts for ever and ever”.",
    "The man said: “it lasts for ever and ever”.",
    "She said “my mother loves this lamp”.",
    "She was told: “nothing can be done about it”.",
    "Says “your service is a scam and a joke”.",
    "Wants a lamp that doesn't wake him.",  # him is somebody else
    "She loves his garden.",
    "She bought it for her mother and her sister.",
    "She said her mother told her she snores.",
    "Her daughter sleeps with her feet in the school bag.",
    "We promised a sample.",
    "I think she likes it.",
    "She wants it by Friday.",  # past when the card is read
    "Redecorating the nursery, wants calm colours.",
    "Is she happy with it?",
    "Loves the green one?",
    "“It lasts for ever and ever”, the leaflet claims.",
    "Loves the green one; not for the hall.",
    "She loves our window.",
    "Keeps falling over.",
    "Lamp broke twice.",
    "She “cried” a lot.",  # one word is no quotation
    "Loves it",
    # Where nobody is named, it may be the thing, the parcel or the writer.
    "Came broken twice.",
    "Is too dark for the hall.",
    "Was damaged on the way.",
    "Needs a new bulb.",
    "Has a scratch on the base.",
    "Sent the samples.",
    "Offered a voucher for the chair.",
    "Looking into the delay.",
    "Moving the delivery to the afternoon.",
    "Painting is her great joy.",
    "Would fit in the hall.",
    "Does not fit the socket.",
    "Retired schoolmaster's humour.",
    "She's moved by the lamp.",
]


@pytest.mark.parametrize(("sentence", "line"), TURNED)
def test_a_sentence_about_them_becomes_a_line_to_them(sentence: str, line: str) -> None:
    assert line_to_them(sentence, "en", NAMES) == line


@pytest.mark.parametrize("sentence", LEFT_TO_A_PERSON)
def test_what_could_say_something_else_is_left_to_a_person(sentence: str) -> None:
    assert line_to_them(sentence, "en", NAMES) == ""


def test_she_is_not_the_customer_after_somebody_else_was_named() -> None:
    assert line_to_them("She loves oak.", "en", before="Rang on the way home.") == "You told us you love oak."
    assert line_to_them("She loves oak.", "en", before="Her daughter came along.") == ""
    assert line_to_them("She said “it lasts for ever”.", "en", before="Her daughter came along.") == ""
    assert line_to_them("He sleeps on the floor.", "en", before="The hammock is the cat's.") == ""
    assert line_to_them("They take the whole sofa.", "en", before="Adopted two greyhounds.") == ""
    assert line_to_them("Plays the cello.", "en", before="Her son came along.") == ""


def test_a_line_that_nobody_wants_to_read_is_no_line_once_its_meaning_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    note = Note(id=1, customer_id=1, body="", kind="call")
    lines = {
        "You told us you love rain.": "Love rain.",
        "You told us you love a bargain.": "Love a bargain.",
        "You told us: “It hugs back”.": "",
    }
    assert [told(line) for line in lines] == list(lines.values())
    finder = SimpleNamespace(scores=lambda texts: np.array([[0.9 if "rain" in text else -0.9] for text in texts]))
    monkeypatch.setattr(candidates, "reader", lambda: SimpleNamespace(ready_for_cards=lambda model: finder))
    monkeypatch.setattr(candidates, "encoder", lambda: None)
    found = candidates.that_fit([candidates.Candidate(note, 0, 1, "text", line) for line in lines])
    assert [one.line for one in found] == ["You told us you love rain.", "", "You told us: “It hugs back”."]


def test_a_season_that_came_since_is_not_spoken_of() -> None:
    line = "You told us you are moving in spring."
    written = datetime(2026, 11, 2, tzinfo=UTC)
    assert not candidates.has_passed(line, written, datetime(2027, 2, 20, tzinfo=UTC))
    assert candidates.has_passed(line, written, datetime(2027, 3, 2, tzinfo=UTC))
    assert candidates.has_passed(line, datetime(2027, 4, 2, tzinfo=UTC), datetime(2027, 9, 2, tzinfo=UTC))
    assert not candidates.has_passed("You told us you may love oak.", written, datetime(2027, 9, 2, tzinfo=UTC))


def test_another_language_takes_their_own_words_and_nothing_else() -> None:
    assert line_to_them("Sie sucht eine Lampe zum Lesen.", "de") == ""
    line = line_to_them("Sagte: „eine Lampe, die niemanden weckt“.", "de")
    assert line == "Sie haben uns gesagt: „eine Lampe, die niemanden weckt“."
    assert line_to_them("Der Fahrer sagte: „niemand war zu Hause“.", "de") == ""


def test_a_card_greets_by_first_name_and_says_hello_without_one() -> None:
    assert drafted("  Mei ", "A line.", "Maya", "en").startswith("Dear Mei,\n\nA line. We hope")
    assert drafted("", "", "Maya", "en") == "Hello,\n\n\n\nWarmly,\nMaya"
    assert drafted("Jürgen", "", "", "de") == "Hallo Jürgen,\n\n\n\nHerzliche Grüße"
    assert [language_of(*tags) for tags in (("pt-BR", "en_GB"), ("ar", "de_DE"), (None, "zu"))] == ["pt", "de", "en"]


def test_another_line_takes_the_place_of_the_first_and_leaves_the_rest_alone() -> None:
    body = drafted("Mei", "First line.", "Maya", "en").replace("Warmly", "With love")
    assert exchanged(body, "First line.", "Second line.") == body.replace("First", "Second")
    assert exchanged("Dear Mei,\n\nWith love,\nMaya", "", "A line.") == "Dear Mei,\n\nA line.\n\nWith love,\nMaya"
    assert exchanged(body, "First line.", "").count("First") == 0


@given(st.text(max_size=120), st.text(max_size=60), st.sampled_from(sorted(PHRASES)))
def test_any_words_make_a_line_or_none_and_never_a_fault(sentence: str, name: str, language: str) -> None:
    line = line_to_them(sentence, language, (name,))
    assert line == "" or len(line) <= 280
    body = drafted(name, line, "Maya", language)
    assert line in body
    assert not line or middle_of(body, language)


PEOPLE_WORDS = st.sampled_from(
    "she he they her him his their them mother loves wants a lamp that and green".split()  # noqa: SIM905
)


@given(st.lists(PEOPLE_WORDS, min_size=3, max_size=9))
def test_no_line_speaks_of_them_in_the_third_person(words: list[str]) -> None:
    line = line_to_them(" ".join(words).capitalize() + ".", "en")
    assert not {"she", "he", "they", "her", "him", "them"} & set(line.casefold().strip(".").split())
