"""The pages that people read: made on the server, in need of no JavaScript. The app hooks in what `__all__` names."""

from __future__ import annotations

from litestar import Router
from litestar.exceptions import HTTPException

from api.pages import (
    access_log,
    account,
    activities,
    approvals,
    arrivals,
    binding,
    budgets,
    call_backs,
    cases,
    catalogue,
    desk,
    doors,
    frame,
    handing_in,
    hours,
    households,
    lapsing,
    limits,
    notices,
    organisations,
    outlet_day,
    outlets,
    own,
    pay,
    people,
    printing,
    programme,
    renewals,
    rules,
    sheets,
    staff,
    standing,
    stock,
    tickets,
    till,
    verify,
    volunteer,
    volunteers,
    vouchers,
)
from api.pages.frame import TEMPLATES, on_unknown_address
from api.settings import Settings
from ledger.errors import Fault, Refusal

__all__ = ["TEMPLATES", "on_unknown_address", "router"]


def router(settings: Settings) -> Router:
    """All pages with their files, their errors as pages and their forms guarded."""
    return Router(
        path="/",
        route_handlers=[
            volunteer.home,
            volunteer.passbook,
            doors.sign_in_form,
            doors.sign_in,
            doors.sign_out_form,
            doors.sign_out,
            doors.in_english,
            *account.HANDLERS,
            *budgets.HANDLERS,
            *cases.HANDLERS,
            *own.HANDLERS,
            *hours.HANDLERS,
            *pay.HANDLERS,
            *vouchers.HANDLERS,
            *programme.HANDLERS,
            *staff.HANDLERS,
            *approvals.HANDLERS,
            *renewals.HANDLERS,
            *rules.HANDLERS,
            *limits.HANDLERS,
            *people.HANDLERS,
            *volunteers.HANDLERS,
            *standing.HANDLERS,
            *organisations.HANDLERS,
            *outlets.HANDLERS,
            *catalogue.HANDLERS,
            *stock.HANDLERS,
            *households.HANDLERS,
            *binding.HANDLERS,
            *access_log.HANDLERS,
            *lapsing.HANDLERS,
            *desk.HANDLERS,
            *handing_in.HANDLERS,
            *notices.HANDLERS,
            *sheets.HANDLERS,
            *activities.HANDLERS,
            *arrivals.HANDLERS,
            *outlet_day.HANDLERS,
            *printing.HANDLERS,
            *tickets.HANDLERS,
            *call_backs.HANDLERS,
            *verify.HANDLERS,
            till.router,
            frame.static_file,
        ],
        middleware=[frame.GuardedForms(settings)],
        exception_handlers={
            Refusal: frame.on_refusal,
            Fault: frame.on_fault,
            HTTPException: frame.on_http_exception,
            Exception: frame.on_exception,
        },
        include_in_schema=False,
    )
