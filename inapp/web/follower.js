// The follower, which keeps an inbox up: when to connect, to ask instead, to wait and to come back.

import { LARGEST_PAGE, PAGE } from "./api.js";
import { NoStream, Stream } from "./stream.js";

/** Coming back to a tab, a connection that has been silent for longer than one span is not trusted. */
const DOUBTED_AFTER = 20_000;
const POLL_EVERY = 15_000;
/** Browsers give one origin six connections under HTTP/1.1, so tabs that nobody sees let go of theirs. */
const HIDDEN_FOR = 60_000;
const POLL_HIDDEN_EVERY = 60_000;
const STREAM_AGAIN_AFTER = 120_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** Why a stream is broken that shall begin anew at once. */
const RENEW = new Error("begin anew");

/** Keeps an inbox up with the API: by the stream, or by asking now and then where no stream comes through. */
export class Follower {
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
