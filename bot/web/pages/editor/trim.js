// The part of the clip that is used: two handles over a strip of pictures, and a small muted copy.

const MIN_SECONDS = 0.5;
const LINGER = 1200;

function clock(seconds) {
  const whole = Math.floor(seconds / 60);
  const rest = (seconds - 60 * whole).toFixed(1);
  return `${whole}:${rest.padStart(4, "0")}`;
}

export class Trim {
  /**
   * *find* returns elements by their ids; `onChange(start, end)` receives seconds, `end` null for
   * the clip's end.
   */
  constructor(find, seconds, { start, end }, onChange) {
    Object.assign(this, { find, seconds, onChange });
    this.start = find("start");
    this.end = find("end");
    this.video = find("proxy");
    for (const handle of [this.start, this.end]) {
      handle.max = seconds;
      handle.step = 0.1;
      handle.addEventListener("input", () => this.change(handle));
    }
    this.start.value = start;
    this.end.value = end ?? seconds;
    find("play").addEventListener("click", () => this.toggle());
    this.video.addEventListener("timeupdate", () => this.stopAtEnd());
    this.show();
  }

  /** Show the pictures and the copy, once they have come. */
  async load(readPicture, readVideo) {
    this.find("pictures").src = URL.createObjectURL(await readPicture());
    this.video.src = URL.createObjectURL(await readVideo());
    this.find("play").disabled = false;
  }

  get span() {
    return [Number(this.start.value), Number(this.end.value)];
  }

  change(handle) {
    const [start, end] = this.span;
    if (handle === this.start) this.start.value = Math.min(start, Math.max(0, end - MIN_SECONDS));
    else this.end.value = Math.max(end, Math.min(this.seconds, start + MIN_SECONDS));
    this.video.pause();
    this.peek(Number(handle.value));
    this.show();
    const [first, last] = this.span;
    this.onChange(first, last >= this.seconds - 0.05 ? null : last);
  }

  /** Show the copy at a time for a moment. */
  peek(seconds) {
    if (!this.video.src) return;
    this.video.hidden = false;
    this.video.currentTime = seconds;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.video.hidden = this.video.paused), LINGER);
  }

  toggle() {
    if (!this.video.paused) {
      this.video.pause();
      this.video.hidden = true;
    } else {
      clearTimeout(this.timer);
      this.video.hidden = false;
      this.video.currentTime = this.span[0];
      this.video.play();
    }
    this.show();
  }

  stopAtEnd() {
    if (this.video.paused || this.video.currentTime < this.span[1] - 0.05) return;
    this.video.pause();
    this.video.hidden = true;
    this.show();
  }

  show() {
    const [start, end] = this.span;
    const kept = this.find("kept").style;
    kept.left = `${(100 * start) / this.seconds}%`;
    kept.right = `${100 - (100 * end) / this.seconds}%`;
    this.find("span").textContent = `${clock(start)} – ${clock(end)}`;
    this.start.setAttribute("aria-valuetext", clock(start));
    this.end.setAttribute("aria-valuetext", clock(end));
    this.find("play").setAttribute("aria-pressed", String(!this.video.paused));
  }
}
