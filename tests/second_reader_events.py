"""Event payloads, as the second reader reads them: see second_reader.py."""
import base64
import re
import struct

LONGEST = 2**29 - 64
START, SEAL, MARK, OPEN, CLOSE, RECOVERED, REF, RETIRED = 1, 2, 3, 4, 5, 6, 7, 9


def is_later(frame):
    """Of a kind that is to come, whatever its number says."""
    return frame.word >> 29 & 3 != 0 or 96 <= frame.kind <= 119

# --- Event payloads: wire format -----------------------------------------------------------------


class Invalid(Exception):
    """The payload is not one of its kind."""


ABSENT, NOT_FINITE = object(), object()


class Elsewhere:
    """A value that is kept in another place, with where the reference itself stands."""

    def __init__(self, tag, content, start, end):
        self.tag, self.content, self.start, self.end = tag, content, start, end
        self.form, self.stands_for, self.size, self.rest = None, 1, None, b""
        self.is_followed = False
        if tag == 9:
            inner = Decoder(content)
            self.form, self.stands_for, self.size = (inner.read(t) for t in ("u8", "u32", "u64"))
            self.rest = content[inner.at:]
            if self.stands_for == 0:
                raise Invalid


MAY_REFER = ("input", "output", "attributes", "message", "data", "fields", "begin", "finish")


class Decoder:
    BITS = {"u16": 16, "u32": 32, "u64": 64, "u128": 128}

    def __init__(self, data):
        self.data, self.at, self.references = data, 0, []

    def read(self, kind):
        if kind.endswith("?"):
            return self.read(kind[:-1]) if self.flag() else ABSENT
        if kind.startswith("["):
            return self.many(lambda: self.read(kind[1:-1]))
        if kind in self.BITS:
            return self.varint(self.BITS[kind])
        if kind in BODY_PARTS:
            return {name: self.field(name, part) for name, part in fields(BODY_PARTS[kind])}
        return getattr(self, kind)()

    def field(self, name, kind):
        """References are followed in these members only."""
        kept, self.references = self.references, []
        value = self.read(kind)
        self.references = kept + (self.references if name in MAY_REFER else [])
        return value

    def take(self, length):
        if self.at + length > len(self.data):
            raise Invalid
        self.at += length
        return self.data[self.at - length:self.at]

    def varint(self, bits):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if value >> bits or shift > 7 and byte == 0:
            raise Invalid
        return value

    def u8(self):
        return self.take(1)[0]

    def flag(self):
        if (byte := self.u8()) > 1:
            raise Invalid
        return byte == 1

    bool = flag

    def i64(self):
        value = self.varint(64)
        return value >> 1 ^ -(value & 1)

    def f64(self):
        bits = struct.unpack("<Q", self.take(8))[0]
        return {"$f64": bits} if bits >> 52 & 0x7FF != 0x7FF else NOT_FINITE

    def bytes(self):
        return self.take(self.varint(64))

    def text(self):
        try:
            return self.bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise Invalid from error

    def many(self, one):
        return [one() for _ in range(self.varint(64))]

    def own(self):
        return self.read("u32"), self.u8(), self.bytes()

    def cached_segment(self):
        return tuple(self.read(t) for t in ("u64", "u64", "u32", "u64", "u64", "u64", "[own]"))

    # Parts of event bodies.

    def id(self):
        tag = self.varint(32)
        if tag in (0, 1):
            return self.take(8 << tag).hex()
        if tag != 2 or re.fullmatch("(?:[0-9a-f]{16}){1,2}", text := self.text()):
            raise Invalid
        return text

    def nanos(self):
        seconds, nanos = self.i64(), self.read("u32")
        if nanos >= 10**9:
            raise Invalid
        return seconds * 10**9 + nanos

    def count(self):
        tag = self.varint(32)
        if tag > 1:
            raise Invalid
        value = self.f64() if tag else self.i64()
        if value is NOT_FINITE:
            raise Invalid
        return value

    def clocks(self):
        return self.i64(), self.read("u32"), self.read("u64")

    def pair(self):
        return self.read("u64"), self.read("u64")

    def run(self):
        return self.read("u32"), self.read("u64")

    def fork_seq(self):
        if not 1 <= (seq := self.read("u64")) < 2**48:
            raise Invalid
        return seq

    def status(self):
        return {1: "ok", 2: "error"}.get(self.varint(32), "unset")

    def value(self):
        start, tag = self.at, self.varint(32)
        if tag < 9:
            return self.PLAIN[tag](self)
        if tag > 15:
            raise Invalid
        other = Elsewhere(tag, self.bytes(), start, self.at)
        other.end = self.at
        self.references.append(other)
        return other

    def list(self):
        count, values = self.varint(64), []
        while count > 0:
            values.append(value := self.value())
            count -= getattr(value, "stands_for", 1)
        if count < 0:
            raise Invalid
        return values

    def single(self):
        """A value in a place for one."""
        value = self.value()
        if getattr(value, "stands_for", 1) > 1:
            raise Invalid
        return value

    def members(self):
        pairs = self.many(lambda: (self.text(), self.single()))
        if len({name for name, _ in pairs}) != len(pairs):
            raise Invalid
        return dict(pairs)

    PLAIN = [lambda self: None, flag, i64, lambda self: self.varint(64), f64, text,
             lambda self: {"$bytes": base64.b64encode(self.bytes()).decode()}, list, members]

    def extras(self):
        pairs = self.many(lambda: (self.read("u16"), self.bytes()))
        tags = [tag for tag, _ in pairs]
        if tags != sorted(set(tags)) or 0 in tags or any(tag >= 0x8000 for tag in tags):
            raise Invalid
        return dict(pairs)


