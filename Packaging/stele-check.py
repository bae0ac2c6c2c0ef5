#!/usr/bin/env python3
"""Verifies a log of Stele without Stele.

    stele-check.py DIRECTORY [--key FILE-OR-KEY]... [--checkpoint FILE]

Written from the page on the format (Sources/Segments/Segments.docc/Format.md) and the documents that it names, and from
nothing else, so that nobody must take the word of Stele's own code for what is in a log. Needs Python 3.9 and the package
`cryptography`. Every segment is read whole, every line is printed from its columns, every hash and every signature
is computed again.

Exit status: 0 fine, 2 tampering or damage, 3 intact, but something is missing, 64 usage, 66 no such log.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Damage(Exception):
    """What is found wrong at a byte of a file."""

    def __init__(self, text, offset=None):
        super().__init__(text)
        self.text, self.offset = text, offset


def need(condition, text, offset=None):
    if not condition:
        raise Damage(text, offset)


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Damage(f"{text!r} is not base64") from None
    need(b64(data) == text, f"{text!r} is not base64 as it is written")
    return data


def signed(value):
    """A 64-bit word as a signed number."""
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


# ---- Bytes -------------------------------------------------------------------------------------------------------


class Reader:
    def __init__(self, data, start=0, end=None):
        self.data, self.at, self.end = data, start, len(data) if end is None else end

    def take(self, count):
        need(0 <= count <= self.end - self.at, "the bytes end too early", self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def unpack(self, layout):
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need(value < 2**64 and (byte or shift == 7), "a varint is not in its shortest form", self.at)
                return value
            need(shift < 70, "a varint is too long", self.at)

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def text(self):
        return self.take(self.varint())

    def bytes(self):
        size = self.varint()
        if size == 0:
            return b""
        stored = self.varint()
        return self.take(size) if stored == 0 else lz4(self.take(stored), size)

    def done(self):
        need(self.at == self.end, "bytes are left over", self.at)


def lz4(source, size):
    """One LZ4 block."""
    out, at = bytearray(), 0

    def length(start):
        nonlocal at
        if start == 15:
            while True:
                need(at < len(source), "an LZ4 block ends too early")
                start += source[at]
                at += 1
                if source[at - 1] < 255:
                    break
        return start

    while at < len(source):
        token = source[at]
        at += 1
        count = length(token >> 4)
        need(at + count <= len(source), "an LZ4 block ends too early")
        out += source[at : at + count]
        at += count
        if at >= len(source):
            break
        need(at + 2 <= len(source), "an LZ4 block ends too early")
        distance = source[at] | source[at + 1] << 8
        at += 2
        count = length(token & 15) + 4
        start = len(out) - distance
        need(distance > 0 and start >= 0 and len(out) + count <= size, "an LZ4 block points outside of itself")
        while count > 0:
            piece = out[start : start + min(count, len(out) - start)]
            out += piece
            count -= len(piece)
    need(len(out) == size, "an LZ4 block has another size")
    return bytes(out)


# ---- Columns -----------------------------------------------------------------------------------------------------


def packed(reader, count):
    if count == 0:
        return []
    base, width, patches = reader.zigzag(), reader.byte(), reader.varint()
    need(width <= 64 and patches <= count, "packed integers make no sense", reader.at)
    gaps = [(reader.varint(), reader.varint()) for _ in range(patches)]
    data = reader.take((count * width + 7) // 8) + bytes(16)
    mask = (1 << width) - 1
    values = []
    for place in range(count):
        bit = place * width
        values.append(int.from_bytes(data[bit >> 3 : (bit >> 3) + 9], "little") >> (bit & 7) & mask)
    at = 0
    for gap, high in gaps:
        at += gap
        need(at < count, "packed integers have a patch behind them", reader.at)
        values[at] += high << width
    return [signed(base + value) for value in values]


def integers(reader, count):
    if count == 0:
        return []
    form = reader.byte()
    if form == 1:
        return [reader.zigzag()] * count
    if form == 2:
        return packed(reader, count)
    if form == 3:
        values = [reader.zigzag()]
        for difference in packed(reader, count - 1):
            values.append(signed(values[-1] + difference))
        return values
    if form == 4:
        runs = reader.varint()
        need(runs <= count, "there are more runs than values", reader.at)
        values, lengths = packed(reader, runs), packed(reader, runs)
        need(all(length > 0 for length in lengths) and sum(lengths) == count, "runs have another length", reader.at)
        return [value for value, length in zip(values, lengths) for _ in range(length)]
    need(form == 5, "integers are of an unknown form", reader.at)
    distinct, value, values = reader.varint(), reader.zigzag(), []
    need(distinct <= count, "there are more distinct integers than integers", reader.at)
    for difference in packed(reader, distinct):
        value = signed(value + difference)
        values.append(value)
    return pick(values, packed(reader, count))


def pick(values, places):
    need(all(0 <= place < len(values) for place in places), "a value is named that is not there")
    return [values[place] for place in places]


def cut(data, sizes):
    need(all(size >= 0 for size in sizes) and sum(sizes) == len(data), "sizes do not add up")
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return pieces


def texts(reader, count):
    if count == 0:
        return []
    distinct = reader.varint()
    need(distinct <= count, "there are more distinct texts than texts", reader.at)
    places = integers(reader, count) if distinct < count else range(count)
    form = reader.byte()
    if form == 1:
        sizes = integers(reader, distinct)
        return pick(cut(reader.bytes(), sizes), places)
    need(form == 2, "texts are of an unknown form", reader.at)
    shapes = reader.varint()
    sizes = integers(reader, shapes)
    marks = [shape_marks(shape) for shape in cut(reader.bytes(), sizes)]
    of_value = integers(reader, distinct)
    need(all(0 <= shape < shapes for shape in of_value), "a shape is named that is not there", reader.at)
    uses = [0] * shapes
    for shape in of_value:
        uses[shape] += 1
    columns = [
        [iter(integers(reader, uses[shape])) for kind, _ in marks[shape] if kind] for shape in range(shapes)
    ]
    values = []
    for shape in of_value:
        column = iter(columns[shape])
        values.append(
            b"".join(argument if kind == 0 else number(kind, argument, next(next(column)))
                     for kind, argument in marks[shape]))
    return pick(values, places)


def shape_marks(shape):
    """A shape's pieces: (0, bytes), or the kind of a mark and its width."""
    marks, at = [], 0
    while at < len(shape):
        byte = shape[at]
        if byte == 1:
            marks.append((1, 0))
        elif byte in (2, 3, 4):
            need(at + 1 < len(shape), "a shape ends in a mark")
            at += 1
            marks.append((0, shape[at : at + 1]) if byte == 4 else (byte, shape[at]))
        else:
            marks.append((0, shape[at : at + 1]))
        at += 1
    return marks


