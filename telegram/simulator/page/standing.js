// Switches for how a chat stands to the bot.

import { change } from "/page/control.js";
import { element } from "/page/element.js";
import { attempt } from "/page/toast.js";

const OF_A_PERSON = [["blocked", "Blocked"], ["deactivated", "Deactivated"]];
const OF_A_GROUP = [["kicked", "Bot removed"], ["deactivated", "Deleted"]];

/** Make the switches that fit the chat; off means started. */
export function standing(chat, acted) {
  const switches = chat.type === "private" ? OF_A_PERSON : OF_A_GROUP;
  return element("div", { class: "standing" }, ...switches.map(([state, label]) => toggle(chat, state, label, acted)));
}

function toggle(chat, state, label, acted) {
  const on = chat.state === state;
  const attributes = { type: "button", role: "switch", "aria-checked": String(on), "data-focus": state };
  const node = element("button", attributes, element("span", { class: "knob" }), label);
  node.addEventListener("click", async () => {
    await attempt(() => change(chat.id, { state: on ? "started" : state }));
    acted();
  });
  return node;
}
