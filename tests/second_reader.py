#!/usr/bin/env -S python3 -B
"""A second reader of trace journals, written from journal/FORMAT.md and nothing else.

    second_reader.py DIR [FORMAT-VERSION]

prints a line of JSON for each record, run by run, and one for each run. What is named here is
named in FORMAT.md; each part below is a section there. Numbers with a fraction are printed as
`{"$f64": <their bits>}`, so that nothing is rounded on the way.
"""
import json
import os
import re
import struct
import sys
import zlib
from collections import namedtuple

sys.dont_write_bytecode = True
from second_reader_events import (BODIES, CLOSE, LONGEST, MARK, OPEN, RECOVERED, REF, SEAL, START,
                                  SYSTEM, Decoder, Invalid, as_json, decode, event_of, is_later)

VERSION = int(sys.argv[2]) if len(sys.argv) > 2 else 1
MAGIC = bytes.fromhex("8a54524a0d0a1a0a")
FRAMES, M32 = 8192, 2**32 - 1
IN_MEMORY = (0x01021994, 0x858458F6)

# --- Files ---------------------------------------------------------------------------------------

NAME = re.compile(r"([0-9a-f]{8}-[0-9a-f]{16})-(\d{6}|[1-9]\d{6,})\.(.+)")
MERGED = re.compile(r"([0-9a-f]{8}-[0-9a-f]{16})-(\d{6}|[1-9]\d{6,})-(\d{6}|[1-9]\d{6,})\.idx")


class Run:
    def __init__(self, name):
        self.name, self.segments, self.caches, self.unsupported = name, {}, [], None
        self.generation, self.random = (int(part, 16) for part in name.split("-"))
        self.note, self.is_poisoned, self.is_own = None, False, False
        self.records, self.holes, self.last = [], [], 0


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def runs_of(directory):
    """The runs of a journal, each with its segments and what else witnesses it."""
    runs, run = {}, lambda name: runs.setdefault(name, Run(name))
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if not os.path.isfile(path):
            continue
        base, _, ending = name.partition(".")
        if found := MERGED.fullmatch(name):
            run(found[1]).caches.append((int(found[3]), path))
        elif found := (NAME.fullmatch(name) if name.endswith(".idx") else None):
            run(found[1]).caches.append((int(found[2]), path))
        elif ending == "run" and len(base) == 25:
            note_of(run(base), path)
        elif ending == "poisoned" and len(base) == 25:
            run(base).is_poisoned = True
        elif not name.endswith((".tmp", ".claim")):
            add_segment(run, name, read_file(path))
    return [runs[name] for name in sorted(runs)]


def add_segment(run, name, data):
    found = NAME.fullmatch(name)
    header = header_of(data)
    if header and header.needs:
        if found:
            run(found[1]).unsupported = header.needs
    elif found and found[3] in ("segz", "par", "key"):
        if header:
            run(found[1]).unsupported = {}
    elif header:
        segment = Segment(header.generation, header.random, header.number, header.length, data)
        of_run = run(f"{header.generation:08x}-{header.random:016x}")
        if of_run.segments.setdefault(header.number, segment) is not segment:
            of_run.segments[header.number].copies.append(segment)
    elif found and found[3] == "seg":
        generation, random = (int(part, 16) for part in found[1].split("-"))
        segment = Segment(generation, random, int(found[2]), 0, data)
        if run(found[1]).segments.setdefault(int(found[2]), segment) is not segment:
            run(found[1]).segments[int(found[2])].copies.append(segment)


# --- `.run` file ---------------------------------------------------------------------------------


def note_of(run, path):
    """What the run's lock file says: a durable place, and whether this is the file it made."""
    data = read_file(path)
    parts = data[20:90].split()
    if parts[:1] == [b"durable"] and len(parts) == 5:
        told = run.name.encode() + b" " + data[20:20 + 70].rsplit(b" ", 1)[0]
        if zlib.crc32(told) == int(parts[4], 16):
            run.note = int(parts[1])
    lines = dict(line.split(" ", 1) for line in data[90:].decode().splitlines() if " " in line)
    facts = os.stat(path)
    run.is_own = lines.get("boot") == boot_id() and lines.get("inode") == str(facts.st_ino)


