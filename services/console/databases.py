"""Migrations of every service from one command."""

from __future__ import annotations

from collections.abc import Iterator

from services.chassis.database import Database
from services.chassis.migrations import SchemaOutdated, check, migrate
from services.chassis.settings import ChassisSettings
from services.console.roster import SOURCE, service_names
from services.console.serve import ServiceUnknown


def migrate_all(only: str = "") -> Iterator[str]:
    """Migrates every service that has a database, or `only` that one; yields a line for each. Raises ServiceUnknown."""
    settings = ChassisSettings()
    (settings.data_dir / "db").mkdir(parents=True, exist_ok=True)
    owners = [name for name in service_names() if (SOURCE / "services" / name / "migrations").is_dir()]
    if only and only not in owners:
        raise ServiceUnknown(f"there is no service {only!r} with a database; there are {', '.join(owners)}")
    for name in [only] if only else owners:
        url = settings.database_url_for(name)
        if _is_current(name, url):
            yield f"{name}: nothing to do"
        else:
            migrate(name, url)
            yield f"{name}: migrated"


def _is_current(name: str, url: str) -> bool:
    """Asks without loading alembic, which is most of what a start with nothing to do would cost."""
    database = Database(url, name=name, pool_size=1)
    try:
        check(database, name)
    except SchemaOutdated:
        return False
    finally:
        database.close()
    return True
