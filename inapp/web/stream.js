// The stream: one connection to it by `fetch`, and what takes its server-sent events apart.

import { Problem, problem } from "./api.js";

/** A stream that says nothing for so long at its beginning is held back by something in between. */
const BEGIN_WITHIN = 10_000;
/** The API says something every 15 s: after two and a half such spans of silence the connection is dead. */
const SILENT_FOR = 40_000;
/** A stream that has lived for so long was a good one: what ends it then is no reason to back off. */
const GOOD_AFTER = 10_000;
/** Statuses that say: there is no stream here, and trying again soon changes nothing. */
const NO_STREAM = new Set([404, 405, 406, 410, 501]);

/** Something between here and the API lets no stream through. */
export class NoStream extends Error {}

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
export class Stream {
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
