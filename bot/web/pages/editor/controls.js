// What is chosen by buttons and sliders, on four pages.

import { make } from "../session.js";

const GROUPS = ["shapes", "rings", "backgrounds", "canvases", "inside", "voice", "sounds", "engines"];
const write = (value) => value.toLocaleString(document.documentElement.lang);
const percent = (value) => `${write(Math.round(1000 * value) / 10)} %`;
//: the sliders, and how their values are written
const SLIDERS = {
  size: percent,
  shadow: percent,
  ring_width: percent,
  feather: write,
  fade: (value, words) => `${write(value)} ${words.second}`,
};

export class Controls {
  /**
   * *find* returns elements by their ids; `choose(change)` receives what is chosen, `settle(name)`
   * the name of a slider that was let go.
   */
  constructor({ find, words, state, choose, settle }) {
    Object.assign(this, { find, words, state, choose });
    this.updates = []; // called with the look
    this.fill(state.choices);
    for (const name of Object.keys(SLIDERS)) this.watchSlider(name, settle);
    this.watchTabs();
  }

  show(look) {
    this.look = look;
    for (const update of this.updates) update(look);
    const hasRing = look.shape !== "none" && look.ring !== "none";
    this.find("rings").hidden = look.shape === "none";
    this.find("ring_width").parentElement.hidden = !hasRing;
    this.find("feather").parentElement.hidden = look.keep_background;
    this.find("sounds").parentElement.hidden = !(look.background === "own" && this.state.is_own_video);
    this.find("engines").parentElement.hidden = look.keep_background;
    this.find("inside").hidden = !this.state.layers.has_person;
  }

  fill({ shapes, rings, colours, canvases, engines, background_sounds: sounds }) {
    const { words } = this;
    const items = {
      shapes: shapes.map((shape) => this.button(words[shape], (look) => look.shape === shape, { shape, ...(shape === "none" ? { ring: "none" } : {}) })),
      rings: [
        this.button(words.ringNone, (look) => look.ring === "none", { ring: "none" }),
        ...Object.entries(rings).map(([ring, colour]) =>
          this.dot(words[ring], colour, (look) => look.ring === ring && !look.ring_colour, { ring, ring_colour: null })),
        this.picker(
          (look) => look.ring !== "none" && look.ring_colour,
          (ring_colour) => ({ ring_colour, ring: this.look.ring === "none" ? "white" : this.look.ring }),
        ),
      ],
      backgrounds: [
        ...Object.entries(colours).map(([name, colour]) =>
          this.dot(words[name] ?? name, colour, (look) => look.background === name, { background: name })),
        this.picker((look) => look.background.startsWith("#") && look.background, (background) => ({ background })),
        this.button(words.blur, (look) => look.background === "blur", { background: "blur" }),
        ...(this.state.has_own ? [this.button(words.own, (look) => look.background === "own", { background: "own" })] : []),
      ],
      canvases: canvases.map((canvas) => this.format(canvas)),
      inside: [this.toggle(words.inside, "keep_background")],
      voice: ["even_voice", "denoise"].map((name) => this.sound(words[name], (sound) => sound[name], (sound) => ({ [name]: !sound[name] }))),
      sounds: sounds.map((level) => this.sound(words[level], (sound) => sound.background_sound === level, () => ({ background_sound: level }))),
      engines: engines.map((engine) => this.button(words[engine] ?? engine, (look) => look.engine === engine, { engine })),
    };
    for (const group of GROUPS) this.find(group).replaceChildren(...items[group]);
  }

  /** A button that is pressed while `isChosen(look)`; *change* is what it chooses, or returns it. */
  button(text, isChosen, change, content = text) {
    const press = () => this.choose(typeof change === "function" ? change() : change);
    const button = make("button", { type: "button", "aria-label": text, onclick: press }, content);
    this.updates.push((look) => button.setAttribute("aria-pressed", String(Boolean(isChosen(look)))));
    return button;
  }

  dot(text, colour, isChosen, change) {
    const button = this.button(text, isChosen, change, "");
    button.className = "dot";
    button.style.background = colour;
    button.title = text;
    return button;
  }

  /** Any colour; `chosen(look)` returns the one that is chosen, `change(colour)` what to choose. */
  picker(chosen, change) {
    const input = make("input", { type: "color", "aria-label": this.words.anyColour, title: this.words.anyColour });
    input.addEventListener("input", () => this.choose(change(input.value)));
    const label = make("label", { class: "dot any" }, input);
    this.updates.push((look) => {
      const colour = chosen(look);
      label.classList.toggle("chosen", Boolean(colour));
      label.style.background = colour || "";
      if (colour) input.value = colour;
    });
    return label;
  }

  /** A format, with its outline before its name. */
  format(canvas) {
    const [across, down] = canvas.split(":").map(Number);
    const outline = down ? make("i", { class: "outline" }) : "";
    if (down) outline.style.aspectRatio = `${across} / ${down}`;
    const text = down ? canvas : this.words.autoFormat;
    const button = this.button(text, (look) => look.canvas === canvas, { canvas }, outline);
    button.title = text;
    button.append(down ? canvas : this.words.autoShort);
    return button;
  }

  toggle(text, name) {
    return this.button(text, (look) => look[name], () => ({ [name]: !this.look[name] }));
  }

  sound(text, isChosen, change) {
    return this.button(text, (look) => isChosen(look.sound), () => ({ sound: { ...this.look.sound, ...change(this.look.sound) } }));
  }

  watchSlider(name, settle) {
    const input = this.find(name);
    const output = input.parentElement.querySelector("output");
    input.addEventListener("input", () => this.choose({ [name]: Number(input.value) }));
    input.addEventListener("change", () => settle(name));
    this.updates.push((look) => {
      input.value = look[name];
      output.textContent = SLIDERS[name](look[name], this.words);
      input.setAttribute("aria-valuetext", output.textContent);
    });
  }

  /** One page at a time; the arrow keys go from one tab to the next, as in other programs. */
  watchTabs() {
    const tabs = [...this.find("tabs").children];
    const open = (chosen) => {
      for (const tab of tabs) {
        tab.setAttribute("aria-selected", String(tab === chosen));
        tab.tabIndex = tab === chosen ? 0 : -1;
        this.find(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
      }
    };
    for (const tab of tabs) tab.addEventListener("click", () => open(tab));
    this.find("tabs").addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
      next.focus();
      open(next);
      event.preventDefault();
    });
    open(tabs[0]);
  }
}
