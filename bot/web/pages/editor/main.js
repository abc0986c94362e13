// The editor of a card: the person is dragged and pinched over the background, then ordered.

import { Refused, ask, askJson, language, make, translate, withTelegram } from "../session.js";
import { TEXTS } from "./texts.js";
import { Scene } from "./scene.js";
import { placeAt } from "./layout.js";
import { Trim } from "./trim.js";
import { watchGestures } from "./gestures.js";

const words = TEXTS[language()];
const draft = new URLSearchParams(location.search).get("draft") ?? "";
const SNAP = 10;
const SHAPES = ["circle", "rect", "rounded", "none"];
const MESSAGES = { 404: "gone", 409: "used", 429: "busy" };
const find = (id) => document.getElementById(id);
let scene, state, look, held, telegram;
let isBusy = false;

function tell(text, isBad = false) {
  find("status").textContent = text;
  find("status").className = isBad ? "bad" : "";
}

function explain(error) {
  if (!(error instanceof Refused)) return words.offline;
  return error.message in words ? words[error.message] : words[MESSAGES[error.status]] ?? (error.status < 500 && error.message.includes(" ") ? error.message : words.failed);
}

async function loadImage(name) {
  return createImageBitmap(await (await ask(`/editor/${draft}/${name}.webp`)).blob());
}

async function load() {
  const [told, person, background, blur] = await Promise.all([
    askJson(`/editor/${draft}`), ...["person", "background", "blur"].map(loadImage),
  ]);
  state = told;
  look = state.look;
  scene = new Scene(find("stage"), { ...state.layers, ringWidth: state.ring_width }, { person, background, blur });
}

let isDue = false;
function redraw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    draw();
  });
}

function draw() {
  const { layout, left, top } = scene.draw(look, state.rings, state.colours);
  find("stage").dataset.view = [left, top, ...layout.view].join(" ");
  showControls();
}

function choose(change) {
  look = { ...look, ...change };
  telegram?.enableClosingConfirmation();
  redraw();
}

/** Move the view's top left to *place*, in the result's pixels, and snap it to anchors. */
function put(place, size, reach) {
  const sized = { ...look, size: Math.min(2, Math.max(0.1, size)) };
  const { canvas, layout } = scene.measure(sized);
  const kept = [0, 1].map((axis) => {
    const seen = 0.2 * layout.view[axis];
    return Math.min(canvas[axis] - seen, Math.max(seen - layout.view[axis], place[axis]));
  });
  const { anchor, offset } = placeAt(kept, layout.view, look.shape, canvas, reach);
  const isSnapped = (one) => one.filter((value) => value === 0).length;
  if (isSnapped(offset) > isSnapped(look.offset)) telegram?.HapticFeedback?.selectionChanged();
  choose({ size: sized.size, anchor, offset });
}

/** Change the size, with the middle where it is. */
function resize(size) {
  const { layout, left, top } = scene.measure(look);
  const limited = Math.min(2, Math.max(0.1, size));
  const { layout: other } = scene.measure({ ...look, size: limited });
  if (look.offset.every((value) => value === 0)) return choose({ size: limited });
  put([left + (layout.view[0] - other.view[0]) / 2, top + (layout.view[1] - other.view[1]) / 2], limited, 0);
}

const gestures = {
  begin() {
    held = { ...scene.measure(look), size: look.size };
  },
  move(x, y, factor) {
    const { layout, left, top } = held;
    const size = held.size * factor;
    const { layout: other } = scene.measure({ ...look, size: Math.min(2, Math.max(0.1, size)) });
    put(
      [left + x / scene.zoom + (layout.view[0] - other.view[0]) / 2, top + y / scene.zoom + (layout.view[1] - other.view[1]) / 2],
      size, SNAP / scene.zoom,
    );
  },
  nudge(x, y) {
    const { canvas, left, top } = scene.measure(look);
    put([left + x * canvas[0], top + y * canvas[1]], look.size, 0);
  },
  zoom(factor) {
    resize(look.size * factor);
  },
};

