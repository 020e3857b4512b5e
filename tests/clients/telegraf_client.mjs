// A bot as its author writes it with Telegraf; it prints what it sees.
import { createServer } from "node:http";
import { createRequire } from "node:module";

// The packages lie in the folder that this is started in, not beside this file.
const require = createRequire(`${process.cwd()}/`);
const { Markup, Telegraf, TelegramError } = require("telegraf");
const { message } = require("telegraf/filters");

const order = JSON.parse(process.argv[2]);

function show(step, seen = {}) {
  process.stdout.write(JSON.stringify({ step, ...seen }) + "\n");
}

function makeBot(ended) {
  const bot = new Telegraf(order.token, { telegram: { apiRoot: order.api } });
  bot.command("end", () => ended(bot));
  bot.on(message("text"), async (ctx) => {
    const { text, from, chat, message_id } = ctx.message;
    show("message", { text, sender: from.first_name, chat_id: chat.id, language: from.language_code });
    await ctx.reply(`Эхо: ${text}`, { reply_parameters: { message_id } });
  });
  bot.on("callback_query", async (ctx) => {
    const { data, message } = ctx.callbackQuery;
    // In a webhook this goes out as the answer to the webhook's request.
    await ctx.answerCbQuery("Принято", { show_alert: true });
    await ctx.editMessageText(`${message.text}!`, { reply_markup: message.reply_markup });
    show("callback", { data, message_id: message.message_id, text: message.text });
  });
  return bot;
}

async function send(telegram) {
  for (const [mode, text] of Object.entries(order.texts)) {
    const sent = await telegram.sendMessage(order.person, text, { parse_mode: mode });
    const entities = sent.entities.map((entity) => [entity.type, entity.offset, entity.length, entity.url ?? null]);
    show("sent", { mode, message_id: sent.message_id, text: sent.text, entities });
  }
  const keyboard = Markup.inlineKeyboard([
    [Markup.button.callback("Да", "answer:yes")],
    [Markup.button.url("Сайт", "https://example.com/")],
  ]);
  const asked = await telegram.sendMessage(order.person, "Верно?", keyboard);
  const buttons = asked.reply_markup.inline_keyboard.map((row) =>
    row.map((button) => [button.text, button.callback_data ?? null, button.url ?? null]),
  );
  show("buttons", { message_id: asked.message_id, buttons });
}

async function beRefused(telegram, step, chatId) {
  try {
    await telegram.sendMessage(chatId, "x");
  } catch (error) {
    if (!(error instanceof TelegramError)) throw error;
    const seen = error.code === 429
      ? { retry_after: error.parameters.retry_after }
      : { description: error.description };
    show(step, { error: error.constructor.name, ...seen });
  }
}

async function poll() {
  await makeBot((bot) => bot.stop()).launch();
  show("polled");
}

async function serve() {
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  const bot = makeBot(end);
  const server = createServer(bot.webhookCallback("/hook/", { secretToken: order.secret }));
  await new Promise((resolve) => server.listen(order.port, "127.0.0.1", resolve));
  await bot.telegram.setWebhook(order.hook, { secret_token: order.secret, drop_pending_updates: true });
  await ended;
  await bot.telegram.deleteWebhook();
  server.close();
  server.closeIdleConnections();
  show("served");
}

const { telegram } = makeBot();
const { id, is_bot, username } = await telegram.getMe();
show("me", { id, is_bot, username });
await send(telegram);
for (const [step, chatId] of Object.entries(order.refusing)) await beRefused(telegram, step, chatId);
await poll();
await serve();
