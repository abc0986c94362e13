"""A command line like that of video_editing, which only looks busy; run as a script.

``fake_video_cli.py FOLDER COMMAND CLIP …`` writes what COMMAND would: copies of the small files
that lie in FOLDER, each with a line at its end that tells what it was made from. How long it takes
and what goes wrong is said by FOLDER/behaviour.json, and by the clip itself where that begins with
JSON: by command ("preview", "plan", "matte", "edit", "cut", "parts"), any of

``seconds``: how long it takes; ``fault``: how it ends instead; ``reason``: of a rejection;
``size``: bytes of the result, as far as --max-mb allows; ``times``: how often the fault comes;
``inside``, of "probe": how much a frame differs from the reference.

Each run leaves a line in FOLDER/runs.jsonl. Only what is really a video is really probed.
"""

# ruff: noqa: PTH103, PTH105, PTH110, PTH123, SIM105 - started often; pathlib doubles its start
import hashlib
import json
import os
import signal
import sys
import time

FOLDER, COMMAND, *WORDS = ["--output" if word == "-o" else word for word in sys.argv[1:]]
MARK = b"\nmade of "
SEGMENTS, FRAMES = 3, 25  #: and so many in each segment
SIZES = {"note": (640, 640), "sticker": (512, 512)}


def option(name: str, otherwise: str = "") -> str:
    """What was given for *name*, as one word or as two."""
    for i, word in enumerate(WORDS):
        if word == f"--{name}":
            return WORDS[i + 1] if i + 1 < len(WORDS) else "yes"
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return otherwise


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(path: str, content: bytes) -> None:
    """Whole or not at all."""
    with open(path + ".part", "wb") as file:
        file.write(content)
    os.replace(path + ".part", path)


def report(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def failing(code: int, error: str, reason: str | None = None) -> None:
    """End as the command line does."""
    failure = {"error": error, "reason": reason, "details": {}, "message": "Some sentence."}
    os.write(2, b"overlay: Some sentence.\n" + json.dumps(failure).encode() + b"\n")
    sys.exit(code)


def behaviour(name: str, clip: bytes) -> dict[str, object]:
    """Of this run."""
    chosen = {}
    try:
        chosen = json.loads(read(f"{FOLDER}/behaviour.json")).get(name, {})
    except OSError:
        pass
    if clip.startswith(b"{"):
        chosen = chosen | json.loads(clip.split(b"\n")[0]).get(name, {})
    return chosen


def fail(how: str, reason: object) -> None:
    """Go wrong, if that is wanted."""
    match how:
        case "rejects":
            failing(3, "InputRejected", str(reason or "no_person"))
        case "no-model":
            failing(4, "ModelUnavailable")
        case "disk-full":
            failing(5, "OutputFailed")
        case "bug":
            sys.exit("Traceback of a bug")
        case "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "ended":
            sys.exit(143)
        case "kills-parent":
            os.kill(os.getppid(), signal.SIGKILL)
        case "hangs":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)


def runs(clip: str) -> int:
    """How many runs of this command there were of that clip."""
    try:
        lines = map(json.loads, read(f"{FOLDER}/runs.jsonl").splitlines())
        return sum(run["clip"] == clip and run["command"] == NAME for run in lines)
    except OSError:
        return 0


def spend(seconds: float, stage: str) -> None:
    """Pass the time, and report progress."""
    total = SEGMENTS * FRAMES
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        report(stage=stage, done=int(total * gone / seconds), total=total, fps=25.0)
        time.sleep(min(0.1, seconds - gone))
    report(stage=stage, done=total, total=total, fps=25.0)


def make_plan() -> None:
    folder = option("segments")
    os.makedirs(folder, exist_ok=True)
    plan = {
        "size": [320, 320],
        "timebase": [1, 25],
        "engine": option("engine", "mediapipe"),
        "model": "u2net_human_seg",
        "every": 0,
        "segments": [
            {"index": i, "start": i * FRAMES, "end": (i + 1) * FRAMES, "frames": FRAMES}
            for i in range(SEGMENTS)
        ],
    }
    if not os.path.exists(f"{folder}/plan.json"):
        write(f"{folder}/plan.json", json.dumps(plan).encode())


def planned_engine() -> object:
    """The engine of the plan in the folder of mattes; "" where there is none."""
    try:
        return json.loads(read(f"{option('segments')}/plan.json"))["engine"]
    except OSError:
        return ""


def make_mattes(seconds: float) -> None:
    make_plan()
    only = option("only", ",".join(map(str, range(SEGMENTS))))
    began = time.monotonic()
    for i in map(int, only.split(",")):
        path = f"{option('segments')}/{i:05}.mp4"
        if os.path.exists(path):
            continue
        until = time.monotonic() + seconds / SEGMENTS
        while time.monotonic() < until:
            done = min(i * FRAMES + FRAMES - 1, int((time.monotonic() - began) * 25))
            report(stage="mattes", done=max(done, 0), total=SEGMENTS * FRAMES, fps=25.0)
            time.sleep(min(0.1, max(0, until - time.monotonic())))
        write(path, b"matte " + SUMMARY)
        report(stage="mattes", done=(i + 1) * FRAMES, total=SEGMENTS * FRAMES, fps=25.0)


