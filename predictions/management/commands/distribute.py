"""`manage.py distribute`: spreads the database over a cluster, or looks how it lies."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from predictions_api.cluster import checking, distributing, nodes, tables

ONE_NODE = "This Postgres is one node, without the Citus extension: there is nothing to do."


def _shards(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 4096:
        raise argparse.ArgumentTypeError("1 to 4096")
    return number


class Command(BaseCommand):
    """Idempotent; the service may run meanwhile. An interrupted call is called again."""

    help = "Spreads the database over the nodes of a Citus cluster."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its options."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Change nothing: how tables lie, whether the nodes' copies agree, who is away.",
        )
        parser.add_argument(
            "--shards",
            type=_shards,
            default=distributing.SHARDS,
            help="Pieces of each table; cannot be changed later. (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """CommandError names the call that mends what is missing."""
        if not nodes.engine().is_available:
            self.stdout.write(ONE_NODE)
            return
        if options["check"]:
            self._check()
            return
        try:
            distributing.distribute(self.stdout.write, shards=options["shards"])
        except distributing.Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(self.style.SUCCESS("The database is spread."))

    def _check(self) -> None:
        if not nodes.engine().is_created:
            raise CommandError(distributing.refusal())
        found = checking.check()
        for table, way in found.lying.items():
            self.stdout.write(f"{table}: {_words(way)}")
        for table, said in found.differing.items():
            self.stdout.write(f"{table} differs:")
            self.stdout.writelines(f"  {one.address}: {one.text}\n" for one in said)
        for address in found.away:
            self.stdout.write(f"{address} is away.")
        if found.misplaced:
            raise CommandError("Not all tables are spread: call manage.py distribute.")
        if not found.is_well:
            raise CommandError("The cluster is not well.")
        self.stdout.write(self.style.SUCCESS("All nodes answer, and their copies agree."))


def _words(way: str) -> str:
    return {tables.EVERYWHERE: "a copy on every node", tables.HERE: "on the coordinator"}.get(
        way, f"spread by {way}"
    )