# --- Event payloads: bodies ----------------------------------------------------------------------

BODY_PARTS = {
    "model": "model_id text?, provider_id text?, variant text?",
    "tokens": "input count, output count, reasoning count, cache_read count, cache_write count",
    "fields": "input single?, output single?, model model?, call_id id?, tokens tokens?,"
              " cost count?, finish_reason text?, attributes members",
    "begin": "span id, parent id?, kind text, name text, started_at nanos?, trace_id id?,"
             " otlp_kind u8?, fields fields",
    "finish": "status status, status_message text?, ended_at nanos?, ended_by_drop bool,"
              " fields fields",
    "fork": "generation u32, random u64, seq fork_seq",
}
BODIES = {
    10: "at nanos?, reason text?, location text?",
    16: "id id, at nanos?, trace_id id?, name text?, span id?, parent_session id?, forked_at fork?,"
        " metadata members",
    17: "at nanos?, name text?, metadata members",
    18: "at nanos?, status end_status, error text?",
    19: "at nanos?, begin begin",
    20: "at nanos?, span id, name text?, status status?, status_message text?, fields fields",
    21: "at nanos?, span id, finish finish",
    22: "at nanos?, begin begin, finish finish",
    23: "at nanos?, span id, channel text, offset u64?, text text",
    24: "at nanos?, span id?, event_name text?, level u8, message single, attributes members",
    25: "at nanos?, span id?, to_trace_id id?, to_session id?, to_span id?, attributes members",
    26: "at nanos?, name text, value count, unit text?, span id?",
    27: "at nanos?, name text, data single",
    31: "at nanos?, line bytes",
}
SYSTEM = {
    START: "first_seq u64, predecessor_end u64, durable_seq u64, clocks clocks",
    SEAL: "last_seq u64, next_segment u32?, durable_seq u64",
    MARK: "durable_seq u64, first_seq u64, durable_end u64, clocks clocks",
    OPEN: "generation u32, random u64, boot_id text, pid u32, process_start u64, host text,"
          " pid_namespace u64, file_system u64, device u64, inode u64, program text,"
          " program_version text, library_version text, clocks clocks, live_runs [run],"
          " resource bytes",
    CLOSE: "reason text, durable_seq u64, clocks clocks",
    RECOVERED: "generation u32, random u64, end_segment u32, end_offset u64, last_seq u64,"
               " missing [pair], clocks clocks",
    REF: "index u32, id text",
    RETIRED: "generation u32, random u64, first_seq u64, last_seq fork_seq",
}


def fields(body):
    return [field.split() for field in body.split(",")]


def decode_with_references(payload, body):
    decoder = Decoder(payload)
    told = {name: decoder.field(name, kind) for name, kind in fields(body + ", extras extras")}
    if decoder.at != len(payload):
        raise Invalid
    return told, decoder.references


def decode(payload, body):
    """The members of a body, or None if the payload is not valid."""
    try:
        return decode_with_references(payload, body)[0]
    except Invalid:
        return None


Decoder.end_status = lambda self: {0: "completed", 1: "error"}.get(self.varint(32), "other")

# --- Values that were said before ----------------------------------------------------------------


