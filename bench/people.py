"""Names, addresses and numbers of invented people, as unevenly spread as real ones."""

# ruff: noqa: SIM905  hundreds of names are easier to read as words

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from console.customers.names import fold

One = TypeVar("One")

GIVEN = """Olivia Amelia Isla Ava Lily Freya Ivy Florence Willow Mia Rosie Sophie Evie Grace Elsie Daisy Phoebe Ella
Sienna Charlotte Emily Matilda Poppy Evelyn Harper Alice Maisie Ruby Hallie Luna Millie Emma Maya Thea Ada Orla Nora
Erin Clara Robyn Zara Nancy Edith Martha Iris Hannah Eliza Jessica Lucy Molly Beatrice Esme Margot Eva Aria Bonnie
Oliver George Arthur Noah Muhammad Leo Oscar Harry Archie Jack Henry Theo Freddie Charlie Theodore Alfie Jacob Thomas
Finley Arlo William Lucas Roman Tommy Isaac Teddy Alexander Luca Edward James Joshua Albie Elijah Max Mohammed Reuben
Mason Sebastian Rory Jude Daniel Benjamin Joseph Louie Caleb Hugo Adam Ralph Toby Samuel Ethan Logan David Zachary
Aoife Siobhán Niamh Ciarán Seán Gráinne Rhys Carys Angharad Gethin Zofia Małgorzata Łukasz Paweł Agnieszka Wojciech
Jürgen Käthe Björn Åsa Søren Élodie François Zoë Chloé Renée José Begoña Íñigo João Conceição Priya Arjun Ananya
Aarav Kavya Rohan Fatima Aisha Yusuf Omar Leila Hassan Amara Chidi Ngozi Kwame Abena Mei Wei Jing Hiroshi Yuki Sakura
Minh Linh Dmitri Olga Ekaterina Anastasia Ioana Andrei Mihaela Eszter Zoltán Jana Petr Tereza
Elif Mehmet Ayşe""".split()
MIDDLE = ("", "", "", "", "", "", "Anne", "Jane", "Rose", "Lee", "Mary", "Paul", "Jean", "Ray", "May", "Kate")
FAMILY = """Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans Walker White
Roberts Green Hall Thomas Clarke Jackson Wood Harris Edwards Turner Martin Cooper Hill Ward Hughes Moore Clark King
Harrison Lewis Baker Lee Allen Khan Morris Mitchell Scott Phillips Davis Watson James Bennett Young Parker Cook Price
Singh Ahmed Richardson Ali Shaw Begum Bailey Collins Simpson Bell Cox O'Brien O'Connor O'Neill MacDonald McCarthy
Zielińska Nowak Kowalczyk Wiśniewski Wójcik Müller Schröder Jørgensen Åkesson Lefèvre Nguyen Chen Wang Tanaka Okafor
Adeyemi Mensah Fernández Muñoz Gonçalves Popescu Szabó Dvořák Yılmaz Hosseini Sharma Gupta Kaur Hussain""".split()
HEADS = """Ash Beck Black Brad Bram Brook Burn Carl Chad Clay Cold Crom Dal Dar Den Down East Ed Elm Fair Fen Field
Gar Glen Grim Hales Hart Hay Hazel Hol Horn Hunt Ingle Kel Kirk Lang Lin Lock Mal Mar Mer Mill Mor New Nor Oak Old
Pen Pres Rad Raven Red Ridg Rock Ros Ruther Sal Sher Stan Stock Strat Sut Thorn Thur Wal Wes Whit Win Wol Wy""".split()
TAILS = """bourne bridge brook bury by cliff combe cote croft dale den field ford gate ham hill house hurst ing land
ley ling low man mere more mouth over pool shaw son stead stock stone ton tree well wick wood worth yard""".split()
HOSTS = ("gmail.com", "outlook.com", "yahoo.co.uk", "icloud.com", "hotmail.co.uk", "btinternet.com", "proton.me")
AREAS = (113, 114, 117, 121, 131, 141, 151, 161, 191)
TOWNS = """London Birmingham Leeds Glasgow Sheffield Manchester Bradford Liverpool Edinburgh Bristol Cardiff Leicester
Wakefield Coventry Nottingham Newcastle Sunderland Brighton Hull Plymouth Derby Swansea Aberdeen Norwich York Oxford
Cambridge Dundee Ipswich Exeter Bath Lincoln Chester Durham Lancaster Worcester Hereford Kendal Whitby Ludlow""".split()


class Spread(Generic[One]):
    """Draws by Zipf's law with a flattened top, as names are: the n-th of them weighs 1 / (n + flat)."""

    def __init__(self, ones: list[One], flat: int) -> None:
        self.ones = ones
        self.weights = list(accumulate(1 / (place + flat) for place in range(1, len(ones) + 1)))

    def draw(self, random: Random) -> One:
        return random.choices(self.ones, cum_weights=self.weights)[0]


class People:
    """About 2,700 distinct first names and 3,000 last ones; the commonest last name belongs to 2 people in 100."""

    def __init__(self) -> None:
        first = [f"{name} {middle}".strip() if middle else name for middle in MIDDLE[5:] for name in GIVEN]
        self.first = Spread(list(dict.fromkeys(first)), flat=12)
        last = FAMILY + [head + tail for tail in TAILS for head in HEADS]
        self.last = Spread(list(dict.fromkeys(last)), flat=8)
        self.hosts = Spread(list(HOSTS), flat=1)

    def name(self, random: Random) -> tuple[str, str]:
        last = self.last.draw(random)
        if random.random() < 0.02:
            last = f"{last}-{self.last.draw(random)}"
        return self.first.draw(random), last

    def address(self, random: Random, first: str, last: str, number: int) -> str:
        """No two customers of different `number` share one, but for one in 200 that a household shares."""
        one, other = (fold(name).replace(" ", "").replace("'", "") for name in (first, last))
        host = self.hosts.draw(random)
        shape = random.random()
        if shape < 0.005:
            return f"the.{other}s@{host}"
        if shape < 0.5:
            return f"{one}.{other}{number}@{host}"
        if shape < 0.8:
            return f"{one[0]}{other}{number}@{host}"
        return f"{other}_{one}{number}@{host}"

    def phone(self, random: Random) -> str:
        """E.164, mostly British."""
        place = random.random()
        if place < 0.75:
            return f"+447{random.randrange(400_000_000, 999_999_999)}"
        if place < 0.92:
            return f"+44{random.choice(AREAS)}{random.randrange(2_000_000, 9_999_999)}"
        return f"+{random.choice((4915, 4860, 3361, 3538))}{random.randrange(10_000_000, 99_999_999)}"
