// What the page orders: the control API, as any test would call it.

/** A refused order; the message says why. */
export class RefusedError extends Error {}

/** Call the control API and give its answer; a refusal throws its words. */
export async function order(verb, path, body) {
  const options = { method: verb };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(`/control/${path}`, options);
  if (!answer.ok) throw new RefusedError(await complaint(answer));
  return answer.json();
}

async function complaint(answer) {
  const said = await answer.json().catch(() => ({}));
  if (typeof said.detail === "string") return said.detail;
  if (!Array.isArray(said.detail)) return `refused: ${answer.status}`;
  return said.detail.map((each) => `${each.loc.slice(1).join(".")}: ${each.msg}`).join("; ");
}

/** Let the person of a chat write, to the first bot when none is named. */
export const say = (chat, text, bot = null) =>
  order("POST", `chats/${chat}/say`, bot === null ? { text } : { text, bot_id: Number(bot) });

/** Let the person tap a button. */
export const tap = (chat, message, data) => order("POST", `chats/${chat}/tap`, { message_id: message, data });

/** Change how a chat stands to the bot. */
export const change = (chat, wanted) => order("PUT", `chats/${chat}`, wanted);