def put_in(segment, frame):
    """The payload with the values that can be followed in their places."""
    try:
        told, references = decode_with_references(frame.payload, BODIES[frame.kind])
    except Invalid:
        return None
    payload, at = b"", 0
    for one in references if 19 <= frame.kind <= 27 else []:
        said = said_before(segment, frame, one)
        if said is not None:
            payload, at = payload + frame.payload[at:one.start] + said, one.end
    payload += frame.payload[at:]
    return payload if len(payload) <= LONGEST else frame.payload


def said_before(segment, frame, one):
    """The bytes that a reference stands for, if it counts."""
    try:
        place = Decoder(one.rest)
        offset, start, length = (place.read("u64") for _ in range(3))
        target = segment.by_place.get(offset * 8)
        if one.form != 1 or place.at != len(one.rest) or one.size != length or not target:
            return None
        said = target.payload[start:start + length]
        is_its = target.at < frame.at and target.session == frame.session and len(said) == length
        inner = Decoder(said)
        for _ in range(one.stands_for):
            inner.value()
        is_whole = inner.at == length and not inner.references
        is_event = 19 <= target.kind <= 27 and not is_later(target)
        return said if is_its and is_whole and is_event else None
    except Invalid:
        return None


# --- JSON lines ----------------------------------------------------------------------------------

TYPES = {10: "crash", 16: "session.start", 17: "session.update", 18: "session.end",
         19: "span.start", 20: "span.update", 21: "span.end", 22: "span", 23: "text", 24: "log",
         25: "link", 26: "counter", 27: "custom", 31: "line"}
LEVELS = {1: "trace", 5: "debug", 9: "info", 13: "warn", 17: "error", 21: "fatal"}


def event_of(segment, frame, session):
    """The event of a record as a JSON line; what is not valid as its bytes."""
    is_known = frame.kind in BODIES and not is_later(frame)
    payload = put_in(segment, frame) if is_known else None
    told = decode(payload, BODIES[frame.kind]) if payload is not None else None
    line = {"session": session} if session is not None else {}
    if told is None:
        data = {"$bytes": base64.b64encode(frame.payload).decode()}
        return {"type": "unknown", **line, "kind": frame.kind, "data": data}
    extras = told.pop("extras")
    line["type"] = TYPES[frame.kind]
    flatten(line, told)
    otel = members_of(extras.get(3))
    line.update({"otel": otel} if otel else {})
    line.update(members_of(extras.get(1)))
    return line


def members_of(extra):
    """The members in an extra; none if it cannot be decoded."""
    try:
        decoder = Decoder(extra or b"\0")
        members = decoder.members()
        return members if decoder.at == len(decoder.data) else {}
    except Invalid:
        return {}


def flatten(line, told):
    """Members as they are named in JSON; what is absent or empty is left out."""
    for name, value in told.items():
        if name in ("message", "data"):
            line[name] = value
        elif value in (ABSENT, None) or value == {} and name in ("attributes", "metadata"):
            continue
        elif name == "attributes":
            line[name] = {**line.get(name, {}), **value}
        elif name in ("begin", "finish", "fields"):
            flatten(line, value)
        elif name in ("at", "started_at", "ended_at"):
            part = {"at": "at", "started_at": "start", "ended_at": "end"}[name]
            is_ms = value % 10**6 == 0
            line[part + ("_ms" if is_ms else "_ns")] = value // 10**6 if is_ms else str(value)
        elif name == "forked_at":
            run = f"{value['generation']:08x}-{value['random']:016x}"
            line[name] = {"run": run, "seq": value["seq"]}
        elif name == "level":
            line[name] = LEVELS.get(value, value)
        elif name == "line":
            line[name] = as_text(value)
        elif name == "model":
            line[name] = {part: text for part, text in value.items() if text is not ABSENT}
        elif name == "status" and value == "other":
            line[name] = "error" if told["error"] is not ABSENT else "completed"
        elif name == "id" or name == "ended_by_drop" and not value:
            continue
        else:
            line[name] = value


def as_text(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(data).decode()}


def as_json(value):
    """A value that is not here, with place and size; `null` for what JSON has no word for."""
    if value is NOT_FINITE:
        return None
    is_known = value.tag == 9
    told = {"form": value.form} if is_known else {"tag": value.tag}
    told |= {"stands_for": value.stands_for} if value.stands_for > 1 else {}
    told["size"] = value.size if is_known else len(value.content)
    place = value.rest if is_known else value.content
    return {"$not_here": {**told, "place": {"$bytes": base64.b64encode(place).decode()}}}
