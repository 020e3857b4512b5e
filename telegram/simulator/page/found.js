// What a phone makes tappable by itself: links, addresses, mentions, hashtags, commands.

const KINDS = [
  ["url", /\b(?:https?:\/\/|www\.|t\.me\/)[^\s<>"']*[^\s<>"'.,;:!?)\]}]/giu],
  ["email", /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/gu],
  ["mention", /(?<![\p{L}\p{N}_@.])@[A-Za-z]\w{3,31}(?!\w)/gu],
  ["hashtag", /(?<![\p{L}\p{N}_#&/])#[\p{L}\p{N}_]*[\p{L}_][\p{L}\p{N}_]*/gu],
  ["bot_command", /(?<![\p{L}\p{N}_/<>@:.])\/[A-Za-z0-9_]{1,64}(?:@\w+)?(?![\w/])/gu],
];
const TAKEN = new Set(["code", "pre", "text_link", "text_mention", "custom_emoji", ...KINDS.map(([kind]) => kind)]);

/** Find what the text itself says, where no given entity stands in the way. */
export function found(text, given) {
  const taken = given.filter((entity) => TAKEN.has(entity.type));
  for (const [type, pattern] of KINDS) {
    for (const match of text.matchAll(pattern)) {
      const entity = { type, offset: match.index, length: match[0].length };
      if (!taken.some((other) => overlaps(entity, other))) taken.push(entity);
    }
  }
  return taken.filter((entity) => !given.includes(entity));
}

function overlaps(one, other) {
  return one.offset < other.offset + other.length && other.offset < one.offset + one.length;
}
