// The menu to order a fault.

import { order } from "/page/control.js";
import { byId, element } from "/page/element.js";
import { field, form, select } from "/page/form.js";

const KINDS = [
  ["error", "error: an error answer"],
  ["latency", "latency: works on it later"],
  ["close_before", "close_before: drops the call unread"],
  ["close_after_delivery", "close_after_delivery: delivers, then drops"],
  ["late_answer", "late_answer: delivers, answers later"],
  ["html_502", "html_502: a proxy's error page"],
  ["bad_json", "bad_json: delivers, answer cut short"],
  ["hang", "hang: never answers"],
];
const OF_AN_ERROR = new Set(["code", "description", "retry_after"]);
const TIMED = new Set(["latency", "late_answer", "hang"]);
const NUMBERS = new Set(["times", "probability", "code", "retry_after", "seconds"]);

/** Let the button of the strip open the menu; `chosen()` gives the open chat. */
export function faultMenu(chosen, acted) {
  byId("order-fault").addEventListener("click", () => menu(chosen(), acted));
}

function menu(chat, acted) {
  const kind = select("kind", KINDS);
  const fields = [
    field("What goes wrong", kind),
    field("Method", element("input", { name: "method", value: "sendMessage", placeholder: "any", list: "methods", spellcheck: "false" })),
    field("Chat", element("input", { name: "chat_id", value: chat ?? "", placeholder: "any", inputmode: "numeric" })),
    field("How often", element("input", { name: "times", type: "number", min: "1", value: "1", placeholder: "for ever" })),
    field("Probability", element("input", { name: "probability", type: "number", min: "0", max: "1", step: "any", value: "1" })),
    field("Error code", element("input", { name: "code", type: "number", min: "400", max: "599", value: "500" })),
    field("Error text", element("input", { name: "description", placeholder: "that of the code" })),
    field("Retry after, s", element("input", { name: "retry_after", type: "number", min: "1" })),
    field("Seconds", element("input", { name: "seconds", type: "number", min: "0", step: "any", value: "5" })),
    element("datalist", { id: "methods" }, ...["sendMessage", "editMessageText", "getUpdates", "answerCallbackQuery"].map((value) => element("option", { value }))),
  ];
  const dialog = form("Order a fault", "Order", fields, async (given) => {
    await order("POST", "faults", wanted(given));
    acted();
  });
  const fit = () => {
    for (const input of dialog.querySelectorAll("input")) input.closest("label").hidden = !applies(input.name, kind.value);
  };
  kind.addEventListener("change", fit);
  fit();
}

const applies = (name, kind) => (OF_AN_ERROR.has(name) ? kind === "error" : name !== "seconds" || TIMED.has(kind));

function wanted(given) {
  const meant = Object.entries(given).filter(([name, value]) => value !== "" && applies(name, given.kind));
  return Object.fromEntries(meant.map(([name, value]) => [name, NUMBERS.has(name) ? Number(value) : value]));
}
