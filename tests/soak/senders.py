"""Senders: clients over HTTP that know what their wallets must hold, and send again what nobody answered."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

SHOP = "2300.shop"
REWARDS = "5100"

WRITES = {"earn": 4, "spend": 3, "overspend": 1, "overflow": 1, "reverse": 1, "batch": 1, "whole_batch": 1, "hold": 2}
"""What senders do where every answer counts; the steps are methods of `Sender`."""

READS = {"look": 3, "look_back": 2, "recall": 2, "leaf": 1, "leaf_busy": 1}

EVERYTHING = (
    {"backdate": 1, "too_late": 1, "mistake": 1, "freeze": 1, "forget": 1, "close_and_reopen": 1} | WRITES | READS
)
"""What senders do in mixed load."""

Line = tuple[str, str, int]
"""Account, side, amount."""


@dataclass
class Desk:
    """A book and the service it is reached at, whose address changes when it is killed and started again."""

    book: str
    token: str
    address: str = ""


@dataclass(frozen=True)
class Call:
    """A call that was answered, to be sent once more unchanged."""

    key: str
    path: str
    body: Mapping[str, Any]
    status: int
    answer: Any


class Sender(threading.Thread):
    """Sends one call after the other until told to stop, each unchanged under its key until it is answered.

    Nobody else touches its wallets, so it knows every answer beforehand: which entries, which numbers, which balances;
    a posting that was lost or doubled shows in the next answer. The first answer that differs ends it (`fault`).
    """

    def __init__(
        self,
        desk: Desk,
        name: str,
        mix: Mapping[str, int],
        *,
        pause: float = 0,
        patient: bool = True,
        keep: int | None = None,
    ) -> None:
        """`mix`: how often each step comes, `pause`: seconds between two.

        `patient`: it bears with a service that is away. `keep`: of its calls, how many of the last; None: all.
        """
        super().__init__(name=name)
        self.desk = desk
        self.wallet, self.held, self.owed = f"2100.{name}", f"2120.{name}", f"1300.{name}"
        self.other_wallet = f"2100.{name}-other"
        self.known: dict[str, tuple[int, int]] = dict.fromkeys((self.wallet, self.held, self.owed), (0, 0))
        """Number and balance of the last entry of accounts of its own."""
        self.calls: deque[Call] = deque(maxlen=keep)
        self.posted: dict[str, str] = {}
        """The transactions that were acknowledged, by key."""
        self.answered = 0
        self.unanswered = 0
        self.fault: BaseException | None = None
        self.patient = patient
        self._steps, self._weights = list(mix), list(mix.values())
        self._pause = pause
        self._chance = random.Random(name)
        self._told_to_stop = threading.Event()
        spoken = {"Accept-Language": "en", "Authorization": f"Bearer {desk.token}"}
        self._http = httpx.Client(timeout=60, headers=spoken)
        self._sent = 0
        self._reversible: deque[tuple[str, int]] = deque(maxlen=100)
        self._past: deque[tuple[str, int]] = deque(maxlen=1000)
        """When the wallet changed, and its balance from then on."""
        self._forgotten: tuple[str, float] | None = None
        """The hold that nobody ends, and when it is over for sure."""

    # --- the thread --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        due = time.monotonic()
        try:
            self.open_accounts()
            while not self._told_to_stop.is_set():
                (step,) = self._chance.choices(self._steps, self._weights)
                getattr(self, step)()
                due = max(due + self._pause, time.monotonic() - 10 * self._pause)
                self._told_to_stop.wait(due - time.monotonic())
        except BaseException as fault:
            self.fault = fault

    def stop(self) -> None:
        self._told_to_stop.set()

    def hang_up(self) -> None:
        self._http.close()

    # --- the steps ---------------------------------------------------------------------------------------------------

    def open_accounts(self) -> None:
        kinds = {REWARDS: "expense", SHOP: "liability", self.owed: "asset"}
        kinds |= dict.fromkeys((self.wallet, self.other_wallet), "liability")
        for code, kind in kinds.items():
            body = {"code": code, "name": code, "class": kind, "unit": "PT"}
            assert self._request("POST", "/accounts", body).status_code in (200, 201)

    def earn(self) -> None:
        amount = self._chance.randint(1, 100)
        made = self._post(self._transaction(REWARDS, self.wallet, amount))
        self._reversible.append((made["id"], amount))

    def backdate(self) -> None:
        day = f"{self._chance.randint(2021, 2025)}-{self._chance.randint(1, 12):02}-{self._chance.randint(1, 28):02}"
        self._post(self._transaction(REWARDS, self.wallet, self._chance.randint(1, 100), day))

    def too_late(self) -> None:
        body = self._transaction(REWARDS, self.wallet, 1, "2019-05-06")
        assert self._keyed("/transactions", body, 409)["code"] == "period_closed"

    def close(self, month: str) -> None:
        assert self._request("POST", f"/periods/{month}/close").status_code == 200

    def close_and_reopen(self) -> None:
        """Closes a month and opens it again; one sender is enough for that."""
        if self.name != "s0":
            return
        body = self._transaction(REWARDS, self.wallet, 1, "2020-01-15")
        self.close("2020-01")
        assert self._keyed("/transactions", body, 409)["code"] == "period_closed"
        assert self._request("POST", "/periods/2020-01/reopen").status_code == 200
        self._post(body)

    def freeze(self) -> None:
        path = f"/accounts/{self.wallet}/status"
        assert self._request("POST", path, {"status": "frozen"}).status_code == 200
        body = self._transaction(REWARDS, self.wallet, 1)
        assert self._keyed("/transactions", body, 409)["code"] == "account_frozen"
        assert self._request("POST", path, {"status": "open"}).status_code == 200

    def forget(self) -> None:
        """Holds all that the other wallet has and leaves it to lapse; when it has, does so again."""
        everything = 10
        if self._forgotten is None:
            self._keyed("/transactions", self._transaction(REWARDS, self.other_wallet, everything), 201)
            self.posted[self.calls[-1].key] = self.calls[-1].answer["id"]
        elif time.monotonic() < self._forgotten[1]:
            return
        else:
            assert self._read(f"/accounts/{self.other_wallet}/balance")["available"] == everything
            assert self._read(f"/holds/{self._forgotten[0]}")["status"] == "lapsed"
            problem = self._keyed(f"/holds/{self._forgotten[0]}/capture", {"to": SHOP}, 409)
            assert problem["code"] == "hold_expired"
        body = {"account": self.other_wallet, "amount": everything, "expires_in": 30}
        held = self._keyed("/holds", body, 201)["id"]
        self.posted[self.calls[-1].key] = held
        self._forgotten = held, time.monotonic() + 31
        assert self._read(f"/accounts/{self.other_wallet}/balance")["available"] == 0

    def spend(self) -> None:
        if self.balance:
            self._post(self._transaction(self.wallet, SHOP, self._chance.randint(1, self.balance)))

    def overspend(self) -> None:
        problem = self._keyed("/transactions", self._transaction(self.wallet, SHOP, self.balance + 1), 409)
        assert problem["code"] == "insufficient_balance"
        assert (problem["account"], problem["balance"], problem["floor"]) == (self.wallet, self.balance, 0)

    def overflow(self) -> None:
        """Takes more than there is; what is missing is owed."""
        missing = self._chance.randint(1, 10)
        body = self._transaction(self.wallet, SHOP, self.balance + missing)
        body["lines"][0]["overflow"] = self.owed
        taken = [(self.wallet, "debit", self.balance)] if self.balance else []
        lines = [*taken, (self.owed, "debit", missing), (SHOP, "credit", self.balance + missing)]
        self._took(lines, self._keyed("/transactions", body, 201))

    def batch(self) -> None:
        """Transactions in one call, each for itself: the one that is wrong is refused, the others are posted."""
        items = [self._item(self._transaction(REWARDS, self.wallet, amount)) for amount in (5, 6, 7)]
        items.insert(1, self._item(self._transaction(REWARDS, "nobody", 1)))
        items.append(self._item(self._transaction(self.wallet, SHOP, self.balance + 5 + 6 + 7)))
        self._batch("each", items, [1])

    def whole_batch(self) -> None:
        """Transactions in one call, all or none."""
        items = [self._item(self._transaction(REWARDS, self.wallet, amount)) for amount in (1, 2, 3)]
        self._batch("atomic", items, [])
        items = [self._item(self._transaction(REWARDS, self.wallet, 1)) for _ in range(2)]
        items.append(self._item(self._transaction(self.wallet, SHOP, self.balance + 3)))
        answer = self._request("POST", "/transactions/batch", {"mode": "atomic", "transactions": items})
        assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_balance"), answer.text
        assert answer.json()["index"] == 2

    def hold(self) -> None:
        """Sets points aside and then takes all of them, takes some, or gives them back."""
        if not self.balance:
            return
        amount = self._chance.randint(1, self.balance)
        held = self._keyed("/holds", {"account": self.wallet, "amount": amount, "expires_in": 7200}, 201)
        assert (held["account"], held["amount"], held["status"]) == (self.wallet, amount, "open")
        for account, change in ((self.wallet, -amount), (self.held, amount)):
            number, balance = self.known[account]
            self.known[account] = (number + 1, balance + change)
        self.posted[self.calls[-1].key] = held["id"]
        taken = self._chance.choice([0, amount, self._chance.randint(1, amount)])
        lines = [(self.held, "debit", amount), (SHOP, "credit", taken), (self.wallet, "credit", amount - taken)]
        how, body = ("capture", {"to": SHOP, "amount": taken}) if taken else ("void", {})
        ended = self._keyed(f"/holds/{held['id']}/{how}", body, 201)
        self._took([line for line in lines if line[2]], ended)
        assert self._keyed(f"/holds/{held['id']}/void", {}, 409)["code"] == "hold_ended"

    def mistake(self) -> None:
        crooked = self._transaction(REWARDS, self.wallet, 2)
        crooked["lines"][0]["amount"] = 1
        assert self._refused(422, crooked)["code"] == "unbalanced"
        assert self._refused(404, self._transaction(REWARDS, "nobody", 1))["code"] == "unknown_account"

    def reverse(self) -> None:
        if self._reversible and self._reversible[-1][1] <= self.balance:
            earlier, amount = self._reversible.pop()
            lines = [(REWARDS, "credit", amount), (self.wallet, "debit", amount)]
            self._took(lines, self._keyed(f"/transactions/{earlier}/reversal", {"reason": "mistaken"}, 201))
            problem = self._keyed(f"/transactions/{earlier}/reversal", {"reason": "again"}, 409)
            assert problem["code"] == "already_reversed"

    def look(self) -> None:
        seen = self._read(f"/accounts/{self.wallet}/balance")
        assert seen["balance"] == seen["available"] == self.balance, seen

    def look_back(self) -> None:
        year = self._chance.randint(2020, 2025)
        assert self._read(f"/accounts/{REWARDS}/balance?at={year}-12-31")["balance"] >= 0

    def recall(self) -> None:
        """Asks for a balance as it was known more than half a minute ago."""
        seen = None
        long_ago = (datetime.now(UTC) - timedelta(seconds=40)).isoformat()
        while self._past and self._past[0][0] < long_ago:
            seen = self._past.popleft()
        if seen:
            known = self._read(f"/accounts/{self.wallet}/balance?known_at={seen[0]}")
            assert known["balance"] == seen[1], (seen, known)

    def leaf(self) -> None:
        """Reads the newest pages of the statement."""
        after = ""
        expected = self.known[self.wallet][0]
        for _ in range(3):
            page = self._read(f"/accounts/{self.wallet}/entries?limit=50{after}")
            numbers = [line["number"] for line in page["items"]]
            assert numbers == list(range(expected, max(expected - 50, 0), -1))
            if page["next"] is None:
                break
            expected, after = numbers[-1] - 1, f"&after={page['next']}"

    def leaf_busy(self) -> None:
        """Reads a page of an account that everybody posts to."""
        numbers = [line["number"] for line in self._read(f"/accounts/{REWARDS}/entries?limit=50")["items"]]
        assert numbers == sorted(numbers, reverse=True)

    # --- afterwards --------------------------------------------------------------------------------------------------

    @property
    def balance(self) -> int:
        return self.known[self.wallet][1]

    def ask_again(self) -> None:
        """Sends every call once more: it must be answered as it was, from its key, and nothing may move."""
        for call in self.calls:
            again = self._request("POST", call.path, call.body, call.key)
            assert (again.status_code, again.json()) == (call.status, call.answer), (call, again.text)
            assert call.key == "" or again.headers["Idempotency-Replayed"] == "true", call
        self.look()

    # --- calls -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _transaction(debit: str, credit: str, amount: int, day: str = "2026-01-02") -> dict[str, Any]:
        lines = [
            {"account": debit, "side": "debit", "amount": amount},
            {"account": credit, "side": "credit", "amount": amount},
        ]
        return {"kind": "soak", "effective_at": day, "lines": lines}

    def _post(self, body: dict[str, Any]) -> Any:
        return self._took(self._lines(body), self._keyed("/transactions", body, 201))

    @staticmethod
    def _lines(body: dict[str, Any]) -> list[Line]:
        return [(line["account"], line["side"], line["amount"]) for line in body["lines"]]

    def _took(self, lines: Sequence[Line], made: Any, key: str = "") -> Any:
        """Checks a transaction against the lines it must have, and follows it; `key`: if it is not the last call's."""
        entries = made["entries"]
        assert [(each["account"], each["side"], each["amount"]) for each in entries] == list(lines), made
        for each in entries:
            if each["account"] in self.known:
                number, balance = self.known[each["account"]]
                normal = "debit" if each["account"] == self.owed else "credit"
                balance += each["amount"] if each["side"] == normal else -each["amount"]
                assert (each["number"], each["balance_after"]) == (number + 1, balance), (each, number, balance)
                self.known[each["account"]] = (number + 1, balance)
                if each["account"] == self.wallet:
                    self._past.append((made["recorded_at"], balance))
        key = key or self.calls[-1].key
        self.posted[key] = made["id"]
        return made

    def _keyed(self, path: str, body: dict[str, Any], status: int) -> Any:
        """Sends a call under a new key until it is answered; its answer is kept under the key for ever."""
        key = self._new_key()
        before = self.unanswered
        answer = self._request("POST", path, body, key)
        assert answer.status_code == status, (path, body, answer.text)
        if self.unanswered == before:
            assert "Idempotency-Replayed" not in answer.headers, "a new key was not new"
        self.calls.append(Call(key, path, body, status, answer.json()))
        return answer.json()

    def _item(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"key": self._new_key(), **body}

    def _batch(self, mode: str, items: list[dict[str, Any]], refused: list[int]) -> None:
        """Posts a batch; `refused`: the indexes of those that nobody can post."""
        body = {"mode": mode, "transactions": items}
        before = self.unanswered
        answer = self._request("POST", "/transactions/batch", body)
        assert answer.status_code == 200, answer.text
        outcomes = answer.json()["outcomes"]
        assert [each["key"] for each in outcomes] == [item["key"] for item in items]
        for index, (item, outcome) in enumerate(zip(items, outcomes, strict=True)):
            if index in refused:
                assert outcome["status"] == "refused", outcome
                continue
            assert outcome["status"] == "posted" or (self.unanswered > before and outcome["status"] == "replayed")
            outcome["status"] = "replayed"  # as it must be, should we ask again
            self._took(self._lines(item), outcome["transaction"], item["key"])
        self.calls.append(Call("", "/transactions/batch", body, 200, {"outcomes": outcomes}))

    def _refused(self, status: int, body: dict[str, Any]) -> Any:
        """What a call is refused with that nobody can post; nothing is kept under its key."""
        answer = self._request("POST", "/transactions", body, self._new_key())
        assert answer.status_code == status, (body, answer.text)
        return answer.json()

    def _read(self, path: str) -> Any:
        answer = self._request("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def _new_key(self) -> str:
        self._sent += 1
        return f"{self.name}-{self._sent}"

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> httpx.Response:
        """The first answer that is one: nobody there, a broken connection and 503 are none (if it is patient)."""
        while True:
            try:
                answer = self._http.request(
                    method,
                    f"{self.desk.address}/api/v1/books/{self.desk.book}{path}",
                    json=body,
                    headers={"Idempotency-Key": key} if key else None,
                )
                if answer.status_code != 503 or not self.patient:
                    assert answer.status_code < 500, (method, path, answer.text)
                    self.answered += 1
                    return answer
            except httpx.TimeoutException:
                raise
            except httpx.TransportError:
                if not self.patient:
                    raise
            self.unanswered += 1
            self._told_to_stop.wait(0.2)  # a client that comes back a little later
