"use strict";
// The map: pictures as dots, a lasso selects, a label goes to all that is selected.
const chart = { rows: [], labels: [], points: [], proposed: [], chosen: [], line: [], name: "", x: 0, y: 1, asked: 0 };
const HUES = ["#1f5f8b", "#c8702a", "#2e8b57", "#a3352a", "#7a5195", "#8c6d46", "#c05a9b", "#6b7280", "#9a9a1f", "#2596a6"];

const NO_HUE = "#8a949e";

const isLabelled = (row) => Boolean(review.state.decided[row]);
const isDropped = (row) => isLabelled(row) && review.state.decided[row].decision === "drop";
const shown = () => chart.rows.map((_, place) => place).filter((place) =>
  !isDropped(chart.rows[place]) && !($("hide").checked && isLabelled(chart.rows[place])));

// A colour stands for the one label of a picture; pictures with several, a number or points have none.
function labelOf(place) {
  const decided = review.state.decided[chart.rows[place]];
  return decided ? decided.label || chart.labels[place] : chart.proposed[place] || chart.labels[place];
}

function hueOf(label) {
  const at = review.state.can_relabel ? review.state.labels.indexOf(label) : -1;
  return at < 0 ? NO_HUE : HUES[at % HUES.length];
}

function screen(place) {
  const canvas = $("plane"), [x, y] = chart.points[place], edge = 18;
  return [edge + (x + 1) / 2 * (canvas.clientWidth - 2 * edge), edge + (1 - y) / 2 * (canvas.clientHeight - 2 * edge)];
}

