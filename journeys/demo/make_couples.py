"""Write `couples.csv` anew: 200 couples who do not exist, the same ones every time.

Run with `python -m journeys.demo.make_couples`. Dates are counted from the day the file is loaded, so that it never
ages.
"""

from __future__ import annotations

import csv
import random
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "couples.csv"
COUPLES = 200
FIRST_DAY, LAST_DAY = -30, 540
PLANNER_SHARE = 0.3
OTHER_KINDS_SHARE = 0.12
#: How many couples each kind of vendor has.
KINDS = {"photographer": 60, "venue": 50, "planner": 30, "caterer": 30, "florist": 30}
COLUMNS = (
    "vendor_kind",
    "external_ref",
    "display_name",
    "partner_1_first_name",
    "partner_1_last_name",
    "partner_1_email",
    "partner_1_phone",
    "partner_2_first_name",
    "partner_2_last_name",
    "partner_2_email",
    "partner_2_phone",
    "planner_first_name",
    "planner_last_name",
    "planner_email",
    "planner_phone",
    "status",
    "locale",
    "tags",
    "booked_days_ago",
    "days_to_wedding",
    "wedding_time",
    "time_zone",
    "venue",
    "city",
    "region",
    "guest_count",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere people marry."""

    city: str
    region: str
    zone: str
    venues: tuple[str, ...]
    #: How often it comes up.
    weight: int


PLACES = (
    Place("Sintra", "PT", "Europe/Lisbon", ("Quinta da Serra", "Palácio das Camélias", "Casa do Lago"), 26),
    Place("Lisbon", "PT", "Europe/Lisbon", ("Estufa do Rio", "Convento da Graça", "Pátio Alfama"), 18),
    Place(
        "New York",
        "US-NY",
        "America/New_York",
        ("The Foundry Loft", "Hudson Glasshouse", "Prospect House"),
        30,
    ),
    Place("Newport", "US-RI", "America/New_York", ("Harbor Lawn", "Cliff Walk House"), 10),
    Place("Chicago", "US-IL", "America/Chicago", ("Lakeshore Hall", "The Brickyard"), 12),
    Place(
        "London", "GB-ENG", "Europe/London", ("Orchard House", "The Old Printworks", "Thames Pavilion"), 22
    ),
    Place("Edinburgh", "GB-SCT", "Europe/London", ("Castle Garden Rooms", "Leith Sail Loft"), 6),
    Place("Los Angeles", "US-CA", "America/Los_Angeles", ("Casa Bougainvillea", "Canyon Terrace"), 18),
    Place("Napa", "US-CA", "America/Los_Angeles", ("Valley Oak Estate", "Stone Barrel Winery"), 10),
    Place("Berlin", "DE-BE", "Europe/Berlin", ("Spreehaus", "Alte Gärtnerei", "Gut am See"), 14),
    Place("Florence", "IT", "Europe/Rome", ("Villa dei Cipressi", "Fattoria Montalto"), 16),
    Place("Honolulu", "US-HI", "Pacific/Honolulu", ("Kai Lawn", "Banyan Court"), 8),
    Place("Sydney", "AU-NSW", "Australia/Sydney", ("Harbour Boathouse", "Fig Tree House"), 10),
    Place("Ubud", "ID", "Asia/Makassar", ("Rice Terrace Villa", "Lotus Pavilion"), 8),
    Place("Dublin", "IE", "Europe/Dublin", ("The Walled Garden", "Liffey House"), 6),
)


@dataclass(frozen=True, slots=True)
class Family:
    """Names that go together, and where their phones ring."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    locale: str
    #: E.164 beginning, and how many digits follow.
    phone: tuple[str, int]
    weight: int


FAMILIES = (
    Family(
        (
            "Ana",
            "Tomás",
            "Inês",
            "João",
            "Beatriz",
            "Miguel",
            "Leonor",
            "Duarte",
            "Carolina",
            "Rui",
            "Matilde",
            "Nuno",
        ),
        ("Silva", "Ferreira", "Almeida", "Carvalho", "Rocha", "Marques", "Teixeira", "Nogueira"),
        "pt-PT",
        ("+35191", 7),
        26,
    ),
    Family(
        (
            "Emma",
            "Liam",
            "Grace",
            "Noah",
            "Hannah",
            "Ethan",
            "Chloe",
            "Mason",
            "Ella",
            "Jack",
            "Ava",
            "Caleb",
            "Zoe",
        ),
        ("Walker", "Bennett", "Brooks", "Sullivan", "Hayes", "Parker", "Reed", "Coleman", "Foster"),
        "en-US",
        ("+1212555", 4),
        30,
    ),
    Family(
        ("Maya", "Isaiah", "Jasmine", "Andre", "Simone", "Marcus", "Nia", "Elijah", "Imani", "Terrence"),
        ("Washington", "Jefferson", "Baptiste", "Freeman", "Booker", "Okafor"),
        "en-US",
        ("+1312555", 4),
        14,
    ),
    Family(
        ("Sofía", "Mateo", "Valentina", "Diego", "Camila", "Andrés", "Lucía", "Javier", "Elena", "Rafael"),
        ("García", "Hernández", "Morales", "Ortega", "Delgado", "Vega", "Castillo"),
        "es",
        ("+1310555", 4),
        18,
    ),
    Family(
        (
            "Olivia",
            "Harry",
            "Amelia",
            "George",
            "Isla",
            "Oliver",
            "Poppy",
            "Alfie",
            "Freya",
            "Rory",
            "Eilidh",
            "Callum",
        ),
        ("Hughes", "Clarke", "Whitfield", "Campbell", "Fraser", "Pemberton", "Shaw"),
        "en-GB",
        ("+4478", 8),
        24,
    ),
    Family(
        ("Priya", "Arjun", "Ananya", "Rohan", "Meera", "Vikram", "Kavya", "Dev", "Neha", "Karan"),
        ("Sharma", "Patel", "Iyer", "Mehta", "Reddy", "Kapoor"),
        "en-GB",
        ("+4479", 8),
        14,
    ),
    Family(
        ("Lena", "Jonas", "Marie", "Felix", "Clara", "Moritz", "Johanna", "Lukas", "Greta", "Anton"),
        ("Schneider", "Hoffmann", "Krüger", "Weiß", "Lehmann", "Brandt"),
        "de",
        ("+49151", 8),
        14,
    ),
    Family(
        ("Giulia", "Lorenzo", "Chiara", "Matteo", "Francesca", "Alessandro", "Elisa", "Pietro"),
        ("Rossi", "Bianchi", "Conti", "Moretti", "Galli"),
        "it",
        ("+39347", 7),
        12,
    ),
    Family(
        ("Mei", "Wei", "Xinyi", "Haoran", "Yuki", "Kenji", "Sakura", "Haruto", "Ji-woo", "Min-jun"),
        ("Chen", "Lin", "Wong", "Tanaka", "Sato", "Kim", "Park"),
        "en-AU",
        ("+614", 8),
        16,
    ),
    Family(
        ("Kalani", "Leilani", "Keanu", "Malia", "Made", "Putu", "Ayu", "Wayan"),
        ("Kealoha", "Nakamura", "Kahale", "Wijaya", "Santoso"),
        "en-US",
        ("+1808555", 4),
        8,
    ),
    Family(
        ("Aoife", "Cian", "Niamh", "Oisín", "Saoirse", "Fionn", "Siobhán", "Darragh"),
        ("O'Brien", "Murphy", "Byrne", "Ó Súilleabháin", "Gallagher"),
        "en-IE",
        ("+35385", 7),
        10,
    ),
    Family(
        ("Layla", "Omar", "Yasmin", "Karim", "Zeynep", "Emre", "Noor", "Samir"),
        ("Haddad", "Yılmaz", "Aydın", "Mansour", "Demir"),
        "en",
        ("+49160", 7),
        8,
    ),
)
PLANNERS = (
    ("Rita", "Vasconcelos", "rita@aisle-and-ivy.example.com", "+351931204577"),
    ("Caroline", "Ashby", "caroline@ashbyevents.example.com", "+442079460321"),
    ("Denise", "Romano", "denise@romanoweddings.example.com", "+12125550188"),
    ("Jun", "Nakagawa", "jun@tidesandvows.example.com", "+18085550144"),
    ("Birgit", "Sommer", "birgit@sommerfeste.example.com", "+4930901820"),
)
MAIL_HOUSES = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")


def plain(name: str) -> str:
    """Write a name with the letters an address may have."""
    letters = (
        unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ı", "i"))
        .encode("ascii", "ignore")
        .decode()
    )
    return "".join(letter for letter in letters.lower() if letter.isalnum() or letter == "-")


class Maker:
    """Draw couples from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 the same couples every time, nothing secret
        self.taken: set[str] = set()

    def couple(self, number: int, kind: str) -> dict[str, Any]:
        """Make one row."""
        draw = self.random
        families = draw.choices(FAMILIES, weights=[family.weight for family in FAMILIES], k=2)
        one = families[0]
        # Two in three marry within the same corner of the world.
        two = one if draw.random() < 2 / 3 else families[1]
        first = self._person(one, taken="")
        second = self._person(two, taken=first["first_name"])
        place = draw.choices(PLACES, weights=[place.weight for place in PLACES])[0]
        days = draw.randint(FIRST_DAY, LAST_DAY)
        planner = dict.fromkeys(("first_name", "last_name", "email", "phone"), "")
        if kind != "planner" and draw.random() < PLANNER_SHARE:
            planner = dict(zip(planner, draw.choice(PLANNERS), strict=True))
        return {
            "vendor_kind": kind,
            "external_ref": f"demo-{number:03d}",
            "display_name": f"{first['first_name']} & {second['first_name']}",
            **{f"partner_1_{part}": value for part, value in first.items()},
            **{f"partner_2_{part}": value for part, value in second.items()},
            **{f"planner_{part}": value for part, value in planner.items()},
            "status": "booked",
            "locale": one.locale,
            "tags": "; ".join(self._tags(place)),
            "booked_days_ago": self._booked(days),
            "days_to_wedding": days,
            "wedding_time": draw.choice(
                ("11:00", "13:30", "14:00", "15:00", "15:30", "16:00", "16:30", "17:30")
            ),
            "time_zone": place.zone,
            "venue": draw.choice(place.venues),
            "city": place.city,
            "region": place.region,
            "guest_count": max(12, min(260, int(draw.gauss(95, 45)))),
        }

    def _person(self, family: Family, *, taken: str) -> dict[str, str]:
        draw = self.random
        first_name = draw.choice([name for name in family.first_names if name != taken])
        last_name = draw.choice(family.last_names)
        address = f"{plain(first_name)}.{plain(last_name)}"
        number = 2
        while address in self.taken:
            address = f"{plain(first_name)}.{plain(last_name)}{number}"
            number += 1
        self.taken.add(address)
        beginning, digits = family.phone
        return {
            "first_name": first_name,
            "last_name": last_name,
            "email": f"{address}@{draw.choice(MAIL_HOUSES)}",
            "phone": beginning + "".join(str(draw.randint(2, 9)) for _ in range(digits)),
        }

    def _booked(self, days: int) -> int:
        """Say how long ago they booked: always before the wedding, some of them today."""
        draw = self.random
        if days > 0 and draw.random() < 1 / 8:
            return draw.randint(0, 1)
        return draw.randint(max(1, 20 - days), max(40, 420 - max(days, 0) // 2))

    def _tags(self, place: Place) -> list[str]:
        draw = self.random
        tags = (
            ["destination"]
            if place.city in {"Ubud", "Honolulu", "Florence", "Sintra"} and draw.random() < 1 / 2
            else []
        )
        if draw.random() < OTHER_KINDS_SHARE:
            tags.append(draw.choice(("small wedding", "friends of the house", "two days", "bilingual")))
        return tags


def main() -> None:
    """Write the file."""
    maker = Maker(seed=20270612)
    kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
    rows = [maker.couple(number, kind) for number, kind in enumerate(kinds, start=1)]
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sys.stdout.write(f"{len(rows)} couples written to {FILE}\n")


if __name__ == "__main__":
    main()
