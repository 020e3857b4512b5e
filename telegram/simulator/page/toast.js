// What the bot answers to a tapped button: a toast that goes by itself, or an alert that has to be closed.

import { byId, element } from "/page/element.js";

const SHOWN_MS = 5000;

/** Show a text for some seconds; `kind` is `answer` or `fault`. */
export function toast(text, kind = "answer") {
  const made = element("div", { class: `toast ${kind}`, dir: "auto" }, text);
  byId("toasts").append(made);
  setTimeout(() => made.remove(), SHOWN_MS);
}

/** Show a text until the person closes it. */
export function alert(text) {
  const close = element("button", { type: "button", class: "main", onclick: () => made.close() }, "OK");
  const made = element("dialog", { class: "alert", "aria-label": "Answer of the bot" }, element("p", { dir: "auto" }, text), close);
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
}

/** Run what the person has ordered; a refusal is shown, not lost. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, "fault");
    return null;
  }
}
