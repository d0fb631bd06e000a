import init, * as first from "./first.js";

// Each file is named as seen from this script's own folder.
const fetched = {};
let page = first;

const get = name =>
  fetched[name] ??= fetch(new URL(name, import.meta.url)).then(answer => answer.ok ? answer.text() : Promise.reject(answer.status));

function want(name) {
  const done = name === "app.js" ? wholePage() : get(name).then(text => page.add_text(name, text));
  done.catch(() => {
    delete fetched[name];
    setTimeout(want, 2000, name);
  });
}

// Buttons that only the whole page answers: pressed before it is there, they are pressed again once it is.
const pressed = [];
function early(event) {
  const button = event.target.closest("button:not([popovertarget])");
  if (button && !page.handles_button(button.id)) pressed.push(button);
}

async function wholePage() {
  const whole = await import("./app.js");
  await whole.default();
  const state = page.suspend();
  page = whole;
  whole.resume(want, state);
  removeEventListener("click", early, true);
  pressed.forEach(button => button.click());
}

// The first view most likely needs this file: it loads beside the program, not after it.
get(navigator.language.startsWith("zh") ? "text/zh.json" : "text/en.json").catch(() => {});
await init();
addEventListener("click", early, true);
page.start(want);
