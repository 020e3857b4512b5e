// The button: the bell itself, and the number of unread notifications on it.

import { drawing, element } from "./element.js";

const BELL = "M18 8a6 6 0 0 0-12 0c0 7-3 9-3 9h18s-3-2-3-9M13.7 21a2 2 0 0 1-3.4 0";
const MOST_SHOWN = 99;

export class Button {
  #badge = element("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });

  constructor(toggle) {
    this.#badge.addEventListener("animationend", () => this.#badge.classList.remove("grown"));
    const look = { type: "button", class: "bell", part: "button" };
    const role = { "aria-haspopup": "dialog", "aria-expanded": "false", "aria-controls": "panel" };
    this.element = element("button", { ...look, ...role, onclick: toggle }, drawing(BELL), this.#badge);
  }

  /** Say whether the list is open. */
  expand(isOpen) {
    this.element.setAttribute("aria-expanded", String(isOpen));
  }

  /** Show a count; `before` is the one that was told last. */
  show(unread, before, words) {
    if (unread > before) this.#badge.classList.add("grown");
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > MOST_SHOWN ? `${MOST_SHOWN}+` : String(unread);
    const count = unread === 0 ? words.say("none") : words.count("unread", unread);
    this.element.setAttribute("aria-label", `${words.say("bell")}, ${count}`);
  }
}
