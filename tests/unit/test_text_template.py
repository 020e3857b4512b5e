import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from outbox.catalog.markup import to_plain
from outbox.catalog.template import BadPayloadError, BadTemplateError, Sandbox, render
from tests.unit.strict_html import read

EN = Sandbox(Locale.parse("en"))


def rendered(source: str, payload: dict[str, object]) -> str:
    """Compile and render."""
    return render(EN.compile_text(source), payload)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{{ i }}{% endfor %}",
        "{{ 'a' * 10000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%99999999d' % 1 }}",
        "{{ '{:>99999999}'.format(1) }}",
        "{{ name.__class__() }}",
        "{% for a in xs %}{% for b in xs %}.{% endfor %}{% endfor %}",
        "{{ xs|join(name) }}",
        "{{ xs|join(d=name) }}",
        "{{ name|center(99999999) }}",
        "{{ name|safe }}",
        "{{ name|urlize }}",
        "{{ name|xmlattr }}",
        "{{ xs|map('safe')|join('') }}",
        "{{ 1|plural(*xs) }}",
        "{% autoescape false %}{{ name }}{% endautoescape %}",
        "{% set x %}<b>{% endset %}{{ x }}",
        "{% macro x() %}<b>{% endmacro %}{{ x() }}",
        "{% filter upper %}{{ name }}{% endfilter %}",
        "{% include 'other' %}",
        "{% extends 'other' %}",
        "{% import 'other' as o %}",
        "{{ cycler('a') }}",
    ],
)
def test_a_template_that_could_do_more_than_write_a_text_is_refused(source: str) -> None:
    """No calls, no powers, nothing that marks as safe: refused when the catalog is read, not when it is used."""
    with pytest.raises(BadTemplateError, match=r"^line \d+: "):
        EN.compile_text(source)


@pytest.mark.parametrize(
    ("source", "payload", "shown"),
    [
        ("{{ order.items }}", {"order": {"items": "Tea"}}, "Tea"),
        ("{{ order['items'] }}", {"order": {"items": "Tea"}}, "Tea"),
        ("{{ xs[0] }}", {"xs": ["Tea", "Cake"]}, "Tea"),
        ("{% for x in xs %}{{ loop.index }}. {{ x }}{{ ' ' if not loop.last }}{% endfor %}", {"xs": "ab"}, "1. a 2. b"),
        ("{{ note|default('none') }}", {}, "none"),
        ("{% if note is defined %}{{ note }}{% endif %}", {}, ""),
        ("{% if order.note is defined %}{{ order.note }}{% endif %}", {}, ""),
        ("{% if note %}{{ note }}{% endif %}", {"note": None}, ""),
        ("{{ xs|join(', ') }}", {"xs": ["a", "<b>"]}, "a, &lt;b&gt;"),
        ("a{% if yes %} {{ x }}{% endif %}", {"yes": True, "x": 1.5}, "a 1.5"),
        ("{{ text }}", {"text": "{{ 7*7 }}{% raw %}"}, "{{ 7*7 }}{% raw %}"),
        ('<a href="{{ url }}">x</a>', {"url": '"><b>'}, '<a href="&#34;&gt;&lt;b&gt;">x</a>'),
        ("{{ text|length }}", {"text": "x" * 1_000_000}, "1000000"),
    ],
)
def test_a_template_writes_the_payloads_fields(source: str, payload: dict[str, object], shown: str) -> None:
    """Fields of fields, lists, defaults; a payload is never read as a template."""
    assert rendered(source, payload) == shown


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("{{ name }}", "name"),
        ("{{ order.item }}", "item"),
        ("{{ customer.name }}", "customer"),
        ("{{ customer.name.first }}", "customer"),
        ("{% if missing %}x{% endif %}", "missing"),
        ("{% for x in missing %}x{% endfor %}", "missing"),
        ("{{ missing|money('USD') }}", "missing"),
        ("{{ order[verdict] }}", None),
        ("{{ nothing }}", None),
        ("{{ verdict.upper }}", "upper"),
        ("{{ verdict - 1 }}", None),
        ("{{ order.__class__ }}", "__class__"),
        ("{{ order.values }}", "values"),
    ],
)
def test_a_payload_of_another_shape_is_a_fault_that_names_the_field(source: str, field: str | None) -> None:
    """A missing field by the template's name for it; a null where a value must stand has none."""
    payload: dict[str, object] = {"order": {"id": 1}, "verdict": "secret", "nothing": None}
    with pytest.raises(BadPayloadError) as caught:
        rendered(source, payload)
    assert caught.value.field == field
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)
SOURCE = '<b>{{ x }}</b> <i>{{ x|upper }}</i>{% if x %} <a href="{{ x }}">{{ y ~ x }}</a>{% endif %}'


@given(x=st.text(), y=st.text())
def test_no_payload_changes_the_tags(x: str, y: str) -> None:
    """Whatever the values are, the tags are those of the author and the text is theirs."""
    text, tags = read(rendered(SOURCE, {"x": x, "y": y}))
    assert tags == (["b", "i", "a"] if x else ["b", "i"])
    assert text == (f"{x} {x.upper()} {y}{x}" if x else " ")


@given(x=st.text())
def test_plain_text_gives_the_payload_back(x: str) -> None:
    """Escaping and taking the markup away again changes nothing of a value."""
    assert to_plain(rendered("<b>{{ x }}</b>", {"x": x})) == x


@given(payload=st.dictionaries(st.sampled_from(["x", "y", "loop", "range", "self", "true"]), JSON))
def test_any_payload_gives_a_text_or_a_fault(payload: dict[str, object]) -> None:
    """No payload makes a rendering fail in another way."""
    try:
        rendered("{{ x.a }}{{ y[0] }}{{ x|sort|join(',') }}{% for z in y %}{{ z|int }}{% endfor %}", payload)
    except BadPayloadError:
        return
