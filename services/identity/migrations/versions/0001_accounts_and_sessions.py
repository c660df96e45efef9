"""Accounts, sessions, refresh tokens and counted sign-in failures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.database import Instant
from chassis.schema import create_v1

revision = "0001"
down_revision = None

_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op)
    op.create_table(
        "users",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("email", _BY_CODE_POINT),
        sa.Column("password_hash", sa.Text),
        sa.Column("staff", sa.Boolean, nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="users_pk"),
        sa.UniqueConstraint("email", name="users_email"),
    )
    op.create_index("users_create_time", "users", ["create_time", "id"])
    administrators = sa.column("admin").is_(sa.true())
    op.create_index("users_admin", "users", ["id"], sqlite_where=administrators, postgresql_where=administrators)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("user_id", _BY_CODE_POINT, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("rotate_time", Instant, nullable=False),
        sa.Column("forgiven", sa.Boolean, nullable=False),
        sa.Column("end_time", Instant, nullable=False),
        sa.Column("expire_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="sessions_pk"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user"),
    )
    op.create_index("sessions_user_id", "sessions", ["user_id"])
    op.create_index("sessions_expire_time", "sessions", ["expire_time"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="refresh_tokens_pk"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="refresh_tokens_session", ondelete="CASCADE"),
    )
    op.create_index("refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_table(
        "sign_in_failures",
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.PrimaryKeyConstraint("address", name="sign_in_failures_pk"),
    )
    op.create_index("sign_in_failures_since", "sign_in_failures", ["since"])
