// The list of notifications in the panel: its rows, and the keys that walk it.

import { element } from "./element.js";
import { Row } from "./item.js";

export class List {
  /** Marked as read by being opened; they keep their looks until the list is closed. */
  fresh = new Set();

  #choose;
  #rows = new Map();
  /** The row that Tab comes to. */
  #current = null;

  constructor(choose) {
    this.#choose = choose;
    this.element = element("ul", { part: "list", role: "list", "aria-labelledby": "heading" });
  }

  /** Let Tab come to the first row again. */
  rewind() {
    this.#current = null;
  }

  clear() {
    this.#rows.clear();
    this.element.replaceChildren();
  }

  /** Bring the rows up to the notifications; a row that has not changed stays as it is, and keeps the focus. */
  show(notifications, words) {
    const ids = new Set(notifications.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    if (!ids.has(this.#current)) this.#current = notifications[0]?.id ?? null;
    const now = Date.now();
    notifications.forEach((notification, index) => {
      const shown = this.#showRow(notification, { words, now });
      const there = this.element.children[index];
      if (there !== shown) this.element.insertBefore(shown, there ?? null);
    });
  }

  #showRow(notification, { words, now }) {
    const { id, readAt } = notification;
    const row = this.#rows.get(id) ?? new Row(this.#choose);
    this.#rows.set(id, row);
    row.show(notification, { words, unread: !readAt || this.fresh.has(id), now });
    row.item.tabIndex = id === this.#current ? 0 : -1;
    return row.element;
  }

  focus(id) {
    if (!this.#rows.has(id)) return;
    this.#current = id;
    for (const [other, row] of this.#rows) row.item.tabIndex = other === id ? 0 : -1;
    this.#rows.get(id).item.focus();
  }

  /** Do what a key means here, and tell whether it means anything. */
  press(key, focused) {
    const ids = [...this.#rows.keys()].sort((one, other) => other - one);
    const at = ids.findIndex((id) => this.#rows.get(id).item === focused);
    const moves = { ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), Home: 0, End: ids.length - 1 };
    if (key in moves) this.focus(ids[Math.min(moves[key], ids.length - 1)]);
    else if (key === " " && at >= 0) focused.click(); // a link does this for Enter alone
    else return false;
    return true;
  }
}
