"use strict";
// The review page: one suspect at a time, decided by keyboard. All text goes in as text, never as markup.
const $ = (id) => document.getElementById(id);
const review = { state: null, kind: null, place: {}, active: 0 };

async function ask(place, body) {
  const options = body === undefined ? {} :
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    const answer = await fetch(place, options);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error || answer.statusText);
    $("error").hidden = true;
    return found;
  } catch (problem) {
    $("error").textContent = problem instanceof TypeError ?
      "The server does not answer: is it still running in the terminal? What was decided before is saved." : problem.message;
    $("error").hidden = false;
    return null;
  }
}

function made(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

const listed = () => review.state.suspects.filter((one) => one.kind === review.kind);
const current = () => listed()[review.place[review.kind] || 0];
const rowsOf = (one) => (one.other === null ? [one.row] : [one.row, one.other]);
const isDone = (one) => rowsOf(one).some((row) => review.state.decided[row]);
const labelNow = (row) => (review.state.decided[row] || {}).label || (review.state.items[row] || {}).label || "";

function drawTabs() {
  const tabs = $("tabs"), state = review.state;
  tabs.replaceChildren();
  const kinds = Object.entries(state.kinds).filter(([kind]) => state.suspects.some((one) => one.kind === kind));
  const rooms = kinds.map(([kind, name]) => {
    const own = state.suspects.filter((one) => one.kind === kind);
    return [kind, name, `${own.filter(isDone).length}/${own.length}`];
  });
  if (Object.keys(state.maps).length) rooms.push(["map", "Map", ""]);
  if (state.bad_count) rooms.push(["aside", "Set aside", String(state.bad_count)]);
  for (const [kind, name, count] of rooms) {
    const button = made("button", name);
    button.type = "button";
    button.setAttribute("role", "tab");
    button.setAttribute("aria-selected", String(kind === review.kind));
    button.dataset.kind = kind;
    if (count) button.append(made("span", count, "n"));
    button.onclick = () => { button.blur(); inTurn(() => open(kind)); };
    tabs.append(button);
  }
  const counts = state.counts;
  $("progress").textContent = `${counts.relabel || 0} relabelled, ${counts.drop || 0} dropped, ${counts.keep || 0} kept`;
  return rooms.map(([kind]) => kind);
}

function open(kind) {
  review.kind = kind;
  const isList = kind in review.state.kinds;
  $("review").hidden = !isList;
  $("map").hidden = kind !== "map";
  $("aside").hidden = kind !== "aside";
  drawTabs();
  if (isList) {
    if (review.place[kind] === undefined) {
      const first = listed().findIndex((one) => !isDone(one));
      review.place[kind] = Math.max(first, 0);
    }
    review.active = 0;
    draw();
  }
  if (kind === "map") window.openMap();
}

function draw() {
  const one = current(), state = review.state, all = listed();
  const rows = rowsOf(one), row = rows[review.active];
  $("pictures").replaceChildren(...rows.map((each, place) => {
    const figure = made("figure", undefined, place === review.active ? "active" : "");
    const frame = made("div", undefined, "frame"), image = made("img");
    image.src = `picture/${each}`;
    image.alt = state.items[each].item;
    frame.append(image);
    const caption = made("figcaption");
    const now = state.decided[each];
    caption.append(made("b", now && now.decision === "drop" ? "dropped" : labelNow(each)), ` ${state.items[each].item}`);
    figure.append(frame, ...(rows.length > 1 ? [caption] : []));
    figure.onclick = () => inTurn(() => { review.active = place; draw(); });
    return figure;
  }));
  $("why").textContent = `${state.kinds[one.kind]}: ${one.why}`;
  $("count").textContent = `${all.indexOf(one) + 1} of ${all.length}`;
  $("item").textContent = state.items[row].item;
  $("label").textContent = state.items[row].label || "(none)";
  const decided = state.decided[row], verdict = $("verdict");
  verdict.className = decided ? decided.decision : "";
  verdict.textContent = !decided ? "" : { keep: "kept", drop: "dropped", relabel: `now ${decided.label}` }[decided.decision];
  const said = made("div", undefined, "said");
  if (one.said.length) said.append(made("h2", one.kind === "label" ? "Nets that did not learn from it say" : "The net says"));
  for (const [label, chance] of one.said) {
    const meter = made("meter");
    meter.value = chance;
    said.append(made("span", label), meter, made("span", `${(100 * chance).toFixed(1)} %`));
  }
  $("said").replaceChildren(said);
  $("relabel").hidden = !state.can_relabel;
  $("pair-keys").hidden = rows.length < 2;
  if (document.activeElement !== $("wanted")) $("wanted").value = "";
  drawChoices();
}

// With ten labels or fewer each has a number key: its own digit where the labels are digits.
function keyOf(label, place) {
  const labels = review.state.labels;
  if (labels.length <= 10 && labels.every((one) => /^\d$/.test(one))) return label;
  return labels.length <= 10 ? String((place + 1) % 10) : "";
}

function matching() {
  const typed = $("wanted").value.trim().toLowerCase(), labels = review.state.labels;
  const begins = labels.filter((one) => one.toLowerCase().startsWith(typed));
  return [...begins, ...labels.filter((one) => !begins.includes(one) && one.toLowerCase().includes(typed))];
}

function drawChoices() {
  const found = matching(), state = review.state, row = rowsOf(current())[review.active];
  $("choices").replaceChildren(...found.slice(0, 30).map((label) => {
    const key = keyOf(label, state.labels.indexOf(label));
    const button = made("button", undefined, label === labelNow(row) ? "now" : "");
    button.type = "button";
    if (key) button.append(made("kbd", key), " ");
    button.append(label);
    button.onclick = () => decide("relabel", label);
    return button;
  }));
  if (found.length > 30) $("choices").append(made("span", `and ${found.length - 30} more: type to find them`, "more"));
  const typed = $("wanted").value.trim();
  if (typed && !state.labels.includes(typed)) {
    const button = made("button", `new label "${typed}"`);
    button.type = "button";
    button.onclick = () => decide("relabel", typed);
    $("choices").append(button);
  }
}

function take(progress) {
  if (!progress) return false;
  Object.assign(review.state, { decided: progress.decided, labels: progress.labels, counts: progress.counts });
  return true;
}

// Acts wait for their turn: the second of two quick keys is about the suspect that the first leads to.
let before = Promise.resolve();
const inTurn = (act) => { before = before.then(act, act); };
const onList = (act) => inTurn(() => (current() ? act() : null)); // another tab may be open by then

function decide(decision, label) {
  $("wanted").value = "";
  $("wanted").blur();
  onList(() => decideNow(decision, label));
}

async function decideNow(decision, label) {
  const one = current(), rows = rowsOf(one);
  const about = decision === "keep" ? rows : [rows[review.active]];
  const went = take(await ask("decide", { rows: about, decision, label: label || "", kind: one.kind }));
  if (!went) {
    $("wanted").value = $("wanted").value || label || "";
    drawChoices();
    return;
  }
  drawTabs();
  if (current()) step(1);
}

const undo = () => inTurn(undoNow);

async function undoNow() {
  const found = await ask("undo", {});
  if (!take(found)) return;
  const place = listed().findIndex((one) => rowsOf(one).some((row) => found.undone.includes(row)));
  if (place >= 0) review.place[review.kind] = place;
  drawTabs();
  if (current()) draw();
  if (review.kind === "map") { drawChosen(); drawMap(); }
}

function step(by) {
  const last = listed().length - 1;
  review.place[review.kind] = Math.min(Math.max((review.place[review.kind] || 0) + by, 0), last);
  review.active = 0;
  draw();
  const next = listed()[review.place[review.kind] + 1];
  if (next) for (const row of rowsOf(next)) new Image().src = `picture/${row}`;
}

document.addEventListener("keydown", (event) => {
  if (!review.state || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(review.kind in review.state.kinds)) return;
  const typing = document.activeElement === $("wanted");
  if (typing) {
    if (event.key === "Escape") { $("wanted").value = ""; $("wanted").blur(); drawChoices(); }
    if (event.key === "Enter") {
      const typed = $("wanted").value.trim();
      const label = review.state.labels.includes(typed) ? typed : matching()[0] || typed;
      if (typed) decide("relabel", label);
    }
    return;
  }
  if (event.repeat && !event.key.startsWith("Arrow")) return; // a key that is held decides once
  const keys = { k: () => decide("keep"), d: () => decide("drop"), u: undo, ArrowRight: () => onList(() => step(1)), ArrowLeft: () => onList(() => step(-1)),
    x: () => onList(() => { review.active = (review.active + 1) % rowsOf(current()).length; draw(); }) };
  const label = review.state.can_relabel &&
    review.state.labels.find((one, place) => keyOf(one, place) === event.key);
  if (event.key in keys) keys[event.key]();
  else if (label) decide("relabel", label);
  else if (review.state.can_relabel && event.key.length === 1 && event.key !== " ") {
    $("wanted").focus();
    if (event.key === "/") event.preventDefault();
    return;
  } else return;
  event.preventDefault();
});

$("wanted").addEventListener("input", drawChoices);
$("keep").onclick = () => decide("keep");
$("drop").onclick = () => decide("drop");
$("undo").onclick = undo;

async function begin() {
  review.state = await ask("state");
  if (!review.state) return;
  document.title = `${review.state.name}: review`;
  $("name").textContent = `${review.state.name}: review`;
  $("file").textContent = review.state.file;
  $("notes").replaceChildren(...review.state.notes.map((note) => made("li", note)));
  $("bad").replaceChildren(...review.state.bad.map((bad) => made("li", `${bad.item}: ${bad.reason}`)));
  const more = review.state.bad_count - review.state.bad.length;
  if (more > 0) $("bad").append(made("li", `and ${more} more`));
  const rooms = drawTabs();
  if (rooms.length) open(rooms[0]);
  else {
    $("empty").hidden = false;
    $("empty-title").textContent = "Nothing to look at";
    $("empty-text").textContent = "No suspects were found.";
  }
  document.body.dataset.ready = "yes";
}
begin();
