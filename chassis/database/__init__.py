"""The database of a service: transactions, reads, portable column types and statements.

SQLite by default (one file per service, one writer thread with group commit), PostgreSQL by URL. Both give
serializable transactions, so a use case is written once.
"""

from chassis.database.columns import ByCodePoint, Instant, insert_if_absent
from chassis.database.commit_hooks import notify_on_commit
from chassis.database.database import Database
from chassis.database.failures import NestedTransaction
from chassis.database.rows import Columns, RowCodec
from chassis.database.statement import Statement, scalar

__all__ = [
    "ByCodePoint",
    "Columns",
    "Database",
    "Instant",
    "NestedTransaction",
    "RowCodec",
    "Statement",
    "insert_if_absent",
    "notify_on_commit",
    "scalar",
]
