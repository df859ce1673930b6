"""The table of parameters is complete, and it is what the gateway does."""

from typing import Any, get_args

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from translating import HELLO, MODELS, refused, sent, target

from models import parameters
from models.parameters import Effect, Family, Parameter

TABLE = parameters.load()


def test_every_parameter_of_the_official_library_is_decided() -> None:
    official = {*CompletionCreateParamsBase.__annotations__, "stream"}
    assert {row.name for row in TABLE if not row.is_extension} == official
    assert len(official) == 37


def test_every_row_says_what_it_does_for_every_kind_of_model() -> None:
    for row in TABLE:
        assert set(row.effects) == set(get_args(Family)), row.name
        assert set(row.effects.values()) <= set(get_args(Effect)), row.name


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("row", [row for row in TABLE if row.name != "model"], ids=lambda row: row.name)
def test_the_gateway_does_what_the_table_says(row: Parameter, model: str) -> None:
    effect = row.effects[parameters.family(target(model).model)]
    given = {**row.beside, row.name: row.example}
    if effect == "refused":
        code, param = refused(model, **given)
        assert (code.removesuffix("_parameter").removesuffix("_value"), param) == ("unsupported", row.name)
        return
    made, plain = _sent(model, given), _sent(model, dict(row.beside))
    if effect == "passed":
        assert made[row.name] == row.example
    elif effect == "accepted":
        assert made == plain
    else:
        assert made != plain


def _sent(model: str, fields: dict[str, Any]) -> dict[str, Any]:
    messages = fields.pop("messages", [HELLO])
    return sent(model, *messages, **fields)
