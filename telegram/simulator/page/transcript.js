// The messages of the open conversation.

import { element } from "/page/element.js";
import { bubble, day } from "/page/message.js";

const PAGE = 100;
/** Who is this near to the end sees new messages come in; who reads further up stays there. */
const NEAR_PX = 90;

/** A list of messages that follows what the chat holds. */
export class Transcript {
  constructor(onTap) {
    this.onTap = onTap;
    this.more = element("button", { type: "button", class: "earlier", hidden: true }, "Earlier messages");
    this.list = element("ol");
    this.node = element("div", { class: "transcript", role: "log", tabindex: "0", "aria-label": "Messages" }, this.more, this.list);
    this.more.addEventListener("click", () => this.earlier());
    this.clear();
  }

  /** Forget all: another chat comes. */
  clear(inGroup = false) {
    this.inGroup = inGroup;
    this.shown = new Map();
    this.digest = "";
    this.last = PAGE;
    this.list.replaceChildren();
    this.more.hidden = true;
  }

  earlier() {
    this.last += PAGE;
    this.digest = "";
  }

  /** Take the latest messages; only what differs is drawn anew. */
  show({ digest, total, messages }) {
    const following = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR_PX;
    const below = this.node.scrollHeight - this.node.scrollTop;
    const first = this.shown.size === 0;
    const grown = messages[0] && !first && !this.shown.has(messages[0].message_id);
    this.digest = digest;
    this.more.hidden = total <= messages.length;
    this.draw(messages);
    if (first || following) this.node.scrollTop = this.node.scrollHeight;
    else if (grown) this.node.scrollTop = this.node.scrollHeight - below;
  }

  draw(messages) {
    const before = this.shown;
    this.shown = new Map(messages.map((message) => [message.message_id, this.drawn(message, before)]));
    for (const [id, { node }] of before) if (!this.shown.has(id)) node.remove();
    const nodes = withDays(messages, this.shown);
    nodes.forEach((node, index) => {
      if (this.list.children[index] !== node) this.list.insertBefore(node, this.list.children[index] ?? null);
    });
    while (this.list.children.length > nodes.length) this.list.lastChild.remove();
  }

  drawn(message, before) {
    const known = before.get(message.message_id);
    const source = JSON.stringify(message);
    if (known?.source === source) return known;
    const node = bubble(message, this.inGroup, (button, pressed) => this.onTap(message, button, pressed));
    if (known) {
      const focus = focusable(known.node).indexOf(document.activeElement);
      known.node.replaceWith(node);
      // An edit redraws the keyboard that was just tapped: the focus stays where it was.
      if (focus >= 0) focusable(node)[focus]?.focus();
    }
    return { source, node, day: known?.day };
  }
}

const focusable = (node) => [...node.querySelectorAll("a, button, [tabindex]")];

/** Put a line with the date before the first message of each day. */
function withDays(messages, shown) {
  let today = null;
  return messages.flatMap((message) => {
    const entry = shown.get(message.message_id);
    const name = day(message.date);
    if (name === today) return [entry.node];
    today = name;
    entry.day ??= element("li", { class: "day" }, name);
    return [entry.day, entry.node];
  });
}
