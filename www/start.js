import init, * as first from "./first.js";

// Words come when they are wanted: one language for the first view, the rest behind it.
const files = {
  "text/en.json": new URL("text/en.json", import.meta.url),
  "text/zh.json": new URL("text/zh.json", import.meta.url),
  "text/fields.en.json": new URL("text/fields.en.json", import.meta.url),
  "text/fields.zh.json": new URL("text/fields.zh.json", import.meta.url),
  "text/lines.en.json": new URL("text/lines.en.json", import.meta.url),
  "text/lines.zh.json": new URL("text/lines.zh.json", import.meta.url),
  "programs/UDPClient.py": new URL("programs/UDPClient.py", import.meta.url),
  "programs/UDPServer.py": new URL("programs/UDPServer.py", import.meta.url),
  "programs/TCPClient.py": new URL("programs/TCPClient.py", import.meta.url),
  "programs/TCPServer.py": new URL("programs/TCPServer.py", import.meta.url),
  "deck.json": new URL("deck.json", import.meta.url), // made of the files in cards/
};
const fetched = {};
let page = first;

const get = name =>
  fetched[name] ??= fetch(files[name]).then(answer => answer.ok ? answer.text() : Promise.reject(answer.status));

function want(name) {
  const come = name === "app.js" ? wholePage() : get(name).then(text => page.read(name, text));
  come.catch(() => {
    delete fetched[name];
    setTimeout(want, 2000, name);
  });
}

// What is pressed before there is anybody to hear it is pressed again when there is.
const pressed = [];
function early(event) {
  const button = event.target.closest("button:not([popovertarget])");
  if (button && !page.hears(button.id)) pressed.push(button);
}

async function wholePage() {
  const whole = await import("./app.js");
  await whole.default();
  const past = page.hand_over();
  page = whole;
  whole.go_on(want, past);
  removeEventListener("click", early, true);
  pressed.forEach(button => button.click());
}

// Most likely it is this one: it comes beside the program, not after it.
get(navigator.language.startsWith("zh") ? "text/zh.json" : "text/en.json").catch(() => {});
await init();
addEventListener("click", early, true);
page.begin(want);
