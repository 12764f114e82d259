"""Days: the programmes live in China, and their books are dated by its days."""

from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

BEIJING: Final = ZoneInfo("Asia/Shanghai")


def day_of(time: datetime) -> date:
    """The day in Asia/Shanghai on which `time` falls."""
    return time.astimezone(BEIJING).date()


def midnight(day: date) -> datetime:
    """When a day begins in Asia/Shanghai."""
    return datetime.combine(day, time(), BEIJING)


def full_years(born: date, day: date) -> int:
    """How old somebody is; who was born on 29 February is a year older on 1 March of a common year."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