function choice(text, isChosen, change, style = {}) {
  const button = make("button", { type: "button", "aria-pressed": String(isChosen), onclick: () => choose(change) });
  if (style.background) {
    button.className = "dot";
    button.style.background = style.background;
    button.setAttribute("aria-label", text);
    button.title = text;
  } else {
    button.textContent = text;
  }
  return button;
}

let shown = "";
function showControls() {
  find("size").value = look.size;
  find("shadow").value = look.shadow;
  const now = JSON.stringify([look.shape, look.ring, look.background]);
  if (now === shown) return;
  shown = now;
  const focused = document.activeElement?.parentElement?.id;
  const index = focused ? [...document.activeElement.parentElement.children].indexOf(document.activeElement) : -1;
  find("shapes").replaceChildren(...SHAPES.map((shape) => choice(words[shape], shape === look.shape, { shape, ...(shape === "none" ? { ring: "none" } : {}) })));
  find("rings").hidden = look.shape === "none";
  find("rings").replaceChildren(
    choice(words.ringNone, look.ring === "none", { ring: "none" }),
    ...Object.entries(state.rings).map(([ring, background]) => choice(words[ring], ring === look.ring, { ring }, { background })),
  );
  find("backgrounds").replaceChildren(
    ...Object.entries(state.colours).map(([name, background]) => choice(words[name] ?? name, name === look.background, { background: name }, { background })),
    choice(words.blur, look.background === "blur", { background: "blur" }),
    ...(state.has_own ? [choice(words.own, look.background === "own", { background: "own" })] : []),
  );
  if (["shapes", "rings", "backgrounds"].includes(focused)) find(focused).children[index]?.focus();
}

async function order() {
  if (isBusy) return;
  isBusy = true;
  find("make").disabled = true;
  telegram?.MainButton.showProgress();
  tell(words.making);
  try {
    await askJson(`/editor/${draft}/make`, { body: look });
    telegram?.disableClosingConfirmation();
    tell(words.made);
    find("controls").hidden = true;
    telegram?.MainButton.hide();
    telegram?.close();
  } catch (error) {
    tell(explain(error), true);
    find("make").disabled = false;
  } finally {
    isBusy = false;
    telegram?.MainButton.hideProgress();
  }
}

function followTelegram(app) {
  telegram = app;
  const setTheme = () => (document.documentElement.dataset.theme = app.colorScheme);
  setTheme();
  app.onEvent("themeChanged", setTheme);
  app.disableVerticalSwipes?.();
  app.expand();
  app.ready();
  app.BackButton.onClick(() => app.close());
  app.BackButton.show();
  if (state) showMainButton();
}

function showMainButton() {
  telegram.MainButton.setText(words.make);
  telegram.MainButton.onClick(order);
  telegram.MainButton.show();
  find("make").hidden = true;
}

function openTrim() {
  const trim = new Trim(find, state.layers.seconds, look, (start, end) => choose({ start, end }));
  const read = (name) => async () => (await ask(`/editor/${draft}/${name}`)).blob();
  trim.load(read("strip.jpg"), read("proxy.mp4")).catch((error) => console.warn(error.message));
}

async function open() {
  document.documentElement.lang = language();
  translate(words);
  document.title = words.title;
  withTelegram(followTelegram);
  try {
    await load();
  } catch (error) {
    return tell(explain(error), true);
  }
  tell("");
  find("controls").hidden = false;
  find("size").addEventListener("input", (event) => resize(Number(event.target.value)));
  find("shadow").addEventListener("input", (event) => choose({ shadow: Number(event.target.value) }));
  find("make").addEventListener("click", order);
  watchGestures(find("stage"), gestures);
  openTrim();
  new ResizeObserver(redraw).observe(find("room"));
  if (telegram) showMainButton();
  draw();
  performance.mark("ready");
  document.body.dataset.ready = "yes";
}

open();
