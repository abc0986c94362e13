// The editor of a card: the person is dragged and pinched over the background, then ordered.

import { Refused, ask, askJson, language, translate, withTelegram } from "../session.js";
import { TEXTS } from "./texts.js";
import { Scene } from "./scene.js";
import { placeAt } from "./layout.js";
import { Trim } from "./trim.js";
import { Controls } from "./controls.js";
import { History } from "./history.js";
import { watchGestures } from "./gestures.js";

const words = TEXTS[language()];
const draft = new URLSearchParams(location.search).get("draft") ?? "";
const SNAP = 10;
const MESSAGES = { 404: "gone", 409: "used", 429: "busy" };
const FINAL = [401, 404, 409]; // answers that are the same however often the page asks
const find = (id) => document.getElementById(id);
const past = new History();
let scene, state, look, held, telegram, controls, trim;
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
  const [told, person, background] = await Promise.all([
    askJson(`/editor/${draft}`), ...["person", "background"].map(loadImage),
  ]);
  state = told;
  look = state.look;
  scene = new Scene(find("stage"), state.layers, { person, background });
  if (scene.needsFrame(look)) scene.images.frame = await loadImage("frame");
}

let loadingFrame = null;
/** Load the whole frame once it is shown: most users never ask for it. */
function provideFrame() {
  if (!scene.needsFrame(look)) return;
  loadingFrame ??= loadImage("frame")
    .then((frame) => {
      scene.images.frame = frame;
      redraw();
    })
    .catch((error) => {
      loadingFrame = null;
      tell(explain(error), true);
    });
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
  provideFrame();
  const { layout, left, top } = scene.draw(look, state.choices);
  find("stage").dataset.view = [left, top, ...layout.view].join(" ");
  controls.show(look);
  trim.follow(look);
  find("undo").disabled = past.isEmpty;
  find("reset").disabled = JSON.stringify(look) === JSON.stringify(state.look);
}

function choose(change) {
  past.record(look, Object.keys(change).sort().join());
  const isSizeAlone = "size" in change && !("offset" in change);
  look = { ...look, ...change, ...(isSizeAlone ? placeForSize(change.size) : {}) };
  telegram?.enableClosingConfirmation();
  redraw();
}

function takeBack() {
  if (past.isEmpty || isBusy) return;
  look = past.takeBack();
  redraw();
}

function reset() {
  past.interrupt();
  choose(state.look);
  past.interrupt();
}

/** Let the overlay appear as it will in the video. */
function showFade() {
  if (!look.fade || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const began = performance.now();
  const step = () => {
    scene.opacity = Math.min(1, (performance.now() - began) / 1000 / look.fade);
    draw();
    if (scene.opacity < 1) requestAnimationFrame(step);
  };
  step();
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

/** Where the overlay of another size is: its middle stays, and so does an anchor. */
function placeForSize(size) {
  if (look.offset.every((value) => value === 0)) return {};
  const { canvas, layout, left, top } = scene.measure(look);
  const { layout: other } = scene.measure({ ...look, size });
  const place = [left + (layout.view[0] - other.view[0]) / 2, top + (layout.view[1] - other.view[1]) / 2];
  return placeAt(place, other.view, look.shape, canvas, 0);
}

const gestures = {
  begin() {
    past.interrupt();
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
    choose({ size: Math.min(2, Math.max(0.1, look.size * factor)) });
  },
};

async function order() {
  if (isBusy) return;
  setBusy(true);
  tell(words.making);
  try {
    await askJson(`/editor/${draft}/make`, { body: look });
    end(words.made);
  } catch (error) {
    // an answer that was lost on its way: the order had arrived
    if (error.status === 409) end(words.used);
    else tell(explain(error), true);
    setBusy(error.status === 409);
  }
}

function setBusy(isNow) {
  isBusy = isNow;
  find("make").disabled = isNow;
  if (isNow) telegram?.MainButton.showProgress();
  else telegram?.MainButton.hideProgress();
}

/** Nothing is left to do here. */
function end(text) {
  tell(text);
  for (const id of ["controls", "undo", "reset"]) find(id).hidden = true;
  telegram?.disableClosingConfirmation();
  telegram?.MainButton.hide();
  telegram?.close();
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
  trim = new Trim(find, state.layers.seconds, choose);
  const read = (name) => async () => (await ask(`/editor/${draft}/${name}`)).blob();
  trim.load(read("strip.jpg"), read("proxy.mp4")).catch((error) => console.warn(error.message));
}

function openControls() {
  const settle = (name) => name === "fade" && showFade();
  controls = new Controls({ find, words, state, choose, settle });
  for (const id of ["controls", "undo", "reset"]) find(id).hidden = false;
  find("make").addEventListener("click", order);
  find("undo").addEventListener("click", takeBack);
  find("reset").addEventListener("click", reset);
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") {
      event.preventDefault();
      takeBack();
    }
  });
}

async function open() {
  find("again").hidden = true;
  tell(words.loading);
  try {
    await load();
  } catch (error) {
    find("again").hidden = FINAL.includes(error.status);
    return tell(explain(error), true);
  }
  tell("");
  openControls();
  openTrim();
  watchGestures(find("stage"), gestures);
  new ResizeObserver(redraw).observe(find("room"));
  if (telegram) showMainButton();
  draw();
  performance.mark("ready");
  document.body.dataset.ready = "yes";
}

document.documentElement.lang = language();
translate(words);
document.title = words.title;
withTelegram(followTelegram);
find("again").addEventListener("click", open);
open();
