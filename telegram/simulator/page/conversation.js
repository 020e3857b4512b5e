// The open conversation: who it is, what was said, and a box to say more.

import { STATES, avatar } from "/page/chat_list.js";
import { footer } from "/page/composer.js";
import { say } from "/page/control.js";
import { byId, element, icon } from "/page/element.js";
import { standing } from "/page/standing.js";
import { pressed } from "/page/tap.js";
import { attempt } from "/page/toast.js";
import { Transcript } from "/page/transcript.js";

/** The right-hand side of the page. */
export class Conversation {
  constructor(acted, onClose) {
    this.acted = acted;
    this.onClose = onClose;
    this.place = byId("conversation");
    this.chat = null;
    this.bots = [];
    this.drafts = new Map();
    this.transcript = new Transcript((message, button, node) => this.tap(message, button, node));
    this.transcript.node.addEventListener("click", (event) => this.command(event));
    this.transcript.more.addEventListener("click", () => this.acted());
    this.close();
  }

  /** Show another chat, whose messages are still to come. */
  open(chat) {
    if (this.chat) this.keepDraft();
    this.chat = null;
    this.transcript.clear(chat.type !== "private");
    this.head = element("header", {});
    this.foot = element("footer", {});
    this.place.replaceChildren(this.head, this.transcript.node, this.foot);
    this.describe(chat);
  }

  /** Show that no chat is open. */
  close() {
    this.chat = null;
    this.transcript.clear();
    this.place.replaceChildren(element("p", { class: "nothing" }, "Choose a chat to see what the person sees."));
  }

  /** Take what is known of the open chat. */
  describe(chat) {
    const same = this.chat && JSON.stringify(facts(this.chat)) === JSON.stringify(facts(chat));
    const focus = this.place.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    if (this.chat) this.keepDraft();
    this.chat = chat;
    if (same) return;
    this.head.replaceChildren(
      element("button", { type: "button", class: "back round", "aria-label": "Back to the chats", onclick: this.onClose }, icon("back")),
      avatar(chat),
      element("h2", { dir: "auto" }, chat.name || chat.id),
      element("p", { class: "about" }, about(chat)),
      standing(chat, this.acted),
    );
    const draft = this.drafts.get(chat.id) ?? "";
    this.foot.replaceChildren(footer(chat, this.bots, draft, (text, bot) => this.said(text, bot), this.acted));
    if (focus) this.place.querySelector(`[data-focus="${focus}"]`)?.focus();
  }

  /** Take the messages of the open chat. */
  show(news) {
    if (this.chat?.id === news.id) this.transcript.show(news);
  }

  keepDraft() {
    const box = this.foot.querySelector("textarea");
    if (box) this.drafts.set(this.chat.id, box.value);
  }

  async said(text, bot = null) {
    const told = await attempt(() => say(this.chat.id, text, bot));
    this.acted();
    return told !== null;
  }

  command(event) {
    const command = event.target.closest("button.command");
    // What a spoiler hides is not tapped by mistake.
    if (command && !command.closest(".spoiler:not(.revealed)")) this.said(command.textContent);
  }

  async tap(message, button, node) {
    await pressed(this.chat.id, message, button, node);
    this.acted();
  }
}

/** Give what head and foot depend on: not the last message, which changes all the time. */
const facts = ({ id, name, type, state, migrate_to: moved }) => [id, name, type, state, moved];

function about(chat) {
  const moved = chat.migrate_to ? ` · has become ${chat.migrate_to}` : "";
  return `${chat.type} · ${chat.id} · ${STATES[chat.state]}${moved}`;
}
