"""Migrations: from nothing to the models, on both databases, and back."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import current_app
from flask_migrate import downgrade, upgrade
from sqlalchemy import JSON, Column, Enum, MetaData, Table, inspect, select
from sqlalchemy.sql.ddl import sort_tables
from tests.server.processes import Postgres

from oriel_fx.server.database_app import database_context, install_migrations, upgrade_database
from oriel_fx.server.db import Base, UTCDateTime, db
from oriel_fx.server.settings import Settings, load_settings


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a database without tables."""
    url = ""
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.create("empty")
        request.addfinalizer(lambda: postgres.drop("empty"))
    return load_settings(env="development", data_dir=tmp_path, database_url=url)


def test_the_migrations_make_what_the_models_say(empty: Settings) -> None:
    upgrade_database(empty)
    with database_context(empty), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_does_nothing(empty: Settings) -> None:
    upgrade_database(empty)
    upgrade_database(empty)


def test_of_three_releases_at_once_none_fails(empty: Settings) -> None:
    named = {
        "ORIEL_ENV": "development",
        "ORIEL_DATA_DIR": str(empty.data_dir),
        "ORIEL_DATABASE_URL": empty.database_url,
    }
    command = [str(Path(sys.executable).with_name("oriel")), "db", "upgrade"]
    started = [
        subprocess.Popen(command, env=os.environ | named, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said


def test_everything_can_be_taken_back(empty: Settings) -> None:
    upgrade_database(empty)
    with database_context(empty):
        install_migrations(current_app)
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]


def test_what_is_in_the_tables_survives_an_upgrade_and_its_return(empty: Settings) -> None:
    with database_context(empty):
        install_migrations(current_app)
        upgrade(revision="0001")
        written = {table.name: _fill(table) for table in _tables() if table.name != "alembic_version"}
        assert len(written) > 10
        for move in (upgrade, partial(downgrade, revision="0001")):
            move()
            for table in _tables():
                for name, value in written.get(table.name, {}).items():
                    assert db.session.execute(select(table.c[name])).scalars().all() == [value], (table.name, name)
            db.session.rollback()


def _tables() -> list[Table]:
    """The tables as they are now, in an order in which they can be filled."""
    found = MetaData()
    found.reflect(db.engine)
    return sort_tables(found.tables.values(), skip_fn=lambda key: bool(key.parent.nullable))


def _fill(table: Table) -> dict[str, object]:
    """Write one row, and read it. Numbers are 1, so that it belongs to the first row of the tables it needs."""
    row = {column.name: _value(Base.metadata.tables[table.name].c[column.name]) for column in table.c}
    db.session.execute(table.insert().values(row))
    db.session.commit()
    return dict(db.session.execute(select(table)).mappings().one())


def _value(column: Column[Any]) -> object:
    kind = column.type
    if column.foreign_keys and column.nullable:
        return None
    if isinstance(kind, Enum):
        return kind.enums[0]
    if isinstance(kind, JSON):
        return {"a": [1, "ü"]}
    if isinstance(kind, UTCDateTime):
        return datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
    samples = {bool: True, int: 1, float: 0.5, str: "ü"}
    return samples[kind.python_type]


def test_the_migrations_are_in_the_package() -> None:
    import oriel_fx.server

    folder = Path(oriel_fx.server.__file__).parent / "migrations"
    assert (folder / "alembic.ini").exists()
    assert list((folder / "versions").glob("0001_*.py"))
