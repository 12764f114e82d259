"""Days: the programmes live in China, and their books are dated by its days."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

BEIJING: Final = ZoneInfo("Asia/Shanghai")


def day_of(time: datetime) -> date:
    """The day in Asia/Shanghai on which `time` falls."""
    return time.astimezone(BEIJING).date()
