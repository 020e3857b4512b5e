// <vestnik-bell src="https://api.example" token="…">: a bell that counts unread notifications and lists them.
// The entry, a module: the element with its attributes, properties and events. It is put together here from the
// modules beside it, by relative paths: no build step, no dependency. docs/bell.md describes it.

import { Button } from "./button.js";
import { Connection, isSamePerson } from "./connection.js";
import { Inbox } from "./inbox.js";
import { pageOf } from "./item.js";
import { List } from "./list.js";
import { News } from "./news.js";
import { Panel } from "./panel.js";
import { STYLE } from "./style.js";
import { TEXTS, Words } from "./texts.js";

const REFRESH_TIMES_EVERY = 30_000;
/** The button that opens a link in a new tab. */
const MIDDLE = 1;

class VestnikBell extends HTMLElement {
  static observedAttributes = ["src", "token", "lang", "read-on"];

  /** The texts by language: an application adds its own as `customElements.get("vestnik-bell").texts.de = {…}`. */
  static texts = TEXTS;

  #token = null;
  /** In the document; while it is upgraded, its attributes are told one by one before that. */
  #attached = false;
  #words = null;
  /** The count that the page was told last. */
  #told = null;
  #opened = null;
  #ticking = null;
  #reading = false;

  #inbox = new Inbox();
  #connection = new Connection(this.#inbox, {
    changed: () => this.#changed(),
    become: () => this.#show(),
    refused: (code) => this.#refused(code),
  });
  #button = new Button(() => (this.isOpen ? this.close() : this.open()));
  #list = new List((event, item) => this.#choose(event, this.#inbox.items.get(item.id) ?? item));
  #panel = new Panel(this.#list, {
    readAll: () => this.#connection.readAll(),
    again: () => this.#start(),
    more: () => this.#more(),
  });
  #news = new News();

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [STYLE];
    shadow.append(this.#button.element, this.#panel.element, this.#news.element);
    shadow.addEventListener("keydown", (event) => this.#key(event));
    shadow.addEventListener("focusout", (event) => this.#left(event));
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
    if (this.token !== before || this.#connection.state === "signedOut") this.#exchanged(before);
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
    this.#connection.stop();
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
    if (!isSamePerson(before, this.token)) this.#forget();
    if (this.#attached) this.#start();
  }

  #forget() {
    this.#connection.forget();
    this.#told = null;
    this.#news.forget();
    this.#list.fresh.clear();
    this.#show();
  }

  #start() {
    this.#connection.start(this.src, this.token);
  }

  #changed() {
    const { unread } = this.#inbox;
    this.#news.tell(this.#inbox, this.#words);
    this.#show();
    if (unread !== this.#told) {
      this.#told = unread;
      this.#dispatch("vestnik-unread", { unread });
    }
    this.#readShown();
  }

  #refused(code) {
    this.#connection.stop();
    // a person who was forgotten begins anew, and so do the versions of their inbox
    if (code === "STALE_SESSION") this.#forget();
    this.#connection.become("signedOut");
    this.#dispatch("vestnik-unauthorized", { code });
  }

  #dispatch(name, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  }

  // -- reading

  /** With `read-on="open"`, what is seen is read. */
  async #readShown() {
    const unread = this.#inbox.list.filter((item) => !item.readAt);
    const seen = this.isOpen && !document.hidden && this.getAttribute("read-on") === "open";
    if (!seen || !unread.length || this.#reading || !this.#connection.runs) return;
    for (const item of unread) this.#list.fresh.add(item.id);
    this.#reading = true;
    const done = await this.#connection.readAll();
    this.#reading = false;
    // what has come meanwhile; where it failed, the next change asks again
    if (done) this.#readShown();
  }

  #choose(event, item) {
    if (event.type === "auxclick" && event.button !== MIDDLE) return;
    const { id, type, category, link } = item;
    const plain = event.type === "click" && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!item.readAt && this.#connection.runs) this.#connection.readOne(id);
    if (plain && !this.#dispatch("vestnik-open", { id, type, category, link }, true)) event.preventDefault();
    if (plain && pageOf(link) !== null) this.close();
  }

  async #more() {
    const known = new Set(this.#inbox.items.keys());
    if (this.#inbox.cursor === null || !this.#connection.runs) return;
    this.#panel.waitForMore(true);
    try {
      await this.#connection.more();
      this.#panel.offerMore("more", this.#words);
      this.#changed();
      this.#list.focus(this.#inbox.list.find(({ id }) => !known.has(id) && id < Math.min(...known))?.id);
    } catch (fault) {
      this.#panel.offerMore("again", this.#words);
      if (fault.status === 401) this.#refused(fault.code);
    } finally {
      this.#panel.waitForMore(false);
    }
  }

  // -- opening and closing

  get isOpen() {
    return this.#panel.isOpen;
  }

  open() {
    if (this.isOpen) return;
    this.#panel.open();
    this.#button.expand(true);
    this.#opened = new AbortController();
    const { signal } = this.#opened;
    const hang = () => this.#panel.hang(this.#button.element);
    addEventListener("resize", hang, { signal });
    addEventListener("scroll", hang, { signal, capture: true, passive: true });
    document.addEventListener("pointerdown", (event) => this.#pointed(event), { signal, capture: true });
    document.addEventListener("visibilitychange", () => this.#readShown(), { signal });
    this.#ticking = setInterval(() => this.#show(), REFRESH_TIMES_EVERY);
    this.#show();
    hang();
    this.#panel.element.focus({ preventScroll: true });
    this.#readShown();
  }

  close() {
    if (!this.isOpen) return;
    const inside = this.#panel.element.contains(this.shadowRoot.activeElement);
    this.#opened.abort();
    clearInterval(this.#ticking);
    this.#panel.close();
    this.#button.expand(false);
    if (inside && this.#attached) this.#button.element.focus({ preventScroll: true });
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

  #key(event) {
    const focused = this.shadowRoot.activeElement;
    const onBell = focused === this.#button.element;
    if (event.key === "Escape" && this.isOpen) {
      this.close();
    } else if (event.key === "ArrowDown" && onBell) {
      this.open();
      this.#list.focus(this.#inbox.list[0]?.id);
    } else if (onBell || !this.isOpen || !this.#list.press(event.key, focused)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // -- showing

  #speak() {
    this.#words = new Words(this.closest("[lang]")?.getAttribute("lang") || navigator.language);
    this.#panel.speak(this.#words);
    this.#show();
  }

  #show() {
    if (this.#words === null) return;
    const { unread } = this.#inbox;
    this.#button.show(unread, this.#told ?? unread, this.#words);
    if (!this.isOpen) return;
    const { state } = this.#connection;
    this.#panel.show(this.#inbox, { state, signedIn: Boolean(this.token), words: this.#words });
  }
}

if (!customElements.get("vestnik-bell")) customElements.define("vestnik-bell", VestnikBell);
