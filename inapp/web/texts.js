// The texts by language, and how numbers, plurals and times are said in one.

export const TEXTS = {
  en: {
    bell: "Notifications",
    unread: { one: "{n} unread", other: "{n} unread" },
    none: "none unread",
    readAll: "Mark all as read",
    more: "Show more",
    empty: "No notifications yet",
    loading: "Loading…",
    failed: "The notifications could not be loaded.",
    again: "Try again",
    lost: "No connection. New notifications come when it is back.",
    signedOut: "Please sign in again to see your notifications.",
    arrivedOne: "New notification: {title}",
    arrived: { one: "{n} new notification", other: "{n} new notifications" },
    unreadMark: "unread",
  },
  ru: {
    bell: "Уведомления",
    unread: {
      one: "{n} непрочитанное",
      few: "{n} непрочитанных",
      many: "{n} непрочитанных",
      other: "{n} непрочитанного",
    },
    none: "непрочитанных нет",
    readAll: "Прочитать все",
    more: "Показать ещё",
    empty: "Уведомлений пока нет",
    loading: "Загрузка…",
    failed: "Не удалось загрузить уведомления.",
    again: "Повторить",
    lost: "Нет соединения. Новые уведомления придут, когда оно появится.",
    signedOut: "Войдите снова, чтобы увидеть уведомления.",
    arrived: {
      one: "{n} новое уведомление",
      few: "{n} новых уведомления",
      many: "{n} новых уведомлений",
      other: "{n} нового уведомления",
    },
    arrivedOne: "Новое уведомление: {title}",
    unreadMark: "не прочитано",
  },
};

const UNITS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Make sure of a language tag, for it comes from an attribute. */
function sane(tag) {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? "en";
  } catch {
    return "en";
  }
}

/** Says things in one language. */
export class Words {
  constructor(tag) {
    const wanted = sane(tag);
    const language = [wanted, wanted.split("-")[0], "en"].find((tag) => Object.hasOwn(TEXTS, tag));
    this.texts = { ...TEXTS.en, ...TEXTS[language] };
    // dates and plurals of the language that the words are in, else a list would mix two
    this.language = language === wanted.split("-")[0] ? wanted : language;
    this.plural = new Intl.PluralRules(this.language);
    this.number = new Intl.NumberFormat(this.language);
    this.relative = new Intl.RelativeTimeFormat(this.language, { numeric: "auto" });
    this.absolute = new Intl.DateTimeFormat(this.language, { dateStyle: "long", timeStyle: "short" });
  }

  say(key) {
    return this.texts[key];
  }

  count(key, n) {
    const forms = this.texts[key];
    return (forms[this.plural.select(n)] ?? forms.other).replace("{n}", this.number.format(n));
  }

  ago(time, now) {
    const seconds = Math.min(0, (time - now) / 1000); // a clock that is behind makes nothing lie in the future
    for (const [unit, length] of UNITS) {
      if (-seconds >= length) return this.relative.format(Math.ceil(seconds / length), unit);
    }
    return this.relative.format(0, "second");
  }
}
