"""The fact table: what the published API declares, one fact per line. Read by tools/api/* and by test/api/facts_test.cc.

    file PATH PACKAGE
    enum FULL.NAME NAME=NUMBER ... [alias]
    message FULL.NAME
    reserved NUMBER[-NUMBER] ... NAME ...          of the message above
    oneof NAME [required]                          of the message above
    field NAME NUMBER [repeated] TYPE [oneof=NAME] [deprecated] [sensitive] [newer] [| RULES as JSON]
    service FULL.NAME
    method NAME [stream] INPUT [stream] OUTPUT     of the service above

TYPE is a scalar, a full message or enum name (marked enum:), or map<key,value>.
"""

import json

import published


def type_text(field, container):
    kind = field["type"]
    if kind == "enum":
        return "enum:" + field["type_name"]
    if kind != "message":
        return kind
    for nested in container["messages"]:
        if nested["full"] == field["type_name"] and nested["map_entry"]:
            key, value = nested["fields"]
            return "map<%s,%s>" % (type_text(key, nested), type_text(value, nested))
    return field["type_name"]


def field_line(field, container):
    kind = type_text(field, container)
    parts = ["field", field["name"], str(field["number"])]
    if field["repeated"] and not kind.startswith("map<"):
        parts.append("repeated")
    parts.append(kind)
    if field["oneof"] is not None and not field["optional"]:
        parts.append("oneof=" + container["oneofs"][field["oneof"]]["name"])
    if field["optional"]:
        parts.append("optional")
    parts += [mark for mark in ("deprecated", "sensitive", "newer") if field[mark]]
    rules = field["rules"]
    return " ".join(parts) + (" | " + json.dumps(rules, sort_keys=True) if rules else "")


def lines_of(file):
    """The facts of one published file."""
    yield "file %s %s" % (file["path"], file["package"])
    for enum in published.enums_of(file):
        values = " ".join("%s=%d" % v for v in enum["values"])
        yield "enum %s %s%s" % (enum["full"], values, " alias" if enum["alias"] else "")
    for message in published.messages_of(file):
        if message["map_entry"]:
            continue
        yield "message " + message["full"]
        ranges = [str(a) if b == a + 1 else "%d-%d" % (a, b - 1) for a, b in message["reserved"]]
        if ranges or message["reserved_names"]:
            yield " ".join(["reserved"] + ranges + message["reserved_names"])
        used = {f["oneof"] for f in message["fields"] if not f["optional"]}
        for index, oneof in enumerate(message["oneofs"]):
            if index in used:
                yield "oneof " + oneof["name"] + (" required" if oneof["required"] else "")
        for field in message["fields"]:
            yield field_line(field, message)
    for service in file["services"]:
        yield "service " + service["full"]
        for m in service["methods"]:
            yield "method %s %s%s %s%s" % (m["name"], "stream " if m["client_streaming"] else "", m["input"],
                                           "stream " if m["server_streaming"] else "", m["output"])


class Message:
    def __init__(self, full):
        self.full = full
        self.reserved = []
        self.oneofs = {}
        self.fields = []


class Field:
    def __init__(self, words, rules):
        self.name, self.number = words[1], int(words[2])
        rest = words[3:]
        self.repeated = "repeated" in rest
        self.optional = "optional" in rest
        self.deprecated, self.sensitive, self.newer = (m in rest for m in ("deprecated", "sensitive", "newer"))
        marks = ("repeated", "optional", "deprecated", "sensitive", "newer")
        self.oneof = next((w[6:] for w in rest if w.startswith("oneof=")), None)
        self.type = next(w for w in rest if w not in marks and not w.startswith("oneof="))
        self.rules = rules

    def line(self):
        words = ["field", self.name, str(self.number)]
        words += ["repeated"] if self.repeated else []
        words.append(self.type)
        words += ["oneof=" + self.oneof] if self.oneof else []
        words += [m for m in ("optional", "deprecated", "sensitive", "newer") if getattr(self, m)]
        return " ".join(words) + (" | " + json.dumps(self.rules, sort_keys=True) if self.rules else "")


class File:
    def __init__(self, path, package):
        self.path, self.package = path, package
        self.enums = {}
        self.aliased = set()
        self.messages = {}
        self.services = {}

    def lines(self):
        yield "file %s %s" % (self.path, self.package)
        for full, values in self.enums.items():
            yield "enum %s %s%s" % (full, " ".join("%s=%d" % v for v in values), " alias" if full in self.aliased else "")
        for message in self.messages.values():
            yield "message " + message.full
            if message.reserved:
                yield " ".join(["reserved"] + message.reserved)
            for name, required in message.oneofs.items():
                yield "oneof " + name + (" required" if required else "")
            for field in message.fields:
                yield field.line()
        for full, methods in self.services.items():
            yield "service " + full
            for method in methods:
                yield "method " + " ".join(method)


def parse(lines, files=None):
    """{path: File}; with `files` given, what the lines say is added to it (and wins)."""
    files = {} if files is None else files
    file = message = service = None
    for line in lines:
        line = line.rstrip("\n")
        if not line.strip() or line.startswith("#"):
            continue
        head, _, rules = line.partition(" | ")
        words = head.split()
        if words[0] == "file":
            file = files.setdefault(words[1], File(words[1], words[2]))
        elif words[0] == "enum":
            values = file.enums.setdefault(words[1], [])
            for word in words[2:]:
                if word == "alias":
                    file.aliased.add(words[1])
                    continue
                name, number = word.split("=")
                if (name, int(number)) not in values:
                    values.append((name, int(number)))
        elif words[0] == "message":
            message = file.messages.setdefault(words[1], Message(words[1]))
        elif words[0] == "reserved":
            message.reserved = words[1:]
        elif words[0] == "oneof":
            message.oneofs[words[1]] = "required" in words
        elif words[0] == "field":
            field = Field(words, json.loads(rules) if rules else {})
            if field.oneof:
                message.oneofs.setdefault(field.oneof, False)
            at = next((i for i, f in enumerate(message.fields) if f.name == field.name), len(message.fields))
            message.fields[at:at + 1] = [field]
            taken = {str(f.number) for f in message.fields} | {f.name for f in message.fields}
            message.reserved = [r for r in message.reserved if r not in taken]
        elif words[0] == "service":
            service = file.services.setdefault(words[1], [])
        elif words[0] == "method":
            service.append(words[1:])
        else:
            raise ValueError("fact table: " + line)
    return files
