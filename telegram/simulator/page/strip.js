// The strip: how fast it goes, what waits, what is broken on order.

import { order } from "/page/control.js";
import { byId, element } from "/page/element.js";
import { attempt } from "/page/toast.js";

const SUMS = [
  ["rate_last_second", "last second", "messages delivered within the last second"],
  ["delivered", "delivered", "messages that a chat received"],
  ["throttled", "throttled", "calls answered 429"],
  ["waits", "waits now", "limits that are used up at this moment"],
  ["violations", "violations", "messages sent over a rate or during a wait"],
  ["duplicates", "duplicates", "messages with a text that the chat had received before"],
];
const ALARMING = new Set(["throttled", "waits", "violations", "duplicates"]);
const NUMBER = new Intl.NumberFormat("en-GB");

/** The counters and the ordered faults. */
export class Strip {
  constructor(acted) {
    this.values = new Map(SUMS.map(([key, label, title]) => [key, this.sum(key, label, title)]));
    byId("clear-faults").addEventListener("click", async () => {
      await attempt(() => order("DELETE", "faults"));
      acted();
    });
  }

  /** Take the counters, waits and faults of this moment. */
  apply(strip) {
    for (const [key, node] of this.values) {
      const text = key === "waits" ? waiting(strip.waits) : NUMBER.format(strip[key]);
      if (node.textContent !== text) node.textContent = text;
      const count = key === "waits" ? strip.waits.length : strip[key];
      node.parentElement.classList.toggle("alarming", ALARMING.has(key) && count > 0);
    }
    this.values.get("waits").parentElement.title = strip.waits.slice(0, 20).map(described).join("\n") || SUMS[3][2];
    this.faults(strip.faults);
  }

  sum(key, label, title) {
    const value = element("dd", { "data-sum": key }, "0");
    byId("sums").append(element("div", { title }, element("dt", {}, label), value));
    return value;
  }

  faults(faults) {
    const source = JSON.stringify(faults);
    if (source === this.shown) return;
    this.shown = source;
    byId("faults").replaceChildren(...faults.map(chip));
    byId("clear-faults").hidden = faults.length === 0;
  }
}

/** Say how many limits are used up and how long the longest lasts. */
function waiting(waits) {
  if (!waits.length) return "0";
  return `${waits.length} · ${Math.ceil(Math.max(...waits.map((wait) => wait.seconds)))} s`;
}

function described({ subject, chat_id: chat, seconds, refusing }) {
  return `${subject}${chat ? ` ${chat}` : ""}: ${refusing ? "429" : "held"} for ${Math.ceil(seconds)} s`;
}

function chip({ kind, method, chat, left }) {
  const where = [method ?? "any method", chat ? `chat ${chat}` : null, left === null ? "for ever" : `${left}×`];
  return element("li", {}, element("b", {}, kind), ` ${where.filter(Boolean).join(" · ")}`);
}