def number(kind, width, value):
    if kind == 1:
        return b"%d" % value
    return (b"%0*d" if kind == 2 else b"%0*x") % (width, value & (2**64 - 1))


MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
EPOCH = datetime.datetime(1970, 1, 1)
PAIRED = (0, 5, 6, 9, 17)


def zone(minutes, colon):
    sign = b"-" if minutes < 0 else b"+"
    return b"%s%02d%s%02d" % (sign, abs(minutes) // 60, colon, abs(minutes) % 60)


def spell(column, kind, a, b):
    """The bytes that the numbers a and b of a row stand for."""
    word, other = a & (2**64 - 1), b & (2**64 - 1)
    if column in (0, 9):
        if kind == 2:
            first = "%016x" % word
            digits = first[1:13] + first[0] + first[13:] + "%016x" % other
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()
        if kind in (3, 4, 5):
            return {3: b"%016x%016x" % (word, other), 4: b"%016x" % word, 5: b"%d" % a}[kind]
    elif column == 1 and kind == 2:
        return b"%d" % a
    elif column == 2 and kind in (2, 3):
        return (b"+" if kind == 3 else b"") + b"%d" % a
    elif column == 3:
        digits = kind - 2
        if digits == 0:
            return b"%d" % a
        sign, size = (b"-" if a < 0 else b""), abs(a)
        return b"%s%d.%0*d" % (sign, size // 10**digits, digits, size % 10**digits)
    elif column == 4 and kind == 2:
        return b"%d.%d.%d.%d" % tuple(a.to_bytes(4, "big"))
    elif column == 5 and kind in (2, 3, 4):
        seconds, milliseconds = divmod(a, 1000) if kind == 3 else (a, 0)
        time = EPOCH + datetime.timedelta(seconds=seconds)
        text = b"%02d/%s/%04d:%02d:%02d:%02d" % (
            time.day, MONTHS[time.month - 1], time.year, time.hour, time.minute, time.second)
        return text + {2: b"", 3: b".%03d" % milliseconds, 4: b" " + zone(b, b"")}[kind]
    elif column == 6:
        digits = (kind - 2) // 2
        seconds, rest = divmod(a, 10**digits)
        time = EPOCH + datetime.timedelta(seconds=seconds)
        text = b"%04d-%02d-%02dT%02d:%02d:%02d" % (
            time.year, time.month, time.day, time.hour, time.minute, time.second)
        text += b".%0*d" % (digits, rest) if digits else b""
        return text + (zone(b, b":") if kind % 2 else b"Z")
    elif column == 7 and kind in (2, 3):
        days, seconds = divmod(a, 86400)
        day = (b"%2d" if kind == 2 else b"%02d") % (days % 31 + 1)
        return b"%s %s %02d:%02d:%02d" % (
            MONTHS[days // 31], day, seconds // 3600, seconds // 60 % 60, seconds % 60)
    elif column == 8 and kind in (2, 3):
        return b"%03d" % a if kind == 2 else b"%d" % a
    elif column == 16 and kind in (2, 3):
        return (b"%04X" if kind == 2 else b"%02X") % a
    elif column == 17 and kind in (2, 3):
        return b"%08X" % a if kind == 2 else b"%016X%016X" % (word, other)
    raise Damage(f"a value of column type {column} is of the unknown kind {kind}")


class Block:
    """The entries of a block, decoded from its stored bytes."""

    def __init__(self, stored, count):
        reader = Reader(stored)
        metadata = Reader(reader.bytes())
        sizes = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
        self.columns, at = [], reader.at
        for size, _ in sizes:
            self.columns.append(Reader(stored, at, at + size))
            at += size
        need(at + sum(size for _, size in sizes) == len(stored), "columns do not fill the stored bytes")
        self.read_metadata(metadata)
        columns = iter(self.columns)
        self.times = integers(next(columns), count)
        self.sources = integers(next(columns), count)
        self.envelopes = texts(next(columns), count)
        words = integers(next(columns), count)
        self.flags, self.kinds = [word & 0xFFFF for word in words], [word >> 16 for word in words]
        templates = integers(next(columns), count)
        need(all(0 <= template <= len(self.roots) for template in templates), "a template is named that is not there")
        unparsed, column = templates.count(0), next(columns)
        integers(column, unparsed)
        rows = [iter(texts(column, unparsed))]
        for place, root in enumerate(self.roots):
            rows.append(iter(self.lines(root, templates.count(place + 1))))
        self.raw = [next(rows[template]) for template in templates]
        for column in self.columns:
            column.done()

    def read_metadata(self, reader):
        for _ in range(reader.varint()):
            reader.varint(), reader.text()
        templates = []
        for _ in range(reader.varint()):
            reader.text()
            literals, slots = [reader.text()], []
            for _ in range(reader.varint()):
                reader.text()
                column, _, _ = reader.take(3)
                literals.append(reader.text())
                slots.append((column, reader.byte()))
            templates.append((literals, slots))
        self.templates, self.next_column = templates, 6
        self.roots = self.nodes(reader)
        reader.done()
        need(self.next_column == len(self.columns), "there are more or fewer columns than slots")

    def nodes(self, reader):
        nodes = []
        for _ in range(reader.varint()):
            template, slots = reader.varint(), []
            need(template < len(self.templates), "a template is named that is not there", reader.at)
            for column, has_alternatives in self.templates[template][1]:
                place = self.next_column
                self.next_column += 1
                slots.append((place, column, self.nodes(reader) if has_alternatives else None))
            nodes.append((template, slots))
        need(self.next_column <= len(self.columns), "there are fewer columns than slots")
        return nodes

    def lines(self, node, count):
        template, slots = node
        literals = self.templates[template][0]
        parts = [self.values(*slot, count) for slot in slots]
        return [
            literals[0] + b"".join(part[row] + literals[place + 1] for place, part in enumerate(parts))
            for row in range(count)
        ]

    def values(self, place, column, alternatives, count):
        reader = self.columns[place]
        kinds = integers(reader, count)
        plain = kinds.count(0)
        if alternatives is not None:
            need(all(0 <= kind <= len(alternatives) for kind in kinds), "an alternative is named that is not there")
            rows = [iter(texts(reader, plain))]
            rows += [iter(self.lines(node, kinds.count(n + 1))) for n, node in enumerate(alternatives)]
            return [next(rows[kind]) for kind in kinds]
        numbers = sum(kind >= 2 for kind in kinds)
        a = integers(reader, numbers)
        b = integers(reader, numbers) if column in PAIRED else [0] * numbers
        pairs, rest = iter(zip(a, b)), iter(texts(reader, plain))
        return [
            next(rest) if kind == 0 else b"-" if kind == 1 else spell(column, kind, *next(pairs)) for kind in kinds
        ]


# ---- Tree and salts ----------------------------------------------------------------------------------------------


class Tree:
    """A tree of RFC 6962 that grows: one hash for each bit set in its size, from the largest subtree to the smallest."""

    def __init__(self, size=0, hashes=()):
        need(len(hashes) == bin(size).count("1"), "a tree has more or fewer hashes than its size asks for")
        self.size, self.hashes, self.group = size, list(hashes), None

    def add(self, leaf):
        size, level = self.size, 0
        while size & 1:
            leaf = sha256(b"\1", self.hashes.pop(), leaf)
            size, level = size >> 1, level + 1
            if level == 8:
                self.group = leaf
        self.hashes.append(leaf)
        self.size += 1

    def root(self):
        if not self.hashes:
            return sha256()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = sha256(b"\1", left, root)
        return root


class Salts:
    """The salts of a segment, from its seed, or from the table that replaces it."""

    def __init__(self, seed=None, table=None):
        self.seed, self.table, self.group, self.salts = seed, table, None, None

    def __getitem__(self, index):
        if index // 256 != self.group:
            self.group = index // 256
            if self.table is None:
                key = hmac.new(self.seed, struct.pack("<Q", self.group), hashlib.sha256).digest()
            else:
                key = self.table.groups.get(self.group)
                need(key is not None, f"the salt table lacks the group of entry {index}")
            if isinstance(key, dict):
                self.salts = key
            else:
                stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(4096))
                self.salts = {place: stream[16 * place : 16 * place + 16] for place in range(256)}
        salt = self.salts.get(index % 256)
        need(salt is not None, f"the salt table lacks the salt of entry {index}, which is not erased")
        return salt


class SaltTable:
    def __init__(self, reader):
        start = reader.at
        magic, version, zero, size, groups, first = reader.unpack("4sHHIIQ")
        need(magic == b"STLT" and version == 1 and zero == 0, "the salt table cannot be read", start)
        self.groups, self.erased = {}, {}
        for group in range(first, first + groups):
            if reader.byte() == 0:
                self.groups[group] = reader.take(32)
                continue
            present = reader.take(32)
            self.groups[group] = {
                place: reader.take(16) for place in range(256) if present[place >> 3] >> (place & 7) & 1
            }
        for _ in range(reader.unpack("I")[0]):
            index, raw_size, commitment = reader.unpack("QI32s")
            self.erased[index] = (raw_size, commitment)
        need(sha256(reader.data[start : reader.at]) == reader.take(32), "the salt table is damaged", start)
        need(reader.at - start == size, "the salt table has another size", start)


# ---- Signatures --------------------------------------------------------------------------------------------------


class Key:
    """A verifier key: NAME+ID+BASE64 of C2SP signed-note."""

    def __init__(self, name, public):
        self.name, self.public = name, public
        self.id = sha256(name.encode(), b"\n\1", public)[:4]

    @classmethod
    def parse(cls, text):
        parts = text.split("+", 2)
        need(len(parts) == 3, "a verifier key is not NAME+ID+BASE64")
        name, id, data = parts[0], parts[1], unb64(parts[2])
        need(len(data) == 33 and data[0] == 1, "a verifier key is not of type Ed25519")
        key = cls(name, data[1:])
        need(key.id.hex() == id, "a verifier key has another id than its text says")
        return key

    def signed(self, signature, text):
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
            return True
        except (InvalidSignature, ValueError):
            return False

    def __str__(self):
        return f"{self.name}+{self.id.hex()}+{b64(bytes([1]) + self.public)}"


class Note:
    """A signed note."""

    def __init__(self, data):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Damage("a signed note is not UTF-8") from None
        end = text.rfind("\n\n")
        need(end >= 0 and text.endswith("\n"), "a signed note has no signatures")
        need(all(c == "\n" or ord(c) >= 32 for c in text), "a signed note has control characters")
        self.text, self.signatures = text[: end + 1], []
        for line in text[end + 2 : -1].split("\n"):
            parts = line.split(" ")
            need(len(parts) == 3 and parts[0] == "\u2014", "a signature line of a note cannot be read")
            data = unb64(parts[2])
            need(len(data) > 4, "a signature of a note is too short")
            self.signatures.append((parts[1], data[:4], data[4:]))

    def is_signed(self, key):
        """False without a signature by that key; damage when there is a wrong one."""
        found = False
        for name, id, signature in self.signatures:
            if name == key.name and id == key.id:
                need(key.signed(signature, self.text), f"the signature by {key.name} is wrong")
                found = True
        return found


def fields(text, first, names):
    """The values of a text of lines `name value`; damage unless it is exactly those lines."""
    lines = text.split("\n")
    need(lines[0] == first and lines[-1] == "", f"this is no {first}")
    values = {}
    for line in lines[1:-1]:
        name, _, value = line.partition(" ")
        need(name in names and name not in values, f"{first} has an unknown line: {line}")
        values[name] = value
    need(list(values) == [name for name in names if name in values], f"the lines of {first} are in another order")
    return values


class Rotation:
    """The entry with which one origin key gives way to another, signed by both."""

    def __init__(self, entry):
        note = Note(entry.get("note", str).encode())
        said = fields(note.text, "stele key rotation v1", ("origin", "old", "new", "index"))
        need(len(said) == 4, "a rotation lacks a line")
        self.old, self.new, self.index = Key.parse(said["old"]), Key.parse(said["new"]), int(said["index"])
        need(said["index"] == str(self.index) and (said["old"], said["new"]) == (str(self.old), str(self.new)),
             "a rotation is spelled in another way")
        need(said["origin"] == self.old.name == self.new.name and self.old.public != self.new.public,
             "a rotation is from one log to another, or to the same key")
        need(note.is_signed(self.old) and note.is_signed(self.new), "a rotation is not signed by both keys")

    @property
    def said(self):
        return self.index, str(self.old), str(self.new)


class OriginKeys:
    """The origin keys that a log has had: each signs what ends at its last index or before."""

    def __init__(self, first):
        self.former, self.newest = [], first

    def rotate(self, index, old, new):
        """Whether that follows on these keys; then it is taken in."""
        if (str(self.newest) != old or new in map(str, self.every()) or self.former and index <= self.former[-1][1]):
            return False
        self.former.append((self.newest, index))
        self.newest = Key.parse(new)
        return True

    def every(self):
        return [key for key, _ in self.former] + [self.newest]

    def rotations(self):
        return [(end, str(old), str(new)) for (old, end), new in zip(self.former, self.every()[1:])]

    def at(self, size):
        return next((key for key, end in self.former if size <= end), self.newest)


# ---- Segments ----------------------------------------------------------------------------------------------------


class Control:
    """A control entry, with the root of the tree that ends with it."""

    def __init__(self, index, raw, tree):
        self.index = index
        try:
            self.json = json.loads(raw)
        except ValueError:
            self.json = None
        self.json = self.json if isinstance(self.json, dict) else {}
        self.type = self.json.get("type")
        self.root = tree.root() if self.type in ("key", "key_epoch") else None

    def get(self, name, kind):
        value = self.json.get(name)
        need(isinstance(value, kind), f"entry {self.index} ({self.type}) has no {name}")
        return value


def first_control(data):
    """The control entry that begins a segment in a block of its own, in the clear; else None."""
    size, flags = struct.unpack_from("<HI", data, 6)
    first = struct.unpack_from("<Q", data, 64)[0]
    reader = Reader(data, size)
    if flags & 2:
        SaltTable(reader)
    at = reader.at
    magic, _, size = reader.unpack("4sHH")
    reader.take(16)
    _, count, _, _, stored_size, _, _, flags, _ = reader.unpack("IIQIIqqII")
    need(magic == b"STLB", "no block stands here", at)
    if count != 1 or flags:
        return None
    block = Block(data[at + size : at + size + stored_size], 1)
    return Control(first, block.raw[0], Tree()) if block.kinds[0] == 1 else None


class Segment:
    """A segment file, walked from front to back. `trust` bounds what must be there: entries below it are signed."""

    def __init__(self, data, is_finished, trust):
        self.data, self.controls, self.groups, self.closed = data, [], [], 0
        self.read_header()
        self.blocks, self.chain, self.end = [], self.start, self.first
        at = self.header_size
        while True:
            if data[at : at + 4] == b"STLF" and self.blocks:
                try:
                    self.read_footer(at)
                    at = len(data)
                except (Damage, struct.error):
                    if is_finished:
                        raise
                break
            if at == len(data) and not is_finished:
                break
            saved = self.chain, Tree(self.tree.size, self.tree.hashes), len(self.controls), self.closed
            try:
                at = self.read_block(at)
            except (Damage, struct.error, IndexError, OverflowError, StopIteration, RuntimeError) as error:
                if is_finished or self.end < trust:
                    offset = getattr(error, "offset", None)
                    text = getattr(error, "text", None) or "the block cannot be decoded"
                    raise Damage(text, at if offset is None else offset) from None
                # What a crash tore off, and nothing signed covers.
                self.chain, self.tree, controls, self.closed = saved
                del self.controls[controls:]
                break
        self.size_read = at
        need(not is_finished or at == len(data), "bytes stand behind the footer", at)

    def read_header(self):
        data = self.data
        reader = Reader(data)
        magic, version, size, flags, kind, salt_size = reader.unpack("4sHHIHH")
        need(magic == b"STLS" and version == 1 and flags < 4, "this is no segment of version 1", 0)
        need(kind == 1 and salt_size == 32 and 132 <= size <= len(data), "the header cannot be read", 6)
        need(sha256(data[: size - 32]) == data[size - 32 : size], "the header is damaged", size - 32)
        self.is_encrypted, self.is_amended = bool(flags & 1), bool(flags & 2)
        seed = reader.take(32)
        self.id = reader.take(16)
        self.first, self.created = reader.unpack("Qq")
        self.previous = reader.take(16)
        origin_size, hashes = reader.unpack("HH")
        self.origin = reader.take(origin_size).decode("utf-8", "replace")
        self.tree = Tree(self.first, [reader.take(32) for _ in range(hashes)])
        self.base = Tree(self.first, self.tree.hashes)
        self.key_digest = reader.take(32) if self.is_encrypted else None
        need(reader.at + 32 == size, "the header has another size", 6)
        # The flag of an amendment is not covered, so that the chain's start stays what it was.
        self.start = sha256(b"\3", data[:12], data[48 : size - 32])
        reader = Reader(data, size)
        self.table = SaltTable(reader) if self.is_amended else None
        self.header_size = reader.at
        self.salts = Salts(seed, None if self.is_encrypted else self.table)

    def read_block(self, at):
        data = self.data
        reader = Reader(data, at)
        magic, version, size = reader.unpack("4sHH")
        need(magic == b"STLB" and version == 1, "no block stands here", at)
        id = reader.take(16)
        count_number, count, first, raw_size, stored_size, earliest, latest, flags, hashes = reader.unpack("IIQIIqqII")
        previous = reader.take(32)
        need(size == 104 + 32 * hashes, "the header of the block has another size", at)
        hashes = [reader.take(32) for _ in range(hashes)]
        stored = reader.take(stored_size)
        chain = sha256(b"\2", previous, data[at : at + size], sha256(stored))
        need(chain == reader.take(32), "the bytes of the block do not give its chain value", at)
        need(id == self.id and previous == self.chain, "the block does not continue the chain", at)
        need(count_number == len(self.blocks) and first == self.end and count > 0, "the block is out of order", at)
        need(flags < 2 and (flags == 0 or self.is_encrypted), "the block has unknown flags", at)
        if flags:
            self.closed += count
            self.tree = Tree(first + count, hashes)
        else:
            self.read_entries(Block(stored, count), first, raw_size, (earliest, latest), at)
            need(self.tree.hashes == hashes, "the entries of the block do not lead to the tree in its header", at)
        self.chain, self.end = chain, first + count
        self.blocks.append((at, first, count, raw_size, stored_size, size, earliest, latest))
        return reader.at

    def read_entries(self, block, first, raw_size, times, at):
        erased = self.table.erased if self.table else {}
        total = 0
        for row, raw in enumerate(block.raw):
            index = first + row
            if index in erased:
                size, commitment = erased[index]
                need(raw == b"" and block.envelopes[row] == b"", f"entry {index} is erased, but still there", at)
            else:
                size, envelope = len(raw), block.envelopes[row]
                total += size
                commitment = sha256(self.salts[index], struct.pack("<H", len(envelope)), envelope, raw)
            entry = struct.pack(
                "<BBHIqI", 1, block.kinds[row], block.flags[row], block.sources[row], block.times[row], size)
            self.tree.add(sha256(b"\0", entry, commitment))
            if block.kinds[row] == 1:
                self.controls.append(Control(index, raw, self.tree))
            if index % 256 == 255:
                self.groups.append(self.tree.group)
        need(total == raw_size, "the entries of the block have another size in all", at)
        need((min(block.times), max(block.times)) == times, "the entries of the block have other times", at)

    def read_footer(self, at):
        reader = Reader(self.data, at)
        magic, version, zero, blocks, groups, first_group = reader.unpack("4sHHIIQ")
        need(version == 1 and zero == 0, "the footer cannot be read", at)
        need([reader.unpack("QQIIIIqq") for _ in range(blocks)] == self.blocks, "the footer describes other blocks", at)
        hashes = [reader.take(32) for _ in range(groups)]
        need(self.closed or hashes == self.groups, "the footer has other hashes of groups", at)
        need(first_group == self.first // 256, "the footer has other groups", at)
        need(reader.take(32) == self.chain, "the footer has another chain value", reader.at)
        need(sha256(self.data[at : reader.at]) == reader.take(32), "the footer is damaged", at)
        size, magic = reader.unpack("I4s")
        need(magic == b"STLE" and size == reader.at - at and reader.at == len(self.data), "the footer has another end", at)


# ---- The log -----------------------------------------------------------------------------------------------------


class KeyChain:
    """The one-time keys: each checkpoint's tree ends with the entry that names the key of the next."""

    def __init__(self, log, first):
        self.log, self.signer, self.number, self.epoch = log, first, 0, 0
        # The two newest checkpoints that the entries show: (size, root, key).
        self.last = self.before = None
        self.checked = self.named = 0

    def take(self, entry):
        if entry.type == "key":
            self.take_key(entry)
        elif entry.type == "key_epoch":
            self.take_epoch(entry)

    def key(self, entry, number):
        data = unb64(entry.get("key", str))
        need(len(data) == 32, f"entry {entry.index} names no key")
        return Key(f"{self.log.origin}#{number}", data)

    def take_key(self, entry):
        number = entry.get("number", int)
        if self.number is not None:
            need(number == self.number + 1, f"entry {entry.index} names key {number} behind key {self.number}")
        if self.last and "signature" in entry.json:
            size, root, key = self.last
            if key:
                need(key.signed(unb64(entry.get("signature", str)), self.log.checkpoint_text(size, root)),
                     f"entry {entry.index}: the one-time signature of the checkpoint of size {size} is wrong: "
                     "entries before it are not those that were signed")
                self.checked += 1
        elif self.last:
            self.log.missing(f"entry {entry.index} lacks the one-time signature of the checkpoint before", damage=True)
        self.before, self.last = self.last, (entry.index + 1, entry.root, self.signer)
        self.signer, self.number = self.key(entry, number), number
        self.named += 1

    def take_epoch(self, entry):
        epoch, number = entry.get("epoch", int), entry.get("number", int)
        key, size, root = self.key(entry, number), entry.get("size", int), unb64(entry.get("root", str))
        text = (f"stele key epoch v1\norigin {self.log.origin}\nepoch {epoch}\nnumber {number}\n"
                f"key {b64(key.public)}\nsize {size}\nroot {b64(root)}\n")
        need(size == entry.index and self.log.roots.get(size) in (None, root), f"entry {entry.index} is of another tree")
        need(self.log.keys.at(entry.index).signed(unb64(entry.get("signature", str)), text),
             f"entry {entry.index}: the key epoch is not signed by the log's key of that time")
        need(self.number is None or epoch == self.epoch + 1, f"entry {entry.index} skips an epoch")
        self.log.missing(f"entry {entry.index}: the chain of one-time keys was broken ({entry.json.get('reason')})")
        # The checkpoint before may have had its one-time signature, and then the next entry holds it.
        self.signer, self.number, self.epoch = key, number, epoch

    def judge(self, size, root, note):
        """The signature of the checkpoint in the directory."""
        known = [one for one in (self.last, self.before) if one and one[0] == size]
        if not known:
            newest = self.before[0] if self.before else 0
            need(size >= newest, f"the checkpoint of size {size} is older than that of size {newest}, whose signature is "
                 "in the log: it was put back")
            need(False, f"no entry that names a key ends the tree of size {size}")
        key = known[0][2]
        if key:
            need(note.is_signed(key), f"the checkpoint lacks the signature by the one-time key {key.name}")
            self.checked += 1


class Log:
    def __init__(self, path, keys):
        self.path, self.findings, self.has_damage, self.is_incomplete = path, [], False, False
        self.files = {}
        for name in os.listdir(path):
            stem, _, kind = name.partition(".")
            if len(stem) == 20 and stem.isdigit():
                self.files.setdefault(int(stem), set()).add(kind)
        self.roots, self.controls, self.seals = {0: sha256()}, [], {}
        self.present, self.removed, self.amendments, self.shredded = {}, [], {}, []
        self.entries = self.closed = 0
        self.read_keys(keys)
        self.kept, self.note, self.checkpoint = [], None, None

    def missing(self, text, damage=False):
        self.has_damage |= damage
        self.is_incomplete |= not damage
        self.findings.append(("damage" if damage else "note") + ": " + text)

    def damage(self, name, error):
        place = f" at byte {error.offset}" if getattr(error, "offset", None) is not None else ""
        text = getattr(error, "text", None) or f"cannot be read ({type(error).__name__}: {error})"
        self.missing(f"{name}{place}: {text}", damage=True)

    def read(self, name):
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def name(self, index, kind):
        return f"{index:020d}.{kind}"

    def checkpoint_text(self, size, root):
        return f"{self.origin}\n{size}\n{b64(root)}\n"

    # ---- Keys and checkpoints

    def read_keys(self, given):
        """The keys given, or else the directory's own. Former keys stand behind the first two, as `KEY until INDEX`."""
        own, claimed = [], []
        try:
            text = self.read("vkey").decode()
            own, former = self.parse_keys(text.split("\n")[:-1])
            lines = [str(key) for key in own] + [f"{key} until {end}" for key, end in former]
            need(len(own) == 2 and text == "".join(f"{line}\n" for line in lines), "the file is not a line for each key")
            every = [key for key, _ in former] + own[:1]
            claimed = [(end, str(old), str(new)) for (old, end), new in zip(former, every[1:])]
            eldest = every[0]
        except (Damage, OSError, UnicodeDecodeError, ValueError) as error:
            self.damage("vkey", error)
            own = own[:2]
        keys, given_former = self.parse_keys(given)
        trusted = (keys + own)[0] if keys or own else None
        need(trusted, "there is no key")
        self.origin = trusted.name
        self.find_rotations()
        here = [rotation.said for rotation in self.rotations.values()]
        self.keys = self.trace(eldest if claimed else self.eldest(trusted), here, claimed)
        if str(trusted) not in map(str, self.keys.every()):
            self.keys = self.trace(self.eldest(trusted), here, [])
        known = self.keys.rotations()
        if keys and own and str(own[0]) not in map(str, self.keys.every()):
            self.missing("vkey: the key in the directory is not the one given, nor one that it led to", damage=True)
        elif own:
            self.judge_own(claimed, known)
        for key, end in given_former:
            if (str(key), end) not in [(str(former), last) for former, last in self.keys.former]:
                self.missing(f"the former key that was given was not in force until entry {end}", damage=True)
        for index, rotation in self.rotations.items():
            if rotation.said not in known:
                self.missing(f"entry {index} replaces another key than the one in force", damage=True)
        if len(keys) > 1 and len(own) > 1 and str(keys[1]) != str(own[1]):
            self.missing("vkey: the first one-time key is not the one given", damage=True)
        firsts = keys[1:] or own[1:]
        need(firsts, "there is no first one-time key: the log's key file has it in its second line")
        self.first_key = firsts[0]
        need(self.first_key.name == self.origin + "#0", "the second key is not the log's first one-time key")

    @staticmethod
    def parse_keys(lines):
        keys, former = [], []
        for line in lines:
            text, until, end = line.partition(" until ")
            if until:
                need(end == str(int(end)) and (not former or int(end) > former[-1][1]), "a former key has no end")
                former.append((Key.parse(text), int(end)))
            else:
                keys.append(Key.parse(text))
        return keys, former

    def find_rotations(self):
        """The entries that begin segments and replace the key; `unseen` are segments that cannot be read."""
        self.rotations, self.unseen, self.unconfirmed, self.refused = {}, set(), set(), set()
        present = sorted(index for index, kinds in self.files.items() if kinds & {"segment", "open", "rewrite"})
        self.first_here = present[0] if present else 0
        for index in present:
            kind = next(kind for kind in ("segment", "open", "rewrite") if kind in self.files[index])
            try:
                control = first_control(self.read(self.name(index, kind)))
            except Exception:
                self.unseen.add(index)
                continue
            if control is None or control.type != "key_rotation":
                continue
            try:
                rotation = Rotation(control)
                need(rotation.index <= index, "it names a later entry")
                if rotation.index == index:
                    self.rotations[index] = rotation
            except (Damage, ValueError) as error:
                self.refused.add(index)
                self.damage(f"the rotation at entry {index}", error)

    def eldest(self, key):
        for rotation in sorted(self.rotations.values(), key=lambda one: -one.index):
            if str(rotation.new) == str(key):
                key = rotation.old
        return key

    def trace(self, first, here, claimed):
        """The keys that follow on the first, by the entries that are here and by what is said of those that are not."""
        keys, self.unconfirmed = OriginKeys(first), set()
        for said in sorted(set(here) | set(claimed)):
            unseen = said[0] < self.first_here or said[0] in self.unseen
            if (said in here or unseen) and keys.rotate(*said) and said not in here and said[0] < self.first_here:
                self.unconfirmed.add(said[0])
        return keys

    def judge_own(self, claimed, known):
        newest = max((index for index, kinds in self.files.items() if kinds & {"segment", "open", "rewrite"}), default=0)
        for said in known:
            # At the very end it may be one that a crash interrupted.
            if said not in claimed and (said[0] != newest or "seal" in self.files[newest]):
                self.missing(f"vkey does not tell of the rotation at entry {said[0]}", damage=True)
        for said in claimed:
            if said not in known:
                self.missing(f"vkey tells of a rotation at entry {said[0]}, but no entry there does", damage=True)

    def follow_rotation(self, entry, first):
        if entry.index in self.refused:
            return
        rotation = Rotation(entry)
        need(rotation.said in self.keys.rotations(), f"entry {entry.index} is about a rotation that was not followed")
        if rotation.index == entry.index:
            need(entry.index == first, f"the rotation at entry {entry.index} does not begin a segment")
        else:
            need(rotation.index < entry.index, f"entry {entry.index} is a copy of a later one")
            self.unconfirmed.discard(rotation.index)

    def read_checkpoint(self, data):
        note = Note(data)
        lines = note.text.split("\n")
        need(len(lines) >= 4 and lines[0] == self.origin and lines[1].isdigit(), "this is no checkpoint of the log")
        need(str(int(lines[1])) == lines[1] and len(unb64(lines[2])) == 32, "this is no checkpoint of the log")
        need(note.is_signed(self.keys.at(int(lines[1]))), "the checkpoint is not signed by the log's key of that time")
        return note, (int(lines[1]), unb64(lines[2]))

    # ---- Seals

    def read_seal(self, index):
        name = self.name(index, "seal")
        note = Note(self.read(name))
        seal = fields(note.text, "stele seal v1", (
            "origin", "segment", "first", "end", "root", "chain", "bytes", "file", "previous", "number", "next", "key",
            "epoch", "signer"))
        need(note.is_signed(self.keys.at(int(seal["end"]))), "the seal is not signed by the log's key of that time")
        need(seal["origin"] == self.origin and int(seal["first"]) == index, "the seal is that of another segment")
        need(int(seal["end"]) > index, "the seal is that of a segment without entries")
        need(seal["previous"] == self.previous_seal, "the seal was not made after the seal before it")
        need(int(seal["number"]) == len(self.seals), "the seal has another number than its place")
        key = self.seal_key
        if "signer" in seal:
            key = Key(f"{self.origin}#seal-{seal['number']}", unb64(seal["signer"]))
            self.missing(f"{name}: the chain of seal keys was broken")
        need(note.is_signed(key), "the seal lacks the signature by its one-time key")
        self.seal_key = Key(f"{self.origin}#seal-{len(self.seals) + 1}", unb64(seal["next"]))
        seal["hash"] = b64(sha256(note.text.encode()))
        self.previous_seal = seal["hash"]
        self.seals[index] = seal
        return seal

    # ---- Segments

    def check(self):
        try:
            self.note, self.checkpoint = self.read_checkpoint(self.read("checkpoint"))
        except (Damage, OSError) as error:
            self.damage("checkpoint", error)
        if os.path.exists(os.path.join(self.path, "cosigned")):
            try:
                self.kept.append(("cosigned", *self.read_checkpoint(self.read("cosigned"))))
            except (Damage, OSError) as error:
                self.damage("cosigned", error)
        self.chain = KeyChain(self, self.first_key)
        self.previous_seal, self.seal_key = "-", Key(f"{self.origin}#seal-0", self.first_key.public)
        self.end, self.tree, self.id = 0, Tree(), bytes(16)
        trust = self.checkpoint[0] if self.checkpoint else 0
        indexes = sorted(index for index, kinds in self.files.items() if kinds & {"segment", "open", "seal", "amendment"})
        if indexes and self.is_torn(indexes[-1], trust):
            indexes.pop()
        for place, index in enumerate(indexes):
            behind = indexes[place + 1] if place + 1 < len(indexes) else 0
            try:
                self.check_segment(index, max(trust, behind))
            except Damage as error:
                self.damage(self.name(index, "segment" if "segment" in self.files[index] else "open"), error)
                self.recover(index, indexes, place)
            except Exception as error:
                self.damage(self.name(index, "*"), error)
                self.recover(index, indexes, place)
        for index in sorted(self.unconfirmed):
            self.missing(f"vkey tells of a rotation at entry {index}, which no copy of that entry confirms", damage=True)
        self.judge_checkpoints()
        try:
            self.judge_authority()
            self.judge_tokens()
        except (Damage, OSError, KeyError, TypeError, ValueError) as error:
            self.damage("what the control entries say of acts", error)

    def is_torn(self, index, trust):
        """Whether a crash left a segment without a whole header. Nothing that is signed is in it."""
        if trust > index or self.files[index] & {"segment", "open", "seal", "amendment"} != {"open"}:
            return False
        try:
            Segment(self.read(self.name(index, "open")), False, trust)
            return False
        except (Damage, struct.error):
            return True

    def recover(self, index, indexes, place):
        """Goes on behind a damaged segment; what it ended with is unknown."""
        seal = self.seals.get(index)
        self.end = int(seal["end"]) if seal else indexes[place + 1] if place + 1 < len(indexes) else self.end
        self.tree, self.id = None, bytes.fromhex(seal["segment"]) if seal else None
        self.chain.last = self.chain.before = self.chain.number = None
        if seal:
            self.reanchor(seal)

    def reanchor(self, seal):
        number, public = seal["key"].split(" ")
        self.chain.signer, self.chain.number = Key(f"{self.origin}#{number}", unb64(public)), int(number)
        self.chain.epoch = int(seal["epoch"])
        self.chain.last = self.chain.before = None

    def check_segment(self, index, trust):
        kinds = self.files[index]
        need(index == self.end, f"entries {self.end} to {index - 1} are missing: no segment holds them")
        seal = self.read_seal(index) if "seal" in kinds else None
        need(seal or "open" in kinds, "the seal of a finished segment is missing")
        if not kinds & {"segment", "open", "rewrite"}:
            self.removed.append(seal)
            self.end, self.tree, self.id = int(seal["end"]), None, bytes.fromhex(seal["segment"])
            self.roots[self.end] = unb64(seal["root"])
            return self.reanchor(seal)
        need(seal or not kinds & {"segment", "amendment"}, "the seal of a finished segment is missing")
        if "amendment" in kinds:
            self.amendments[index] = self.read_amendment(index, seal)
        amendment = self.amendments.get(index)
        name, data, wanted = self.file_of(index, kinds, [one for one in (amendment, seal) if one])
        segment = Segment(data, wanted is not None, trust)
        self.check_place(segment, index)
        if wanted:
            need(len(data) == int(wanted["bytes"]) and b64(sha256(data)) == wanted["file"],
                 f"{name} is not the file that was sealed")
            need(b64(segment.chain) == wanted["chain"], "the seal has another chain value")
            need(segment.end == int(seal["end"]) and segment.id.hex() == seal["segment"], "the seal is of another segment")
            need(b64(segment.tree.root()) == seal["root"], "the seal signs another root")
        # A segment that another one follows ends there; it need not be sealed yet.
        signed = segment.end if wanted else min([trust] + [other for other, kinds in self.files.items()
                                                            if other > index and kinds & {"segment", "open", "seal"}])
        need(segment.end >= signed, "entries that are signed are missing", segment.size_read)
        if segment.table:
            need(amendment, "entries are erased, but no amendment says so")
        if segment.is_encrypted:
            if "cms" not in kinds:
                self.shredded.append(segment)
            elif sha256(self.read(self.name(index, "cms"))) != segment.key_digest:
                self.missing(f"{self.name(index, 'cms')} is not the file that the segment names", damage=True)
        for control in segment.controls:
            try:
                self.chain.take(control)
                if control.type == "key_rotation":
                    self.follow_rotation(control, segment.first)
            except Damage as error:
                self.damage(name, error)
                self.chain.last = self.chain.before = None
            self.controls.append(control)
            if control.root is not None:
                self.roots[control.index + 1] = control.root
        if seal and self.chain.number is not None:
            need(seal["key"] == f"{self.chain.number} {b64(self.chain.signer.public)}", "the seal names another key")
            need(seal["epoch"] == str(self.chain.epoch), "the seal is of another epoch")
        self.end, self.tree, self.id = segment.end, segment.tree, segment.id
        self.roots[self.end] = segment.tree.root()
        self.present[index] = segment
        self.entries += segment.end - segment.first
        self.closed += segment.closed

    def file_of(self, index, kinds, statements):
        """The file with the entries, and the statement about it. Between seal or amendment and rename its name is
        another, and until an amended file has taken its place, the sealed one is here."""
        files = {self.name(index, kind): self.read(self.name(index, kind))
                 for kind in ("segment", "rewrite", "open") if kind in kinds}
        for wanted in statements:
            for name, data in files.items():
                if b64(sha256(data)) == wanted["file"]:
                    return name, data, wanted
        if not statements and "open" in kinds:
            return self.name(index, "open"), files[self.name(index, "open")], None
        raise Damage("no file has the contents that were sealed")

    def check_place(self, segment, index):
        need(segment.origin == self.origin, f"the segment is one of the log {segment.origin}")
        need(segment.first == index, "the file was renamed")
        need(self.id is None or segment.previous == self.id, "the segment was not written after the one before it")
        if self.tree is not None:
            need(segment.base.hashes == self.tree.hashes, "the segment does not continue the tree before it")
        elif index in self.roots:
            need(segment.base.root() == self.roots[index], "the segment does not continue the tree before it")

    def read_amendment(self, index, seal, kind="amendment"):
        note = Note(self.read(self.name(index, kind)))
        amendment = fields(note.text, "stele amendment v1", (
            "origin", "segment", "seal", "number", "chain", "bytes", "file"))
        # Which of the log's keys must have signed it, the entry that orders the erasure says.
        amendment["signers"] = [str(key) for key in self.keys.every() if note.is_signed(key)]
        need(amendment["signers"], "the amendment is not signed by the log's key")
        need(seal and amendment["seal"] == seal["hash"] and amendment["segment"] == seal["segment"]
             and amendment["origin"] == self.origin, "the amendment is that of another segment")
        amendment["hash"] = b64(sha256(note.text.encode()))
        return amendment

    # ---- What must be authorised by an entry

    def judge_authority(self):
        """Compares what is missing with the control entries that a checkpoint or a seal covers."""
        signed = max([self.checkpoint[0] if self.checkpoint else 0] + [int(seal["end"]) for seal in self.seals.values()])
        acts = {"erased": [], "retention": [], "shredded": []}
        holds = {}
        for control in self.controls:
            if control.index >= signed:
                continue
            if control.type in acts:
                acts[control.type].append({**control.json, "at": control.index})
                self.judge_holds(control, holds)
            elif control.type == "hold":
                holds[control.json["id"]] = (control.json["first"], control.json["end"] or 2**64)
            elif control.type == "release":
                holds.pop(control.json["id"], None)
        for index, segment in self.present.items():
            self.judge_erasures(index, segment, [act for act in acts["erased"] if act["segment"] == segment.id.hex()])
        before = max((act["before"] for act in acts["retention"]), default=0)
        listed = {piece["first"]: piece["seal"] for act in acts["retention"] for piece in act["segments"]}
        for seal in self.removed:
            if int(seal["end"]) > before or listed.get(int(seal["first"]), seal["hash"]) != seal["hash"]:
                self.missing(f"the segment from entry {seal['first']} on is missing", damage=True)
        shredded = {act["segment"] for act in acts["shredded"]}
        for segment in self.shredded:
            text = f"the key of the segment from entry {segment.first} on was destroyed"
            self.missing(text if segment.id.hex() in shredded else text + " without authority",
                         damage=segment.id.hex() not in shredded)

    def judge_holds(self, control, holds):
        act = control.json
        ranges = {"erased": act.get("entries"), "shredded": [[act.get("first"), act.get("end")]],
                  "retention": [[piece["first"], piece["end"]] for piece in act.get("segments", [])]}[control.type]
        for name, (first, end) in holds.items():
            if any(start < end and first < stop for start, stop in ranges):
                self.missing(f"entry {control.index} takes away what the hold {name} was to keep", damage=True)

    def judge_erasures(self, index, segment, acts):
        erased = set(segment.table.erased) if segment.table else set()
        ordered = {entry for act in acts for start, stop in act["entries"] for entry in range(start, stop)}
        for entry in sorted(erased):
            if entry in ordered:
                self.missing(f"entry {entry} was erased with authority")
            else:
                self.missing(f"entry {entry} was erased without authority", damage=True)
        amendment = self.amendments.get(index)
        if amendment and not acts:
            self.missing(f"no control entry orders {self.name(index, 'amendment')}", damage=True)
        if amendment and acts and amendment["hash"] == acts[-1]["amendment"]:
            if str(self.keys.at(acts[-1]["at"])) not in amendment["signers"]:
                self.missing(f"{self.name(index, 'amendment')} is signed by a key that was not in force", damage=True)
        for act in acts:
            if any(entry not in erased for start, stop in act["entries"] for entry in range(start, stop)):
                self.missing(f"entries of the segment from {index} on were to be erased, and are still here",
                             damage=not self.is_underway(index, act))
            elif act is acts[-1] and amendment and amendment["hash"] != act["amendment"]:
                self.missing(f"{self.name(index, 'amendment')} is not the one that the log names", damage=True)

    def is_underway(self, index, act):
        """Whether the files that carry out an erasure are there."""
        for kind in self.files[index] & {"amendment", "amendment.new"}:
            amendment = self.read_amendment(index, self.seals.get(index), kind)
            if amendment["hash"] == act["amendment"]:
                return any(b64(sha256(self.read(self.name(index, kind)))) == amendment["file"]
                           for kind in self.files[index] & {"rewrite", "segment"})
        return False

    def judge_tokens(self):
        """Whether each time-stamp token is one over a text of this log; its signature is for `openssl ts`."""
        for name in os.listdir(self.path):
            stem, _, kind = name.partition(".")
            if kind != "tsr":
                continue
            if stem.startswith("checkpoint-"):
                size = int(stem.partition("-")[2])
                if size not in self.roots and self.removed and size < int(self.removed[-1]["end"]):
                    continue  # Within a segment that retention took away: nothing is left to compare it with.
                imprint = sha256(self.checkpoint_text(size, self.roots[size]).encode()) if size in self.roots else None
            else:
                imprint = unb64(self.seals[int(stem)]["hash"]) if int(stem) in self.seals else None
            if imprint is None or imprint not in self.read(name):
                self.missing(f"{name} is not over a text of this log", damage=True)

    def judge_checkpoints(self):
        for name, note, checkpoint in [("checkpoint", self.note, self.checkpoint)] + self.kept:
            if checkpoint is None:
                continue
            size, root = checkpoint
            if size > self.end:
                self.missing(f"{name} covers {size} entries, but the log ends at {self.end}", damage=True)
            elif size in self.roots and self.roots[size] != root:
                self.missing(f"{name} of size {size} signs another root than the entries lead to", damage=True)
            elif size not in self.roots and not self.has_damage and size > (self.removed and int(self.removed[-1]["end"])):
                self.missing(f"{name}: no tree of size {size} was ever signed", damage=True)
            sealed = max((int(seal["end"]) for seal in self.seals.values()), default=0)
            if name == "checkpoint" and size < sealed:
                self.missing(f"{name} covers {size} entries, but a seal {sealed}: it was put back", damage=True)
            if name == "checkpoint" and not self.has_damage:
                try:
                    self.chain.judge(size, root, note)
                except Damage as error:
                    self.damage(name, error)


def verify(directory, keys, checkpoints=()):
    """The exit status, what was found, and a line that sums it up."""
    if not os.path.isdir(directory) or not any(name == "vkey" or name[:20].isdigit() for name in os.listdir(directory)):
        return 66, [f"{directory}: there is no log"], None
    try:
        log = Log(directory, keys)
        for path in checkpoints:
            with open(path, "rb") as file:
                log.kept.append((path, *log.read_checkpoint(file.read())))
        log.check()
    except Damage as error:
        return 2, ["damage: " + error.text], None
    closed = f", {log.closed} of them encrypted" if log.closed else ""
    signed = log.checkpoint[0] if log.checkpoint else "-"
    return 2 if log.has_damage else 3 if log.is_incomplete else 0, log.findings, (
        f"{log.origin}: {log.entries} entries{closed}, {len(log.seals)} seals, {log.chain.checked} one-time signatures, "
        f"checkpoint of size {signed}")


def main():
    parser = argparse.ArgumentParser(description="Verifies a log of Stele without Stele.")
    parser.add_argument("directory", nargs="?")
    parser.add_argument("--batch", action="store_true", help="read directories from standard input, print their statuses")
    parser.add_argument("--key", action="append", default=[], help="verifier keys, or a file with them")
    parser.add_argument("--checkpoint", action="append", default=[], help="a signed checkpoint from elsewhere")
    try:
        arguments = parser.parse_args()
        if (arguments.directory is None) != arguments.batch:
            parser.error("give a directory, or --batch")
    except SystemExit as exit:
        return 64 if exit.code else 0
    keys = []
    for key in arguments.key:
        if os.path.exists(key):
            with open(key, encoding="utf-8") as file:
                keys += [line.strip() for line in file if line.strip()]
        else:
            keys.append(key)
    if arguments.batch:
        for directory in sys.stdin.read().splitlines():
            print(verify(directory, keys, arguments.checkpoint)[0], directory)
        return 0
    status, findings, sum = verify(arguments.directory, keys, arguments.checkpoint)
    for finding in findings:
        print(finding, file=sys.stderr if status == 66 else sys.stdout)
    if sum:
        print(sum)
    return status


if __name__ == "__main__":
    sys.exit(main())
