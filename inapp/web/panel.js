// The panel that opens below the bell: heading, list, what stands in place of a list, and where all of it fits.

import { element } from "./element.js";

/** Pixels between the panel, the bell and the window's edges. */
const GAP = 8;
/** Less height than this below the bell is too little, where there is more above it. */
const ENOUGH = 240;
const LEAST_HEIGHT = 160;

export class Panel {
  #heading = element("h2", { id: "heading", part: "heading" });
  #status = element("p", { class: "status", part: "status", role: "status", hidden: true });
  #note = element("p", { class: "note", part: "note" });
  #list;
  #readAll;
  #again;
  #more;

  /** Build it around a list; `asked` has a function for each button: `readAll`, `again`, `more`. */
  constructor(list, asked) {
    this.#list = list;
    const button = (act, look) => element("button", { type: "button", onclick: () => act(), ...look });
    this.#readAll = button(asked.readAll, { class: "plain", part: "read-all" });
    this.#again = button(asked.again, { class: "plain", part: "again" });
    this.#more = button(asked.more, { class: "more", part: "more" });
    const look = { id: "panel", class: "panel", part: "panel" };
    const role = { role: "dialog", "aria-labelledby": "heading", tabindex: "-1", popover: "manual", hidden: true };
    this.element = element(
      "section",
      { ...look, ...role },
      element("div", { class: "head", part: "head" }, this.#heading, this.#readAll),
      this.#status,
      element("div", { class: "scroll" }, list.element, this.#note, this.#more),
    );
  }

  get isOpen() {
    return !this.element.hidden;
  }

  open() {
    this.element.hidden = false;
    this.element.showPopover?.();
    this.#list.rewind();
  }

  close() {
    this.#list.fresh.clear();
    this.element.hidden = true;
    if (this.element.matches(":popover-open")) this.element.hidePopover();
  }

  /** Hang it below the bell, or above where there is more room, and always inside the window. */
  hang(bell) {
    const { offsetWidth, style } = this.element;
    const { innerHeight: height } = window;
    const width = document.documentElement.clientWidth;
    const at = bell.getBoundingClientRect();
    const below = height - at.bottom - 2 * GAP;
    const above = at.top - 2 * GAP;
    const upwards = below < ENOUGH && above > below;
    const { direction } = getComputedStyle(this.element.getRootNode().host);
    const wanted = direction === "rtl" ? at.left : at.right - offsetWidth;
    const left = Math.max(GAP, Math.min(wanted, width - offsetWidth - GAP));
    style.setProperty("left", `${left}px`);
    style.setProperty("top", upwards ? "auto" : `${at.bottom + GAP}px`);
    style.setProperty("bottom", upwards ? `${height - at.top + GAP}px` : "auto");
    style.setProperty("max-height", `min(var(--_height), ${Math.max(LEAST_HEIGHT, upwards ? above : below)}px)`);
  }

  speak(words) {
    this.#heading.textContent = words.say("bell");
    this.#readAll.textContent = words.say("readAll");
    this.#again.textContent = words.say("again");
    this.#more.textContent = words.say("more");
    this.#list.clear();
  }

  /** Show an inbox, and how it stands with the connection to it. */
  show(inbox, { state, signedIn, words }) {
    this.#readAll.hidden = inbox.unread === 0;
    this.#showStatus(inbox.known && ["lost", "signedOut"].includes(state) ? words.say(state) : "");
    this.#more.hidden = inbox.cursor === null;
    this.#list.show(inbox.list, words);
    this.#showNote(inbox, signedIn ? state : "signedOut", words);
  }

  #showStatus(said) {
    this.#status.hidden = said === "";
    if (this.#status.textContent !== said) this.#status.textContent = said;
  }

  /** Say why the list is empty. */
  #showNote(inbox, state, words) {
    const said = inbox.known && state !== "signedOut" ? "empty" : state;
    this.#note.hidden = inbox.items.size > 0;
    const note = words.say(said === "live" ? "loading" : said);
    // left alone while it says the same: somebody may be about to press the button in it
    if (this.#note.dataset.said === note) return;
    this.#note.dataset.said = note;
    this.#note.replaceChildren(note);
    if (said === "failed") this.#note.append(element("br"), this.#again);
  }

  /** Keep the button for more from being clicked twice. */
  waitForMore(waiting) {
    this.#more.disabled = waiting;
  }

  /** Name the button for more by what it does: "more", or "again" after a fault. */
  offerMore(key, words) {
    this.#more.textContent = words.say(key);
  }
}
