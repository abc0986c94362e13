// The operator's dashboard: what the bot does now, and the actions of /backend and /queue.

import { Refused, ask, askJson, isInTelegram, language, make, setToken, translate, withTelegram } from "../session.js";
import { TEXTS } from "./texts.js";
import { drawCharts } from "./charts.js";

const words = TEXTS[language()];
const SHOWN_JOBS = 200;
const find = (id) => document.getElementById(id);
let shown = {};
let days = 1;

function word(key) {
  return words[key] ?? key;
}

function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "m"]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${word(unit)}`;
  }
  return `${Math.max(0, Math.floor(seconds))} ${word("s")}`;
}

function ago(time) {
  return time ? duration(Date.now() / 1000 - time) : "–";
}

function dollars(value) {
  return `$${value.toFixed(2)}`;
}

function button(key, action, subject) {
  const label = subject ? `${word(key)} ${subject}` : word(key);
  return make("button", { type: "button", "aria-label": label, onclick: () => confirmAndAct(action, subject) }, word(key));
}

function table(place, headings, rows) {
  if (!rows.length) return find(place).replaceChildren(make("p", { class: "dim" }, word("none")));
  const head = make("tr", {}, ...headings.map((key) => make("th", { scope: "col" }, word(key))));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : make("td", {}, cell)))));
  const parent = find(place);
  parent.tabIndex = 0; // it scrolls, also by keys
  parent.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function tile(value, label, level = "") {
  return make("div", { class: `tile ${level}` }, make("b", {}, value), make("span", {}, label));
}

function showTiles({ jobs, summary, machine }) {
  const count = (state) => jobs.filter((job) => job.state === state).length;
  const { spending, today } = summary;
  const share = spending.budget ? spending.booked / spending.budget : 0;
  const level = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "";
  const rate = today.done + today.failed ? `${Math.round((100 * today.done) / (today.done + today.failed))} %` : "–";
  const free = machine.disk_free / machine.disk_total;
  find("tiles").replaceChildren(
    tile(count("running"), word("running")),
    tile(`${count("waiting")} + ${count("parked")}`, `${word("waiting")} + ${word("parked")}`),
    tile(rate, `${word("success")}: ${today.done} / ${today.done + today.failed}`),
    tile(dollars(spending.today), word("today")),
    tile(`${dollars(spending.month)} → ${dollars(spending.projected)}`, `${word("month")} → ${word("projected")}`),
    ...(spending.budget === null ? [] : [tile(`${dollars(spending.booked)} / ${dollars(spending.budget)}`, word("budget"), level)]),
    tile(`${(machine.disk_free / 1e9).toFixed(1)} ${word("GB")}`, word("disk"), free < 0.05 ? "bad" : free < 0.15 ? "warn" : ""),
    tile(`${Math.round(machine.memory / 1e6)} ${word("MB")}`, word("memory")),
    tile(machine.version, `ffmpeg ${machine.ffmpeg}`),
  );
}

function showJobs({ jobs }) {
  const rows = jobs.slice(0, SHOWN_JOBS).map((job) => [
    make("td", {}, make("code", {}, job.id)),
    String(job.user),
    make("td", { class: job.state === "parked" ? "warn" : "" }, word(job.state)),
    job.stage ? word(job.stage) : "–",
    job.share === null
      ? "–"
      : make("td", {}, make("progress", { value: job.share, max: 1, "aria-label": job.id }), ` ${Math.round(job.share * 100)} %`),
    job.backend || "–",
    ago(job.created),
    make("td", {}, button("cancel", "cancel", job.id), logButton(job.id)),
  ]);
  table("jobs", ["job", "user", "state", "stage", "progress", "backend", "age", "actions"], rows);
}

function logButton(id) {
  return make("button", { type: "button", "aria-label": `${word("log")} ${id}`, onclick: () => showLog(id) }, word("log"));
}

const LEVELS = { there: "good", resting: "warn", failing: "warn", absent: "bad", off: "dim" };

function showBackends({ backends }) {
  const rows = backends.map((one, index) => [
    `${index + 1}. ${one.name}`,
    make("td", { class: LEVELS[one.state] }, word(one.state) + (one.why ? ` (${one.why})` : "") + (one.cooldown ? ` ${duration(one.cooldown)}` : "")),
    Object.entries(one.speeds).map(([engine, fps]) => `${engine} ${fps.toFixed(1)}`).join(", ") || "–",
    String(one.cold_starts),
    (one.price * 3600).toFixed(2),
    one.dollars.toFixed(2),
    ago(one.last_used),
    make("td", {}, index ? button("first", "first", one.name) : null, button("test", "test", one.name)),
  ]);
  table("backends", ["name", "health", "speed", "cold", "price", "cost", "used", "actions"], rows);
}

function showFailures({ summary }) {
  const rows = summary.failures.map((one) => [
    make("td", { class: "bad" }, one.reason),
    String(one.count),
    ago(one.last),
    make("td", {}, ...one.jobs.flatMap((id) => [make("code", {}, id), button("retry", "retry", id), logButton(id)])),
  ]);
  table("failures", ["reason", "count", "last", "jobs"], rows);
}

function showAudit({ summary }) {
  const rows = summary.audit.map((one) => [
    new Date(one.at * 1000).toLocaleString(), word(one.actor), word(one.action), one.subject || "–", one.outcome,
  ]);
  table("audit", ["at", "actor", "action", "subject", "outcome"], rows);
}

function showIntake({ paused }) {
  const intake = find("intake");
  intake.hidden = false;
  intake.textContent = word(paused ? "resume" : "pause");
  intake.classList.toggle("main", paused);
  intake.onclick = () => confirmAndAct(paused ? "resume" : "pause", "");
}

// Draw only what changed: a table that is replaced loses the focus.
const PARTS = [
  [(state) => [state.jobs, state.summary.today, state.summary.spending, state.machine], showTiles],
  [(state) => state.jobs, showJobs],
  [(state) => state.backends, showBackends],
  [(state) => state.summary.failures, showFailures],
  [(state) => state.summary.audit, showAudit],
  [(state) => state.paused, showIntake],
];

// While somebody presses a button nothing is drawn: a button that is replaced gets no click.
const CLICK_MILLISECONDS = 100; // from the end of a touch to its click
let isPressed = false;
let release = 0; // the timer that ends a press
let waiting = null; // the last state that came meanwhile

addEventListener("pointerdown", () => {
  clearTimeout(release);
  isPressed = true;
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => {
    release = setTimeout(() => {
      isPressed = false;
      if (waiting) show(waiting);
    }, CLICK_MILLISECONDS);
  });
}

function show(state) {
  waiting = isPressed ? state : null;
  if (isPressed) return;
  PARTS.forEach(([pick, draw], index) => {
    const now = JSON.stringify(pick(state));
    if (shown[index] !== now) draw(state);
    shown[index] = now;
  });
  find("login").hidden = true;
  find("dashboard").hidden = false;
}

function notify(text) {
  find("notice").replaceChildren(make("span", {}, text));
  setTimeout(() => find("notice").replaceChildren(), 4000);
}

async function confirmAndAct(action, subject) {
  const key = `confirm${action[0].toUpperCase()}${action.slice(1)}`;
  find("question").textContent = word(key).replace("{s}", subject);
  const dialog = find("confirm");
  dialog.returnValue = "";
  dialog.showModal();
  find("yes").onclick = () => dialog.close("yes");
  find("no").onclick = () => dialog.close();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return;
  try {
    const { outcome } = await askJson("/ops/actions", { body: { action, subject, id: crypto.randomUUID() } });
    notify(outcome === "done" ? word("ok") : word("failedAction") + outcome);
  } catch (error) {
    notify(word("failedAction") + word(error.message));
  }
}

async function showLog(id) {
  find("log-title").textContent = id;
  find("lines").textContent = "…";
  find("log").showModal();
  find("close").onclick = () => find("log").close();
  try {
    const { lines } = await askJson(`/ops/jobs/${encodeURIComponent(id)}/log`);
    find("lines").textContent = lines.join("\n") || word("nolog");
  } catch (error) {
    find("lines").textContent = word(error.message);
  }
}

async function showCharts() {
  try {
    drawCharts(find("charts"), await askJson(`/ops/history?days=${days}`), word);
  } catch (error) {
    if (!(error instanceof Refused)) console.warn(error.message);
  }
}

function showRanges() {
  const ranges = [[1, "day"], [7, "week"], [30, "days30"]];
  find("ranges").replaceChildren(
    ...ranges.map(([count, key]) =>
      make("button", { type: "button", "aria-pressed": String(count === days), onclick: () => { days = count; showRanges(); showCharts(); } }, word(key)),
    ),
  );
}

/** Read server-sent events by fetch: EventSource sends no header, and an address holds no secret. */
async function* readEvents() {
  const reader = (await ask("/ops/events")).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
    }
  }
}

function showOffline(text = word("offline")) {
  find("live").textContent = text;
  find("live").className = "off";
}

function askForToken(error) {
  if (isInTelegram()) return showOffline(word(error.message));
  find("login").hidden = false;
  find("dashboard").hidden = true;
  if (sessionStorage.length) find("login-error").textContent = word("wrong");
}

async function listen() {
  for (let pause = 1000; ; pause = Math.min(2 * pause, 15000)) {
    try {
      for await (const state of readEvents()) {
        pause = 1000;
        find("live").textContent = word("live");
        find("live").className = "";
        if (find("dashboard").hidden) showCharts();
        show(state);
      }
      showOffline();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return askForToken(error);
      showOffline();
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

document.documentElement.lang = language();
translate(words);
showRanges();
setInterval(showCharts, 60_000);
find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(find("token").value);
  listen();
});
withTelegram((app) => {
  document.documentElement.dataset.theme = app.colorScheme;
  app.onEvent("themeChanged", () => (document.documentElement.dataset.theme = app.colorScheme));
  app.ready();
  app.expand();
});
listen();