def make_result(suffix: str, size: int) -> None:
    """A file that can be looked at, with what it was made from."""
    content = read(f"{FOLDER}/result{suffix}")
    limit = float(option("max-mb", "1e9")) * 1_000_000
    content += b"\0" * (min(size, int(limit) - len(MARK + SUMMARY)) - len(content))
    write(option("output"), content + MARK + SUMMARY)
    make_stills()


def make_stills() -> None:
    """The pictures of a frame that are asked for."""
    for path in filter(None, (option("thumbnail"), option("cover"))):
        write(path, read(f"{FOLDER}/result.jpg"))


def make_layers(folder: str) -> None:
    """The pictures of a card, apart."""
    os.makedirs(folder, exist_ok=True)
    for name in ("person.webp", "frame.webp", "background.webp"):
        write(f"{folder}/{name}", read(f"{FOLDER}/result.webp"))
    geometry = {"clip": [64, 64], "background": None, "face": [0.5, 0.5], "seconds": 2.0}
    geometry["has_person"] = True
    write(f"{folder}/layers.json", json.dumps(geometry).encode())


def make_proxy(folder: str) -> None:
    """A small copy of the clip, where one is wanted."""
    if folder:
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/proxy.mp4", read(f"{FOLDER}/result.mp4"))
        write(f"{folder}/strip.jpg", read(f"{FOLDER}/result.jpg"))
        report(stage="done", result=folder, seconds=2.0)


def make_parts() -> None:
    """An overlay and its matte over teal, for a renderer elsewhere."""
    folder = option("output")
    os.makedirs(folder, exist_ok=True)
    for name in ("overlay.mp4", "luma.mp4"):
        write(f"{folder}/{name}", read(f"{FOLDER}/result.mp4"))
    report(
        stage="done",
        canvas=[320, 320],
        box=[200, 200, 64, 64],
        seconds=2.0,
        sound=False,
        overlay=f"{folder}/overlay.mp4",
        luma=f"{folder}/luma.mp4",
        background={"colour": "#008080"},
        reference={
            "seconds": 1.0,
            "expected": f"{folder}/expected.jpg",
            "inverted": f"{folder}/inverted.jpg",
        },
    )


def probe(how: dict[str, object]) -> None:
    """What is really a video is really probed, and its frame said to be as it should."""
    fields = {"width": 320, "height": 320, "seconds": 2.0, "rate": 12.0, "sound": False}
    if MARK in CONTENT:  # a result of ours, which is said to be larger than it is
        make_stills()
        report(stage="done", **fields)
    elif option("compare") and "inside" in how:
        report(stage="done", inside=how["inside"], **fields)
    elif CONTENT.startswith(b"{"):
        report(stage="done", **fields)
    else:
        words = [word for word in WORDS if not word.startswith(("--compare", "--at", "--box"))]
        os.execv(sys.executable, [sys.executable, "-m", "video_editing", COMMAND, *words])  # noqa: S606


if COMMAND == "speed":
    report(stage="done", **{"rvm": 100.0, "mediapipe": 300.0} | behaviour("speed", b""))
    sys.exit()
CLIP = next(word for word in WORDS if not word.startswith("-"))
CONTENT = read(CLIP)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = "plan" if option("plan-only") else "check" if option("check") else COMMAND
SUMMARY = json.dumps({"clip": DIGEST, "command": NAME, "words": WORDS}).encode()


def main() -> None:
    how = behaviour(NAME, CONTENT)
    before = runs(DIGEST)
    with open(f"{FOLDER}/runs.jsonl", "a") as file:
        line = {"clip": DIGEST, "command": NAME, "words": WORDS, "at": time.time()}
        line["environment"] = dict(os.environ)
        line["engine"] = planned_engine()
        line["looks"] = json.loads(read(option("looks"))) if option("looks") else []
        file.write(json.dumps(line) + "\n")
    seconds = float(str(how.get("seconds", 0)))
    if before < float(str(how.get("times", "inf"))):
        fail(str(how.get("fault", "")), how.get("reason"))
    if NAME == "plan":
        make_plan()
        return
    if NAME == "matte":
        make_mattes(seconds)
        return
    if NAME in {"check", "proxy"}:
        make_proxy(option("output"))
        return
    if NAME == "probe":
        probe(how)
        return
    if NAME in {"preview", "sheet"}:
        time.sleep(seconds)
        make_result(".jpg", 0)
        if option("layers"):
            make_layers(option("layers"))
        report(stage="done", result=option("output"), seconds=2.0, center=[0.5, 0.4])
        return
    spend(seconds, "render" if NAME == "parts" else NAME)
    if NAME == "parts":
        make_parts()
        return
    form = option("form", option("container", "video"))
    suffix = {"gif": ".gif", "mov": ".mov", "webm": ".webm", "sticker": ".webm"}.get(form, ".mp4")
    make_result(suffix, int(str(how.get("size", 0))))
    width, height = SIZES.get(form, (320, 320))
    report(stage="done", result=option("output"), width=width, height=height, seconds=2.0)


if __name__ == "__main__":
    main()
