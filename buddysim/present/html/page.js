"use strict";

const TYPES = ["unmovable", "movable", "reclaimable", "highatomic", "cma", "isolate"];
const FULL = 35;

function setUpTheme() {
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  });
}

function sortBy(table, column, header) {
  const ascending = header.getAttribute("aria-sort") === "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = header.classList.contains("number")
    ? (a, b) => Number(key(a)) - Number(key(b))
    : (a, b) => key(a).localeCompare(key(b));
  const rows = [...table.tBodies[0].rows].sort(compare);
  table.tBodies[0].append(...(ascending ? rows : rows.reverse()));
}

function setUpTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.replaceChildren(button);
      button.addEventListener("click", () => sortBy(table, column, header));
    });
  }
}

function drawFrame(frames, at) {
  const frame = frames[at];
  const cells = document.getElementById("map-cells").children;
  for (let i = 0; i < cells.length; i++) {
    const type = TYPES[Number(frame.types[i])];
    const used = parseInt(frame.used[i], 36);
    cells[i].style.setProperty("--type", `var(--${type})`);
    cells[i].style.setProperty("--used", `${Math.round((100 * used) / FULL)}%`);
    cells[i].title = `${i}: ${type}, ${Math.round((100 * used) / FULL)} % used`;
  }
  document.getElementById("map-when").textContent = frame.label;
  document.getElementById("map-slider").setAttribute("aria-valuetext", frame.label);
}

function setUpMap() {
  const data = document.getElementById("map-data");
  if (!data) return;
  const frames = JSON.parse(data.textContent);
  const slider = document.getElementById("map-slider");
  slider.addEventListener("input", () => drawFrame(frames, Number(slider.value)));
  drawFrame(frames, Number(slider.value));
}

setUpTheme();
setUpTables();
setUpMap();
