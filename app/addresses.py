"""Which pages the dashboard has and where: known without drawing any of them."""

from __future__ import annotations

#: Id of each page (key of its title and its state) and its part of the address, in the order of the navigation.
#: The first one also answers at the bare address.
ADDRESSES: dict[str, str] = {
    "this_week": "this-week",
    "what_changed": "what-changed",
    "budget": "budget",
    "planner": "planner",
    "media_mix": "media-mix",
    "geo_lift": "geo-lift",
    "attribution": "attribution",
    "creatives": "creatives",
    "content": "content-pipeline",
    "data_health": "data-health",
    "audit": "audit",
}
FIRST = next(iter(ADDRESSES))


def address(page: str) -> str:
    """What follows the host in a page's address: nothing for the first page.

    >>> address("this_week"), address("media_mix")
    ('', 'media-mix')
    """
    return "" if page == FIRST else ADDRESSES[page]
