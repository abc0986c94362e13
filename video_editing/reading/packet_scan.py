"""The times of all packets of a file: its frames, its joints, how far it is readable."""

from __future__ import annotations  # PyAV's Packet takes a parameter only in its stubs

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import av
from av.container import InputContainer
from av.stream import Stream

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.reading.clock import Part
from video_editing.reading.container import read_packets

MAX_RATE = Fraction(120)  #: frames per second; of a clip with more, some are left out
_CLOCK_TOLERANCE = Fraction(2, 1000)  #: seconds; many containers round times to milliseconds
_JOINABLE = frozenset({"mpegts", "mpeg", "flv"})  #: containers that can be joined byte by byte
#: Seconds by which a joint sets the clock back or on, at least. Frames of one part are closer;
#: presentation times may go back by the longer one, since frames are reordered.
_MIN_STEP_BACK, _MIN_STEP_ON = Fraction(1, 10), Fraction(1)
#: Seconds for which a stream may be silent, if no other one shows that the clock jumps: FFmpeg's
#: threshold.
_MAX_SILENT_STEP = Fraction(10)


class FrameSpan(NamedTuple):
    """Start and length of one frame in ticks of its stream."""

    start: int
    length: int
    is_key: bool


class Joint(NamedTuple):
    """Where the clock of a stream jumps.

    Attributes:
        frames: number of the shown frames before it.
        before: seconds of the last packet before it.
        after: seconds of the first packet after it.
    """

    frames: int
    before: Fraction
    after: Fraction


@dataclass(slots=True)
class StreamScan:
    """Timing of one stream, from its packets.

    Attributes:
        spans: of the frames that are shown, in file order; empty for other than video streams.
        end: of the last packet in presentation order since the last joint, in ticks; 0 without
            packets.
        steady_end: the same, without packets long after all others, which damaged files have.
        joints: where the clock jumps, in file order.
        latest: decoding time of the last packet in ticks; None before the first.
        highest: presentation time of the packets since the last joint in ticks; None before one.
        is_untimed: whether there are decoding times only.
    """

    spans: list[FrameSpan] = field(default_factory=list)
    end: int = 0
    steady_end: int = 0
    joints: list[Joint] = field(default_factory=list)
    latest: int | None = None
    highest: int | None = None
    is_untimed: bool = False

    def notice_joint(self, packet: av.Packet[Stream]) -> None:
        """Add a joint if the clock jumps at *packet*.

        The decoding time of the first packet after it may be guessed from the one before.
        """
        joint = self._find_jump(self.highest, packet.pts, packet.time_base, _MIN_STEP_ON)
        if joint is None:
            joint = self._find_jump(self.latest, packet.dts, packet.time_base, _MIN_STEP_BACK)
            self.latest = packet.dts if packet.dts is not None else self.latest
        else:
            self.latest = None
        if joint is not None:
            self.joints.append(joint)
            self.end = self.steady_end = int(joint.after / packet.time_base)
            self.highest = None
        if packet.pts is not None:
            self.highest = packet.pts if self.highest is None else max(self.highest, packet.pts)

    def _find_jump(
        self, before: int | None, after: int | None, tick: Fraction, step_back: Fraction
    ) -> Joint | None:
        if before is None or after is None:
            return None
        step = (after - before) * tick
        if -step_back <= step <= _MIN_STEP_ON:
            return None
        return Joint(len(self.spans), before * tick, after * tick)


