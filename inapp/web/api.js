// The API's calls: each with the token, and with its answer taken out of the envelope.

export const PAGE = 20;
export const LARGEST_PAGE = 100;
const ANSWER_WITHIN = 20_000;

/** A request that came to nothing. */
export class Problem extends Error {
  constructor(message, { status = 0, code = "", retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Calls one API in the name of whom the token is for. */
export class Api {
  /** Begin with the element's `src`: an address, a path, or nothing for the page's own origin. */
  constructor(src, token) {
    this.base = new URL(src || "/", document.baseURI).href.replace(/\/+$/, "");
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

/** Tell what an answer that is none means. */
export function problem(answer, envelope) {
  const code = envelope?.error?.code ?? "";
  const seconds = Number(answer.headers.get("Retry-After"));
  const retryAfter = Number.isFinite(seconds) ? seconds * 1000 : 0;
  return new Problem(`the API answered ${answer.status}`, { status: answer.status, code, retryAfter });
}
