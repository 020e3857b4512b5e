// A message's text with its entities as elements. Offsets are UTF-16 units, as JavaScript counts.

import { element } from "/page/element.js";
import { found } from "/page/found.js";

const BLOCKS = new Set(["blockquote", "expandable_blockquote", "pre"]);
const SPLIT = new Set(["bold", "italic", "underline", "strikethrough", "spoiler"]);
const SAFE_LINK = /^(?:https?|mailto|tel|tg):/i;

const MAKERS = {
  bold: () => element("strong"),
  italic: () => element("em"),
  underline: () => element("u"),
  strikethrough: () => element("s"),
  spoiler: () => element("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text: show it" }),
  code: () => element("code"),
  pre: preformatted,
  blockquote: () => element("blockquote", { dir: "auto" }),
  expandable_blockquote: expandable,
  text_link: (entity) => link(entity.url, entity.url),
  url: (entity, text) => link(/^https?:/i.test(text) ? text : `https://${text}`),
  email: (entity, text) => link(`mailto:${text}`),
  phone_number: (entity, text) => link(`tel:${text}`),
  text_mention: (entity) => element("span", { class: "mention", title: `user ${entity.user.id}` }),
  mention: () => element("span", { class: "mention" }),
  hashtag: () => element("span", { class: "hashtag" }),
  cashtag: () => element("span", { class: "hashtag" }),
  bot_command: () => element("button", { type: "button", class: "command", title: "Say it" }),
  custom_emoji: (entity) => element("span", { class: "custom-emoji", title: `custom emoji ${entity.custom_emoji_id}` }),
};

/** Give the text as nodes; entities may nest and overlap. */
export function marked(text, given) {
  const whole = document.createDocumentFragment();
  const known = [...joined(given), ...found(text, given)].filter((entity) => entity.type in MAKERS);
  const entities = known.sort(outermostFirst);
  let open = [];
  let afterBlock = false;
  for (const [start, end] of pieces(text, entities)) {
    const active = entities.filter((entity) => entity.offset <= start && end <= entity.offset + entity.length);
    const kept = commonStart(open, active);
    afterBlock ||= open.slice(kept).some(({ entity }) => BLOCKS.has(entity.type));
    open = open.slice(0, kept);
    for (const entity of active.slice(kept)) open.push(opened(entity, text, open.at(-1)?.inside ?? whole));
    const piece = text.slice(start, end);
    // A block ends its line by itself: the line break behind it would show as an empty line.
    (open.at(-1)?.inside ?? whole).append(afterBlock && piece.startsWith("\n") ? piece.slice(1) : piece);
    afterBlock = false;
  }
  return whole;
}

/** Join what the server splits where another entity begins: a spoiler with a bold word is one spoiler. */
function joined(given) {
  const whole = [];
  for (const { ...entity } of [...given].sort((one, other) => one.offset - other.offset)) {
    const before = whole.find(({ type, offset, length }) => type === entity.type && offset + length === entity.offset);
    if (before && SPLIT.has(entity.type)) before.length += entity.length;
    else whole.push(entity);
  }
  return whole;
}

function outermostFirst(one, other) {
  const block = BLOCKS.has(other.type) - BLOCKS.has(one.type);
  return block || one.offset - other.offset || other.length - one.length;
}

function pieces(text, entities) {
  const edges = entities.flatMap(({ offset, length }) => [offset, offset + length]);
  const inside = edges.filter((edge) => edge > 0 && edge < text.length);
  const sorted = [...new Set([0, ...inside, text.length])].sort((one, other) => one - other);
  return sorted.slice(1).map((end, index) => [sorted[index], end]);
}

function commonStart(open, active) {
  const differs = open.findIndex(({ entity }, index) => entity !== active[index]);
  return differs === -1 ? open.length : differs;
}

function opened(entity, text, around) {
  const covered = text.slice(entity.offset, entity.offset + entity.length);
  const node = MAKERS[entity.type](entity, covered);
  around.append(node);
  return { entity, inside: node.querySelector(".inside") ?? node };
}

function link(url, title = null) {
  // Whatever else a message names (javascript:, data:) is shown and leads nowhere.
  if (!SAFE_LINK.test(url)) return element("span", { class: "dead-link", title: url });
  return element("a", { href: url, title, target: "_blank", rel: "noopener noreferrer" });
}

function preformatted(entity) {
  const inside = element("code", { class: "inside", dir: "ltr" });
  if (!entity.language) return element("pre", {}, inside);
  inside.dataset.language = entity.language;
  return element("pre", {}, element("span", { class: "language" }, entity.language), inside);
}

function expandable() {
  const inside = element("div", { class: "inside" });
  const more = element("button", { type: "button", class: "more", "aria-expanded": "false" }, "Show more");
  const quote = element("blockquote", { dir: "auto", class: "expandable" }, inside, more);
  more.addEventListener("click", () => {
    const wide = quote.classList.toggle("expanded");
    more.setAttribute("aria-expanded", String(wide));
    more.textContent = wide ? "Show less" : "Show more";
  });
  new ResizeObserver(() => {
    more.hidden = !quote.classList.contains("expanded") && inside.scrollHeight <= inside.clientHeight + 1;
  }).observe(inside);
  return quote;
}
