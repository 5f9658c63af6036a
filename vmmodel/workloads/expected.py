"""What a value of a workload file should have been: pydantic's complaints in plain words."""

from collections.abc import Sequence

from pydantic_core import ErrorDetails

QUANTITY = "a table { value = ..., unit = ..., mark = ..., source = ..., low = ..., high = ... }"

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a table",
    "string_pattern_mismatch": "lower-case letters, digits, hyphens; a letter first, at most 40",
}
_LIMITS = {
    "string_too_short": "a text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "too_short": "one entry or more",
    "too_long": "at most {max_length} entries",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
}
"""By pydantic's types of errors, of what they say in their context."""


def first_told(errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """Choose the mistake to tell: the first, unless another one is nearer to its cause.

    Where a key is missing, a wrong key in the same table is what was meant by it.  A table where a
    whole number would do as well is told by what is wrong in the table.
    """
    first = errors[0]
    for other in errors[1:]:
        same_table = other["loc"][:-1] == first["loc"][:-1]
        if first["type"] == "missing" and other["type"] == "extra_forbidden" and same_table:
            return other
        of_table = "Quantity" in str(other["loc"][len(first["loc"]) - 1 :][:1])
        if first["type"] == "int_type" and isinstance(first["input"], dict) and of_table:
            return other
    return first


def expected_value(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> str:
    """Word what would do in the place of *error*; *errors* tell what else was tried there."""
    kind, context = error["type"], error.get("ctx", {})
    place = error["loc"][:-1]
    tried = {other["loc"][-1] for other in errors if other["loc"][:-1] == place}
    if kind.startswith("model_"):
        return QUANTITY if context.get("class_name") == "Quantity" else "a table"
    if kind == "int_type" and "float" in tried:
        return _number(error["input"])
    if kind == "int_type" and any("Quantity" in str(branch) for branch in tried):
        return f"a whole number, or {QUANTITY}"
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context).replace("'", "")
    return _KINDS.get(kind, error["msg"].removeprefix("Input should be "))


def _number(found: object) -> str:
    if isinstance(found, str):
        return "a number, without quotes"
    return "a finite number" if isinstance(found, float) else "a number"
