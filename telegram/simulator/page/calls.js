// The drawer with the last calls of the Bot API.

import { byId, element, icon } from "/page/element.js";

const MOST_ROWS = 200;
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 });
const COLUMNS = ["Time", "Method", "Chat", "Answer", "Note"];

/** A table that the newest call tops. */
export class Calls {
  constructor(onChoose, acted) {
    this.onChoose = onChoose;
    this.acted = acted;
    this.last = 0;
    this.place = byId("calls");
    this.rows = element("tbody");
    const heads = COLUMNS.map((name) => element("th", { scope: "col" }, name));
    const close = element("button", { type: "button", class: "round", "aria-label": "Close the calls", onclick: () => this.toggle() }, icon("close"));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.rows);
    this.place.append(
      element("header", {}, element("h2", {}, "Last calls"), close),
      element("div", { class: "rows", tabindex: "0", role: "region", "aria-label": "Calls, newest first" }, table),
    );
    byId("toggle-calls").addEventListener("click", () => this.toggle());
  }

  /** Give the number of the last call shown; null while the drawer is closed. */
  get shown() {
    return this.place.hidden ? null : this.last;
  }

  toggle() {
    this.place.hidden = !this.place.hidden;
    byId("toggle-calls").setAttribute("aria-expanded", String(!this.place.hidden));
    if (this.place.hidden) byId("toggle-calls").focus();
    this.acted();
  }

  /** Take the calls that are new. */
  apply(news) {
    if (news.whole) {
      this.last = 0;
      this.rows.replaceChildren();
    }
    for (const call of news.calls) this.rows.prepend(this.row(call));
    this.last = news.calls.at(-1)?.number ?? this.last;
    while (this.rows.children.length > MOST_ROWS) this.rows.lastChild.remove();
  }

  row(call) {
    const chat = call.chat_id === null ? "" : element("button", { type: "button", class: "plain", onclick: () => this.onChoose(call.chat_id) }, call.chat_id);
    const cells = [TIME.format(call.time * 1000), call.method, chat, String(call.decision ?? "dropped"), noted(call)];
    const kind = call.decision === "ok" ? "ok" : call.decision === 429 ? "throttled" : "refused";
    return element("tr", { class: kind, title: call.request_id ? `call ${call.number}, request ${call.request_id}` : `call ${call.number}` }, ...cells.map((cell) => element("td", {}, cell)));
  }
}

function noted(call) {
  const lost = call.delivered && call.decision !== "ok" ? "delivered" : null;
  const held = call.held_seconds ? `held ${call.held_seconds} s` : null;
  return [call.fault, call.violation, held, lost].filter(Boolean).join(", ");
}
