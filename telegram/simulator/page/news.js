// The page's way of being up to date: it asks for what is newer than it knows, and again, for as long as it is seen.

import { byId } from "/page/element.js";

const AWAY_PAUSE_MS = 1000;

/** Asks for news and hands each answer to `apply`. */
export class News {
  /** `shown` tells which conversation and calls are on the page. */
  constructor(shown, apply) {
    this.shown = shown;
    this.apply = apply;
    this.epoch = "";
    this.revision = 0;
    this.wake = () => {};
    document.addEventListener("visibilitychange", () => this.wake());
  }

  /** Ask now: something was done on the page. */
  soon() {
    this.hurry = true;
    this.wake();
  }

  /** Ask for ever. */
  async follow() {
    for (;;) {
      await this.pause(await this.ask());
    }
  }

  /** Ask once; give the milliseconds until the next time. */
  async ask() {
    this.hurry = false;
    try {
      const answer = await fetch(`/page/news?${this.question()}`);
      if (!answer.ok) throw new Error(`news: ${answer.status}`);
      const news = await answer.json();
      this.apply(news);
      this.epoch = news.epoch;
      this.revision = news.revision;
      byId("away").hidden = true;
      return news.pause_seconds * 1000;
    } catch (error) {
      // The simulator was stopped, or is starting again: that is a developer's everyday.
      console.warn(String(error));
      byId("away").hidden = false;
      return AWAY_PAUSE_MS;
    }
  }

  question() {
    return new URLSearchParams({ epoch: this.epoch, revision: this.revision, ...this.shown() });
  }

  pause(milliseconds) {
    if (this.hurry) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = resolve;
      // A page in the background asks nothing until it is looked at.
      if (!document.hidden) setTimeout(resolve, milliseconds);
    });
  }
}
