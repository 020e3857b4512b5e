// One item of the open list: a notification as a link or a button, and the row that it stands in.

import { element } from "./element.js";

/** Give where a link leads, if a browser may be sent there: neither `javascript:` nor `data:` is a page. */
export function pageOf(link) {
  if (typeof link !== "string" || link === "") return null;
  try {
    const url = new URL(link, document.baseURI);
    return url.protocol === "https:" || url.protocol === "http:" ? url : null;
  } catch {
    return null;
  }
}

/** Make what is clicked on. */
function draw(notification, { words, unread, now }) {
  const { title, body, link, createdAt } = notification;
  const created = new Date(createdAt);
  const time = element("time", { part: "time", datetime: createdAt, title: words.absolute.format(created) });
  time.textContent = words.ago(created, now);
  const parts = [element("span", { class: "title", part: "title", dir: "auto" }, title), time];
  if (body) parts.push(element("span", { class: "body", part: "body", dir: "auto" }, body));
  if (unread) parts.push(element("span", { class: "heard" }, words.say("unreadMark")));
  const look = { class: unread ? "item unread" : "item", part: unread ? "item unread" : "item", tabindex: "-1" };
  const page = pageOf(link);
  if (page === null) return element("button", { ...look, type: "button" }, ...parts);
  const elsewhere = page.origin === location.origin ? {} : { target: "_blank", rel: "noopener" };
  return element("a", { ...look, ...elsewhere, href: page.href }, ...parts);
}

/** A row of the list; while nothing of its notification changes, its item stays the same element. */
export class Row {
  #choose;
  #shape = null;

  /** Begin empty; `choose` is told of every click, with the notification. */
  constructor(choose) {
    this.#choose = choose;
    this.element = element("li", { part: "row" });
  }

  get item() {
    return this.element.firstChild;
  }

  show(notification, { words, unread, now }) {
    const { title, body, link, createdAt } = notification;
    const shape = JSON.stringify([title, body, link, createdAt, unread]);
    if (shape !== this.#shape) this.#replace(notification, draw(notification, { words, unread, now }));
    this.#shape = shape;
    const time = this.item.querySelector("time");
    const ago = words.ago(new Date(createdAt), now);
    if (time.textContent !== ago) time.textContent = ago;
  }

  #replace(notification, item) {
    const focused = this.item !== null && this.item === this.element.getRootNode().activeElement;
    this.element.replaceChildren(item);
    if (focused) item.focus();
    const choose = (event) => this.#choose(event, notification);
    item.addEventListener("click", choose);
    item.addEventListener("auxclick", choose);
  }
}
