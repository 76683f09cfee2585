"""Published API descriptors as plain Python values: the source of every fact in api/.

Standard library only. Reads the .proto files of an npm package (given as a folder) by way of protoc's binary descriptor set.
"""

import os
import struct
import subprocess
import tempfile

TYPE_NAMES = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool", 9: "string",
    10: "group", 11: "message", 12: "bytes", 13: "uint32", 14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32",
    18: "sint64",
}


def wire(data):
    """Yields (field number, value) of one encoded message; a value is an int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        elif kind == 2:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            size = 8 if kind == 1 else 4
            yield key >> 3, data[at:at + size]
            at += size


def last(data, number, default=None):
    value = default
    for n, v in wire(data):
        if n == number:
            value = v
    return value


def every(data, number):
    return [v for n, v in wire(data) if n == number]


def text(value):
    return (value or b"").decode()


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


NUMERIC = {"float": ("<f", 1), "double": ("<d", 2)}
NUMBER_RULES = {2: "lt", 3: "le", 4: "gt", 5: "ge"}


def duration_seconds(data):
    nanos = last(data, 2, 0)
    return signed(last(data, 1, 0)) + signed(nanos) / 1e9


def number_rules(data, kind):
    rules = {}
    for n, v in wire(data):
        if isinstance(v, bytes):
            v = struct.unpack("<d" if len(v) == 8 else "<f", v)[0] if kind in ("float", "double") else int.from_bytes(v, "little")
        elif not kind.startswith("u"):
            v = signed(v)
        if n in NUMBER_RULES:
            rules[NUMBER_RULES[n]] = v
        elif n == 1:
            rules["ge"] = rules["le"] = v
        elif n == 6:
            rules.setdefault("in", []).append(v)
        elif n == 7:
            rules.setdefault("not_in", []).append(v)
        elif n == 8 and v:
            rules["ignore_empty"] = True
    return rules


STRING_RULES = {2: "min_len", 3: "max_len", 4: "min_bytes", 5: "max_bytes", 19: "len", 20: "len_bytes"}


def string_rules(data):
    rules = {}
    strict = True
    for n, v in wire(data):
        if n in STRING_RULES:
            rules[STRING_RULES[n]] = v
        elif n == 6:
            rules["pattern"] = text(v)
        elif n == 7:
            rules["prefix"] = text(v)
        elif n == 8:
            rules["suffix"] = text(v)
        elif n == 9:
            rules["contains"] = text(v)
        elif n == 10:
            rules.setdefault("text", []).append(text(v))
        elif n == 1:
            rules["text"] = [text(v)]
        elif n == 17 and v:
            rules["format"] = "URI"
        elif n == 18 and v:
            rules["format"] = "URI_REFERENCE"
        elif n == 24 and v:
            rules["format"] = "HEADER_NAME" if v == 1 else "HEADER_VALUE"
        elif n == 25:
            strict = bool(v)
        elif n == 26 and v:
            rules["ignore_empty"] = True
        else:
            raise ValueError("string rule %d" % n)
    if not strict and rules.get("format", "").startswith("HEADER"):
        rules["format"] = "HEADER_TEXT"
    if "len" in rules:
        rules["min_len"] = rules["max_len"] = rules.pop("len")
    return rules


def field_rules(data):
    """A FieldRules message as a flat dict; see api/outrigger/api/support.proto for the meaning of the keys."""
    kinds = {1: "float", 2: "double", 3: "int32", 4: "int64", 5: "uint32", 6: "uint64", 7: "sint32", 8: "sint64",
             9: "ufixed32", 10: "ufixed64", 11: "sfixed32", 12: "sfixed64"}
    rules = {}
    for n, v in wire(data):
        if n in kinds:
            rules.update(number_rules(v, kinds[n]))
        elif n == 13:
            if last(v, 1):
                rules["true"] = True
        elif n == 14:
            rules.update(string_rules(v))
        elif n == 15:
            for m, w in wire(v):
                if m in (2, 3):
                    rules["min_len" if m == 2 else "max_len"] = w
                elif m == 13:
                    rules["min_len"] = rules["max_len"] = w
        elif n == 16:
            for m, w in wire(v):
                if m == 2 and w:
                    rules["defined_only"] = True
                elif m in (1, 3):
                    rules.setdefault("in", []).append(w)
                elif m == 4:
                    rules.setdefault("not_in", []).append(w)
        elif n == 17:
            if last(v, 2):
                rules["required"] = True
            if last(v, 1):
                rules["skip"] = True
        elif n == 18:
            for m, w in wire(v):
                if m in (1, 2):
                    rules["min_items" if m == 1 else "max_items"] = w
                elif m == 3 and w:
                    rules["unique"] = True
                elif m == 4:
                    each = field_rules(w)
                    if each:
                        rules["each"] = each
                elif m == 5 and w:
                    rules["ignore_empty"] = True
        elif n == 19:
            for m, w in wire(v):
                if m in (1, 2):
                    rules["min_items" if m == 1 else "max_items"] = w
                elif m in (4, 5):
                    inner = field_rules(w)
                    if inner:
                        rules["key" if m == 4 else "value"] = inner
        elif n == 20:
            if last(v, 1):
                rules["required"] = True
            for w in every(v, 2):
                rules.setdefault("text", []).append(text(w))
        elif n == 21:
            names = {3: "lt", 4: "le", 5: "gt", 6: "ge"}
            for m, w in wire(v):
                if m == 1 and w:
                    rules["required"] = True
                elif m in names:
                    rules[names[m]] = duration_seconds(w)
        elif n == 22:
            if last(v, 1):
                rules["required"] = True
    return rules


def read_field(data):
    options = last(data, 8, b"")
    field = {
        "name": text(last(data, 1)),
        "number": last(data, 3),
        "repeated": last(data, 4) == 3,
        "type": TYPE_NAMES[last(data, 5)],
        "type_name": text(last(data, 6)).lstrip("."),
        "oneof": last(data, 9),
        "optional": bool(last(data, 17, 0)),
        "deprecated": bool(last(options, 3, 0)),
        "sensitive": bool(last(options, 76569463, 0)),
        "rules": field_rules(last(options, 1071, b"")),
        "newer": False,
    }
    return field


def read_enum(data, scope):
    return {
        "name": text(last(data, 1)),
        "full": scope + "." + text(last(data, 1)),
        "values": [(text(last(v, 1)), signed(last(v, 2, 0))) for v in every(data, 2)],
        "alias": bool(last(last(data, 3, b""), 2, 0)),
    }


def read_message(data, scope):
    full = scope + "." + text(last(data, 1))
    oneofs = [{"name": text(last(o, 1)), "required": bool(last(last(o, 2, b""), 1071, 0))} for o in every(data, 8)]
    return {
        "name": text(last(data, 1)),
        "full": full,
        "fields": [read_field(f) for f in every(data, 2)],
        "oneofs": oneofs,
        "messages": [read_message(m, full) for m in every(data, 3)],
        "enums": [read_enum(e, full) for e in every(data, 4)],
        "reserved": [(last(r, 1), last(r, 2)) for r in every(data, 9)],
        "reserved_names": [text(n) for n in every(data, 10)],
        "map_entry": bool(last(last(data, 7, b""), 7, 0)),
        "newer": False,
    }


def read_service(data, scope):
    return {
        "name": text(last(data, 1)),
        "full": scope + "." + text(last(data, 1)),
        "methods": [{
            "name": text(last(m, 1)),
            "input": text(last(m, 2)).lstrip("."),
            "output": text(last(m, 3)).lstrip("."),
            "client_streaming": bool(last(m, 5, 0)),
            "server_streaming": bool(last(m, 6, 0)),
        } for m in every(data, 2)],
    }


def read_file(data):
    package = text(last(data, 2))
    return {
        "path": text(last(data, 1)),
        "package": package,
        "messages": [read_message(m, package) for m in every(data, 4)],
        "enums": [read_enum(e, package) for e in every(data, 5)],
        "services": [read_service(s, package) for s in every(data, 6)],
    }


IGNORE_EMPTY = {"StringRules": 26, "RepeatedRules": 5, "MapRules": 6}


def validation_proto(deps, folder):
    """The package's copy of validate.proto is older than its users: adds the option `ignore_empty` where it is missing."""
    relative = "validate/validate.proto"
    with open(os.path.join(deps, "protoc-gen-validate", relative)) as file:
        source = file.read()
    for message, number in IGNORE_EMPTY.items():
        head = "message %s {" % message
        start = source.index(head) + len(head)
        if "ignore_empty" not in source[start:source.index("\n}", start)]:
            source = source[:start] + "\n  optional bool ignore_empty = %d;" % number + source[start:]
    for message in ("Float", "Double", "Int32", "Int64", "UInt32", "UInt64"):
        head = "message %sRules {" % message
        start = source.index(head) + len(head)
        if "ignore_empty" not in source[start:source.index("\n}", start)]:
            source = source[:start] + "\n  optional bool ignore_empty = 8;" + source[start:]
    os.makedirs(os.path.join(folder, "validate"))
    with open(os.path.join(folder, relative), "w") as file:
        file.write(source)


def load(deps, paths):
    """{path: file} of `paths` and everything they import, from the `deps` folder of the npm package."""
    roots = [os.path.join(deps, d) for d in sorted(os.listdir(deps))]
    with tempfile.TemporaryDirectory() as folder:
        validation_proto(deps, folder)
        out = os.path.join(folder, "set")
        includes = ["-I" + r for r in [folder] + roots]
        subprocess.run(["protoc", "--include_imports", "--descriptor_set_out=" + out] + includes + paths, check=True)
        with open(out, "rb") as file:
            data = file.read()
    files = [read_file(f) for f in every(data, 1)]
    return {f["path"]: f for f in files}


def messages_of(container):
    for message in container["messages"]:
        yield message
        yield from messages_of(message)


def enums_of(container):
    yield from container["enums"]
    for message in container["messages"]:
        yield from enums_of(message)
