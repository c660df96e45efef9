"""docs/adding-a-field.md, carried out on a copy of the catalog: four files, and the field is stored and read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "chassis",
    "services",
    "tools",
    "protos",
    "generated",
    "envoy",
    "docs",
    "buf.yaml",
    "buf.gen.yaml",
    "pyproject.toml",
)

MIGRATION = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0002"
    down_revision = "0001"


    def upgrade() -> None:
        op.add_column("books", sa.Column("tagline", sa.Text, nullable=False, server_default=""))
"""
USE = """
    import sys
    from pathlib import Path

    from bookstore.catalog.v1.book_pb2 import Book
    from google.protobuf.field_mask_pb2 import FieldMask
    from google.type.money_pb2 import Money

    from chassis.database import Database
    from chassis.idempotency import IdempotencyStore
    from chassis.kernel import ANONYMOUS, SystemClock, SystemIds
    from chassis.migrations import drift
    from chassis.outbox import Outbox
    from chassis.paging import PageRequest
    from services.catalog.convert import changes_of, edition_of
    from services.catalog.edit_book import EditBook
    from services.catalog.queries import BookQueries, BookQuery
    from services.catalog.store import metadata


    class AllActive:
        def require_active(self, caller):
            pass


    url = f"sqlite:///{Path('catalog.sqlite3').resolve()}"
    assert drift("catalog", metadata, url) == []
    database, clock, ids = Database(url, name="catalog"), SystemClock(), SystemIds()
    outbox = Outbox(clock, ids, source="//bookstore/catalog")
    store = IdempotencyStore(database, clock)
    edit = EditBook(answers=store, accounts=AllActive(), clock=clock, ids=ids, outbox=outbox)
    queries = BookQueries(database)

    book = Book(
        title="Emma",
        isbn13="9780141439587",
        format=Book.FORMAT_PAPERBACK,
        price=Money(currency_code="EUR", units=8),
        tagline="Handsome, clever, and rich",
    )
    assert edit.create(edition_of(book), caller=ANONYMOUS, book_id="emma").tagline == book.tagline
    assert queries.book("emma", ANONYMOUS).tagline == book.tagline
    (listed,) = queries.page(BookQuery(), PageRequest(), ANONYMOUS).items
    assert listed.tagline == book.tagline
    changes = changes_of(Book(tagline="Another"), FieldMask(paths=["tagline"]))
    assert edit.update("emma", changes, etag="").tagline == "Another"
    assert queries.book("emma", ANONYMOUS).tagline == "Another"
    database.close()
"""


def insert_after(file: Path, line: str, added: str) -> None:
    """Adds a line after the first one that ends with `line`."""
    before, found, after = file.read_text().partition(f"{line}\n")
    assert found, f"{file.name} has no line {line!r}"
    file.write_text(f"{before}{found}{added}\n{after}")


def python(folder: Path, *arguments: str) -> None:
    binaries = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'generated'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plain_field_of_a_book_takes_four_files(tmp_path: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    catalog = tmp_path / "services" / "catalog"
    insert_after(
        tmp_path / "protos/bookstore/catalog/v1/book.proto",
        "message Book {",
        "  // What the cover says below the title.\n  string tagline = 40;",
    )
    insert_after(
        catalog / "store.py",
        '    Column("subtitle", Text, nullable=False),',
        '    Column("tagline", Text, nullable=False, server_default=""),',
    )
    (catalog / "migrations" / "versions" / "0002_tagline.py").write_text(dedent(MIGRATION))
    insert_after(catalog / "book.py", '    subtitle: str = ""', '    tagline: str = ""')
    python(tmp_path, "-m", "tools.codegen", "write")
    (tmp_path / "use.py").write_text(dedent(USE))
    python(tmp_path, "use.py")
