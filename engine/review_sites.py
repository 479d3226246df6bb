"""Where a vendor's reviews can be written: names and addresses in the vendor's own settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from journeys.models import Vendor

#: The key in `Vendor.settings`: {"google": "https://…", …}.
SETTING = "review_links"
MOST_SITES = 10
LONGEST_ADDRESS = 500

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
#: How people know them.
_TITLES: Mapping[str, str] = {
    "google": "Google",
    "theknot": "The Knot",
    "weddingwire": "WeddingWire",
    "hitched": "Hitched",
    "bodas": "Bodas.net",
    "casamentos": "Casamentos.pt",
    "facebook": "Facebook",
    "trustpilot": "Trustpilot",
    "yelp": "Yelp",
}


def review_links(vendor: Vendor) -> dict[str, str]:
    """Give the addresses by name, in the vendor's order; what can not be opened safely is left out."""
    kept = vendor.settings.get(SETTING)
    if not isinstance(kept, Mapping):
        return {}
    good = {str(name): url for name, url in kept.items() if not fault_of(str(name), url)}
    return dict(list(good.items())[:MOST_SITES])


def title_of(name: str) -> str:
    """Give a site's name as people know it."""
    return _TITLES.get(name, name.replace("_", " ").replace("-", " ").title())


def fault_of(name: str, url: object) -> str:
    """Say in a sentence what is wrong with a site; "" when it can be used."""
    if not _NAME.fullmatch(name):
        return "Write the site's name in small letters, such as google."
    if not isinstance(url, str) or len(url) > LONGEST_ADDRESS or not url.isprintable() or " " in url:
        return f"Write the address of the page, at most {LONGEST_ADDRESS} characters."
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
    except ValueError:
        return "This address can not be read."
    if parts.scheme != "https" or not host or "." not in host or user is not None:
        return "Write the whole address, beginning with https://."
    return ""
