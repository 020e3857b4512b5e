"""The fields of a JSON object that a client has sent, read as strictly as the real server reads them."""

from typing import TypeAlias

JsonObject: TypeAlias = dict[str, object]
SMALLEST_INT, LARGEST_INT = -(2**31), 2**31 - 1
SMALLEST_LONG, LARGEST_LONG = -(2**63), 2**63 - 1


class WrongFieldError(Exception):
    """A field is missing or of another type; the message is the wire's, without its prefix."""


def optional_text(fields: JsonObject, name: str) -> str:
    """Give a field's text; a number counts as text, an absent field as none.

    Raises:
        WrongFieldError: it is neither.

    """
    if name not in fields:
        return ""
    value = fields[name]
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise WrongFieldError(f'Field "{name}" must be of type String')


def required_text(fields: JsonObject, name: str) -> str:
    """Give a field's text.

    Raises:
        WrongFieldError: it is missing or no text.

    """
    _require(fields, name)
    return optional_text(fields, name)


def required_int(fields: JsonObject, name: str, smallest: int = SMALLEST_INT, largest: int = LARGEST_INT) -> int:
    """Give a whole number; digits in a text count as one.

    Raises:
        WrongFieldError: it is missing, no number or too large.

    """
    _require(fields, name)
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongFieldError(f'Field "{name}" must be a Number')
    try:
        number = int(value) if isinstance(value, int) else int(str(value))
    except ValueError:
        number = largest + 1
    if not smallest <= number <= largest:
        raise WrongFieldError(f'Field "{name}" must be a valid Number')
    return number


def optional_flag(fields: JsonObject, name: str) -> bool:
    """Give a flag; an absent one is off.

    Raises:
        WrongFieldError: it is neither true nor false.

    """
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise WrongFieldError(f'Field "{name}" must be of type Boolean')
    return value


def required_object(fields: JsonObject, name: str) -> JsonObject:
    """Give an object in the object.

    Raises:
        WrongFieldError: it is missing or no object.

    """
    _require(fields, name)
    value = fields[name]
    if not isinstance(value, dict):
        raise WrongFieldError(f'Field "{name}" must be of type Object')
    return value


def optional_array(fields: JsonObject, name: str) -> list[object]:
    """Give an array; an absent one is empty.

    Raises:
        WrongFieldError: it is no array.

    """
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise WrongFieldError(f'Field "{name}" must be of type Array')
    return value


def _require(fields: JsonObject, name: str) -> None:
    if name not in fields:
        raise WrongFieldError(f'Can\'t find field "{name}"')
