// Dialogs that ask for something.

import { element } from "/page/element.js";

/** Label a field. */
export function field(label, input) {
  return element("label", {}, element("span", {}, label), input);
}

/** Make a choice of `[value, words]`. */
export function select(name, choices, attributes = {}) {
  return element("select", { name, ...attributes }, ...choices.map(([value, words]) => element("option", { value }, words)));
}

/** Open a dialog; `done` gets the fields' values, and what it throws is shown in the dialog. */
export function form(title, verb, fields, done) {
  const fault = element("p", { class: "fault", role: "alert" });
  const cancel = element("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const orders = element("div", { class: "orders" }, cancel, element("button", { class: "main" }, verb));
  const body = element("form", {}, element("h2", {}, title), ...fields, fault, orders);
  const dialog = element("dialog", { "aria-label": title }, body);
  body.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await done(Object.fromEntries(new FormData(body)));
      dialog.close();
    } catch (error) {
      fault.textContent = error.message;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
