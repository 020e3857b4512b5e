// The list of chats: who, how they stand to the bot, what was said last.

import { byId, element } from "/page/element.js";
import { clock } from "/page/message.js";

/** More rows than this are counted, not shown: the search finds them. */
const MOST_ROWS = 600;
const READ = "vestnik-simulator-read";
export const STATES = {
  none: "never started",
  started: "started",
  blocked: "blocked the bot",
  deactivated: "deactivated",
  kicked: "bot was removed",
};

/** The chats that the page knows, as a list to choose from. */
export class ChatList {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.chats = new Map();
    this.nodes = new Map();
    this.chosen = null;
    this.read = {};
    this.list = byId("chats");
    byId("search").addEventListener("input", () => this.arrange());
    this.list.addEventListener("keydown", (event) => this.move(event));
  }

  /** Take the chats that have changed. */
  apply(news) {
    if (news.whole) this.begin(news.epoch);
    if (!news.chats.length && !news.whole) return;
    for (const chat of news.chats) this.put(chat);
    this.arrange();
  }

  /** Mark a chat as the one that is open, and as read. */
  choose(id) {
    const before = this.chosen;
    this.chosen = id;
    for (const each of [before, id]) if (this.chats.has(each)) this.put(this.chats.get(each));
    this.arrange();
  }

  begin(epoch) {
    this.chats.clear();
    this.nodes.clear();
    const kept = JSON.parse(sessionStorage.getItem(READ) ?? "{}");
    this.epoch = epoch;
    this.read = kept.epoch === epoch ? kept.read : {};
  }

  put(chat) {
    this.chats.set(chat.id, chat);
    if (chat.id === this.chosen) this.markRead(chat);
    const unread = Math.max(0, chat.count - (this.read[chat.id] ?? 0));
    const focused = this.nodes.get(chat.id)?.contains(document.activeElement);
    const made = row(chat, unread, chat.id === this.chosen, () => this.onChoose(chat.id));
    this.nodes.get(chat.id)?.replaceWith(made);
    this.nodes.set(chat.id, made);
    if (focused) made.firstChild.focus();
  }

  markRead(chat) {
    this.read[chat.id] = chat.count;
    sessionStorage.setItem(READ, JSON.stringify({ epoch: this.epoch, read: this.read }));
  }

  /** Put the rows in order, the latest word first; move only those that stand wrong. */
  arrange() {
    const found = this.sorted();
    const wanted = found.slice(0, MOST_ROWS).map((chat) => this.nodes.get(chat.id));
    const kept = new Set(wanted);
    for (const node of [...this.list.children]) if (!kept.has(node)) node.remove();
    wanted.forEach((node, index) => {
      if (this.list.children[index] !== node) this.list.insertBefore(node, this.list.children[index] ?? null);
    });
    this.reachable(wanted);
    byId("no-chats").hidden = this.chats.size > 0;
    byId("more-chats").hidden = found.length <= MOST_ROWS;
    byId("more-chats").textContent = `${found.length - MOST_ROWS} more: search for a name or an id`;
  }

  sorted() {
    const word = byId("search").value.trim().toLowerCase();
    const matches = (chat) => `${chat.name}\n${chat.id}\n${chat.last?.text ?? ""}`.toLowerCase().includes(word);
    const latest = (chat) => chat.last?.date ?? 0;
    return [...this.chats.values()].filter(matches).sort((one, other) => latest(other) - latest(one));
  }

  /** Let Tab pass the list in one step: the open row, or else the first, takes it. */
  reachable(rows) {
    const entry = rows.find((node) => node.firstChild.hasAttribute("aria-current")) ?? rows[0];
    for (const node of rows) node.firstChild.tabIndex = node === entry ? 0 : -1;
  }

  move(event) {
    const own = event.target.closest("li");
    const next = {
      ArrowDown: own?.nextElementSibling,
      ArrowUp: own?.previousElementSibling,
      Home: this.list.firstElementChild,
      End: this.list.lastElementChild,
    }[event.key];
    if (!next) return;
    event.preventDefault();
    next.firstChild.focus();
  }
}

/** Draw a chat's letter in a colour of its own. */
export function avatar(chat) {
  const number = Number(BigInt(chat.id) % 6n);
  const letter = [...(chat.name || "?").trim()][0] ?? "?";
  return element("span", { class: `avatar tint-${Math.abs(number)}`, "aria-hidden": "true" }, letter.toUpperCase());
}

function row(chat, unread, chosen, onclick) {
  const last = chat.last ? chat.last.text : STATES[chat.state];
  const badge = element("span", { class: chat.last?.silent ? "unread silent" : "unread", "aria-label": `${unread} unread` }, String(unread));
  const state = element("span", { class: `state ${chat.state}`, title: STATES[chat.state] }, stateWord(chat));
  const button = element(
    "button",
    { type: "button", "aria-current": chosen ? "true" : null, onclick },
    avatar(chat),
    element("span", { class: "name", dir: "auto" }, chat.name || chat.id),
    element("span", { class: "when" }, chat.last ? clock(chat.last.date) : ""),
    element("span", { class: "last", dir: "auto" }, chat.last?.out ? `You: ${last}` : last),
    element("span", { class: "mark" }, state, unread && !chosen ? badge : null),
  );
  return element("li", { "data-id": chat.id, class: chat.state }, button);
}

function stateWord(chat) {
  if (chat.migrate_to) return "migrated";
  return chat.state === "started" ? "" : chat.state;
}
