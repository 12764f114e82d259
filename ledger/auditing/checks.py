"""`meide check` of the sealed log: rows as they were sealed, leaves in a row, nodes, checkpoints, and what events say.

As with the books' own checks (`integrity`) a finding names the check and where it looked, and nothing is repaired. What
is compared is kept in one database: who rebuilds the rows, the whole tree and all checkpoints of a book alike is found
by what has left it, a package, a published checkpoint (`meide verify`), a receipt.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.auditing import log, signer
from ledger.auditing.log import Checkpoint
from ledger.auditing.signer import Signer
from ledger.auditing.verifier import notes, tree
from ledger.books import directory, versions
from ledger.books.integrity import MOST_FINDINGS, Finding
from ledger.database import connect, events
from ledger.earning.rule_sets import RULES
from ledger.recognition.ladders import LADDERS
from ledger.spending.policies import LIMITS

_VOUCHER: Final = "l.voucher_year || '-' || l.voucher_number AS voucher"

# A text that cannot be read is a finding, not a fault of the check: facts of events are compared as they are written,
# never taken apart.
_OPENED: Final = """'{"account":"' || a.code || '","class":"' || a.class || '"'
            || coalesce(',"floor":"' || a.floor || '"', '') || coalesce(',"holder":' || to_json(a.holder)::text, '')
            || coalesce(',"kind":"' || a.kind || '"', '')
            || ',"scale":"' || u.scale || '","unit":"' || a.unit || '"}'"""
_GRANTED: Final = """'{' || coalesce('"organisation":' || to_json(r.organisation)::text || ',', '')
            || coalesce('"outlet":' || to_json(r.outlet)::text || ',', '') || '"role":"' || r.role
            || '","role_id":"' || r.role_id || '",'
            || coalesce('"until":"' || to_char(r.until, 'YYYY-MM-DD') || '",', '')
            || '"user":"user:' || r.user_id || '"}'"""

BOOK_CHECKS: Final[Mapping[str, str]] = {
    "leaf_without_its_row": f"""
        SELECT l.leaf_index AS leaf, l.type, l.item, {_VOUCHER} FROM log_leaves l
        LEFT JOIN transactions t ON t.book_id = :book AND t.transaction_id = l.item AND l.type = 'transaction'
        LEFT JOIN events e ON e.book_id = :book AND e.event_id = l.item AND l.type = 'event'
        WHERE l.book_id = :book AND t.transaction_id IS NULL AND e.event_id IS NULL ORDER BY l.leaf_index""",
    # Number 0, 1, 2 …: what comes before the first of each gap, and what after it.
    "leaves_have_gaps": """
        SELECT l.before AS after, l.leaf_index AS next FROM (
            SELECT leaf_index, lag(leaf_index, 1, -1::bigint) OVER (ORDER BY leaf_index) AS before
            FROM log_leaves WHERE book_id = :book) l
        WHERE l.leaf_index <> l.before + 1 ORDER BY l.leaf_index""",
    "log_size_differs": """
        SELECT s.size, l.leaves FROM (
            SELECT count(*) AS leaves, max(leaf_index) + 1 AS size FROM log_leaves WHERE book_id = :book) l
        LEFT JOIN log_states s ON s.book_id = :book
        WHERE coalesce(s.size, 0) <> coalesce(l.size, 0)""",
    "sealed_twice": """
        SELECT item, count(*) AS times, min(leaf_index) AS first, max(leaf_index) AS last FROM log_leaves
        WHERE book_id = :book GROUP BY item HAVING count(*) > 1 ORDER BY 3""",
    # In each year 1, 2, 3 … in the order of the leaves.
    "vouchers_have_gaps": """
        SELECT l.leaf_index AS leaf, l.item AS transaction, l.voucher_year AS year, l.before AS after,
               l.voucher_number AS next
        FROM (SELECT leaf_index, item, voucher_year, voucher_number,
                     lag(voucher_number, 1, 0::bigint) OVER (PARTITION BY voucher_year ORDER BY leaf_index) AS before
              FROM log_leaves WHERE book_id = :book AND voucher_year IS NOT NULL) l
        WHERE l.voucher_number <> l.before + 1 ORDER BY l.leaf_index""",
    # Only of the cluster whose transaction numbers the state counts: another one's say nothing.
    "not_in_the_log": """
        SELECT c.type, c.item, c.recorded_at FROM log_states s
        JOIN (SELECT 'transaction' AS type, transaction_id AS item, xid, recorded_at FROM transactions
              WHERE book_id = :book
              UNION ALL
              SELECT 'event', event_id, xid, recorded_at FROM events WHERE book_id = :book) c ON c.xid < s.xid
        LEFT JOIN log_leaves l ON l.book_id = :book AND l.item = c.item
        WHERE s.book_id = :book AND l.item IS NULL
          AND s.cluster = (SELECT system_identifier::text FROM pg_control_system())
        ORDER BY c.recorded_at, c.item""",
    # Salts are destroyed with the texts of an erased person, and with nobody else's.
    "salt_missing": f"""
        SELECT l.leaf_index AS leaf, l.type, l.item, {_VOUCHER} FROM log_leaves l
        LEFT JOIN (
            SELECT DISTINCT t.transaction_id FROM events v
            JOIN accounts a ON a.book_id = :book AND v.facts = '{{"holder":' || to_json(a.holder)::text || '}}'
            JOIN entries t ON t.book_id = :book AND t.account_id = a.account_id
            WHERE v.book_id = :book AND v.kind = 'erased') erased ON erased.transaction_id = l.item
        WHERE l.book_id = :book AND l.salt IS NULL AND erased.transaction_id IS NULL ORDER BY l.leaf_index""",
    "promise_not_kept": """
        SELECT p.transaction_id AS transaction, l.leaf_index AS leaf FROM log_promises p
        LEFT JOIN log_leaves l ON l.book_id = :book AND l.item = p.transaction_id
        LEFT JOIN transactions t ON t.book_id = :book AND t.transaction_id = p.transaction_id
        WHERE p.book_id = :book AND (t.transaction_id IS NULL OR l.commitment <> p.commitment)
        ORDER BY p.transaction_id""",
    # Of an account that was changed there are two: as it is, and as it was opened.
    "account_differs_from_its_opening": f"""
        SELECT a.code AS account, e.event_id AS opened_by, coalesce(a.facts, e.facts) AS facts,
               coalesce(a.texts, e.texts) AS texts
        FROM (SELECT a.code, {_OPENED} AS facts, '{{"name":' || to_json(a.name)::text || '}}' AS texts
              FROM accounts a JOIN units u ON u.code = a.unit WHERE a.book_id = :book) a
        FULL JOIN (SELECT event_id, facts, texts FROM events WHERE book_id = :book AND kind = 'account_opened') e
          ON e.facts = a.facts AND e.texts = a.texts
        WHERE a.code IS NULL OR e.event_id IS NULL ORDER BY a.code, e.event_id""",
    "account_status_differs": """
        SELECT a.code AS account, a.status, coalesce(e.status, 'open') AS status_of_event FROM accounts a
        LEFT JOIN (
            SELECT DISTINCT ON (account) account, status FROM (
                SELECT substring(facts FROM '^{"account":"([^"]+)"') AS account,
                       substring(facts FROM '"status":"([a-z]+)"}$') AS status, recorded_at, xid
                FROM events WHERE book_id = :book AND kind = 'account_status') s
            ORDER BY account, recorded_at DESC, xid DESC) e ON e.account = a.code
        WHERE a.book_id = :book AND a.status <> coalesce(e.status, 'open') ORDER BY a.code""",
    "closing_differs_from_its_event": """
        SELECT c.number, coalesce(c.facts, e.facts) AS facts, e.event_id AS event
        FROM (SELECT number, CASE action WHEN 'close' THEN 'period_closed' ELSE 'period_reopened' END AS kind, actor,
                     recorded_at, '{' || coalesce('"closed_through":"' || to_char(closed_through, 'YYYY-MM-DD') || '",',
                     '') || '"period":"' || period || '"}' AS facts
              FROM closings WHERE book_id = :book) c
        FULL JOIN (SELECT * FROM events WHERE book_id = :book AND kind IN ('period_closed', 'period_reopened')) e
          ON e.kind = c.kind AND e.actor = c.actor AND e.recorded_at = c.recorded_at AND e.facts = c.facts
        WHERE c.number IS NULL OR e.event_id IS NULL ORDER BY c.number, e.event_id""",
    # Who has been erased has no role any more, but her events stay.
    "role_differs_from_its_event": f"""
        SELECT r.role_id AS role, r.facts, g.event_id IS NOT NULL AS granted, e.event_id IS NOT NULL AS ended
        FROM (SELECT r.role_id, r.ended_at, {_GRANTED} AS facts,
                     '{{"role_id":"' || r.role_id || '","user":"user:' || r.user_id || '"}}' AS ending
              FROM roles r WHERE r.book_id = :book) r
        LEFT JOIN (SELECT event_id, facts FROM events WHERE book_id = :book AND kind = 'role_granted') g
          ON g.facts = r.facts
        LEFT JOIN (SELECT event_id, facts FROM events WHERE book_id = :book AND kind = 'role_ended') e
          ON e.facts = r.ending
        WHERE g.event_id IS NULL OR (e.event_id IS NULL) <> (r.ended_at IS NULL) ORDER BY r.role_id""",
}

# Each line is derived once, from the entries of its transaction: here loops over an index are the way.
DIFFERS: Final = "row_differs_from_its_leaf"
_LINES: Final = f"""
    SELECT leaf, type, item, voucher, concat_ws(' and ', CASE WHEN of_line THEN 'line' END,
                                                CASE WHEN of_texts THEN 'texts' END) AS differs
    FROM (SELECT l.leaf_index AS leaf, l.type, l.item, {_VOUCHER},
                 sha256('\\x00'::bytea || convert_to(l.line, 'UTF8')) IS DISTINCT FROM l.hash AS of_line,
                 l.salt IS NOT NULL
                 AND sha256(l.salt || convert_to(l.texts, 'UTF8')) IS DISTINCT FROM l.commitment AS of_texts
          FROM log_lines l WHERE l.book_id = :book) compared
    WHERE of_line OR of_texts ORDER BY leaf LIMIT {MOST_FINDINGS}"""

VERSION: Final = "version_differs_from_its_event"

_TILE: Final = 256
_BITS: Final = 8
_BLOCKS: Final = 256
"""Blocks of 256 leaves that are read at once: 2 MB of hashes."""
_CHECKPOINTS: Final = 1000
"""Checkpoints that are read at once."""


async def check(
    database: AsyncEngine,
    book: int,
    *,
    keys: Collection[bytes] = (),
    signed: tuple[int, bytes] | None = None,
) -> list[Finding]:
    """Everything that is wrong with a book's sealed log; an empty list is the good answer. It locks nothing.

    `keys`: the public halves of all keys that may have signed its checkpoints (32 bytes each); none: signatures are not
    looked at. `signed`: the size and root that the signer remembers to have signed last, outside of the database.
    """
    findings: list[Finding] = []
    async with database.execution_options(isolation_level="REPEATABLE READ").connect() as tx:
        await connect.no_timeout(tx)
        rows = await tx.execute(text(_LINES), {"book": book})
        findings += [Finding(DIFFERS, dict(row)) for row in rows.mappings()]
        # As in `integrity`: without statistics the planner would join whole books by loops.
        await tx.execute(text("SET LOCAL enable_nestloop = off"))
        for name, query in BOOK_CHECKS.items():
            rows = await tx.execute(text(f"{query} LIMIT {MOST_FINDINGS}"), {"book": book})
            findings += [Finding(name, dict(row)) for row in rows.mappings()]
        findings += await _versions(tx, book)
        found = _Tree(tx, book, await directory.book_code(tx, book), keys, signed)
        await found.walk()
        findings += found.findings
    return findings


async def check_signed(database: AsyncEngine, book: int, by: Signer) -> list[Finding]:
    """The same with what its signer knows: whose signatures count, and what was signed last. SignerUnusable.

    A size that was signed and is not published is told: a checkpoint was taken out, or a service ended between the two,
    then it publishes as soon as it is started again.
    """
    async with database.begin() as tx:
        code = await directory.book_code(tx, book)
        await log.my_turn(tx, book, wait=True)  # nobody is between signing and publishing
        newest = await log.newest(tx, book, signer.origin(by, code))
        last = await asyncio.to_thread(signer.last, by, code, None if newest is None else newest.note)
    return await check(
        database,
        book,
        keys=[key.public for key in signer.keys(by, code)],
        signed=None if last is None else (last.size, last.root),
    )


_KINDS: Final[tuple[versions.Kind[Any], ...]] = (RULES, LIMITS, LADDERS)


async def _versions(tx: AsyncConnection, book: int) -> list[Finding]:
    """Approved versions whose event, with the digest of their body, is not there."""
    findings = []
    for kind in _KINDS:
        rows = await tx.execute(
            text(f"SELECT * FROM {kind.table.name} WHERE book_id = :book AND approved ORDER BY version"),
            {"book": book},
        )
        for row in rows.all():
            facts = events.canonical(versions.approval(kind, row.version, row.effective_from, row.drafted_by, row.body))
            told = await tx.execute(
                text(
                    "SELECT FROM events WHERE book_id = :book AND kind = 'version_approved' AND facts = :facts"
                    " AND actor = :by LIMIT 1"
                ),
                {"book": book, "facts": facts, "by": row.decided_by},
            )
            if told.first() is None:
                findings.append(Finding(VERSION, {"of": kind.word, "version": row.version, "facts": facts}))
    return findings


class _Tree:
    """The tree of a book's leaves grown anew, beside what is kept of it: its nodes and its checkpoints."""

    def __init__(
        self, tx: AsyncConnection, book: int, code: str, keys: Collection[bytes], signed: tuple[int, bytes] | None
    ) -> None:
        self.findings: list[Finding] = []
        self._tx = tx
        self._book = book
        self._code = code
        self._keys = keys
        self._signed = signed
        self._grown = tree.Frontier()
        self._above: dict[int, list[bytes]] = {}
        """Of each level the nodes over which there is no full one yet."""
        self._nodes: dict[int, int] = {}
        """How many nodes each level has."""
        self._torn = False
        """Whether a leaf is missing: the tree ends there, and nothing is said of what comes after."""

    async def walk(self) -> None:
        """Looks at everything, in the order of the leaves."""
        checkpoints = self._checkpoints()
        waiting = await anext(checkpoints, None)
        async for leaves, node in self._blocks():
            first, within = self._grown.size, self._grown.copy()
            while waiting is not None and waiting.size <= first + len(leaves):
                for leaf in leaves[within.size - first : waiting.size - first]:
                    within.append(leaf)
                self._compare_root(waiting, within)
                waiting = await anext(checkpoints, None)
            if len(leaves) < _TILE:
                self._grown = within
            else:
                root = tree.root_of(leaves)
                self._grown.append_subtree(_BITS, root)
                await self._add(1, root, node)
        while waiting is not None:
            if waiting.size > self._grown.size and not self._torn:
                self._tell("checkpoint_beyond_the_log", number=waiting.number, size=waiting.size)
            elif waiting.size == self._grown.size:
                self._compare_root(waiting, self._grown)
            waiting = await anext(checkpoints, None)
        if not self._torn:
            await self._no_further_nodes()

    # --- leaves and nodes ---

    async def _blocks(self) -> AsyncIterator[tuple[list[bytes], bytes | None]]:
        """The leaves in blocks of 256, the last perhaps shorter, each with the node that is kept of it."""
        for place in itertools.count(0, _BLOCKS):
            rows = await self._tx.execute(
                text("""
                    SELECT l.place, l.hashes, l.first, l.last, n.hash FROM (
                        SELECT leaf_index / 256 AS place, string_agg(hash, ''::bytea ORDER BY leaf_index) AS hashes,
                               min(leaf_index) AS first, max(leaf_index) AS last
                        FROM log_leaves WHERE book_id = :book AND leaf_index >= :first AND leaf_index < :past
                        GROUP BY 1) l
                    LEFT JOIN log_nodes n ON n.book_id = :book AND n.level = 1 AND n.place = l.place
                    ORDER BY l.place"""),
                {"book": self._book, "first": place * _TILE, "past": (place + _BLOCKS) * _TILE},
            )
            blocks = rows.all()
            for at, hashes, first, last, node in blocks:
                leaves = [hashes[begin : begin + 32] for begin in range(0, len(hashes), 32)]
                whole = self._grown.size == first == at * _TILE and last == first + len(leaves) - 1
                if not whole or len(hashes) != 32 * len(leaves):
                    self._torn = True
                    return
                yield leaves, node
            if len(blocks) < _BLOCKS:
                return

    async def _add(self, level: int, node: bytes, kept: bytes | None) -> None:
        """Takes note of the next node of a level, and of those above that are full with it."""
        place = self._nodes.get(level, 0)
        if kept != node:
            leaves = {"first": place * _TILE**level, "last": (place + 1) * _TILE**level - 1}
            self._tell("node_differs", level=level, place=place, **leaves, missing=kept is None)
        self._nodes[level] = place + 1
        below = self._above.setdefault(level, [])
        below.append(node)
        if len(below) == _TILE:
            stored = await self._tx.execute(
                text("SELECT hash FROM log_nodes WHERE book_id = :book AND level = :level AND place = :place"),
                {"book": self._book, "level": level + 1, "place": self._nodes.get(level + 1, 0)},
            )
            self._above[level] = []
            await self._add(level + 1, tree.root_of(below), stored.scalar_one_or_none())

    async def _no_further_nodes(self) -> None:
        """Nodes of leaves that are not there."""
        rows = await self._tx.execute(
            text(f"""
                SELECT n.level, n.place FROM log_nodes n
                LEFT JOIN unnest(CAST(:levels AS integer[]), CAST(:counts AS bigint[])) AS c (level, nodes)
                  ON c.level = n.level
                WHERE n.book_id = :book AND (n.place < 0 OR n.place >= coalesce(c.nodes, 0))
                ORDER BY n.level, n.place LIMIT {MOST_FINDINGS}"""),
            {"book": self._book, "levels": list(self._nodes), "counts": list(self._nodes.values())},
        )
        for row in rows:
            self._tell("node_without_leaves", level=row.level, place=row.place)

    # --- checkpoints ---

    async def _checkpoints(self) -> AsyncIterator[Checkpoint]:
        """The checkpoints whose roots are to be compared, in order; each has been looked at by itself."""
        number, size = 0, 0
        newest: Checkpoint | None = None
        while some := await log.checkpoints(self._tx, self._book, after=number, limit=_CHECKPOINTS):
            for each in some:
                if each.number != number + 1:
                    self._tell("checkpoints_have_gaps", after=number, next=each.number)
                self._look_at(each)
                if newest is not None and each.note == newest.note:
                    self._tell("checkpoint_twice", number=each.number, size=each.size)
                if each.size < size:
                    self._tell("checkpoint_smaller_than_before", number=each.number, size=each.size, before=size)
                else:
                    yield each
                number, size, newest = each.number, max(size, each.size), each
        if self._signed is not None:
            signed, root = self._signed
            if newest is None or newest.size < signed:
                self._tell("checkpoint_missing", size=signed, newest=None if newest is None else newest.size)
            elif newest.size == signed and newest.root != root:
                self._tell("signed_another_root", number=newest.number, size=signed)

    def _look_at(self, of: Checkpoint) -> None:
        """Whether its note says what stands beside it, of this log, and is signed."""
        try:
            note = notes.parse(of.note)
            said = notes.checkpoint(note.text)
        except notes.NotThisForm as why:
            self._tell("checkpoint_differs_from_its_note", number=of.number, size=of.size, note=str(why))
            return
        if (said.size, said.root) != (of.size, of.root) or said.origin.rpartition("/")[2] != self._code:
            told = {"origin": said.origin, "size_of_note": said.size}
            self._tell("checkpoint_differs_from_its_note", number=of.number, size=of.size, **told)
        if self._keys and not any(
            notes.is_signed(note, notes.Key(said.origin, notes.key_id(said.origin, key), key)) for key in self._keys
        ):
            self._tell("checkpoint_not_signed", number=of.number, size=of.size)

    def _compare_root(self, of: Checkpoint, grown: tree.Frontier) -> None:
        if grown.root() != of.root:
            self._tell("root_differs", number=of.number, size=of.size)

    def _tell(self, name: str, **facts: Any) -> None:
        """Adds a finding, up to so many of a kind."""
        if sum(each.check == name for each in self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(name, facts))
