"""Read a workload file: bounded, strict, and every mistake named with file, key and expectation."""

import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vmmodel.errors import InputError, meant, shown
from vmmodel.workloads.benchmarks import Fragmentation, LockBulk
from vmmodel.workloads.bursts import Bursts
from vmmodel.workloads.description import Description
from vmmodel.workloads.expected import expected_value, first_told
from vmmodel.workloads.quantity import Part
from vmmodel.workloads.story import Story
from vmmodel.workloads.traced import Traced

MODELS: dict[str, type[Story]] = {
    "whole": Description,
    "bursts": Bursts,
    "llfree-frag": Fragmentation,
    "lock-bulk": LockBulk,
    "replay": Traced,
}
"""What reads a workload file, by its key `model`."""

MOST_BYTES = 256 * 1024
"""Of a workload file; ours have some 10 KB."""


def read_description(path: Path) -> Story:
    """Read the workload in *path*; `InputError` says what is wrong with it."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "a workload file") from None
    return parse_description(raw, str(path))


def parse_description(raw: bytes, file: str) -> Story:
    """Parse the bytes of a workload *file*."""
    if len(raw) > MOST_BYTES:
        raise InputError(file, "the file is too long", f"at most {MOST_BYTES} bytes")
    try:
        tables = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError(file, "is no UTF-8 text", "a workload in TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(file, f"broken TOML ({shown(str(error))})", "TOML 1.0") from None
    except (RecursionError, ValueError):
        raise InputError(file, "TOML too deep or a number too long", "a workload") from None
    return validate(tables, file)


def validate(tables: dict[str, Any], file: str) -> Story:
    """Make a description of parsed *tables*; only the first mistake is told."""
    model = _model(tables, file)
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        raise _told(model, error.errors(include_url=False), tables, file) from None


def _model(tables: dict[str, Any], file: str) -> type[Story]:
    """Find what the workload is read as."""
    if "model" not in tables:
        raise InputError(file, "'model' is missing", f"one of {', '.join(MODELS)}")
    name = tables["model"]
    if not isinstance(name, str) or name not in MODELS:
        near = meant(name, MODELS) if isinstance(name, str) else ""
        raise InputError(file, f"'model' is {_brief(name)}{near}", f"one of {', '.join(MODELS)}")
    return MODELS[name]


def _told(
    model: type[Story], errors: list[ErrorDetails], tables: dict[str, Any], file: str
) -> InputError:
    """Turn pydantic's complaints into one of ours."""
    error = first_told(errors)
    place, table = _place(error["loc"], tables)
    kind = error["type"]
    if kind == "refused":
        context = error["ctx"]
        where = ".".join(part for part in (place, context["key"]) if part)
        return InputError(file, f"{where}: {context['what']}", context["expected"])
    if kind == "missing":
        return InputError(file, f"{shown(place)} is missing", "a value for it")
    if kind == "extra_forbidden":
        return InputError(file, *_unknown_key(model, error["loc"], place))
    if kind.startswith("union_tag"):
        return InputError(file, *_unknown_branch(error["ctx"], place, table))
    return InputError(file, *_wrong_value(error, place, expected_value(error, errors)))


def _unknown_key(model: type[Story], loc: tuple[str | int, ...], place: str) -> tuple[str, str]:
    known = sorted(_keys(model, loc))
    expected = f"one of {', '.join(known)}" if known else "no such key"
    return f"unknown key {shown(place)}{meant(str(loc[-1]), known)}", expected


def _unknown_branch(context: dict[str, Any], place: str, table: Any) -> tuple[str, str]:
    """Tell of the key by which tables of a union are told apart."""
    tag = str(context["discriminator"]).strip("'")
    found = table.get(tag) if isinstance(table, dict) else None
    expected = context.get("expected_tags", f"a key {tag}").replace("'", "")
    near = meant(found, expected.split(", ")) if isinstance(found, str) else ""
    return f"{shown(f'{place}.{tag}')} is {_brief(found)}{near}", f"one of {expected}"


def _wrong_value(error: ErrorDetails, place: str, expected: str) -> tuple[str, str]:
    """Tell of a value of a wrong type, or that is not among those allowed."""
    found, near = error["input"], ""
    if error["type"] == "literal_error" and isinstance(found, str):
        near = meant(found, expected.replace(" or ", ", ").split(", "))
    return f"{shown(place)} is {_brief(found)}{near}", expected


def _brief(found: object) -> str:
    if isinstance(found, dict | list):
        return "a table" if isinstance(found, dict) else "a list"
    if isinstance(found, int) and found.bit_length() > 64:
        return "a number of many digits"
    return shown(found)


def _place(loc: tuple[str | int, ...], tables: Any) -> tuple[str, Any]:
    """Word where an error is, without the branches pydantic adds; give what is there."""
    words = ""
    for i, step in enumerate(loc):
        if isinstance(tables, dict) and step in (tables.get("kind"), tables.get("shape")):
            continue  # the table that is told by this word
        try:
            tables = tables[step]
        except (KeyError, IndexError, TypeError):
            if i < len(loc) - 1 or step in ("int", "float", "Quantity", "[key]"):
                continue  # a branch of a union, not a key of the file
            tables = None
        words += f"[{step}]" if isinstance(step, int) else f".{step}"
    return words.removeprefix("."), tables


def _keys(model: type[Story], loc: tuple[str | int, ...]) -> set[str]:
    """Give the keys that a table may have, found by walking the models along its place."""
    models: list[type[Part]] = [model]
    for step in loc[:-1]:
        fields = [m.model_fields[step] for m in models if step in m.model_fields]
        tagged = [model for model in models if step in _tags(model)]
        # Keys of a dict and indexes of a list lead to no other model.
        models = [part for field in fields for part in _parts(field.annotation)] or tagged or models
    return {key for model in models for key in model.model_fields}


def _tags(model: type[Part]) -> tuple[object, ...]:
    """Values of the key by which a model is told from others of its union."""
    fields = [model.model_fields[key] for key in ("kind", "shape") if key in model.model_fields]
    return get_args(fields[0].annotation) if fields else ()


def _parts(annotation: Any) -> list[type[Part]]:
    """Models inside a type such as dict[str, A | B]."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for inner in get_args(annotation) for part in _parts(inner)]
