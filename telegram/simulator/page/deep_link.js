// A link like https://t.me/bot?start=TOKEN: who opens it, and the Start button.

import { say } from "/page/control.js";
import { element } from "/page/element.js";
import { field, form, select } from "/page/form.js";
import { LANGUAGES, freeId, freeName, made } from "/page/person.js";

const PATH = /^\/t\.me\/([^/]+)\/?$/;
const PAYLOAD = /^[A-Za-z0-9_-]{1,64}$/;

/** Read the link that the page was opened by; null when it was none. */
export function followedLink() {
  const match = PATH.exec(location.pathname);
  return match && { bot: decodeURIComponent(match[1]), payload: new URLSearchParams(location.search).get("start") };
}

/** Ask who opens the link, and say its `/start` as that person. */
export function followLink(link, bots, chats, onStarted) {
  const bot = bots.find(({ username }) => username.toLowerCase() === link.bot.toLowerCase());
  if (!bot) return unknown(link.bot, bots);
  const id = freeId(chats);
  const people = [...chats.values()].filter((chat) => chat.type === "private" && chat.state !== "deactivated");
  const who = select("who", [["", "A new person"], ...people.map((chat) => [chat.id, `${chat.name || chat.id} (${chat.id}, ${chat.state})`])]);
  const name = field("Name", element("input", { name: "name", value: freeName(id), required: true, autocomplete: "off" }));
  const language = field("Language", select("language", LANGUAGES));
  const fields = [note(link), field("Who are you?", who), name, language];
  who.addEventListener("change", () => fit(who, name, language));
  form(`Open @${bot.username}`, "Start", fields, async (given) => {
    const person = given.who || String(id);
    if (!given.who) await made(person, given.name, given.language);
    await say(person, commandOf(link), bot.id);
    onStarted(person);
  });
}

/** Give what pressing Start says; a payload that Telegram would not pass on is dropped, as there. */
const commandOf = ({ payload }) => (PAYLOAD.test(payload ?? "") ? `/start ${payload}` : "/start");

function note({ payload }) {
  const words = {
    none: "Start says /start as the person you choose.",
    fit: "Start passes the link's token to the bot, as the person you choose.",
    unfit: "The link's start parameter is not 1 to 64 of A-Z a-z 0-9 _ -, so Telegram would not pass it on: Start says a bare /start.",
  };
  return element("p", {}, words[payload === null ? "none" : PAYLOAD.test(payload) ? "fit" : "unfit"]);
}

function fit(who, ...fields) {
  for (const each of fields) {
    each.hidden = who.value !== "";
    for (const input of each.querySelectorAll("input, select")) input.disabled = each.hidden;
  }
}

function unknown(bot, bots) {
  const words = `No bot of this simulator is named @${bot}. Its bots: ${bots.map((each) => `@${each.username}`).join(", ")}.`;
  form("No such bot", "Show the chats", [element("p", {}, words)], async () => history.replaceState(null, "", "/"));
}
