// The page around the bell: it signs the person in, lets events happen, and changes how the bell looks.

const bell = document.querySelector("vestnik-bell");
const state = document.querySelector("#state");
/** A token that is refused right after it was given is not asked for again and again. */
const AGAIN_AFTER = 10_000;

/** What a Mini App was opened with: Telegram puts it into the address. It opens the inbox, so it does not stay there. */
const initData = new URLSearchParams(location.hash.slice(1)).get("tgWebAppData");
if (initData !== null) history.replaceState(null, "", location.pathname);

let signedInAt = -Infinity;

/** Sign in: as the user of Telegram, or else as the one person of this application. */
async function signIn() {
  signedInAt = performance.now();
  const options = { method: "POST", headers: { "Content-Type": "application/json" } };
  const answer =
    initData === null
      ? await fetch("/bell/session", options)
      : await fetch(`${bell.src}/api/telegram/session`, { ...options, body: JSON.stringify({ initData }) });
  const envelope = await answer.json();
  if (!envelope.ok) {
    state.textContent = `Not signed in: ${envelope.error.message}.`;
    return;
  }
  bell.token = envelope.data.token;
  state.textContent = initData === null ? "You are signed in." : "You are signed in with Telegram.";
}

function trySignIn() {
  signIn().catch(() => {
    state.textContent = "Not signed in: the server does not answer. Load the page again.";
  });
}

bell.addEventListener("vestnik-unauthorized", () => {
  if (performance.now() - signedInAt > AGAIN_AFTER) trySignIn();
  else state.textContent = "Not signed in: the session was refused. Load the page again.";
});
bell.addEventListener("vestnik-unread", (event) => {
  document.title = `${event.detail.unread ? `(${event.detail.unread}) ` : ""}Vestnik demo: the bell`;
});

document.querySelector("#emit").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch(`/bell/emit?${new URLSearchParams(new FormData(event.target))}`, { method: "POST" });
  state.textContent = answer.ok ? "Written." : "The event was refused.";
});

for (const select of document.querySelectorAll("[data-attribute]")) {
  select.addEventListener("change", () => {
    if (select.value) bell.setAttribute(select.dataset.attribute, select.value);
    else bell.removeAttribute(select.dataset.attribute);
  });
}

trySignIn();