def scan_packets(
    container: InputContainer, max_frames: int, max_bytes: int
) -> dict[int, StreamScan]:
    """Return the timing of each stream by its index, as far as the file is readable.

    Raises:
        InputRejected: TOO_LONG, a stream has more than *max_frames*; TOO_LARGE, the packets have
            more than *max_bytes*.
    """
    total = 0
    scans: dict[int, StreamScan] = defaultdict(StreamScan)
    name = container.format.name
    for packet in read_packets(container):
        total += packet.size
        if total > max_bytes:
            raise InputRejected(RejectReason.TOO_LARGE, bytes=max_bytes)
        scan = scans[packet.stream_index]
        if name in _JOINABLE:
            scan.notice_joint(packet)
        if name == "avi" and packet.pts != packet.dts:
            scan.is_untimed, packet.pts = True, packet.dts
        start = _compute_start(packet, scan)
        length = max(0, packet.duration or 0)
        scan.end = max(scan.end, start + length)
        is_late = (start - scan.steady_end) * packet.time_base > _MAX_SILENT_STEP
        if not is_late or not scan.steady_end:
            scan.steady_end = max(scan.steady_end, start + length)
        if packet.stream.type == "video" and _is_shown(packet):
            scan.spans.append(FrameSpan(start, length, packet.is_keyframe))
            if len(scan.spans) > max_frames:
                raise InputRejected(RejectReason.TOO_LONG, frames=max_frames)
    return scans


def _compute_start(packet: av.Packet[Stream], scan: StreamScan) -> int:
    """Return the time of *packet* in ticks; the end of its stream so far if it has no time."""
    if packet.pts is not None:
        return packet.pts
    return scan.end if packet.dts is None else packet.dts


def _is_shown(packet: av.Packet[Stream]) -> bool:
    """Return whether *packet* is shown: edit lists hide some, VP8 has reference-only frames."""
    if packet.is_discard:
        return False
    if packet.stream.codec_context is not None and packet.stream.codec_context.name == "vp8":
        return bool(memoryview(packet)[0] & 0x10)  # show_frame (RFC 6386, 9.1)
    return True


def join_parts(
    video: StreamScan, audio: StreamScan | None, tick: Fraction
) -> tuple[tuple[Part, ...], list[FrameSpan]]:
    """Return the parts of a joined file, and its frames with the times of one clock.

    A gap in the video alone, while the sound goes on, is no joint.

    Args:
        video: timing of the video.
        audio: that of the sound; None without it.
        tick: seconds of the video's timebase.

    Returns:
        The parts, none if the clock of the file runs on; and the frames, in file order.
    """
    joints = [joint.frames for joint in video.joints if _is_joint(joint, audio)]
    parts: list[Part] = []
    joined: list[FrameSpan] = []
    for first, after in pairwise([0, *joints, len(video.spans)]):
        spans = video.spans[first:after]
        if not spans:
            continue
        start, end = min(s.start for s in spans), max(s.start + s.length for s in spans)
        shift = parts[-1].end + parts[-1].shift - start * tick if parts else Fraction(0)
        parts.append(Part(start * tick, end * tick, shift))
        joined += [span._replace(start=span.start + int(shift / tick)) for span in spans]
    return tuple(parts) if len(parts) > 1 else (), joined


def _is_joint(joint: Joint, audio: StreamScan | None) -> bool:
    if joint.after < joint.before:
        return True
    if audio is None or not audio.end:
        return joint.after - joint.before > _MAX_SILENT_STEP
    middle = (joint.before + joint.after) / 2
    return any(other.before < middle < other.after for other in audio.joints)


def thin_out(spans: list[FrameSpan], tick: Fraction) -> list[FrameSpan]:
    """Return *spans* if they are at most `MAX_RATE` a second, else one of each period.

    That is the first key frame, from which decoding can start, or else the first frame.

    Args:
        spans: by strictly increasing start; at least one.
        tick: seconds of their timebase.
    """
    begin, last = spans[0].start, spans[-1]
    if len(spans) - 1 <= MAX_RATE * ((last.start - begin) * tick + _CLOCK_TOLERANCE):
        return spans
    number, ticks = (MAX_RATE * tick).as_integer_ratio()  # whole numbers: there may be many
    periods = groupby(spans, lambda span: (span.start - begin) * number // ticks)
    *before, final = (max(period, key=attrgetter("is_key")) for _, period in periods)
    return [*before, final._replace(length=last.start + last.length - final.start)]


def sort_spans(spans: Iterable[FrameSpan]) -> Iterator[FrameSpan]:
    """Yield *spans* in presentation order; of equal starts the later ones move on by a tick."""
    last: int | None = None
    for span in sorted(spans):
        last = span.start if last is None else max(span.start, last + 1)
        yield span._replace(start=last)
