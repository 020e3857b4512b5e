// The buttons under a message.

import { element, icon } from "/page/element.js";

/** Make an inline keyboard; `onTap(button, node)` is called for a callback button. */
export function keyboard(message, onTap) {
  const rows = message.reply_markup.inline_keyboard.map((row) =>
    element("div", { class: "row" }, ...row.map((button) => made(button, onTap))),
  );
  return element("div", { class: "keyboard", role: "group", "aria-label": "Buttons" }, ...rows);
}

function made(button, onTap) {
  const label = element("span", { dir: "auto" }, button.text);
  const url = button.url ?? button.web_app?.url;
  if (url && /^(?:https?|tg):/i.test(url)) {
    const leads = { class: "button", href: url, title: url, target: "_blank", rel: "noopener noreferrer" };
    return element("a", leads, label, icon("out", "opens a new tab"));
  }
  if (button.callback_data !== undefined) {
    const node = element("button", { type: "button", class: "button", title: button.callback_data }, label);
    node.addEventListener("click", () => onTap(button, node));
    return node;
  }
  const kind = Object.keys(button).find((key) => key !== "text");
  return element("button", { type: "button", class: "button", disabled: true, title: `${kind}: not simulated` }, label);
}
