// One message as a bubble.

import { element, icon } from "/page/element.js";
import { keyboard } from "/page/keyboard.js";
import { marked } from "/page/markup.js";

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "long", year: "numeric" });

/** Tell whether the person wrote it, not the bot. */
export const isOut = (message) => message.from === "person";

/** Write the time of day of a date in seconds. */
export const clock = (seconds) => CLOCK.format(seconds * 1000);

/** Write the day of a date in seconds. */
export const day = (seconds) => DAY.format(seconds * 1000);

/** Make a message's list item; a group names who wrote. `onTap` takes a button of its keyboard. */
export function bubble(message, inGroup, onTap) {
  const out = isOut(message);
  const text = element("div", { class: "text", dir: "auto" }, marked(message.text, message.entities));
  const body = element("div", { class: "bubble" }, author(message, out, inGroup), replied(message), text, marks(message));
  for (const kind of ["click", "keydown"]) body.addEventListener(kind, (event) => reveal(event, body));
  const item = element("li", { class: out ? "message out" : "message", "data-id": message.message_id }, body);
  if (message.reply_markup) item.append(keyboard(message, onTap));
  return item;
}

function author(message, out, inGroup) {
  const topic = message.message_thread_id ? ` · topic ${message.message_thread_id}` : "";
  const name = out ? message.sender.first_name : "Bot";
  return element("div", { class: inGroup || topic ? "author" : "author for-ears", dir: "auto" }, `${name}${topic}`);
}

function replied(message) {
  const id = message.reply_to_message_id;
  return id ? element("div", { class: "reply" }, `in reply to message ${id}`) : null;
}

function marks(message) {
  const time = element("time", { datetime: new Date(message.date * 1000).toISOString() }, clock(message.date));
  return element(
    "div",
    { class: "marks" },
    message.has_protected_content ? icon("lock", "protected: cannot be forwarded or saved") : null,
    message.silent ? icon("bell-off", "arrived without a sound") : null,
    message.edited ? element("span", { class: "edited" }, "edited") : null,
    time,
  );
}

/** Show what the message's spoilers hide, all of them, as a phone does. */
function reveal(event, body) {
  const pressed = event.type === "click" || event.key === "Enter" || event.key === " ";
  if (!pressed || !event.target.closest(".spoiler:not(.revealed)")) return;
  // The first tap only shows: a link underneath is not followed.
  event.preventDefault();
  event.stopPropagation();
  for (const spoiler of body.querySelectorAll(".spoiler")) {
    spoiler.classList.add("revealed");
    for (const name of ["role", "tabindex", "aria-label"]) spoiler.removeAttribute(name);
  }
}
