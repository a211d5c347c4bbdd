"""Every endpoint answers as the OpenAPI document says, whatever it is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import schemathesis
from flask_openapi import OpenAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

EXAMPLES = 20


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


# Hypothesis compares the state of Python's `random` before and after each draw, to find strategies that use it; but
# a thread that a test before this one left behind may use it in between.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_answer_is_a_surprise(
    mode: GenerationMode, app: OpenAPI, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    surprises = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            # A new account for each request: some of them end the session they came with.
            # What fits the schema may still be refused: a password is wrong, a song is no song.
            case.call_and_validate(headers=bearer(make_user()), excluded_checks=[positive_data_acceptance])

        try:
            ask()
        except Unsatisfiable:
            # It takes nothing that could be wrong.
            continue
        except (Failure, FailureGroup) as failure:
            surprises.append(f"{operation.label}\n{failure}")
    assert not surprises, "\n\n".join(surprises)
