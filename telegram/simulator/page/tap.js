// A tapped button, from the tap to the bot's answer.

import { order, tap } from "/page/control.js";
import { alert, attempt, toast } from "/page/toast.js";

const ASK_AGAIN_MS = 200;
/** A phone shows a waiting button for about as long. */
const PATIENCE_MS = 15_000;

/** Tap a callback button and show what the bot answers. */
export async function pressed(chat, message, button, node) {
  if (node.getAttribute("aria-busy") === "true") return;
  node.setAttribute("aria-busy", "true");
  await attempt(async () => {
    const { callback_query_id: id } = await tap(chat, message.message_id, button.callback_data);
    show(await answered(chat, id));
  });
  node.removeAttribute("aria-busy");
}

async function answered(chat, id) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const queries = await order("GET", `chats/${chat}/callbacks`);
    const query = queries.find((each) => each.callback_query_id === id);
    if (query?.answered) return query;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  return null;
}

function show(query) {
  if (query === null) toast("The bot has not answered the tap.", "fault");
  else if (query.text && query.show_alert) alert(query.text);
  else if (query.text) toast(query.text);
  if (query?.url) toast(`The bot asks to open ${query.url}`);
}
