import pytest
from playwright.async_api import expect

from telegram.simulator.entity import Entity
from telegram.simulator.message import Message
from telegram.simulator.text import FormattedText
from tests.browser.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIRECTION = "node => getComputedStyle(node).direction"
FORMATTING = {
    "<b>x</b>": "<strong>x</strong>",
    "<i>x</i>": "<em>x</em>",
    "<u>x</u>": "<u>x</u>",
    "<s>x</s>": "<s>x</s>",
    "<code>x</code>": "<code>x</code>",
    "<blockquote>x</blockquote>": '<blockquote dir="auto">x</blockquote>',
    "<pre>x</pre>": '<pre><code class="inside" dir="ltr">x</code></pre>',
    '<pre><code class="language-sql">x</code></pre>': (
        '<pre><span class="language">sql</span><code class="inside" dir="ltr" data-language="sql">x</code></pre>'
    ),
    "<tg-spoiler>x</tg-spoiler>": (
        '<span class="spoiler" role="button" tabindex="0" aria-label="Hidden text: show it">x</span>'
    ),
    '<a href="https://a.example/b">x</a>': (
        '<a href="https://a.example/b" title="https://a.example/b" target="_blank" rel="noopener noreferrer">x</a>'
    ),
    '<a href="tg://user?id=77">x</a>': '<span class="mention" title="user 77">x</span>',
    "see #payout": 'see <span class="hashtag">#payout</span>',
    "see #выплата": 'see <span class="hashtag">#выплата</span>',
    "ask @someone": 'ask <span class="mention">@someone</span>',
    "https://a.example/b?c=1.": (
        '<a href="https://a.example/b?c=1" target="_blank" rel="noopener noreferrer">https://a.example/b?c=1</a>.'
    ),
    "a/b 1#2 x@y": "a/b 1#2 x@y",
    "<code>#x @someone /start</code>": "<code>#x @someone /start</code>",
    "<b>a<i>b</i></b>": "<strong>a<em>b</em></strong>",
    "😀<b>👍🏽</b>é": "😀<strong>👍🏽</strong>é",
    "<blockquote>a</blockquote>\nb": '<blockquote dir="auto">a</blockquote>b',
    "&lt;b&gt;x&lt;/b&gt; &amp;amp;": "&lt;b&gt;x&lt;/b&gt; &amp;amp;",
}


async def test_each_kind_of_entity_is_shown(phone: Phone) -> None:
    """Every kind of formatting becomes its element, and a phone's own finds (links, mentions, hashtags) do too."""
    await phone.person(42)
    for source in FORMATTING:
        await phone.send(42, source)
    await phone.open(42)
    await expect(phone.page.locator(".message")).to_have_count(len(FORMATTING))
    shown = await phone.page.locator(".message .text").evaluate_all("nodes => nodes.map((node) => node.innerHTML)")
    assert shown == list(FORMATTING.values())


async def test_entities_that_overlap_are_shown(phone: Phone) -> None:
    """Entities count UTF-16 units and may overlap: what both cover is formatted as both."""
    await phone.person(42)
    entities = [{"type": "bold", "offset": 2, "length": 3}, {"type": "italic", "offset": 4, "length": 3}]
    await phone.send(42, "😀abcdef", parse_mode="", entities=entities)
    await phone.open(42)
    text = phone.message(1).locator(".text")
    await expect(text).to_have_text("😀abcdef")
    assert await text.inner_html() == "😀<strong>ab<em>c</em></strong><em>de</em>f"


async def test_right_to_left_text_runs_right_to_left(phone: Phone) -> None:
    """A Hebrew or Arabic message runs from the right, a Russian one from the left, a quote by its own words."""
    await phone.person(42)
    texts = ("שלום עולם", "تم الدفع: 100", "Привет", "Привет\n<blockquote>שלום</blockquote>")
    ids = [await phone.send(42, text) for text in texts]
    await phone.open(42)
    found = [await phone.message(each).locator(".text").evaluate(DIRECTION) for each in ids]
    assert found == ["rtl", "rtl", "ltr", "ltr"]
    assert await phone.message(4).locator("blockquote").evaluate(DIRECTION) == "rtl"