def boot_id():
    try:
        return read_file("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return None


# --- Header page ---------------------------------------------------------------------------------

Header = namedtuple("Header", "generation random number length needs")


def header_of(data):
    """What the intact one of the two pages says, or that this reader cannot read the segment."""
    damaged = []
    for page in (data[:4096], data[4096:8192]):
        if len(page) < 4096 or page[:8] != MAGIC:
            continue
        said = struct.unpack_from("<IIIIQQ", page, 8)
        version, incompatible, generation, number, random, length = said
        if zlib.crc32(page[:4092]) != struct.unpack_from("<I", page, 4092)[0]:
            damaged.append(version)
            continue
        needs = {"version": version, "incompatible": incompatible}
        is_known = version == VERSION and incompatible == 0
        return Header(generation, random, number, length, None if is_known else needs)
    if len(damaged) == 2 and damaged[0] == damaged[1] > VERSION:
        return Header(0, 0, 0, 0, {"version": damaged[0], "incompatible": 0})
    return None


# --- Frame ---------------------------------------------------------------------------------------

Frame = namedtuple("Frame", "at word number kind session end payload")


class Segment:
    def __init__(self, generation, random, number, length, data):
        self.number, self.data, self.limit = number, data, max(len(data), length)
        self.seed = zlib.crc32(struct.pack("<IQI", generation, random, number))
        if VERSION >= 2:
            self.seed = zlib.crc32(struct.pack("<IIIQI", VERSION, 0, generation, random, number))
        self.frames, self.contested, self.holes, self.begun = [], [], [], []
        self.is_sealed, self.end = False, FRAMES
        self.ids, self.starts, self.by_place, self.copies = {}, {}, {}, []

    def bytes_at(self, at, length):
        return self.data[at:at + length].ljust(length, b"\0")

    def frame_at(self, at, is_begun=False):
        """The frame at this place whose checksum fits: a committed one, or a begun one."""
        if at % 8 or at < FRAMES or at >= 2**35 or at + 16 > self.limit:
            return None
        word, checksum, number, kind = struct.unpack_from("<IIIB", head := self.bytes_at(at, 16))
        length = word & 0x1FFFFFFF
        end = at + 16 + (length + 7) // 8 * 8
        is_due = (word >> 31 == 0) == is_begun and word | checksum and kind
        if not is_due or length > LONGEST or end > self.limit:
            return None
        payload = b"" if is_begun else self.bytes_at(at + 16, length)
        covered = payload + head[:4] + head[8:16] + struct.pack("<Q", at)
        if zlib.crc32(covered, self.seed) != checksum:
            return None
        return Frame(at, word, number, kind, int.from_bytes(head[13:16], "little"), end, payload)


# --- Behind a bad place --------------------------------------------------------------------------


def hop(segment, at, due):
    """The valid frame that headers lead to, where it is, and where the search begins if none."""
    places, standing, place, number = [], (at, due), at, due
    stands = True
    while place + 16 <= segment.limit:
        word, checksum, own = struct.unpack_from("<III", segment.bytes_at(place, 16))
        if number is not None and own != number or not word | checksum:
            break
        places.append(place)
        begun = segment.frame_at(place, is_begun=True)
        length = word & 0x1FFFFFFF
        place, number = place + 16 + (length + 7) // 8 * 8, own + 1 & M32
        stands = stands and begun is not None
        if stands:
            standing = (place, number)
            segment.begun.append(begun.at)
        frame = segment.frame_at(place)
        if frame and frame.number == number:
            return frame, places, standing
    return None, places, standing


def chain(segment, frame, at, due, is_found):
    """Frames one behind the other from here on; where they end, and which is due there."""
    frames = []
    while True:
        while frame and (due is None or frame.number == due):
            frames.append(frame)
            at, due = frame.end, frame.number + 1 & M32
            if ends_segment(segment, frame, is_found):
                return frames, at, None, True
            frame = segment.frame_at(at)
        frame, places, (begun_end, begun_due) = hop(segment, at, due)
        if frame is None:
            return frames, begun_end, begun_due, False
        segment.holes.append((due, places))
        due = frame.number


def ends_segment(segment, frame, is_found):
    if frame.kind != SEAL or is_later(frame) or system(frame) is None:
        return False
    rest = segment.data[frame.end:]
    return not is_found or rest.count(0) == len(rest) or segment.told_end == frame.end


def islands(segment, at, due):
    """Each with its frames, first to last."""
    found, place = [], at
    last = len(segment.data.rstrip(b"\0"))
    while place <= last and place + 16 <= segment.limit:
        frame = segment.frame_at(place) if segment.data[place:place + 8] != bytes(8) else None
        is_near = frame and (due is None or 1 <= (frame.number - due & M32) <= (place - at) // 16)
        if not is_near:
            place += 8
            continue
        frames, place, _, _ = chain(segment, frame, place, frame.number, True)
        found.append(frames)
    return found


def walk(segment, told_end):
    """All frames of the segment that are records; the others are contested."""
    segment.told_end = told_end
    if told_end and told_end >= FRAMES:
        segment.limit = min(segment.limit, told_end)
    first = segment.frame_at(FRAMES)
    segment.frames, at, due, is_over = chain(segment, first, FRAMES, None, False)
    segment.is_sealed = is_over
    found = [] if is_over else islands(segment, at, due)
    believed = []
    for island in reversed(found):
        behind = believed[0][0] if believed else None
        missing = behind and (behind.number - island[-1].number - 1 & M32)
        if not behind or 1 <= missing <= (behind.at - island[-1].end) // 16:
            believed.insert(0, island)
        else:
            segment.contested.insert(0, [island[0].number, island[-1].number])
    if believed and due is not None:
        segment.holes.append((due, [at]))
    for island in believed:
        segment.frames += island
    segment.by_place = {frame.at: frame for frame in segment.frames}
    segment.end, segment.next_place = (segment.frames or [Frame(*[FRAMES] * 7)])[-1].end, at


# --- Order of records, system records ------------------------------------------------------------


def system(frame):
    """What a record of the library's own says; None if it says nothing."""
    body = SYSTEM.get(frame.kind)
    told = decode(frame.payload, body) if body and not is_later(frame) else None
    own = {START: "first_seq", SEAL: "last_seq"}.get(frame.kind)
    if told and own and told[own] & M32 != frame.number:
        return None
    return told


def next_with(low, known):
    """The next number behind a known one that has these low bits."""
    return known + 1 + (low - known - 1 & M32)


def read_segments(run):
    """Walks all segments, and gives each frame its number in full."""
    known = 0
    for number, segment in sorted(run.segments.items()):
        behind = run.segments.get(number + 1)
        first = behind.frame_at(FRAMES) if behind else None
        start = system(first) if first and first.kind == START else None
        found = {}
        for one in [segment] + segment.copies:
            walk(one, start["predecessor_end"] if start else None)
            declared(one)
            for seq, frame in numbered(one, known):
                found.setdefault(seq, (seq, one, frame))
        run.records += [found[seq] for seq in sorted(found)]
        known = max([known, *found])
    run.last = known


def numbered(segment, known):
    """The frames of a segment with their numbers, behind the one that is known before it."""
    tells = [system(frame) for frame in segment.frames
             if frame.kind == MARK or frame.kind == START and frame.at == FRAMES]
    known = max([known] + [told["first_seq"] - 1 for told in tells if told])
    for frame in segment.frames:
        known = next_with(frame.number, known)
        yield known, frame


def declared(segment):
    """What `SessionRef`s and session starts of the segment say, the first of an index."""
    for frame in segment.frames:
        if frame.kind in (REF, 16) and not is_later(frame):
            told = system(frame) if frame.kind == REF else decode(frame.payload, BODIES[16])
            if told and frame.kind == REF:
                segment.ids.setdefault(told["index"], told["id"])
            elif told:
                segment.starts.setdefault(frame.session, told["id"])


def session_of(run, segment, frame):
    """The id that the index stands for; None also if nothing says it any more."""
    index, near = frame.session, lambda one: (abs(one.number - segment.number), one.number)
    segments = sorted(run.segments.values(), key=near)
    segments = [copy for one in segments for copy in (one, *one.copies)]
    said = [segment.ids, segment.starts] + [one.ids for one in segments]
    said += [one.starts for one in segments]
    return next((ids[index] for ids in said if index in ids), None) if index else None


# --- Witnesses -----------------------------------------------------------------------------------


def cache_witness(path, merged):
    """The last number of the last segment that a cache tells of."""
    data = read_file(path)
    try:
        length = struct.unpack_from("<I", data, 32 if merged else 52)[0]
        at = 40 if merged else 64
        if zlib.crc32(data[16:at + length]) != struct.unpack_from("<I", data, 12)[0]:
            return 0
        decoder = Decoder(data[at:at + length])
        if merged:
            *_, (_, _, _, records, _, _, own) = decoder.many(decoder.cached_segment)
        else:
            records, _, _, own = (decoder.read(t) for t in ("u64", "u64", "u64", "[own]"))
        low, kind, payload = own[0]
        start = decode(payload, SYSTEM[START]) if kind == START else None
        return start["first_seq"] + records - 1 if start else 0
    except (struct.error, Invalid, IndexError, ValueError):
        return 0


def proved(run, others):
    """All numbers up to this one were durable, and those that are missing for good reason."""
    durable, explained = 0, set()
    for seq, _, frame in run.records:
        told = system(frame) if frame.kind in (START, SEAL, MARK, CLOSE) else None
        if told and told["durable_seq"] < seq:
            durable = max(durable, told["durable_seq"])
    for number, path in run.caches:
        segment = run.segments.get(number)
        if not (segment and segment.is_sealed):
            durable = max(durable, cache_witness(path, MERGED.fullmatch(os.path.basename(path))))
    durable, finished = max(durable, run.note or 0), None
    for other in others:
        for told in recoveries(other):
            if (told["generation"], told["random"]) == (run.generation, run.random):
                durable = max(durable, told["last_seq"])
                for first, last in told["missing"]:
                    explained.update(range(first, last + 1))
                finished = told["extras"].get(1)
    return durable, explained, finished == b""


def recoveries(run):
    """The `RunRecovered` records that count: those directly behind the run's `RunOpen`."""
    due = 2
    for seq, _, frame in run.records:
        if seq == due and frame.kind == (OPEN if due == 2 else RECOVERED):
            due += 1
            told = system(frame)
            if told and frame.kind == RECOVERED and told["generation"] < run.generation:
                yield told


def missing_of(run, others):
    """Ranges of numbers that are missing, those left out that were never finished."""
    durable, listed, is_told = proved(run, others)
    there = [seq for seq, _, _ in run.records]
    edges = list(zip([0] + there, there)) + [(run.last, max(durable, run.last) + 1)]
    numbers = [number for a, b in edges for number in range(a + 1, b)]
    is_in_memory = next((system(frame) or {} for seq, _, frame in run.records if seq == 2), {})
    is_in_memory = is_in_memory.get("file_system") in IN_MEMORY
    unfinished = set()
    if is_in_memory or is_told or run.is_own and not run.is_poisoned:
        unfinished = {number for number in unfinished_of(run, is_in_memory)
                      if number > durable or number in listed}
    return ranges(number for number in numbers if number not in unfinished)


def unfinished_of(run, is_in_memory):
    """Numbers whose append was under way when the process died, as their places tell."""
    last = max(run.segments) if run.segments else 0
    for segment in run.segments.values():
        places = list(segment.holes)
        if segment.number != last and not segment.is_sealed and segment.frames:
            places.append((segment.frames[-1].number + 1 & M32, [segment.end]))
        for due, found in places:
            for step, place in enumerate(found):
                word = segment.bytes_at(place, 8)
                low = struct.unpack("<I", segment.bytes_at(place + 8, 4))[0]
                is_begun = segment.frame_at(place, is_begun=True) is not None
                is_blank = word == bytes(8) and (is_in_memory or low == due + step & M32)
                if is_begun or is_blank:
                    yield next_with(due + step & M32, before(run, segment, place))


def before(run, segment, place):
    """The number of the last record in front of this place."""
    earlier = [seq for seq, own, frame in run.records
               if (own.number, frame.at) < (segment.number, place)]
    return max(earlier, default=0)


def ranges(numbers):
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] + 1 == number:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found

# --- The whole -----------------------------------------------------------------------------------


def show(line):
    print(json.dumps(line, default=as_json, separators=(",", ":")))


def show_run(run, others):
    if run.unsupported is not None:
        return show({"run": run.name, "unsupported": run.unsupported})
    for seq, segment, frame in run.records:
        session = session_of(run, segment, frame)
        line = {"run": run.name, "seq": seq, "kind": frame.kind, "index": frame.session,
                "session": session, "length": len(frame.payload), "crc": zlib.crc32(frame.payload)}
        is_own = frame.kind not in BODIES and frame.kind < 128
        line["event"] = None if is_own else event_of(segment, frame, session)
        show(line)
    segments = [{"segment": one.number, "end": one.end, "sealed": one.is_sealed,
                 "begun": one.begun, "contested": one.contested}
                for _, one in sorted(run.segments.items())]
    return show({"run": run.name, "last": run.last, "missing": missing_of(run, others),
                 "segments": segments})


def main():
    sys.setrecursionlimit(10000)
    runs = runs_of(sys.argv[1])
    for run in runs:
        if run.unsupported is None:
            read_segments(run)
    for run in runs:
        show_run(run, [other for other in runs if other.unsupported is None])


if __name__ == "__main__":
    main()
