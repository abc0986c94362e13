// The person with a soft edge, as video_editing/matting/alpha_refinement.py blurs alpha.

import { blur, createCanvas } from "./blur.js";

const STEP = 0.25; // of the blur, in pixels of the layer, below which nothing is drawn again
const DIRECTIONS = 8;

/** The standard deviation of OpenCV's Gaussian of so many pixels; 0 where it changes nothing. */
function deviation(pixels) {
  const width = Math.round(pixels) | 1;
  return pixels < 1 || width === 1 ? 0 : 0.3 * ((width - 1) / 2 - 1) + 0.8;
}

export class Person {
  /** *image*: the whole frame with alpha; *clipWidth* in pixels of the clip. */
  constructor(image, clipWidth) {
    Object.assign(this, { image, zoom: image.width / clipWidth, drawn: null });
  }

  /** The layer with an edge as soft as *feather*, in the clip's pixels, where it is shown by *scale*. */
  soften(feather, scale) {
    const sigma = STEP * Math.round((deviation(feather * scale) / scale) * this.zoom / STEP);
    if (sigma === 0) return this.image;
    if (this.drawn?.sigma !== sigma) this.drawn = { sigma, canvas: this.draw(sigma) };
    return this.drawn.canvas;
  }

  draw(sigma) {
    const { width, height } = this.image;
    const canvas = createCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.image, 0, 0);
    const alpha = new Float32Array(width * height);
    const own = context.getImageData(0, 0, width, height).data;
    for (let index = 0; index < alpha.length; index++) alpha[index] = own[4 * index + 3];
    this.spread(context, sigma);
    const picture = context.getImageData(0, 0, width, height);
    const blurred = blur(alpha, width, height, sigma);
    for (let index = 0; index < alpha.length; index++) picture.data[4 * index + 3] = blurred[index] + 0.5;
    context.putImageData(picture, 0, 0);
    return canvas;
  }

  /** Continue the person's colours to where the blurred edge reaches. */
  spread(context, sigma) {
    context.globalCompositeOperation = "destination-over";
    for (const distance of [sigma, 2 * sigma, 3 * sigma]) {
      for (let turn = 0; turn < DIRECTIONS; turn++) {
        const angle = (2 * Math.PI * turn) / DIRECTIONS;
        context.drawImage(this.image, distance * Math.cos(angle), distance * Math.sin(angle));
      }
    }
  }
}
