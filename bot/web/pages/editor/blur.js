// Gaussian blur of planes, and the clip blurred as video_editing/compositing/background.py does it.

const SIDE = 96; // pixels of the shorter side at which the clip is blurred
const SIGMA = 5; // in those pixels
const BRIGHTNESS = 0.75;
const LUMA = [0.2126, 0.7152, 0.0722];

function kernelOf(sigma) {
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, index) => Math.exp(-((index - reach) ** 2) / (2 * sigma * sigma)));
  const sum = kernel.reduce((total, one) => total + one, 0);
  return kernel.map((one) => one / sum);
}

/** Blur *count* lines, *apart* from each other, of *length* values that are *stride* apart. */
function blurLines(values, [count, apart], [length, stride], kernel) {
  const reach = (kernel.length - 1) / 2;
  const mirror = (at) => {
    const inside = Math.abs(at);
    return inside < length ? inside : Math.max(0, 2 * (length - 1) - inside);
  };
  const sources = Array.from({ length: length + 2 * reach }, (_, index) => mirror(index - reach) * stride);
  const blurred = new Float32Array(values.length);
  for (let line = 0; line < count; line++) {
    const first = line * apart;
    for (let index = 0; index < length; index++) {
      let sum = 0;
      for (let tap = 0; tap < kernel.length; tap++) sum += kernel[tap] * values[first + sources[index + tap]];
      blurred[first + index * stride] = sum;
    }
  }
  return blurred;
}

/** *values*, row by row, under a Gaussian of that standard deviation, mirrored at the edges. */
export function blur(values, width, height, sigma) {
  const kernel = kernelOf(sigma);
  const across = blurLines(values, [height, width], [width, 1], kernel);
  return blurLines(across, [width, 1], [height, width], kernel);
}

export function createCanvas(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return canvas;
}

/** Draw *image* so that it fills the canvas, cropped equally on both sides. */
export function cover(context, image, [width, height]) {
  const scale = Math.max(width / image.width, height / image.height);
  const [across, down] = [image.width * scale, image.height * scale];
  context.drawImage(image, (width - across) / 2, (height - down) / 2, across, down);
}

/** *frame* filling a result of that size, blurred and a little darker. */
export function blurFrame(frame, size) {
  const [width, height] = size.map((side) => 2 * Math.round((side * SIDE) / Math.min(...size) / 2));
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  cover(context, frame, [width, height]);
  const picture = context.getImageData(0, 0, width, height);
  const planes = [0, 1, 2].map((channel) =>
    blur(Float32Array.from({ length: width * height }, (_, at) => picture.data[4 * at + channel]), width, height, SIGMA));
  for (let at = 0; at < width * height; at++) {
    const luma = planes.reduce((sum, plane, channel) => sum + LUMA[channel] * plane[at], 0);
    for (const channel of [0, 1, 2]) picture.data[4 * at + channel] = planes[channel][at] - (1 - BRIGHTNESS) * luma;
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}
