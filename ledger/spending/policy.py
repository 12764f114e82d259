"""The limits of spending: a version in force on each day, drafted by one person and approved by another.

The defaults stand for a book that has not approved any. What anchors them: a static code of a payment buys for 500 yuan
a day at most whatever the proof, a dynamic one by the strength of its proof (银发〔2017〕296号); WeChat asks for the
password above a sum and after so many times a day.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Amounts in points, per redemption or per day (Asia/Shanghai)."""

    version: int = 0
    """0: the defaults."""
    code_seconds: int = 60
    """How long a pay code lives."""
    quote_seconds: int = 120
    """How long a quote binds its code to its till."""
    quotes_a_code: int = 3
    quotes_a_day: int = 30
    """Of one person at one outlet."""
    free_points: int = 20
    """Up to so many, a redemption by a pay code needs no confirmation."""
    free_times: int = 5
    """So often a day, without confirmation."""
    confirm_seconds: int = 90
    """How long a redemption waits for the volunteer: 30 to 600."""
    shop_day_points: int = 20_000
    """What may be redeemed at one outlet on a day, where that has no limit of its own."""
    pair_week_times: int = 3
    """How often a week (Monday to Sunday) one person may redeem at one outlet without confirmation."""
    unknown_codes: int = 5
    unknown_minutes: int = 10
    """So many codes that were none within so many minutes lock a till …"""
    lock_minutes: int = 10
    """… for so many."""
    apart_km: int = 10
    apart_minutes: int = 10
    """Two outlets this far apart within this time: the second redemption waits for the volunteer."""
    cancel_margin_minutes: int = 15
    """So long after midnight, the day before can still be cancelled."""
    refund_days: int = 30
    dispute_days: int = 7
    ticket_points: int = 20
    """What a one-time ticket is good for."""
    ticket_days: int = 90
    paper_day_points: int = 60
    """What one person may redeem by card and tickets on a day."""
    agent_sample: int = 5
    """Percent of what was redeemed for somebody else, after which the staff call her."""
    voucher_grace_days: int = 0
    """How long after its last day a voucher is still taken."""
    burst_seconds: int = 60
    """Two redemptions at one till closer than this stand in the list of signals …"""
    share_percent: int = 20
    """… and who has more than this of what a shop redeems in a month …"""
    share_least: int = 10
    """… where that shop redeems at least so often …"""
    fresh_hours: int = 24
    """… and what is spent so soon after points were credited …"""
    night_from: int = 23
    night_until: int = 6
    """… or between these hours."""
    voucher_back_days: int = 7
    """How long a voucher that comes back after its last day, when what was had for it is given back, can be used."""
