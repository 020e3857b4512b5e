// Elements of the page. Every text becomes a text node: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; `on…` takes a listener, strings among the children become text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Draw one of the page's symbols; without a label it is an ornament. */
export function icon(symbol, label = null) {
  const drawing = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${symbol}`);
  drawing.setAttribute("class", `icon ${symbol}`);
  if (label === null) {
    drawing.setAttribute("aria-hidden", "true");
  } else {
    const title = document.createElementNS(SVG, "title");
    title.textContent = label;
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
    drawing.append(title);
  }
  drawing.append(use);
  return drawing;
}

/** Find an element of page.html. */
export const byId = (id) => document.getElementById(id);
