// The style sheet that all bells share; a constructable one needs no `style-src` in a page's policy.

export const STYLE = new CSSStyleSheet();
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
  .item { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: baseline; gap: 2px 10px;
    inline-size: 100%; padding: 10px 16px; color: inherit; text-align: start; text-decoration: none; }
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
