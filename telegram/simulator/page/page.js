// The page, wired together.

import { Calls } from "/page/calls.js";
import { ChatList } from "/page/chat_list.js";
import { Conversation } from "/page/conversation.js";
import { followLink, followedLink } from "/page/deep_link.js";
import { faultMenu } from "/page/fault.js";
import { News } from "/page/news.js";
import { newPerson } from "/page/person.js";
import { Strip } from "/page/strip.js";

const CHAT = /^#chat=(-?\d+)$/;

const list = new ChatList(choose);
const news = new News(question, apply);
const acted = () => news.soon();
const conversation = new Conversation(acted, () => choose(null));
const strip = new Strip(acted);
const calls = new Calls(choose, acted);
let link = followedLink();
/** The chat that the address or an order names; it may still have to come with the news. */
let chosen = null;

newPerson(() => list.chats, choose);
faultMenu(() => chosen, acted);
addEventListener("hashchange", fromAddress);
fromAddress();
news.follow();

function fromAddress() {
  const id = CHAT.exec(location.hash)?.[1] ?? null;
  if (id !== chosen) choose(id);
}

/** Open a chat, or none; the address keeps it over a reload. */
function choose(id) {
  chosen = id;
  // A followed link leaves the address with this: a reload does not start twice, and its token is not kept.
  if (!link) history.replaceState(null, "", id === null ? "/" : `/#chat=${id}`);
  document.body.classList.toggle("reading", id !== null);
  list.choose(id);
  conversation.close();
  if (list.chats.has(id)) conversation.open(list.chats.get(id));
  acted();
}

/** Say what the page shows, for the next question. */
function question() {
  const { digest, last } = conversation.transcript;
  const asked = conversation.chat ? { chat: conversation.chat.id, digest, last } : {};
  return calls.shown === null ? asked : { ...asked, calls_after: calls.shown };
}

function apply(latest) {
  if (latest.whole) conversation.close();
  conversation.bots = latest.bots;
  list.apply(latest);
  strip.apply(latest.strip);
  calls.apply(latest);
  const chat = list.chats.get(chosen);
  if (chat && !conversation.chat) {
    conversation.open(chat);
    acted();
  } else if (chat) {
    conversation.describe(chat);
  }
  if (latest.conversation) conversation.show(latest.conversation);
  if (link) askWho(latest.bots);
}

function askWho(bots) {
  const followed = link;
  link = null;
  followLink(followed, bots, list.chats, (id) => choose(id));
}
