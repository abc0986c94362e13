// Draws the result from its layers: background, shadow, person, shape and ring.

import { canvasSize, computeLayout, computeTopLeft } from "./layout.js";

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

function cover(context, image, [width, height]) {
  const scale = Math.max(width / image.width, height / image.height);
  const [across, down] = [image.width * scale, image.height * scale];
  context.drawImage(image, (width - across) / 2, (height - down) / 2, across, down);
}

export class Scene {
  /** *layers*: clip, background and face as the server tells them; *images*: by name. */
  constructor(stage, layers, images) {
    Object.assign(this, { stage, layers, images });
    this.overlay = document.createElement("canvas");
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

  draw(look, rings, colours) {
    const measured = this.measure(look);
    const { canvas, layout, left, top } = measured;
    const { stage } = this;
    const scale = this.fit(canvas);
    const context = stage.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    if (colours[look.background]) {
      context.fillStyle = colours[look.background];
      context.fillRect(0, 0, ...canvas);
    } else {
      cover(context, look.background === "blur" ? this.images.blur : this.images.background, canvas);
    }
    this.drawOverlay(look, layout, scale, rings);
    if (layout.margin) {
      context.shadowColor = `rgb(0 0 0 / ${look.shadow})`;
      context.shadowBlur = 0.8 * layout.margin * scale;
      context.shadowOffsetY = 0.2 * layout.margin * scale;
    }
    context.drawImage(this.overlay, left, top, ...layout.view);
    context.shadowColor = "transparent";
    return measured;
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
    const { overlay, images, layers } = this;
    const [width, height] = layout.view;
    overlay.width = Math.max(1, Math.round(width * scale));
    overlay.height = Math.max(1, Math.round(height * scale));
    const context = overlay.getContext("2d");
    context.setTransform(overlay.width / width, 0, 0, overlay.height / height, 0, 0);
    const zoom = [images.person.width / layers.clip[0], images.person.height / layers.clip[1]];
    const [x, y, w, h] = layout.box;
    context.drawImage(images.person, x * zoom[0], y * zoom[1], w * zoom[0], h * zoom[1], 0, 0, width, height);
    if (look.shape === "none") return;
    context.globalCompositeOperation = "destination-in";
    tracePath(context, layout, look.shape, 0);
    context.fill();
    context.globalCompositeOperation = "source-over";
    if (!rings[look.ring]) return;
    const thickness = this.layers.ringWidth * Math.min(width, height);
    tracePath(context, layout, look.shape, thickness / 2);
    context.strokeStyle = rings[look.ring];
    context.lineWidth = thickness;
    context.stroke();
  }
}
