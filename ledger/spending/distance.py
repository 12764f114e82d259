"""How far two places are from each other."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Final, NamedTuple

RADIUS: Final = 6_371_009
"""Of the earth, in metres (mean, WGS 84)."""


class Place(NamedTuple):
    """In millionths of a degree (WGS 84)."""

    latitude: int
    longitude: int


def metres(one: Place, other: Place) -> int:
    """Along the surface (haversine), in whole metres; good to half a percent, since the earth is no sphere."""
    north, other_north = radians(one.latitude / 1e6), radians(other.latitude / 1e6)
    east = radians((other.longitude - one.longitude) / 1e6)
    chord = sin((other_north - north) / 2) ** 2 + cos(north) * cos(other_north) * sin(east / 2) ** 2
    return round(2 * RADIUS * asin(sqrt(min(1.0, chord))))
