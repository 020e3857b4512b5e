// The inbox as far as it is known here, by version: its list page by page, and its counter.

/**
 * One inbox as far as it is known here. Answers and events overtake each other, so nothing is believed by the order
 * in which it comes: the counter moves by version alone, and each notification remembers as of when it is known.
 */
export class Inbox {
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
