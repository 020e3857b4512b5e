"""Template filters that write money, numbers, plurals and times as a language does."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_precision, get_currency_symbol

Filter = Callable[..., str]
Length = Literal["full", "long", "medium", "short"]
LENGTHS: tuple[Length, ...] = ("full", "long", "medium", "short")

CURRENCY = re.compile("[A-Z0-9]{2,10}")
LONGEST_NUMBER = 30
"""Digits before or after the point: `1e999999` in a payload would otherwise become a text of a million digits."""
CENTS = 2
"""Digits after the point that a currency unknown to Babel has at least."""
MOST_DIGITS = 18
"""Digits after the point that a currency unknown to Babel has at most: wei."""
SIGN = "¤"
"""Stands for a currency's sign in the patterns of CLDR."""
NO_BREAK_SPACE = "\u00a0"


def filters_of(locale: Locale) -> Mapping[str, Filter]:
    """Bind every filter to a language."""
    return {
        "money": partial(_money, locale),
        "number": partial(_number, locale),
        "plural": partial(_plural, locale),
        "date": partial(_date, locale),
        "datetime": partial(_datetime, locale),
    }


def plural_forms(locale: Locale) -> tuple[str, ...]:
    """Name the language's plural forms in CLDR's order, as `plural` takes them."""
    order = ("zero", "one", "two", "few", "many")
    return (*(form for form in order if form in locale.plural_form.tags), "other")


def plural_counts(locale: Locale) -> frozenset[int]:
    """Tell how many words `plural` takes; where fractions go with `few`, their own word may be left out."""
    forms = plural_forms(locale)
    return frozenset({len(forms), len(forms) - 1} if {"few", "many"} <= set(forms) else {len(forms)})


def _money(locale: Locale, amount: object, currency: object) -> str:
    value = _decimal(amount)
    code = currency.strip().upper() if isinstance(currency, str) else ""
    if not CURRENCY.fullmatch(code):
        raise ValueError("not a currency code")
    symbol, pattern = get_currency_symbol(code, locale), locale.currency_formats["standard"]
    # Babel writes "RUB978.00" for a currency whose sign the language has not: the code goes behind instead.
    if symbol != code:
        if get_currency_precision(code) == CENTS and pattern.frac_prec == (CENTS, CENTS):
            # what `format_currency` gives, which looks for the currency's name first: half of its time
            return str(pattern.apply(value, locale)).replace(SIGN, symbol)
        return str(format_currency(value, code, locale=locale))
    digits = "0" * CENTS + "#" * (MOST_DIGITS - CENTS)
    if code in locale.currencies:
        digits = "0" * get_currency_precision(code)
    number = format_decimal(value, f"#,##0.{digits}".removesuffix("."), locale=locale)
    return f"{number}{NO_BREAK_SPACE}{code}"


def _number(locale: Locale, value: object) -> str:
    return str(format_decimal(_decimal(value), locale=locale, decimal_quantization=False))


def _plural(locale: Locale, number: object, *words: str) -> str:
    if len(words) not in plural_counts(locale):
        raise ValueError("wrong number of plural forms")
    forms = plural_forms(locale)
    form = locale.plural_form(abs(_decimal(number)))
    if form == "other" and len(words) < len(forms):
        form = "few"
    return words[forms.index(form)]


def _date(locale: Locale, value: object, length: str = "long") -> str:
    return str(format_date(_moment(value).date(), _length(length), locale=locale))


def _datetime(locale: Locale, value: object, length: str = "medium") -> str:
    moment = _moment(value)
    # without its own zone Babel would turn the time into UTC
    return str(format_datetime(moment, _length(length), tzinfo=moment.tzinfo, locale=locale))


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("not a number")
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("not a finite number")
    _sign, digits, exponent = number.as_tuple()
    if number.adjusted() > LONGEST_NUMBER or -int(exponent) > LONGEST_NUMBER or len(digits) > 2 * LONGEST_NUMBER:
        raise ValueError("too many digits")
    return number


def _moment(value: object) -> dt.datetime:
    if not isinstance(value, str):
        raise TypeError("not a time in ISO 8601")
    return dt.datetime.fromisoformat(value)


def _length(name: str) -> Length:
    for length in LENGTHS:
        if length == name:
            return length
    raise ValueError("the length is one of full, long, medium, short")
