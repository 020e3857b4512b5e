// A bot as its author writes it with grammY; it prints what it sees.
import { createServer } from "node:http";
import { createRequire } from "node:module";

// The packages lie in the folder that this is started in, not beside this file.
const require = createRequire(`${process.cwd()}/`);
const { Bot, GrammyError, InlineKeyboard, webhookCallback } = require("grammy");
const { autoRetry } = require("@grammyjs/auto-retry");

const order = JSON.parse(process.argv[2]);

function show(step, seen = {}) {
  process.stdout.write(JSON.stringify({ step, ...seen }) + "\n");
}

function makeBot() {
  const bot = new Bot(order.token, { client: { apiRoot: order.api } });
  bot.on("message:text", async (ctx) => {
    const { text, from, chat, message_id } = ctx.msg;
    if (text === "/end") return bot.ended();
    show("message", { text, sender: from.first_name, chat_id: chat.id, language: from.language_code });
    await ctx.reply(`Эхо: ${text}`, { reply_parameters: { message_id } });
  });
  bot.on("callback_query:data", async (ctx) => {
    const { data, message } = ctx.callbackQuery;
    await ctx.answerCallbackQuery({ text: "Принято", show_alert: true });
    await ctx.editMessageText(`${message.text}!`, { reply_markup: message.reply_markup });
    show("callback", { data, message_id: message.message_id, text: message.text });
  });
  return bot;
}

async function send(api) {
  for (const [mode, text] of Object.entries(order.texts)) {
    const sent = await api.sendMessage(order.person, text, { parse_mode: mode });
    const entities = sent.entities.map((entity) => [entity.type, entity.offset, entity.length, entity.url ?? null]);
    show("sent", { mode, message_id: sent.message_id, text: sent.text, entities });
  }
  const keyboard = new InlineKeyboard().text("Да", "answer:yes").row().url("Сайт", "https://example.com/");
  const asked = await api.sendMessage(order.person, "Верно?", { reply_markup: keyboard });
  const buttons = asked.reply_markup.inline_keyboard.map((row) =>
    row.map((button) => [button.text, button.callback_data ?? null, button.url ?? null]),
  );
  show("buttons", { message_id: asked.message_id, buttons });
}

async function beRefused(api, step, chatId) {
  try {
    await api.sendMessage(chatId, "x");
  } catch (error) {
    if (!(error instanceof GrammyError)) throw error;
    const seen = error.error_code === 429
      ? { retry_after: error.parameters.retry_after }
      : { description: error.description };
    show(step, { error: error.constructor.name, ...seen });
  }
}

async function poll() {
  const bot = makeBot();
  // Not awaited: stop() waits for the handler that calls it.
  bot.ended = () => void bot.stop();
  await bot.start();
  show("polled");
}

async function serve() {
  const bot = makeBot();
  const ended = new Promise((resolve) => (bot.ended = resolve));
  const server = createServer(webhookCallback(bot, "http", { secretToken: order.secret }));
  await new Promise((resolve) => server.listen(order.port, "127.0.0.1", resolve));
  await bot.api.setWebhook(order.hook, { secret_token: order.secret, drop_pending_updates: true });
  await ended;
  await bot.api.deleteWebhook();
  server.close();
  server.closeIdleConnections();
  show("served");
}

async function flood() {
  const bot = makeBot();
  bot.api.config.use(autoRetry());
  await Promise.all(order.flood.map((text) => bot.api.sendMessage(order.person, text)));
  show("flooded");
}

async function talk() {
  const { api } = makeBot();
  const { id, is_bot, username } = await api.getMe();
  show("me", { id, is_bot, username });
  await send(api);
  for (const [step, chatId] of Object.entries(order.refusing)) await beRefused(api, step, chatId);
  await poll();
  await serve();
}

await (order.flood ? flood() : talk());
