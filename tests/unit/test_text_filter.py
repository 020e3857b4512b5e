from decimal import Decimal

import pytest
from babel import Locale
from babel.numbers import format_currency, get_currency_symbol
from hypothesis import given
from hypothesis import strategies as st

from outbox.catalog.template import BadPayloadError, Sandbox, render

RU, EN = Sandbox(Locale.parse("ru")), Sandbox(Locale.parse("en"))
LANGUAGES = {"ru": RU, "en": EN}


def rendered(language: str, source: str, **payload: object) -> str:
    """Render a template; no-break spaces are written as `_`, to be seen."""
    return render(LANGUAGES[language].compile_text(source), payload).replace("\u00a0", "_").replace("\u202f", "_")


@pytest.mark.parametrize(
    ("language", "amount", "currency", "shown"),
    [
        ("ru", "978897.91", "RUB", "978_897,91_₽"),
        ("en", "978897.91", "USD", "$978,897.91"),
        ("ru", "978897.91", "USD", "978_897,91_$"),
        ("en", "978897.91", "RUB", "978,897.91_RUB"),
        ("ru", "542890.97", "USDT", "542_890,97_USDT"),
        ("en", "542890.97", "USDT", "542,890.97_USDT"),
        ("en", "5", "USDT", "5.00_USDT"),
        ("en", "0.00012345", "BTC", "0.00012345_BTC"),
        ("en", "5000", "JPY", "¥5,000"),
        ("ru", "5000", "CLP", "5_000_CLP"),
        ("en", 12, "usd", "$12.00"),
        ("en", 0.1, "USD", "$0.10"),
        ("en", "-3.5", "EUR", "-€3.50"),
        ("ru", "9007199254740993.01", "RUB", "9_007_199_254_740_993,01_₽"),
    ],
)
def test_money_is_written_as_the_language_writes_it(language: str, amount: object, currency: str, shown: str) -> None:
    """Exact to the last digit; a currency without a sign in the language stands behind as its code."""
    assert rendered(language, "{{ a|money(c) }}", a=amount, c=currency) == shown


@given(
    st.sampled_from(["ar", "de", "de-CH", "en", "en-IN", "fa", "ja", "pl", "pt-BR", "ru", "uk"]),
    st.data(),
    st.decimals(-(10**12), 10**12, places=3),
)
def test_money_with_a_sign_is_what_babel_writes(language: str, data: st.DataObject, amount: Decimal) -> None:
    """In every currency that the language has a sign for, whatever its digits are."""
    locale = Locale.parse(language, sep="-")
    signs = [code for code in sorted(locale.currencies) if get_currency_symbol(code, locale) != code]
    currency = data.draw(st.sampled_from(signs))
    template = Sandbox(locale).compile_text("{{ a|money(c) }}")
    assert render(template, {"a": str(amount), "c": currency}) == format_currency(amount, currency, locale=locale)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("abc", "USD"),
        ("", "USD"),
        (None, "USD"),
        (True, "USD"),
        ([1], "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
        ("1e999999", "USD"),
        ("1e-999999", "USDT"),
        ("1", "<b>"),
        ("1", ""),
        ("1", None),
    ],
)
def test_what_is_no_money_is_a_fault_of_the_payload(amount: object, currency: object) -> None:
    """Nothing is guessed, and no number grows to a million digits."""
    with pytest.raises(BadPayloadError):
        rendered("en", "{{ a|money(c) }}", a=amount, c=currency)


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (0, "откликов"),
        (1, "отклик"),
        (2, "отклика"),
        (5, "откликов"),
        (11, "откликов"),
        (14, "откликов"),
        (21, "отклик"),
        (22, "отклика"),
        (111, "откликов"),
        (-1, "отклик"),
        ("1.5", "отклика"),
    ],
)
def test_russian_has_three_words_for_numbers(number: object, word: str) -> None:
    """One, few, many; fractions go with few."""
    assert rendered("ru", '{{ n|plural("отклик", "отклика", "откликов") }}', n=number) == word


@pytest.mark.parametrize(("number", "word"), [(0, "replies"), (1, "reply"), (2, "replies"), (21, "replies")])
def test_english_has_two_words_for_numbers(number: int, word: str) -> None:
    """One and other."""
    assert rendered("en", '{{ n|plural("reply", "replies") }}', n=number) == word


def test_fractions_may_have_a_word_of_their_own() -> None:
    """The fourth word of Russian."""
    assert rendered("ru", '{{ 1.5|plural("час", "часа", "часов", "часа с чем-то") }}') == "часа с чем-то"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ at|date }}", "3 февраля 2026_г."),
        ("{{ at|date('short') }}", "03.02.2026"),
        ("{{ at|datetime('short') }}", "03.02.2026, 04:05"),
        ("{{ n|number }}", "1_234_567,891"),
    ],
)
def test_times_and_numbers_are_written_as_the_language_writes_them(source: str, shown: str) -> None:
    """A time is shown in the zone that it is written in."""
    assert rendered("ru", source, at="2026-02-03T04:05:06+03:00", n="1234567.891") == shown


@pytest.mark.parametrize("source", ["{{ at|date }}", "{{ at|datetime }}", "{{ '2026-02-03'|date('tiny') }}"])
def test_what_is_no_time_is_a_fault_of_the_payload(source: str) -> None:
    """The same for an unknown length."""
    with pytest.raises(BadPayloadError):
        rendered("ru", source, at="tomorrow")


@given(
    amount=st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())),
    currency=st.text(max_size=12),
    name=st.sampled_from(["money(c)", "number", "date", "datetime", "plural('a', 'b')"]),
)
def test_a_filter_gives_a_short_text_or_a_fault(amount: object, currency: str, name: str) -> None:
    """No value makes a filter fail in another way."""
    template = EN.compile_text(f"{{{{ a|{name} }}}}")
    try:
        assert len(render(template, {"a": amount, "c": currency})) < 200
    except BadPayloadError:
        return
