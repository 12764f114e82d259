"""How long and how large; the environment makes them smaller for a look at one's own work."""

from __future__ import annotations

import os

KILLS = int(os.environ.get("MEIDE_SOAK_KILLS", "10"))
"""Kills in each test of kills."""

SENDERS = int(os.environ.get("MEIDE_SOAK_SENDERS", "8"))

TRANSACTIONS = int(os.environ.get("MEIDE_SOAK_TRANSACTIONS", "500000"))
"""Transactions of two lines in the journal to be imported."""

SECONDS = float(os.environ.get("MEIDE_SOAK_SECONDS", "3600"))
"""Length of the mixed load."""

RATE = float(os.environ.get("MEIDE_SOAK_RATE", "100"))
"""Steps a second of the mixed load, all senders together."""

LINES = int(os.environ.get("MEIDE_SOAK_LINES", "500000"))
"""Lines of the sheet of service hours to be imported."""
