import init, { begin, read } from "./app.js";

// Words come when they are wanted: one language for the first view, the rest behind it.
const files = {
  "text/en.json": new URL("text/en.json", import.meta.url),
  "text/zh.json": new URL("text/zh.json", import.meta.url),
  "text/fields.en.json": new URL("text/fields.en.json", import.meta.url),
  "text/fields.zh.json": new URL("text/fields.zh.json", import.meta.url),
};
const fetched = {};

const get = name =>
  fetched[name] ??= fetch(files[name]).then(answer => answer.ok ? answer.text() : Promise.reject(answer.status));

function want(name) {
  get(name).then(text => read(name, text), () => {
    delete fetched[name];
    setTimeout(want, 2000, name);
  });
}

// Most likely it is this one: it comes beside the program, not after it.
get(navigator.language.startsWith("zh") ? "text/zh.json" : "text/en.json").catch(() => {});
await init();
begin(want);
