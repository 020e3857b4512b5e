// The connection of a bell to one person's inbox: it begins and ends with a token, and knows how it stands.

import { Api } from "./api.js";
import { Follower } from "./follower.js";

const TELL_LOST_AFTER = 3_000;

export class Connection {
  /** How it stands: "loading", "live", "lost", "failed" or "signedOut". */
  state = "loading";

  #inbox;
  #told;
  #api = null;
  #running = null;
  #losing = null;

  /** Begin unconnected; `told` has a function for each thing that happens: `changed`, `become`, `refused`. */
  constructor(inbox, told) {
    this.#inbox = inbox;
    this.#told = told;
  }

  get runs() {
    return this.#running !== null;
  }

  start(src, token) {
    this.stop();
    if (!token) return;
    this.#running = new AbortController();
    this.state = this.#inbox.known ? "live" : "loading";
    this.#api = new Api(src, token);
    const told = {
      changed: () => this.#told.changed(),
      found: () => this.#found(),
      lost: () => this.#lost(),
      refused: (code) => this.#told.refused(code),
    };
    new Follower(this.#api, this.#inbox, told).run(this.#running.signal);
    this.#told.become();
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    clearTimeout(this.#losing);
    this.#losing = null;
  }

  /** Another person's notifications must not be seen, not even for a moment. */
  forget() {
    this.#inbox.reset();
    this.state = "loading";
  }

  become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#told.become();
  }

  #found() {
    clearTimeout(this.#losing);
    this.#losing = null;
    this.become("live");
  }

  #lost() {
    if (!this.#inbox.known) this.become("failed");
    else this.#losing ??= setTimeout(() => this.become("lost"), TELL_LOST_AFTER);
  }

  /** Read one; what cannot be read stays unread. */
  readOne(id) {
    return this.#read(this.#api.readOne(id), (item) => item.id === id);
  }

  /** Read all that is known here, and tell whether that was done. */
  readAll() {
    const upTo = this.#inbox.top;
    return this.#read(this.#api.readAll(upTo), (item) => item.id <= upTo);
  }

  #read(asked, isMeant) {
    return asked.then(
      (answer) => {
        this.#inbox.read(answer, isMeant);
        this.#told.changed();
        return true;
      },
      (fault) => {
        // anything else is found out by whoever keeps up
        if (fault.status === 401 && this.runs) this.#told.refused(fault.code);
        return false;
      },
    );
  }

  /** Fetch the page below what is known. */
  async more() {
    const { cursor } = this.#inbox;
    this.#inbox.extend(await this.#api.page({ cursor, signal: this.#running.signal }), cursor);
  }
}

/** Tell whether two tokens are surely for one person, as far as can be seen; the API alone checks them. */
export function isSamePerson(one, other) {
  const subject = subjectOf(one);
  return subject !== null && subject === subjectOf(other);
}

function subjectOf(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(claims), (letter) => letter.codePointAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
  } catch {
    return null;
  }
}
