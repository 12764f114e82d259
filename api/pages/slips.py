"""The code of a receipt beside what it proves: on a passbook, a slip of a redemption, a proof of service.

Nothing waits for it: what is not published yet has one sentence instead of a code.
"""

from __future__ import annotations

from dataclasses import dataclass

from api import qr, receipts
from api.receipts import of_account, of_any, of_services
from api.requests import StrictRequest
from api.settings import Settings
from ledger.auditing.verifier.receipts import MARK, Receipt

__all__ = ["Slip", "of_account", "of_any", "of_services", "slip"]


@dataclass(frozen=True, slots=True)
class Slip:
    """A receipt on a page: where it is checked, and the QR code of that address as the address of a picture."""

    address: str
    path: str
    picture: str


def slip(request: StrictRequest, settings: Settings, receipt: Receipt | None) -> Slip | None:
    """As a page shows it; None: it is not published yet."""
    if receipt is None:
        return None
    address = receipts.address(settings, str(request.base_url), receipt)
    return Slip(address, MARK + address.rpartition(MARK)[2], qr.bitmap(address))
