// <vestnik-bell src="https://api.example" token="…">: a bell that counts unread notifications and lists them.
// One file, no build step, no dependency; it loads as a module or as a plain script. docs/bell.md describes it.
// From top to bottom: words, what is known of the inbox, the API, the stream, the loop that keeps up, the element.
{
  "use strict";

  const PAGE = 20;
  const LARGEST_PAGE = 100;
  const ANSWER_WITHIN = 20_000;
  /** A stream that says nothing for so long at its beginning is held back by something in between. */
  const BEGIN_WITHIN = 10_000;
  /** The API says something every 15 s: after two and a half such spans of silence the connection is dead. */
  const SILENT_FOR = 40_000;
  /** Coming back to a tab, a connection that has been silent for longer than one span is not trusted. */
  const DOUBTED_AFTER = 20_000;
  const POLL_EVERY = 15_000;
  /** Browsers give one origin six connections under HTTP/1.1, so tabs that nobody sees let go of theirs. */
  const HIDDEN_FOR = 60_000;
  const POLL_HIDDEN_EVERY = 60_000;
  const STREAM_AGAIN_AFTER = 120_000;
  /** A stream that has lived for so long was a good one: what ends it then is no reason to back off. */
  const GOOD_AFTER = 10_000;
  const FIRST_PAUSE = 1_000;
  const LONGEST_PAUSE = 30_000;
  const MOST_SHOWN = 99;
  const TELL_LOST_AFTER = 3_000;
  const REFRESH_TIMES_EVERY = 30_000;
  /** The button that opens a link in a new tab. */
  const MIDDLE = 1;
  /** Statuses that say: there is no stream here, and trying again soon changes nothing. */
  const NO_STREAM = new Set([404, 405, 406, 410, 501]);

  // ---------------------------------------------------------------- words

  const TEXTS = {
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

  /** Says things in one language. */
  class Words {
    constructor(wanted) {
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

  // ---------------------------------------------------------------- what is known of the inbox

  /**
   * One inbox as far as it is known here. Answers and events overtake each other, so nothing is believed by the order
   * in which it comes: the counter moves by version alone, and each notification remembers as of when it is known.
   */
  class Inbox {
    constructor() {
      this.reset();
    }

    reset() {
      this.unread = 0;
      /** Version that the counter is as of. */
      this.version = -1;
      /** Version up to which the list is known without a gap: where the stream goes on. */
      this.position = null;
      /** Where "show more" goes on; null: the list is whole. */
      this.cursor = null;
      this.items = new Map();
    }

    get known() {
      return this.position !== null;
    }

    get list() {
      return [...this.items.values()].sort((one, other) => other.id - one.id);
    }

    get top() {
      return Math.max(0, ...this.items.keys());
    }

    /** Take a counter, unless a later one is known. */
    count({ version, unread }) {
      if (version < this.version) return;
      this.version = version;
      this.unread = unread;
    }

    /** Take the newest page; `since` is the position at which it was asked for. */
    begin(page, since) {
      // what was committed stays committed: only a restored database can know less than it knew
      if (since !== null && page.version < since) this.reset();
      const ids = page.notifications.map(({ id }) => id);
      const bottom = page.nextCursor === null ? -Infinity : Math.min(...ids);
      const joined = ids.some((id) => this.items.has(id));
      for (const [id, item] of this.items) {
        const gone = id >= bottom ? !ids.includes(id) && item.asOf <= page.version : !joined;
        if (gone) this.items.delete(id);
      }
      const below = [...this.items.keys()].some((id) => id < bottom);
      if (!below) this.cursor = page.nextCursor;
      for (const notification of page.notifications) this.put(notification, page.version);
      this.count(page);
      this.position = Math.max(this.position ?? 0, page.version);
    }

    /** Take the page below; `cursor` is the one that it was asked for with. */
    extend(page, cursor) {
      this.count(page);
      if (cursor !== this.cursor) return; // the list has begun anew meanwhile
      for (const notification of page.notifications) this.put(notification, page.version);
      this.cursor = page.nextCursor;
    }

    /** Take what the stream says has come or changed. */
    follow(event) {
      const bottom = this.cursor === null ? -Infinity : Math.min(...this.items.keys());
      for (const notification of event.notifications) {
        // what lies below the list comes with its page
        if (notification.id >= bottom) this.put(notification, event.version);
      }
      this.count(event);
      this.position = Math.max(this.position, event.version);
    }

    /** Take what came of reading: nothing is ever unread again. */
    read(answer, isMeant) {
      const now = new Date().toISOString();
      for (const item of this.items.values()) {
        if (isMeant(item)) item.readAt ??= now;
      }
      this.count(answer);
    }

    put(notification, asOf) {
      const known = this.items.get(notification.id);
      if (known && known.asOf > asOf) return;
      this.items.set(notification.id, { ...notification, readAt: notification.readAt ?? known?.readAt ?? null, asOf });
    }
  }

  // ---------------------------------------------------------------- the API

  /** A request that came to nothing. */
  class Problem extends Error {
    constructor(message, { status = 0, code = "", retryAfter = 0 } = {}) {
      super(message);
      this.status = status;
      this.code = code;
      this.retryAfter = retryAfter;
    }
  }

  /** Something between here and the API lets no stream through. */
  class NoStream extends Error {}

  class Api {
    constructor(base, token) {
      this.base = base;
      this.token = token;
    }

    page({ limit = PAGE, cursor = null, signal }) {
      const query = new URLSearchParams({ limit });
      if (cursor !== null) query.set("cursor", cursor);
      return this.call(`?${query}`, { signal });
    }

    // `keepalive`: the click that reads a notification may leave the page
    readOne(id) {
      return this.call(`/${id}/read`, { method: "POST", keepalive: true });
    }

    readAll(upTo) {
      const body = JSON.stringify({ upTo });
      return this.call("/read-all", { method: "POST", keepalive: true, body });
    }

    async call(path, { signal, body, ...options }) {
      const within = AbortSignal.timeout(ANSWER_WITHIN);
      const headers = body === undefined ? {} : { "Content-Type": "application/json" };
      const answer = await this.fetch(path, {
        ...options,
        body,
        headers,
        signal: signal ? AbortSignal.any([signal, within]) : within,
      });
      const envelope = await answer.json().catch(() => null);
      if (!answer.ok || envelope?.ok !== true) throw problem(answer, envelope);
      return envelope.data;
    }

    fetch(path, { headers, ...options }) {
      return fetch(`${this.base}/api/notifications${path}`, {
        ...options,
        headers: { ...headers, Authorization: `Bearer ${this.token}` },
        cache: "no-store",
        credentials: "omit",
      });
    }
  }

  function problem(answer, envelope) {
    const code = envelope?.error?.code ?? "";
    const seconds = Number(answer.headers.get("Retry-After"));
    const retryAfter = Number.isFinite(seconds) ? seconds * 1000 : 0;
    return new Problem(`the API answered ${answer.status}`, { status: answer.status, code, retryAfter });
  }

  // ---------------------------------------------------------------- the stream

  /** Takes server-sent events apart; EventSource itself cannot send a token in a header. */
  class EventParser {
    constructor() {
      this.rest = "";
      this.clear();
    }

    clear() {
      this.event = { type: "message", data: [] };
    }

    /** Give the events that end in this piece of text. */
    take(text) {
      const events = [];
      // a CR at the end may be half of a CRLF
      const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
      this.rest = lines.pop();
      for (const line of lines) {
        if (line !== "") this.field(line);
        else if (this.event.data.length) events.push({ type: this.event.type, data: this.event.data.join("\n") });
        if (line === "") this.clear();
      }
      return events;
    }

    field(line) {
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (name === "event") this.event.type = value;
      if (name === "data") this.event.data.push(value);
    }
  }

  /** One connection to the stream. */
  class Stream {
    constructor(api, signal) {
      this.api = api;
      this.breaker = new AbortController();
      this.signal = AbortSignal.any([signal, this.breaker.signal]);
      this.heardAt = null;
      this.begunAt = performance.now();
    }

    get silence() {
      return performance.now() - (this.heardAt ?? this.begunAt);
    }

    get wasGood() {
      return this.heardAt !== null && performance.now() - this.begunAt >= GOOD_AFTER;
    }

    break(reason) {
      this.breaker.abort(reason);
    }

    /** Hand every event on, until the connection ends or is broken; `heard` is told of any sign of life. */
    async read(position, take, heard) {
      this.listenFor(BEGIN_WITHIN, new NoStream("nothing comes through"));
      try {
        const answer = await this.open(position);
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        const parser = new EventParser();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          this.heardAt = performance.now();
          this.listenFor(SILENT_FOR, new Problem("the stream is silent"));
          heard();
          for (const event of parser.take(value)) {
            if (event.type === "inbox") await take(JSON.parse(event.data));
          }
        }
      } finally {
        clearTimeout(this.watch);
      }
    }

    async open(position) {
      const headers = { Accept: "text/event-stream", "Last-Event-ID": String(position) };
      const answer = await this.api.fetch("/stream", { headers, signal: this.signal });
      if (NO_STREAM.has(answer.status)) throw new NoStream(`answered ${answer.status}`);
      if (!answer.ok) throw problem(answer, await answer.json().catch(() => null));
      const type = answer.headers.get("Content-Type") ?? "";
      if (!type.startsWith("text/event-stream")) throw new NoStream(`answered ${type}`);
      return answer;
    }

    listenFor(span, reason) {
      clearTimeout(this.watch);
      this.watch = setTimeout(() => this.break(reason), span);
    }
  }

  // ---------------------------------------------------------------- the loop that keeps up

  /** Keeps an inbox up with the API: by the stream, or by asking now and then where no stream comes through. */
  class Follower {
    constructor(api, inbox, told) {
      this.api = api;
      this.inbox = inbox;
      /** Is told of changes, of a lost and a found connection, and of a token that is refused. */
      this.told = told;
      this.failures = 0;
      /** Before this time no stream is tried. */
      this.streamFrom = 0;
      /** Nobody has seen this tab for a while. */
      this.resting = false;
      this.stream = null;
      this.wake = () => {};
    }

    /** Go on until the signal, or until the token is refused. */
    async run(signal) {
      this.signal = signal;
      addEventListener("online", () => this.online(), { signal });
      document.addEventListener("visibilitychange", () => this.visibility(), { signal });
      signal.addEventListener("abort", () => this.end());
      this.visibility();
      while (!signal.aborted) {
        const pause = await this.turn().catch((fault) => this.fail(fault));
        if (pause === null) return;
        await this.rest(pause);
      }
    }

    /** Do what is to be done now; give the time to wait afterwards. */
    async turn() {
      if (!this.inbox.known) await this.load();
      if (this.resting) return this.poll(POLL_HIDDEN_EVERY);
      if (performance.now() < this.streamFrom) return this.poll(POLL_EVERY);
      await this.follow();
      // all streams of an API end together when it is restarted: they need not come back in one instant
      return this.backOff();
    }

    /** Tell what a fault means: the time to wait, or null for the end. */
    fail(fault) {
      if (this.signal.aborted) return null;
      if (fault === RENEW) return 0;
      if (fault instanceof NoStream) {
        this.streamFrom = performance.now() + STREAM_AGAIN_AFTER;
        return 0;
      }
      if (fault.status === 401) {
        this.told.refused(fault.code);
        return null;
      }
      this.told.lost();
      this.streamFrom = 0; // nothing at all came through: that says nothing of streams
      return Math.max(this.backOff(), fault.retryAfter ?? 0);
    }

    /** Fetch the newest page, as much of it as is shown. */
    async load() {
      const since = this.inbox.position;
      const limit = Math.min(LARGEST_PAGE, Math.max(PAGE, this.inbox.items.size));
      const page = await this.api.page({ limit, signal: this.signal });
      this.signal.throwIfAborted();
      this.inbox.begin(page, since);
      this.told.found();
      this.told.changed();
    }

    async poll(pause) {
      await this.load();
      this.failures = 0;
      return pause;
    }

    async follow() {
      const stream = new Stream(this.api, this.signal);
      this.stream = stream;
      try {
        await stream.read(this.inbox.position, (event) => this.take(event), () => this.told.found());
      } catch (fault) {
        // fetch and reader each have their own words for having been broken off
        throw stream.breaker.signal.aborted ? stream.breaker.signal.reason : fault;
      } finally {
        if (stream.wasGood) this.failures = 0;
      }
    }

    async take(event) {
      if (!event.complete) return this.load();
      this.signal.throwIfAborted();
      this.inbox.follow(event);
      this.told.changed();
    }

    /** Choose a time to wait: longer with each failure, and another for each of many bells. */
    backOff() {
      const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures);
      this.failures += 1;
      return Math.random() * longest;
    }

    rest(span) {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, span);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (this.signal.aborted) this.wake();
      });
    }

    online() {
      this.failures = 0;
      this.streamFrom = 0; // another network, perhaps without what held the stream back
      this.renew();
    }

    visibility() {
      clearTimeout(this.hiding);
      if (document.hidden) {
        this.hiding = setTimeout(() => this.hide(), HIDDEN_FOR);
        return;
      }
      const doubted = this.resting || this.stream?.silence > DOUBTED_AFTER;
      // of what a sleeping tab or machine has missed of a stream's beginning nothing follows
      if (this.resting) this.streamFrom = 0;
      this.resting = false;
      if (doubted) this.renew();
      else this.wake();
    }

    hide() {
      this.resting = true;
      this.renew();
    }

    renew() {
      this.stream?.break(RENEW);
      this.wake();
    }

    end() {
      clearTimeout(this.hiding);
      this.wake();
    }
  }

  /** Why a stream is broken that shall begin anew at once. */
  const RENEW = new Error("begin anew");

  // ---------------------------------------------------------------- what it looks like

  const SVG = "http://www.w3.org/2000/svg";
  const BELL = "M18 8a6 6 0 0 0-12 0c0 7-3 9-3 9h18s-3-2-3-9M13.7 21a2 2 0 0 1-3.4 0";

  const STYLE = new CSSStyleSheet();
  STYLE.replaceSync(`
    :host {
      --_ground: var(--vestnik-ground, light-dark(#ffffff, #1b232c));
      --_ink: var(--vestnik-ink, light-dark(#17212b, #eef3f8));
      --_soft: var(--vestnik-soft, light-dark(#5b6878, #9fb0c2));
      --_line: var(--vestnik-line, light-dark(#dfe5ec, #313d4a));
      --_hover: var(--vestnik-hover, light-dark(#f1f5f9, #26313d));
      --_accent: var(--vestnik-accent, light-dark(#1b66b8, #74b6f7));
      --_badge: var(--vestnik-badge, light-dark(#c92a2a, #d0312d));
      --_badge-ink: var(--vestnik-badge-ink, #ffffff);
      --_bad: var(--vestnik-bad, light-dark(#a3221b, #ff9d94));
      --_radius: var(--vestnik-radius, 12px);
      --_shadow: var(--vestnik-shadow, 0 8px 30px rgb(0 0 0 / 22%));
      --_size: var(--vestnik-size, 40px);
      --_width: var(--vestnik-width, 380px);
      --_height: var(--vestnik-height, 560px);
      color-scheme: light dark;
      display: inline-block;
      font: var(--vestnik-font, 14px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif);
    }
    :host([theme="light"]) { color-scheme: light; }
    :host([theme="dark"]) { color-scheme: dark; }
    :host([hidden]), [hidden] { display: none !important; }
    * { box-sizing: border-box; }
    button { font: inherit; color: inherit; border: 0; background: none; cursor: pointer; }
    :focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }

    .bell { position: relative; display: grid; place-items: center; inline-size: var(--_size); block-size: var(--_size);
      padding: 0; border-radius: 50%; color: var(--vestnik-bell, light-dark(#17212b, #eef3f8)); }
    .bell:hover, .bell[aria-expanded="true"] { background: var(--_hover); }
    .bell svg { inline-size: 58%; block-size: 58%; fill: none; stroke: currentcolor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round; }
    .badge { position: absolute; inset-block-start: 0; inset-inline-end: 0; min-inline-size: 18px; padding: 0 5px;
      border-radius: 9px; background: var(--_badge); color: var(--_badge-ink); font-size: 11px; font-weight: 700;
      line-height: 18px; text-align: center; font-variant-numeric: tabular-nums; }

    .panel { position: fixed; inset: auto; z-index: 2147483647; margin: 0; padding: 0; overflow: hidden;
      inline-size: min(var(--_width), calc(100vw - 16px)); border: 1px solid var(--_line); border-radius: var(--_radius);
      background: var(--_ground); color: var(--_ink); box-shadow: var(--_shadow); }
    .panel:not([hidden]) { display: flex; flex-direction: column; }
    .head { display: flex; align-items: baseline; justify-content: space-between; gap: 12px; padding: 12px 16px;
      border-block-end: 1px solid var(--_line); }
    h2 { margin: 0; font-size: 1.1em; }
    .plain { padding: 2px 0; color: var(--_accent); }
    .plain:hover { text-decoration: underline; }
    .scroll { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; }
    ul { margin: 0; padding: 0; list-style: none; }
    li + li { border-block-start: 1px solid var(--_line); }
    .item { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: baseline; gap: 2px 10px; inline-size: 100%;
      padding: 10px 16px; color: inherit; text-align: start; text-decoration: none; }
    .item:hover { background: var(--_hover); }
    .item:focus-visible { outline-offset: -3px; border-radius: var(--_radius); }
    .title, .body { overflow-wrap: anywhere; text-align: start; }
    .body { grid-column: 1 / -1; color: var(--_soft); white-space: pre-line; display: -webkit-box; overflow: hidden;
      -webkit-box-orient: vertical; -webkit-line-clamp: 4; }
    .unread .title { font-weight: 700; }
    .unread { box-shadow: inset 3px 0 var(--_accent); }
    .unread:dir(rtl) { box-shadow: inset -3px 0 var(--_accent); }
    time { color: var(--_soft); font-size: .88em; white-space: nowrap; }
    .note { margin: 0; padding: 28px 16px; color: var(--_soft); text-align: center; }
    .status { margin: 0; padding: 8px 16px; border-block-end: 1px solid var(--_line); color: var(--_bad); }
    .more { inline-size: 100%; padding: 12px; border-block-start: 1px solid var(--_line); color: var(--_accent); }
    .more:hover { background: var(--_hover); }
    .more:disabled { opacity: .6; cursor: default; }
    .heard { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%);
      white-space: nowrap; }
    @media (prefers-reduced-motion: no-preference) {
      .panel:not([hidden]) { animation: open .14s ease-out; }
      .badge.grown { animation: grow .3s ease-out; }
      @keyframes open { from { opacity: 0; transform: translateY(-6px); } }
      @keyframes grow { 40% { transform: scale(1.25); } }
    }
    @media (forced-colors: active) { .panel, .badge { border: 1px solid; } .unread .title { text-decoration: underline; } }
  `);

  /** Make an element; texts become text nodes, nothing here reads markup. */
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== null) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function drawing(line) {
    const made = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    made.setAttribute("viewBox", "0 0 24 24");
    made.setAttribute("aria-hidden", "true");
    path.setAttribute("d", line);
    made.append(path);
    return made;
  }

  /** Give where a link leads, if a browser may be sent there: neither `javascript:` nor `data:` is a page. */
  function pageOf(link) {
    if (typeof link !== "string" || link === "") return null;
    try {
      const url = new URL(link, document.baseURI);
      return url.protocol === "https:" || url.protocol === "http:" ? url : null;
    } catch {
      return null;
    }
  }

  /** One line of the list. */
  function line(item, { words, unread, now }) {
    const created = new Date(item.createdAt);
    const title = element("span", { class: "title", part: "title", dir: "auto" }, item.title);
    const time = element("time", { part: "time", datetime: item.createdAt, title: words.absolute.format(created) });
    time.textContent = words.ago(created, now);
    const parts = [title, time];
    if (item.body) parts.push(element("span", { class: "body", part: "body", dir: "auto" }, item.body));
    if (unread) parts.push(element("span", { class: "heard" }, words.say("unreadMark")));
    const look = { class: unread ? "item unread" : "item", part: unread ? "item unread" : "item", tabindex: "-1" };
    const page = pageOf(item.link);
    if (page === null) return element("button", { ...look, type: "button" }, ...parts);
    const elsewhere = page.origin === location.origin ? {} : { target: "_blank", rel: "noopener" };
    return element("a", { ...look, ...elsewhere, href: page.href }, ...parts);
  }

  // ---------------------------------------------------------------- the element

  class VestnikBell extends HTMLElement {
    static observedAttributes = ["src", "token", "lang", "read-on"];

    /** The texts by language: an application adds its own as `customElements.get("vestnik-bell").texts.de = {…}`. */
    static texts = TEXTS;

    #token = null;
    /** In the document; while it is upgraded, its attributes are told one by one before that. */
    #attached = false;
    #inbox = new Inbox();
    #running = null;
    #words = null;
    #state = "loading";
    #told = { unread: null, top: null };
    #lines = new Map();
    /** Marked as read by being opened; they keep their looks until the list is closed. */
    #fresh = new Set();
    /** The line that Tab comes to. */
    #current = null;
    #parts = null;
    #opened = null;
    #ticking = null;
    #losing = null;
    #reading = false;
    #api = null;

    constructor() {
      super();
      const shadow = this.attachShadow({ mode: "open" });
      shadow.adoptedStyleSheets = [STYLE];
      this.#build(shadow);
    }

    get src() {
      return this.getAttribute("src") ?? "";
    }

    set src(value) {
      this.setAttribute("src", value);
    }

    /** The end user's token; set as a property it does not stand in the document. */
    get token() {
      return this.#token ?? this.getAttribute("token");
    }

    set token(value) {
      const before = this.token;
      this.#token = value === null || value === undefined || value === "" ? null : String(value);
      if (this.token !== before || this.#state === "signedOut") this.#exchanged(before);
    }

    get unread() {
      return this.#inbox.unread;
    }

    connectedCallback() {
      for (const name of ["src", "token"]) {
        // set before this file was loaded, it hides the accessor
        if (!Object.hasOwn(this, name)) continue;
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
      this.#attached = true;
      this.#speak();
      this.#start();
    }

    disconnectedCallback() {
      this.#attached = false;
      this.close();
      this.#stop();
    }

    attributeChangedCallback(name, before, after) {
      if (!this.#attached || before === after) return;
      if (name === "lang") this.#speak();
      if (name === "read-on") this.#readShown();
      if (name === "token" && this.#token === null) this.#exchanged(before);
      if (name === "src") {
        this.#inbox.reset();
        this.#start();
      }
    }

    // -- keeping up

    #exchanged(before) {
      if (subjectOf(before) === null || subjectOf(before) !== subjectOf(this.token)) this.#forget();
      if (this.#attached) this.#start();
    }

    /** Another person's notifications must not be seen, not even for a moment. */
    #forget() {
      this.#inbox.reset();
      this.#told = { unread: null, top: null };
      this.#fresh.clear();
      this.#state = "loading";
      this.#show();
    }

    #start() {
      this.#stop();
      if (!this.token) return;
      this.#running = new AbortController();
      this.#state = this.#inbox.known ? "live" : "loading";
      this.#api = new Api(new URL(this.src || "/", document.baseURI).href.replace(/\/+$/, ""), this.token);
      const told = {
        changed: () => this.#changed(),
        found: () => this.#found(),
        lost: () => this.#lost(),
        refused: (code) => this.#refused(code),
      };
      new Follower(this.#api, this.#inbox, told).run(this.#running.signal);
      this.#show();
    }

    #stop() {
      this.#running?.abort();
      this.#running = null;
      clearTimeout(this.#losing);
      this.#losing = null;
    }

    #changed() {
      const { list, top, unread } = this.#inbox;
      const arrived = list.filter((item) => this.#told.top !== null && item.id > this.#told.top && !item.readAt);
      this.#told.top = Math.max(this.#told.top ?? 0, top);
      if (arrived.length) this.#announce(arrived);
      this.#show();
      if (unread !== this.#told.unread) {
        this.#told.unread = unread;
        this.#dispatch("vestnik-unread", { unread });
      }
      this.#readShown();
    }

    #found() {
      clearTimeout(this.#losing);
      this.#losing = null;
      this.#become("live");
    }

    #lost() {
      if (!this.#inbox.known) this.#become("failed");
      else this.#losing ??= setTimeout(() => this.#become("lost"), TELL_LOST_AFTER);
    }

    #refused(code) {
      this.#stop();
      // a person who was forgotten begins anew, and so do the versions of their inbox
      if (code === "STALE_SESSION") this.#forget();
      this.#become("signedOut");
      this.#dispatch("vestnik-unauthorized", { code });
    }

    #become(state) {
      if (this.#state === state) return;
      this.#state = state;
      this.#show();
    }

    #dispatch(name, detail, cancelable = false) {
      return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
    }

    // -- reading

    #read(asked, isMeant) {
      return asked.then(
        (answer) => {
          this.#inbox.read(answer, isMeant);
          this.#changed();
          return true;
        },
        (fault) => {
          // anything else is found out by whoever keeps up; what was not read stays unread
          if (fault.status === 401 && this.#running) this.#refused(fault.code);
          return false;
        },
      );
    }

    #readAll() {
      const upTo = this.#inbox.top;
      return this.#read(this.#api.readAll(upTo), (item) => item.id <= upTo);
    }

    /** With `read-on="open"`, what is seen is read. */
    async #readShown() {
      const unread = this.#inbox.list.filter((item) => !item.readAt);
      const seen = this.isOpen && !document.hidden && this.getAttribute("read-on") === "open";
      if (!seen || !unread.length || this.#reading || !this.#running) return;
      for (const item of unread) this.#fresh.add(item.id);
      this.#reading = true;
      const done = await this.#readAll();
      this.#reading = false;
      // what has come meanwhile; where it failed, the next change asks again
      if (done) this.#readShown();
    }

    #choose(event, item) {
      if (event.type === "auxclick" && event.button !== MIDDLE) return;
      const { id, type, category, link } = item;
      const plain = event.type === "click" && !event.ctrlKey && !event.metaKey && !event.shiftKey;
      if (!item.readAt && this.#running) this.#read(this.#api.readOne(id), (one) => one.id === id);
      if (plain && !this.#dispatch("vestnik-open", { id, type, category, link }, true)) event.preventDefault();
      if (plain && pageOf(link) !== null) this.close();
    }

    async #more() {
      const { cursor, items } = this.#inbox;
      const known = new Set(items.keys());
      const signal = this.#running?.signal;
      if (cursor === null || !signal) return;
      this.#parts.more.disabled = true;
      try {
        this.#inbox.extend(await this.#api.page({ cursor, signal }), cursor);
        this.#parts.more.textContent = this.#words.say("more");
        this.#changed();
        this.#focus(this.#inbox.list.find(({ id }) => !known.has(id) && id < Math.min(...known))?.id);
      } catch (fault) {
        this.#parts.more.textContent = this.#words.say("again");
        if (fault.status === 401) this.#refused(fault.code);
      } finally {
        this.#parts.more.disabled = false;
      }
    }

    // -- opening and closing

    get isOpen() {
      return !this.#parts.panel.hidden;
    }

    open() {
      if (this.isOpen) return;
      const { panel, bell } = this.#parts;
      panel.hidden = false;
      panel.showPopover?.();
      bell.setAttribute("aria-expanded", "true");
      this.#opened = new AbortController();
      const { signal } = this.#opened;
      addEventListener("resize", () => this.#place(), { signal });
      addEventListener("scroll", () => this.#place(), { signal, capture: true, passive: true });
      document.addEventListener("pointerdown", (event) => this.#pointed(event), { signal, capture: true });
      document.addEventListener("visibilitychange", () => this.#readShown(), { signal });
      this.#ticking = setInterval(() => this.#show(), REFRESH_TIMES_EVERY);
      this.#current = null;
      this.#show();
      this.#place();
      panel.focus({ preventScroll: true });
      this.#readShown();
    }

    close() {
      if (!this.isOpen) return;
      const { panel, bell } = this.#parts;
      const inside = panel.contains(this.shadowRoot.activeElement);
      this.#opened.abort();
      clearInterval(this.#ticking);
      this.#fresh.clear();
      panel.hidden = true;
      if (panel.matches(":popover-open")) panel.hidePopover();
      bell.setAttribute("aria-expanded", "false");
      if (inside && this.#attached) bell.focus({ preventScroll: true });
    }

    #pointed(event) {
      if (event.composedPath().includes(this)) return;
      // the click goes on to where it was meant for, and the focus with it
      this.shadowRoot.activeElement?.blur();
      this.close();
    }

    #left(event) {
      const to = event.relatedTarget;
      if (to !== null && !this.shadowRoot.contains(to)) this.close();
    }

    /** Put the list below the bell, or above where there is more room, and always inside the window. */
    #place() {
      const { panel, bell } = this.#parts;
      const gap = 8;
      const at = bell.getBoundingClientRect();
      const { innerHeight: height } = window;
      const width = document.documentElement.clientWidth;
      const below = height - at.bottom - 2 * gap;
      const above = at.top - 2 * gap;
      const upwards = below < 240 && above > below;
      const wanted = getComputedStyle(this).direction === "rtl" ? at.left : at.right - panel.offsetWidth;
      const left = Math.max(gap, Math.min(wanted, width - panel.offsetWidth - gap));
      const style = {
        left: `${left}px`,
        top: upwards ? "auto" : `${at.bottom + gap}px`,
        bottom: upwards ? `${height - at.top + gap}px` : "auto",
        "max-height": `min(var(--_height), ${Math.max(160, upwards ? above : below)}px)`,
      };
      for (const [name, value] of Object.entries(style)) panel.style.setProperty(name, value);
    }

    // -- keys

    #key(event) {
      const focused = this.shadowRoot.activeElement;
      const ids = [...this.#lines.keys()].sort((one, other) => other - one);
      const at = ids.findIndex((id) => this.#lines.get(id).firstChild === focused);
      const moves = { ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), Home: 0, End: ids.length - 1 };
      if (event.key === "Escape" && this.isOpen) {
        this.close();
      } else if (event.key === "ArrowDown" && focused === this.#parts.bell) {
        this.open();
        this.#focus(this.#inbox.list[0]?.id);
      } else if (this.isOpen && event.key in moves && focused !== this.#parts.bell) {
        this.#focus(ids[Math.min(moves[event.key], ids.length - 1)]);
      } else if (event.key === " " && at >= 0) {
        focused.click(); // a link does this for Enter alone
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    }

    #focus(id) {
      if (!this.#lines.has(id)) return;
      this.#current = id;
      this.#show();
      this.#lines.get(id).firstChild.focus();
    }

    // -- showing

    #build(shadow) {
      const click = (act) => ({ type: "button", onclick: act });
      const badge = element("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });
      badge.addEventListener("animationend", () => badge.classList.remove("grown"));
      const bell = element(
        "button",
        {
          ...click(() => (this.isOpen ? this.close() : this.open())),
          class: "bell",
          part: "button",
          "aria-haspopup": "dialog",
          "aria-expanded": "false",
          "aria-controls": "panel",
        },
        drawing(BELL),
        badge,
      );
      const heading = element("h2", { id: "heading", part: "heading" });
      const readAll = element("button", { ...click(() => this.#readAll()), class: "plain", part: "read-all" });
      const status = element("p", { class: "status", part: "status", role: "status", hidden: true });
      const list = element("ul", { part: "list", role: "list", "aria-labelledby": "heading" });
      const note = element("p", { class: "note", part: "note" });
      const again = element("button", { ...click(() => this.#start()), class: "plain", part: "again" });
      const more = element("button", { ...click(() => this.#more()), class: "more", part: "more" });
      const panel = element(
        "section",
        {
          id: "panel",
          class: "panel",
          part: "panel",
          role: "dialog",
          "aria-labelledby": "heading",
          tabindex: "-1",
          popover: "manual",
          hidden: true,
        },
        element("div", { class: "head", part: "head" }, heading, readAll),
        status,
        element("div", { class: "scroll" }, list, note, more),
      );
      const live = element("div", { class: "heard", role: "status", "aria-live": "polite" });
      this.#parts = { bell, badge, panel, heading, readAll, status, list, note, again, more, live };
      shadow.append(bell, panel, live);
      shadow.addEventListener("keydown", (event) => this.#key(event));
      shadow.addEventListener("focusout", (event) => this.#left(event));
    }

    #speak() {
      const wanted = this.closest("[lang]")?.getAttribute("lang") || navigator.language;
      this.#words = new Words(sane(wanted));
      const { heading, readAll, again, more } = this.#parts;
      heading.textContent = this.#words.say("bell");
      readAll.textContent = this.#words.say("readAll");
      again.textContent = this.#words.say("again");
      more.textContent = this.#words.say("more");
      this.#lines.clear();
      this.#parts.list.replaceChildren();
      this.#show();
    }

    #show() {
      if (this.#words === null) return;
      this.#showCount();
      if (!this.isOpen) return;
      const { readAll, status, more } = this.#parts;
      const { known, cursor, unread } = this.#inbox;
      readAll.hidden = unread === 0;
      status.hidden = !known || !["lost", "signedOut"].includes(this.#state);
      const said = status.hidden ? "" : this.#words.say(this.#state);
      if (status.textContent !== said) status.textContent = said;
      more.hidden = cursor === null;
      this.#showList();
      this.#showNote();
    }

    #showCount() {
      const { bell, badge } = this.#parts;
      const { unread } = this.#inbox;
      const count = unread > MOST_SHOWN ? `${MOST_SHOWN}+` : String(unread);
      if (unread > (this.#told.unread ?? unread)) badge.classList.add("grown");
      badge.hidden = unread === 0;
      badge.textContent = count;
      const words = unread === 0 ? this.#words.say("none") : this.#words.count("unread", unread);
      bell.setAttribute("aria-label", `${this.#words.say("bell")}, ${words}`);
    }

    /** Say why the list is empty. */
    #showNote() {
      const { note, again } = this.#parts;
      const state = this.#token || this.getAttribute("token") ? this.#state : "signedOut";
      const said = this.#inbox.known && state !== "signedOut" ? "empty" : state;
      note.hidden = this.#inbox.items.size > 0;
      note.replaceChildren(this.#words.say(said === "live" ? "loading" : said));
      if (said === "failed") note.append(element("br"), again);
    }

    /** Bring the lines up to the inbox; a line that has not changed stays the same element, and keeps the focus. */
    #showList() {
      const { list } = this.#parts;
      const items = this.#inbox.list;
      const ids = new Set(items.map(({ id }) => id));
      for (const [id, row] of this.#lines) {
        if (ids.has(id)) continue;
        row.remove();
        this.#lines.delete(id);
      }
      if (!ids.has(this.#current)) this.#current = items[0]?.id ?? null;
      items.forEach((item, index) => {
        const row = this.#showLine(item);
        if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
      });
    }

    #showLine(item) {
      const now = Date.now();
      const unread = !item.readAt || this.#fresh.has(item.id);
      const shape = JSON.stringify([item.title, item.body, item.link, item.createdAt, unread]);
      const row = this.#lines.get(item.id) ?? element("li", { part: "row" });
      this.#lines.set(item.id, row);
      if (row.shape !== shape) {
        const focused = row.firstChild !== null && row.firstChild === this.shadowRoot.activeElement;
        row.shape = shape;
        row.replaceChildren(line(item, { words: this.#words, unread, now }));
        if (focused) row.firstChild.focus();
        const choose = (event) => this.#choose(event, this.#inbox.items.get(item.id) ?? item);
        row.firstChild.addEventListener("click", choose);
        row.firstChild.addEventListener("auxclick", choose);
      }
      row.firstChild.tabIndex = item.id === this.#current ? 0 : -1;
      const time = row.querySelector("time");
      const ago = this.#words.ago(new Date(item.createdAt), now);
      if (time.textContent !== ago) time.textContent = ago;
      return row;
    }

    #announce(arrived) {
      const [newest] = arrived;
      const said =
        arrived.length === 1
          ? this.#words.say("arrivedOne").replace("{title}", () => newest.title)
          : this.#words.count("arrived", arrived.length);
      // a new node is read out also where its words are those of the last one
      this.#parts.live.replaceChildren(element("span", {}, said));
    }
  }

  /** Give whom a token is for, as far as can be seen; the API alone checks it. */
  function subjectOf(token) {
    try {
      const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      const bytes = Uint8Array.from(atob(claims), (letter) => letter.codePointAt(0));
      return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
    } catch {
      return null;
    }
  }

  if (!customElements.get("vestnik-bell")) customElements.define("vestnik-bell", VestnikBell);
}
