// A new person.

import { change } from "/page/control.js";
import { byId, element } from "/page/element.js";
import { field, form, select } from "/page/form.js";

const FIRST_ID = 1001n;
const NAMES = ["Anna", "Boris", "Clara", "Dmitri", "Emma", "Fatima", "Georg", "Hana", "Ivan", "Julia", "Kirill", "Leila"];
export const LANGUAGES = [["en", "English"], ["ru", "Русский"], ["de", "Deutsch"], ["ar", "العربية"], ["he", "עברית"]];

/** Let the button of the list make people; `chats()` gives those that are there. */
export function newPerson(chats, onMade) {
  byId("new-person").addEventListener("click", () => {
    const id = freeId(chats());
    const fields = [
      field("Name", element("input", { name: "name", value: freeName(id), required: true, autocomplete: "off" })),
      field("Chat id", element("input", { name: "id", value: String(id), pattern: "[0-9]+", required: true, inputmode: "numeric" })),
      field("Language", select("language", LANGUAGES)),
    ];
    form("New person", "Make", fields, async (given) => {
      if (chats().has(given.id)) throw new Error(`chat ${given.id} is there already`);
      await made(given.id, given.name, given.language);
      onMade(given.id);
    });
  });
}

/** Make a person who has never started the bot. */
export const made = (id, name, language) => change(id, { state: "none", type: "private", name, language_code: language });

/** Give the lowest id that nobody has. */
export function freeId(chats) {
  let id = FIRST_ID;
  while (chats.has(String(id))) id += 1n;
  return id;
}

/** Suggest a name. */
export const freeName = (id) => NAMES[Number((id - FIRST_ID) % BigInt(NAMES.length))];
