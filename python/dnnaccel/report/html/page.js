// Sorting, searching, tooltips and the choice of light or dark. Nothing here loads or stores anything.
"use strict";

const root = document.querySelector(".dnnaccel");

// Tables: a header sorts up, then down, then puts the rows back; rows without a value stay last.
function keyOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.v ?? cell.textContent.trim();
  if (text === "" || text === "-" || text === "n/a") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function compareKeys(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, header) {
  const column = header.cellIndex;
  const before = header.getAttribute("aria-sort");
  const next = before === null ? "ascending" : before === "ascending" ? "descending" : null;
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  if (next !== null) header.setAttribute("aria-sort", next);
  const sign = next === "descending" ? -1 : 1;
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => {
    row.dataset.place ??= row.sectionRowIndex;
    return { row, place: Number(row.dataset.place), key: next === null ? null : keyOf(row, column) };
  });
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
    return sign * compareKeys(a.key, b.key) || a.place - b.place;
  });
  body.append(...keyed.map((one) => one.row));
}

for (const table of root.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (header !== null && header.querySelector("button") !== null) sortBy(table, header);
  });
}

// A search keeps the rows that have every word of it.
for (const box of root.querySelectorAll(".search input")) {
  const part = box.closest(".table");
  const found = part.querySelector(".found");
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...part.querySelector("table").tBodies[0].rows];
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    found.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}

// Charts: what a mark's <title> says shows at once, by mouse, touch or keyboard; arrow keys go from mark to mark.
const tip = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "tooltip");
tip.hidden = true;
root.append(tip);

function show(mark, x, y) {
  const title = mark.querySelector(":scope > title");
  if (title !== null) {
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  tip.textContent = mark.getAttribute("aria-label");
  tip.hidden = false;
  const left = x + 14 + tip.offsetWidth < window.innerWidth ? x + 14 : x - 14 - tip.offsetWidth;
  const top = y + 16 + tip.offsetHeight < window.innerHeight ? y + 16 : y - 12 - tip.offsetHeight;
  tip.style.left = `${Math.max(6, Math.min(left, window.innerWidth - tip.offsetWidth - 6))}px`;
  tip.style.top = `${Math.max(6, top)}px`;
}

const markAt = (event) => event.target.closest?.(".mark") ?? null;

root.addEventListener("pointermove", (event) => {
  const mark = markAt(event);
  if (mark === null) tip.hidden = true;
  else show(mark, event.clientX, event.clientY);
});
root.addEventListener("pointerleave", () => {
  tip.hidden = true;
});
root.addEventListener("focusin", (event) => {
  const mark = markAt(event);
  if (mark === null) return;
  const box = mark.getBoundingClientRect();
  show(mark, box.left + box.width / 2, box.top + box.height / 2);
});
root.addEventListener("focusout", () => {
  tip.hidden = true;
});
document.addEventListener("scroll", () => {
  tip.hidden = true;
}, { capture: true, passive: true });

const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
for (const chart of root.querySelectorAll(".chart")) {
  const marks = [...chart.querySelectorAll(".mark")];
  marks.forEach((mark, index) => {
    mark.setAttribute("tabindex", index === 0 ? "0" : "-1");
    mark.setAttribute("role", "img");
  });
}
root.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tip.hidden = true;
  const mark = markAt(event);
  if (mark === null || !(event.key in steps)) return;
  const marks = [...mark.closest(".chart").querySelectorAll(".mark")];
  const next = marks[marks.indexOf(mark) + steps[event.key]];
  if (next !== undefined) {
    mark.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }
  event.preventDefault();
});

// A link to something inside closed <details> opens them, also when it is followed twice.
function reveal(link) {
  let name = link.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    // A percent sign that stands for itself.
  }
  const target = document.getElementById(name);
  if (target === null) return;
  for (let part = target; part !== null; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  target.scrollIntoView();
}
root.addEventListener("click", (event) => {
  const link = event.target.closest("a")?.getAttribute("href") ?? "";
  if (link.startsWith("#")) reveal(link);
});
window.addEventListener("hashchange", () => reveal(location.hash));
if (location.hash) reveal(location.hash);

// Light or dark: as the system says, until the button says otherwise.
const button = root.querySelector(".theme");
const system = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
function label() {
  button.textContent = isDark() ? "Light" : "Dark";
  button.setAttribute("aria-label", `Show this page ${isDark() ? "light" : "dark"}`);
}
button.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  label();
});
system.addEventListener("change", label);
button.hidden = false;
label();
