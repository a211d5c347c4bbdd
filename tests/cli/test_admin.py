"""`oriel admin` on a bare machine, as a process of its own: a first operator, zeros, a backup; and its documents."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer.main
from tests.cli.conftest import ORIEL, Oriel, one_sentence

from oriel_fx.cli.admin import make_commands

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


def _leaves(group: click.Group, path: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        whole = f"{path} {name}".strip()
        found |= _leaves(command, whole) if hasattr(command, "commands") else {whole: command}
    return found


COMMANDS = _leaves(typer.main.get_command(make_commands()))  # type: ignore[arg-type]


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which nothing of ours ever ran."""
    foreign = ("ORIEL_", "RAILWAY_", "STRIPE_", "GCS_", "SENDGRID_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
        "ORIEL_DATA_DIR": str(tmp_path / "data")
    }


def run(bare: dict[str, str], *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ORIEL, "admin", *words], env=bare, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_first_operator_a_look_round_and_a_backup(bare: dict[str, str], tmp_path: Path) -> None:
    made = run(
        bare,
        "users",
        "create",
        "ada@example.org",
        "--admin",
        "--password-stdin",
        "--json",
        stdin="tidal lantern 7 oboe\n",
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["role"] == "admin"
    assert json.loads(run(bare, "queues", "--json").stdout)["reachable"] is False
    assert run(bare, "workers").stdout == "0 workers.\n0 schedulers.\n"
    assert run(bare, "backup", str(tmp_path / "b.db")).returncode == 0
    assert run(bare, "restore", str(tmp_path / "b.db"), "--yes").returncode == 0
    assert "ada@example.org" in run(bare, "users", "list").stdout


def test_errors_are_one_sentence_and_json_for_scripts(bare: dict[str, str]) -> None:
    done = run(bare, "jobs", "show", "nothing")
    assert done.returncode == 2
    assert one_sentence(done) == "There is no job 'nothing'."
    done = run(bare, "jobs", "show", "nothing", "--json")
    assert json.loads(done.stdout)["code"] == "NOT_THERE"
    assert run(bare, "jobs", "list", "--limit", "0").returncode == 2
    assert "Did you mean" in run(bare, "user").stderr


def test_production_names_what_it_lacks(bare: dict[str, str]) -> None:
    done = run(bare | {"ORIEL_ENV": "production"}, "stats")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr


def test_other_commands_do_not_pay_for_it(oriel: Oriel) -> None:
    code = (
        "import sys, oriel_fx.cli.main; print([name for name in sys.modules if name.startswith('oriel_fx.cli.admin.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
    assert "admin" in oriel("--help").stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_operations_explain_each_command_with_all_its_options(name: str) -> None:
    [row] = re.findall(rf"^\| `oriel admin {re.escape(name)}(?: [^`]*)?` \|.*$", OPERATIONS.read_text("utf-8"), re.M)
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option) or param.param_type_name == "option":
            for option in param.opts:
                if option.startswith("--") and option not in (
                    "--json",
                    "--yes",
                    "--help",
                    "--limit",
                    "--page",
                    "--email",
                ):
                    assert option in row, f"oriel admin {name} {option}"


def test_operations_name_no_command_that_is_not_there() -> None:
    text = OPERATIONS.read_text("utf-8")
    for words in re.findall(r"oriel admin ([a-z][a-z -]*[a-z])", text):
        assert any(words == name or words.startswith(f"{name} ") for name in COMMANDS), words
