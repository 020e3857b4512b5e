// What the person can do at the foot of a conversation: write, or first start, unblock, let in.

import { change } from "/page/control.js";
import { element, icon } from "/page/element.js";
import { select } from "/page/form.js";
import { attempt } from "/page/toast.js";

/** Make the foot that fits the chat's state; `say(text, bot)` tells whether it was said. */
export function footer(chat, bots, draft, say, acted) {
  if (chat.migrate_to) return element("p", { class: "closed" }, "This group has become a supergroup.");
  if (chat.state === "started") return composer(bots, draft, say);
  if (chat.state === "deactivated") return element("p", { class: "closed" }, "This account is deleted: nobody can write.");
  const offers = {
    none: chat.type === "private" ? ["Start", () => say("/start")] : ["Add the bot", () => restart(chat, acted)],
    blocked: ["Unblock", () => restart(chat, acted)],
    kicked: ["Add the bot again", () => restart(chat, acted)],
  };
  const [label, onclick] = offers[chat.state];
  return element("button", { type: "button", class: "main wide", "data-focus": "foot", onclick }, label);
}

async function restart(chat, acted) {
  await attempt(() => change(chat.id, { state: "started" }));
  acted();
}

function composer(bots, draft, say) {
  const box = element("textarea", {
    rows: "1",
    dir: "auto",
    maxlength: "4096",
    placeholder: "Write as this person",
    "aria-label": "Write as this person",
    "data-focus": "foot",
  });
  box.value = draft;
  const choices = bots.map(({ id, username }) => [String(id), `@${username}`]);
  // Which bot hears it matters only where there are several.
  const bot = select("bot", choices, { "aria-label": "To which bot", hidden: bots.length < 2 });
  const form = element("form", { class: "composer" }, bot, box, element("button", { class: "round main", "aria-label": "Send" }, icon("send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value;
    if (!text.trim()) return;
    box.value = "";
    if (!(await say(text, bot.value || null))) box.value = text;
    box.focus();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}
