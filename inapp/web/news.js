// The news: what has come since it was told last, for those who listen to the page instead of seeing it.

import { element } from "./element.js";

export class News {
  element = element("div", { class: "heard", role: "status", "aria-live": "polite" });

  /** The newest notification that is no news; what is there at the beginning never is. */
  #top = null;

  forget() {
    this.#top = null;
  }

  /** Announce what has come and is unread. */
  tell({ list, top }, words) {
    const arrived = list.filter((item) => this.#top !== null && item.id > this.#top && !item.readAt);
    this.#top = Math.max(this.#top ?? 0, top);
    if (arrived.length) this.#announce(arrived, words);
  }

  #announce(arrived, words) {
    const [newest] = arrived;
    const said =
      arrived.length === 1
        ? words.say("arrivedOne").replace("{title}", () => newest.title)
        : words.count("arrived", arrived.length);
    // a new node is read out also where its words are those of the last one
    this.element.replaceChildren(element("span", {}, said));
  }
}