function drawMap() {
  const canvas = $("plane"), ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const chosen = new Set(chart.chosen), size = chart.rows.length > 5000 ? 2 : 4;
  for (const place of shown()) {
    const [x, y] = screen(place);
    pen.globalAlpha = chosen.size && !chosen.has(place) ? 0.25 : 0.8;
    pen.fillStyle = hueOf(labelOf(place));
    pen.beginPath();
    pen.arc(x, y, chosen.has(place) ? size + 1 : size, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
  if (chart.line.length > 1) {
    pen.strokeStyle = "#16384f";
    pen.setLineDash([5, 4]);
    pen.beginPath();
    chart.line.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.stroke();
  }
}

function inside([x, y], line) {
  let found = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [x1, y1] = line[i], [x2, y2] = line[j];
    if ((y1 > y) !== (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) found = !found;
  }
  return found;
}

function drawKey() {
  const seen = chart.rows.flatMap((row, place) => (isDropped(row) ? [] : [labelOf(place)]));
  const there = new Set(review.state.can_relabel ? seen : []);
  const labels = review.state.labels.filter((label) => there.has(label)), more = labels.length - HUES.length;
  const named = [...labels.slice(0, HUES.length), ...(there.has("") ? [""] : [])];
  $("key").replaceChildren(...named.map((label) => {
    const one = made("span", label || "no label");
    one.style.setProperty("--hue", hueOf(label));
    return one;
  }));
  if (more > 0) $("key").append(made("span", `and ${more} more labels, in the same ${HUES.length} colours`));
}

function drawChosen() {
  drawKey();
  const count = chart.chosen.length;
  $("selected").textContent = count ? `${count} selected` : "Nothing selected";
  $("give").disabled = $("propose").disabled = !count;
  $("thumbs").replaceChildren(...chart.chosen.slice(0, 300).map((place) => {
    const button = made("button"), image = made("img");
    button.type = "button";
    const proposed = chart.proposed[place];
    button.title = `take ${chart.rows[place]} out of the selection${proposed ? ` (proposed: ${proposed})` : ""}`;
    image.src = `picture/${chart.rows[place]}`;
    image.alt = "";
    image.loading = "lazy";
    button.append(image);
    button.onclick = () => { chart.chosen = chart.chosen.filter((one) => one !== place); drawChosen(); drawMap(); };
    return button;
  }));
  if (count > 300) $("thumbs").append(made("p", `and ${count - 300} more, selected too`));
  $("known").replaceChildren(...review.state.labels.map((label) => {
    const option = made("option");
    option.value = label;
    return option;
  }));
}

// A map may take long, so that one asked for later is there before it: only the last is shown.
async function load() {
  $("selected").textContent = "Making the map ...";
  const asked = ++chart.asked;
  const found = await ask(`map?name=${encodeURIComponent(chart.name)}&x=${chart.x}&y=${chart.y}`);
  if (asked !== chart.asked) return;
  if (!found) { drawChosen(); return; }
  Object.assign(chart, found, { line: [] }); // every map has the same pictures: what is selected stays so
  drawChosen();
  drawMap();
  $("map").dataset.shown = `${chart.name} ${chart.x} ${chart.y}`;
}

function fill() {
  const maps = review.state.maps;
  $("layer").replaceChildren(...Object.keys(maps).map((name) => new Option(name, name, false, name === chart.name)));
  for (const axis of ["x", "y"]) {
    chart[axis] = Math.min(chart[axis], maps[chart.name] - 1);
    $(axis).replaceChildren(...Array.from({ length: maps[chart.name] }, (_, place) =>
      new Option(`axis ${place + 1}`, String(place), false, place === chart[axis])));
  }
}

// What is given is no longer selected, so that a second key does not give it again.
function give(body) {
  const chosen = chart.chosen, typed = $("lassoed").value;
  if (!chosen.length) return;
  const rows = chosen.map((place) => chart.rows[place]);
  select([], "");
  $("lassoed").blur(); // so that keys are keys again
  inTurn(async () => {
    const went = take(await ask("decide", { rows, decision: "relabel", kind: "projection", ...body }));
    if (!went && !chart.chosen.length) select(chosen, $("lassoed").value || typed);
    drawTabs();
    drawChosen();
    drawMap();
  });
}

function select(chosen, typed) {
  Object.assign(chart, { chosen, line: [] });
  $("lassoed").value = typed;
  drawChosen();
  drawMap();
}

window.openMap = () => {
  if (!chart.name) {
    const names = Object.keys(review.state.maps);
    chart.name = names[names.length - 1];
    chart.proposed = review.state.proposed;
    $("propose").hidden = !chart.proposed.length;
    fill();
    load();
  } else { drawChosen(); drawMap(); }
};

const plane = $("plane");
const at = (event) => { const box = plane.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
let drawing = false;
plane.addEventListener("pointerdown", (event) => {
  drawing = true;
  plane.setPointerCapture(event.pointerId);
  chart.line = [at(event)];
  chart.chosen = [];
  $("hover").hidden = true;
});
plane.addEventListener("pointermove", (event) => {
  const [x, y] = at(event);
  if (drawing) { chart.line.push([x, y]); drawMap(); return; }
  let best = 14 * 14, near = -1;
  for (const place of shown()) {
    const [px, py] = screen(place), apart = (px - x) ** 2 + (py - y) ** 2;
    if (apart < best) { best = apart; near = place; }
  }
  const hover = $("hover");
  hover.hidden = near < 0;
  if (near < 0) return;
  const wanted = `picture/${chart.rows[near]}`;
  if (hover.getAttribute("src") !== wanted) hover.setAttribute("src", wanted);
  hover.style.left = `${Math.min(x + 12, plane.clientWidth - 100)}px`;
  hover.style.top = `${Math.min(y + 12, plane.clientHeight - 100)}px`;
});
plane.addEventListener("pointerup", () => {
  drawing = false;
  if (chart.line.length > 2) chart.chosen = shown().filter((place) => inside(screen(place), chart.line));
  else chart.line = [];
  drawChosen();
  drawMap();
  if (chart.chosen.length) $("lassoed").focus();
});
plane.addEventListener("pointerleave", () => { $("hover").hidden = true; });

$("layer").onchange = () => { chart.name = $("layer").value; chart.x = 0; chart.y = 1; fill(); load(); };
$("x").onchange = () => { chart.x = Number($("x").value); load(); };
$("y").onchange = () => { chart.y = Number($("y").value); load(); };
$("hide").onchange = () => { chart.chosen = []; drawChosen(); drawMap(); };
$("lassoed").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && $("lassoed").value.trim()) give({ label: $("lassoed").value.trim() });
});
$("give").onclick = () => { if ($("lassoed").value.trim()) give({ label: $("lassoed").value.trim() }); else $("lassoed").focus(); };
$("propose").onclick = () => give({ labels: chart.chosen.map((place) => chart.proposed[place]) });
$("learn").onclick = () => inTurn(async () => {
  const found = await ask("learn", {});
  if (!found) return;
  review.state.maps = found.maps;
  chart.proposed = found.proposed;
  chart.name = found.map;
  chart.x = 0;
  chart.y = 1;
  $("propose").hidden = false;
  fill();
  load();
});
$("unlasso").onclick = undo;
document.addEventListener("keydown", (event) => {
  const typing = document.activeElement === $("lassoed") || document.activeElement.tagName === "SELECT";
  if (review.kind !== "map" || event.key !== "u" || event.repeat || typing) return;
  $("unlasso").click();
});
window.addEventListener("resize", () => { if (review.kind === "map") drawMap(); });
