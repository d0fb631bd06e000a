// What cannot be read under `root`: texts and controls that lie over each other, and texts that are cut where nothing
// scrolls. Takes the root's selector and a selector of further boxes that no text may lie over; gives one sentence for
// each finding. Boxes are those a person sees: cut by whatever scrolls around them.
const [selector, more] = arguments;
const CONTROLS = "button, input, select, textarea, summary";
const CUT_PX = 2; // fonts reach out of their boxes by so much
const LINE_PX = 16; // what scrolls shows a line at least
const findings = [];
const items = [];

const name = item => `“${item.text}” in ${path(item.element)}`;
const path = element => element.id ? `#${element.id}`
  : `${element.parentElement ? path(element.parentElement) + " " : ""}${element.localName}.${element.getAttribute("class") ?? ""}`;
const add = (element, text, rect) => {
  const box = seen(element, text, rect);
  if (box && box.right - box.left > 1 && box.bottom - box.top > 1) items.push({ element, text, box });
};

function isThere(element) {
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })) return false;
  for (let around = element; around; around = around.parentElement) {
    if (getComputedStyle(around).clipPath !== "none") return false; // for screen readers only
  }
  return true;
}

// The part of a box that is seen, or nothing where it is scrolled out of sight.
function seen(element, text, rect) {
  let box = { left: rect.left, top: rect.top, right: rect.right, bottom: rect.bottom };
  let position = getComputedStyle(element).position;
  let around = element.matches(CONTROLS) ? element.parentElement : element;
  for (; around && around !== document.body; around = around.parentElement) {
    const style = getComputedStyle(around);
    // An absolute element is cut only by what it is placed in.
    const holds = position !== "absolute" || style.position !== "static" || around === element;
    if (holds && (style.overflowX !== "visible" || style.overflowY !== "visible") && style.display !== "inline") {
      box = cut(box, around, style, text);
      if (!box) return null;
    }
    if (style.position === "fixed" || around.matches(":popover-open, dialog[open]")) return box;
    if (holds || style.position !== "static") position = style.position;
  }
  const page = document.scrollingElement;
  const isOut = box.left + scrollX < -CUT_PX || box.top + scrollY < -CUT_PX
    || box.right + scrollX > page.scrollWidth + CUT_PX || box.bottom + scrollY > page.scrollHeight + CUT_PX;
  if (isOut) findings.push(`${name({ element, text })} lies outside of the page`);
  return box;
}

function cut(box, by, style, text) {
  const outer = by.getBoundingClientRect();
  const left = outer.left + by.clientLeft, top = outer.top + by.clientTop;
  const inner = { left, top, right: left + by.clientWidth, bottom: top + by.clientHeight };
  const scrolls = overflow => overflow === "auto" || overflow === "scroll";
  const isCut = (overflow, start, end) =>
    overflow !== "visible" && !scrolls(overflow) && (box[start] < inner[start] - CUT_PX || box[end] > inner[end] + CUT_PX);
  if (isCut(style.overflowY, "top", "bottom") || isCut(style.overflowX, "left", "right") && style.textOverflow !== "ellipsis") {
    findings.push(`“${text}” is cut by ${path(by)}`);
  }
  const hides = scrolls(style.overflowY) && by.scrollHeight > by.clientHeight + 1;
  if (hides && by.clientHeight < LINE_PX) findings.push(`${path(by)} scrolls, and is ${by.clientHeight} px high`);
  const margin = style.overflowX === "visible" ? Infinity : 0, over = style.overflowY === "visible" ? Infinity : 0;
  const part = {
    left: Math.max(box.left, inner.left - margin), right: Math.min(box.right, inner.right + margin),
    top: Math.max(box.top, inner.top - over), bottom: Math.min(box.bottom, inner.bottom + over),
  };
  return part.right > part.left && part.bottom > part.top ? part : null;
}

const root = document.querySelector(selector);
const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, element = node.parentElement, text = node.data.trim();
  if (!text || !isThere(element) || / 0\)$/.test(getComputedStyle(element).color)) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const rect of range.getClientRects()) add(element, text.slice(0, 40), rect);
}
for (const element of root.querySelectorAll(more ? `${CONTROLS}, ${more}` : CONTROLS)) {
  if (isThere(element)) add(element, element.id || element.localName, element.getBoundingClientRect());
}

// Whether a box is painted over another one's place, on a ground of its own: what lies there is covered, as by a panel.
function covers(one, other) {
  for (let around = one.element; around && !around.contains(other.element); around = around.parentElement) {
    const { position, backgroundColor } = getComputedStyle(around);
    const isOpaque = !/, 0\)$|\/ |, 0\.\d+\)$/.test(backgroundColor);
    if (position !== "static" && position !== "relative" && isOpaque) return true;
  }
  return false;
}

items.forEach((one, at) => {
  for (const other of items.slice(at + 1)) {
    if (one.element === other.element || one.element.contains(other.element) || other.element.contains(one.element)) continue;
    const left = Math.max(one.box.left, other.box.left), right = Math.min(one.box.right, other.box.right);
    const top = Math.max(one.box.top, other.box.top), bottom = Math.min(one.box.bottom, other.box.bottom);
    const least = Math.min(one.box.bottom - one.box.top, other.box.bottom - other.box.top);
    if (right - left <= 2 || bottom - top <= least / 3) continue;
    if (!covers(one, other) && !covers(other, one)) findings.push(`${name(one)} lies over ${name(other)}`);
  }
});
return [...new Set(findings)];
