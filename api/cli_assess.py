"""`meide assess`: the stars of a whole book as of a day, kept; and candidates brought into notice."""

from __future__ import annotations

import datetime
import sys
from uuid import UUID

import msgspec
import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import awards
from api.awards import AssessmentStory, CandidatesView
from api.cli_rules import somebody
from api.command import A_DAY, as_json, of_book, print_json, with_database
from ledger.access.rights import Right
from ledger.books import directory
from ledger.database import connect
from ledger.recognition import assessments
from ledger.recognition import awards as verbs


@click.command("assess")
@of_book
@click.option("--as-of", type=A_DAY, help="The day: what was served until its end counts.")
@click.option("--by", required=True, metavar="LOGIN", help="Who stands for it; she has a role that may.")
@click.option(
    "--ladder", type=click.IntRange(0), metavar="N", help="This version; 0: the national.  [default: in force]"
)
@click.option("--propose", is_flag=True, help="Bring the candidates into notice, too.")
@click.option("--again", type=click.UUID, metavar="ID", help="Compute this assessment anew and compare; keep nothing.")
@as_json
def assess(
    book: str,
    as_of: datetime.datetime | None,
    by: str,
    ladder: int | None,
    propose: bool,
    again: UUID | None,
    as_json: bool,
) -> None:
    """Assess everybody's star as of a day and keep it, with a digest of what it was computed from.

    One that was interrupted is gone on with. --again proves that an assessment says what the books knew then: it exits
    with 1 if the digests differ.
    """
    if (as_of is None) == (again is None) or (again is not None and (propose or ladder is not None)):
        raise click.UsageError("Name --as-of (perhaps with --ladder and --propose) or --again, not both.")
    if again is not None:
        _again(book, by, again, as_json)
        return

    async def work(database: AsyncEngine) -> tuple[AssessmentStory, CandidatesView | None]:
        async with database.connect() as tx:
            me = await somebody(tx, book, by, Right.ASSESS)
        assert as_of is not None, "asked above"
        made = await assessments.assess(database, me.book_id, as_of.date(), by=me.name, version=ladder)
        candidates = None
        async with database.begin() as tx:
            if propose:
                done = await verbs.propose(tx, me.book_id, made.assessment_id, by=me.name, now=await connect.now(tx))
                candidates = CandidatesView(done.candidates, done.notice_from, done.notice_until)
            return await awards.assessment_story(tx, me, made.assessment_id), candidates

    story, candidates = with_database(work)
    if as_json:
        told = None if candidates is None else msgspec.to_builtins(candidates)
        print_json(msgspec.to_builtins(story) | {"candidates": told})
        return
    rules = f"version {story.ladder} of the ladder" if story.ladder else "the national ladder"
    click.echo(f"Assessment {story.id} as of {story.as_of} by {rules}: {story.people} people.")
    for each in story.stars:
        click.echo(f"  {each.star} stars: {each.people} people, {each.rises} of them hold fewer, {each.falls} more")
    click.echo(f"Digest {story.digest}")
    if candidates is not None:
        until = f", shown until {candidates.notice_until}" if candidates.candidates else ""
        click.echo(f"{candidates.candidates} candidates came into notice{until}.")


def _again(book: str, by: str, assessment_id: UUID, as_json: bool) -> None:
    async def work(database: AsyncEngine) -> tuple[bytes | None, bytes]:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
            await somebody(tx, book, by, Right.READ_RECORDS)
            kept = await assessments.find(tx, of.book_id, assessment_id)
            return kept.digest, (await assessments.again(tx, of.book_id, kept))[1]

    kept, digest = with_database(work)
    if as_json:
        print_json({"digest": kept and kept.hex(), "again": digest.hex(), "same": kept == digest})
    elif kept == digest:
        click.echo(f"The same: {digest.hex()}")
    else:
        click.echo(f"Kept: {kept.hex() if kept else 'none'}\nNow:  {digest.hex()}")
    if kept != digest:
        sys.exit(1)
