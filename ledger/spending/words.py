"""对码词: two characters that the till and the phone both show, so that a faked screen is noticed by anybody."""

import secrets
from typing import Final

_CHARACTERS: Final = (
    "山水日月星云雨雪风花草木竹石田土火光江河海湖鸟鱼马牛羊鹿鹤龙虎春夏秋冬东西南北红黄蓝白米豆瓜果茶灯桥船车门书画琴"
)
"""Simple ones that do not look alike and mean nothing bad in any pair."""


def new_word() -> str:
    """Two characters by chance."""
    return secrets.choice(_CHARACTERS) + secrets.choice(_CHARACTERS)
