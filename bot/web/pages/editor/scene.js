// Draws the result from its layers: background, shadow, person, shape and ring.

import { blurFrame, cover } from "./blur.js";
import { canvasSize, computeLayout, computeTopLeft } from "./layout.js";
import { Person } from "./person.js";

const CORNER_RADIUS = 0.12;

function tracePath(context, layout, shape, inset) {
  const [width, height] = layout.view;
  context.beginPath();
  if (shape === "circle") {
    context.arc(layout.centre[0], layout.centre[1], Math.max(0, layout.radius - inset), 0, 2 * Math.PI);
  } else {
    const corner = shape === "rounded" ? Math.max(0, CORNER_RADIUS * Math.min(width, height) - inset) : 0;
    context.roundRect(inset, inset, width - 2 * inset, height - 2 * inset, corner);
  }
}

export class Scene {
  /** *layers*: clip, background and face as the server tells them; *images*: by name. */
  constructor(stage, layers, images) {
    Object.assign(this, { stage, layers, images });
    this.person = new Person(images.person, layers.clip[0]);
    this.overlay = document.createElement("canvas");
    this.opacity = 1; // of the overlay, while it fades in
  }

  /** The result's width and height in pixels. */
  canvas(look) {
    const own = look.background === "own" ? this.layers.background : null;
    return canvasSize(look.canvas, own ?? this.layers.clip);
  }

  /** Where the view is on the result, in its pixels, with its layout. */
  measure(look) {
    const canvas = this.canvas(look);
    const layout = computeLayout(this.layers.clip, look, this.layers.face, canvas);
    const [left, top] = computeTopLeft(layout.view, look, canvas);
    return { canvas, layout, left, top };
  }

  draw(look, { rings, colours }) {
    const measured = this.measure(look);
    const { canvas, layout, left, top } = measured;
    const { stage } = this;
    const scale = this.fit(canvas);
    const context = stage.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.drawBackground(context, look, colours, canvas);
    this.drawOverlay(look, layout, scale, rings);
    context.globalAlpha = this.opacity;
    if (layout.margin) {
      context.shadowColor = `rgb(0 0 0 / ${look.shadow})`;
      context.shadowBlur = 0.8 * layout.margin * scale;
      context.shadowOffsetY = 0.2 * layout.margin * scale;
    }
    context.drawImage(this.overlay, left, top, ...layout.view);
    context.shadowColor = "transparent";
    context.globalAlpha = 1;
    return measured;
  }

  drawBackground(context, look, colours, canvas) {
    const isBlurred = look.background === "blur" && this.images.frame;
    if (isBlurred) context.drawImage(this.blurFrame(canvas), 0, 0, ...canvas);
    else if (look.background === "own") cover(context, this.images.background, canvas);
    else {
      context.fillStyle = look.background.startsWith("#") ? look.background : colours[look.background] ?? "#000";
      context.fillRect(0, 0, ...canvas);
    }
  }

  /** The frame blurred for a result of that size, computed once. */
  blurFrame(canvas) {
    const size = canvas.join();
    if (this.blurred?.size !== size) this.blurred = { size, image: blurFrame(this.images.frame, canvas) };
    return this.blurred.image;
  }

  /** Give the stage the result's shape in the room that there is; return its scale. */
  fit([width, height]) {
    const room = this.stage.parentElement.getBoundingClientRect();
    const zoom = Math.min(room.width / width, room.height / height);
    const dots = Math.min(window.devicePixelRatio || 1, 2) * zoom;
    this.zoom = zoom;
    this.stage.style.width = `${width * zoom}px`;
    this.stage.style.height = `${height * zoom}px`;
    this.stage.width = Math.round(width * dots);
    this.stage.height = Math.round(height * dots);
    return dots;
  }

  drawOverlay(look, layout, scale, rings) {
    const { overlay, layers } = this;
    const [width, height] = layout.view;
    overlay.width = Math.max(1, Math.round(width * scale));
    overlay.height = Math.max(1, Math.round(height * scale));
    const context = overlay.getContext("2d");
    context.setTransform(overlay.width / width, 0, 0, overlay.height / height, 0, 0);
    const [x, y, w, h] = layout.box;
    const image = this.chooseImage(look, width / w);
    const zoom = [image.width / layers.clip[0], image.height / layers.clip[1]];
    context.drawImage(image, x * zoom[0], y * zoom[1], w * zoom[0], h * zoom[1], 0, 0, width, height);
    if (look.shape === "none") return;
    context.globalCompositeOperation = "destination-in";
    tracePath(context, layout, look.shape, 0);
    context.fill();
    context.globalCompositeOperation = "source-over";
    if (!rings[look.ring]) return;
    const thickness = look.ring_width * Math.min(width, height);
    tracePath(context, layout, look.shape, thickness / 2);
    context.strokeStyle = look.ring_colour ?? rings[look.ring];
    context.lineWidth = thickness;
    context.stroke();
  }

  /** Whether a look shows the whole frame of the clip, which is not loaded before. */
  needsFrame(look) {
    return !this.images.frame && (look.keep_background || look.background === "blur");
  }

  /** The person, or the whole frame once it is there, where it is shown by *scale*. */
  chooseImage(look, scale) {
    if (look.keep_background) return this.images.frame ?? this.images.person;
    return this.person.soften(look.feather, scale);
  }
}