async def test_a_spoiler_hides_until_it_is_tapped(phone: Phone) -> None:
    """A spoiler's text is transparent until a tap or the Enter key shows every spoiler of the message."""
    await phone.person(42)
    await phone.send(
        42, "<tg-spoiler>one</tg-spoiler> and <tg-spoiler><a href='https://a.example'>two</a></tg-spoiler>"
    )
    await phone.send(42, "<tg-spoiler>three</tg-spoiler>")
    await phone.open(42)
    hidden = phone.page.get_by_role("button", name="Hidden text")
    await expect(hidden).to_have_count(3)
    await expect(hidden.first).to_have_css("color", "rgba(0, 0, 0, 0)")
    await hidden.nth(1).click()
    await expect(hidden).to_have_count(1)
    await expect(phone.message(1).locator(".spoiler").first).not_to_have_css("color", "rgba(0, 0, 0, 0)")
    assert phone.strangers == []
    await hidden.press("Enter")
    await expect(hidden).to_have_count(0)


async def test_an_expandable_quote_opens(phone: Phone) -> None:
    """A long expandable quote shows three lines until it is opened; a short one has nothing to open."""
    await phone.person(42)
    await phone.send(42, "<blockquote expandable>1\n2\n3\n4\n5\n6</blockquote>")
    await phone.send(42, "<blockquote expandable>1</blockquote>")
    await phone.open(42)
    quote = phone.message(1).locator("blockquote .inside")
    height = "node => Math.round(node.clientHeight / parseFloat(getComputedStyle(node).lineHeight))"
    assert await quote.evaluate(height) == 3
    await expect(phone.message(2).locator(".more")).to_be_hidden()
    await phone.message(1).get_by_role("button", name="Show more").click()
    assert await quote.evaluate(height) == 6
    await expect(phone.message(1).get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")


async def test_markup_in_a_text_stays_text(phone: Phone) -> None:
    """Scripts and images in texts, names and buttons are shown letter by letter and never run."""
    evil = "<script>window.hit=1</script><img src=x onerror=hit()>"
    await phone.person(42, name=evil)
    await phone.send(
        42,
        evil,
        parse_mode="",
        reply_markup={"inline_keyboard": [[{"text": evil, "callback_data": evil[:64]}]]},
    )
    # Telegram refuses such links: the page does not rely on that
    chat = phone.simulator.world.chats[42]
    content = FormattedText("go", [Entity("text_link", 0, 2, "javascript:window.hit=1")])
    button: dict[str, object] = {"text": "run", "url": "javascript:window.hit=1"}
    chat.post(Message(chat.next_message_id(), 1_700_000_000, content, {"inline_keyboard": [[button]]}, silent=False))
    await phone.open(42)
    await expect(phone.message(1).locator(".text")).to_have_text(evil)
    await expect(phone.page.get_by_role("heading", level=2).first).to_have_text(evil)
    await expect(phone.row(42).locator(".name")).to_have_text(evil)
    await expect(phone.message(1).get_by_role("button")).to_have_text(evil)
    assert await phone.page.locator(".message img, .message script, a[href^=javascript]").count() == 0
    await phone.message(2).get_by_text("go").click()
    await expect(phone.message(2).get_by_role("button", name="run")).to_be_disabled()
    assert await phone.page.evaluate("window.hit") is None


async def test_the_policy_refuses_what_is_not_the_pages_own(phone: Phone) -> None:
    """The content policy lets in nothing inline or from elsewhere, and no text becomes markup."""
    async with phone.http.get(phone.simulator.control_url) as answer:
        policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    refused = await phone.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return false } catch { return true } }"
    )
    assert refused
    assert any("TrustedHTML" in fault for fault in phone.faults)
    phone.faults.clear()
