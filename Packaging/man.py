#!/usr/bin/env python3
"""Writes Stele's manual pages from what the program says of itself, the shipped configuration and the format's page.

    python3 Packaging/man.py STELE DIRECTORY      STELE: the built binary; DIRECTORY: such as Packaging/man
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATE = "2026-11-23"
HEADING = re.compile(r"^[A-Z][A-Z ]+$")


def escape(text):
    """Text as roff shows it to the letter."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^([.\s])", r"\\&\1", text)


class Page:
    def __init__(self, name, section, abstract, version):
        self.name, self.section = name, section
        self.lines = [
            f'.TH "{name.upper()}" "{section}" "{DATE}" "Stele {version}" "Stele manual"',
            ".SH NAME", f"{escape(name)} \\- {escape(abstract.rstrip('.'))}"]

    def heading(self, text):
        self.lines.append(f".SH {text.upper() if text.isascii() else text}")

    def item(self, term, text):
        self.lines += [".TP", term, *(escape(part) for part in text.split("\n"))]

    def literal(self, lines):
        while lines and not lines[-1]:
            lines.pop()
        self.lines += [".PP", ".nf", ".RS 2"]
        self.lines += [escape(line) if line else "\\&" for line in lines]
        self.lines += [".RE", ".fi"]

    def text(self, paragraph):
        """A paragraph; `words` of Markdown are bold, *words* italic."""
        parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)", " ".join(paragraph.split()))
        out = ""
        for part in parts:
            if len(part) > 2 and part[0] == part[-1] == "`":
                out += f"\\fB{escape(part[1:-1])}\\fR"
            elif part.startswith("**"):
                out += f"\\fB{escape(part[2:-2])}\\fR"
            elif len(part) > 2 and part[0] == part[-1] == "*":
                out += f"\\fI{escape(part[1:-1])}\\fR"
            else:
                out += escape(re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", part))
        # One sentence a line, as roff likes it.
        for sentence in re.split(r"(?<=[.:;?!]) +(?=\S)", out):
            self.lines.append(re.sub(r"^([.'])", r"\\&\1", sentence))

    def see_also(self, pages):
        self.heading("SEE ALSO")
        pages = [f".BR {escape(name)} ({section})" for name, section in pages if name != self.name]
        self.lines += [page + " ," for page in pages[:-1]] + pages[-1:]

    def write(self, directory):
        text = "\n".join(self.lines) + "\n"
        # A paragraph directly under a heading needs no macro of its own.
        text = re.sub(r"(?m)^(\.SH .*\n)\.PP\n(?!\.nf)", r"\1", text)
        text = re.sub(r"(?m)^(\.SH .*\n)\.PP\n", r"\1", text)
        (directory / f"{self.name}.{self.section}").write_text(text)


def discussion(page, text):
    """The help's text: paragraphs, headings in capitals, and indented lines as they stand."""
    literal, paragraph = [], []

    def flush():
        nonlocal literal, paragraph
        if paragraph:
            page.lines.append(".PP")
            page.text(" ".join(paragraph))
        if literal:
            page.literal(literal)
        literal, paragraph = [], []

    for line in text.split("\n"):
        if HEADING.match(line):
            flush()
            page.heading(line)
        elif line.startswith("  "):
            if paragraph:
                flush()
            literal.append(line[2:])
        elif not line:
            flush()
        else:
            if literal:
                flush()
            paragraph.append(line)
    flush()


def spelled(argument):
    """An option as it is typed, its value in italics."""
    if argument["kind"] == "positional":
        return f"\\fI{escape(argument['valueName'])}\\fR"
    names = [("\\-\\-" if n["kind"] == "long" else "\\-") + escape(n["name"]) for n in argument["names"]]
    value = f" \\fI{escape(argument['valueName'])}\\fR" if argument["kind"] == "option" else ""
    return ", ".join(f"\\fB{name}\\fR{value}" for name in names)


def synopsis(words, arguments):
    line = f"\\fB{escape(' '.join(words))}\\fR"
    for argument in arguments:
        if argument["kind"] == "positional" or not argument["isOptional"]:
            text = spelled(argument) + (" ..." if argument["isRepeating"] else "")
            line += f" [{text}]" if argument["isOptional"] else f" {text}"
    return line + (" [\\fIoptions\\fR]" if any(a["isOptional"] and a["kind"] != "positional" for a in arguments) else "")


def command_page(command, parents, version, pages):
    words = parents + [command["commandName"]]
    page = Page("-".join(words), 1, command["abstract"], version)
    arguments = [a for a in command.get("arguments", []) if a["shouldDisplay"] and a["valueName"] not in ("help", "version")]
    children = [c for c in command.get("subcommands", []) if c["commandName"] != "help"]
    page.heading("SYNOPSIS")
    if children:
        page.lines.append(f"\\fB{escape(' '.join(words))}\\fR \\fIcommand\\fR ...")
    else:
        page.lines.append(synopsis(words, arguments))
    if command.get("discussion"):
        if not HEADING.match(command["discussion"].split("\n")[0]):
            page.heading("DESCRIPTION")
        discussion(page, command["discussion"])
    if children:
        page.heading("COMMANDS")
        for child in children:
            page.item(f"\\fB{escape('-'.join(words + [child['commandName']]))}\\fR(1)", child["abstract"])
    sections = {}
    for argument in arguments:
        sections.setdefault(argument.get("sectionTitle") or "OPTIONS", []).append(argument)
    for title, group in sections.items():
        page.heading(title)
        for argument in group:
            text = argument.get("abstract", "")
            if argument.get("defaultValue") and "default" not in text:
                text += f"\nDefault: {argument['defaultValue']}."
            page.item(spelled(argument), text)
    if len(words) == 1:
        page.heading("FILES")
        page.item("\\fI/etc/stele/stele.yaml\\fR", "The daemon's configuration, stele.yaml(5).")
    page.see_also(pages)
    return page, [(child, words) for child in children]


def configuration_page(version, pages):
    page = Page("stele.yaml", 5, "configuration of the log collector Stele", version)
    page.heading("DESCRIPTION")
    page.text(
        "`stele serve` reads what to do from this file, in YAML: by default `/etc/stele/stele.yaml`, or what "
        "`--config` names. An unknown key is an error that names its place and the nearest known key; "
        "`stele config check` prints what was understood. Relative paths in the file are relative to the directory "
        "it is in. Durations are written as `250ms`, `10s`, `5m`, `1h`, `7d`; sizes as `64KiB`, `20MiB`, `1GiB`.")
    page.heading("KEYS")
    page.text("Every key that there is. What is commented out shows its default, or an example.")
    page.literal((ROOT / "Packaging/stele.yaml").read_text().split("\n"))
    page.see_also(pages)
    return page


def format_page(version, pages):
    page = Page("stele-segment", 5, "the files of a log of Stele, byte by byte", version)
    page.heading("DESCRIPTION")
    literal, paragraph = [], []

    def flush():
        nonlocal literal, paragraph
        if paragraph:
            page.lines.append(".PP")
            page.text(" ".join(paragraph))
        if literal:
            page.literal(literal)
        literal, paragraph = [], []

    text = (ROOT / "Sources/Segments/Segments.docc/Format.md").read_text()
    # The example is a dump of hundreds of lines: it stays on the page.
    text = re.sub(r"(?s)\n## Example\n.*?(?=\n## )", "\n", text)
    for line in text.split("\n")[1:]:
        if line.startswith("#"):
            flush()
            page.heading(line.lstrip("# "))
        elif line.startswith("    ") and not paragraph:
            literal.append(line[4:])
        elif line.startswith("|"):
            if paragraph:
                flush()
            if not re.match(r"^[|\s:-]+$", line):
                literal.append(line.replace("`", ""))
        elif re.match(r"^([-*]|\d+\.) ", line):
            flush()
            page.lines += [".TP 4", "\\(bu" if line[0] in "-*" else line.split()[0]]
            page_item = line.split(" ", 1)[1]
            paragraph = [page_item]
            # The item's text follows without a paragraph of its own.
            page.lines.append(".\\\" item")
        elif not line:
            if literal:
                literal.append("")
            else:
                flush()
        else:
            if literal:
                flush()
            paragraph.append(line.strip())
    flush()
    joined = "\n".join(page.lines)
    page.lines = joined.replace('.\\" item\n.PP\n', "").split("\n")
    page.see_also(pages)
    return page


def main(stele, directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    run = lambda *arguments: subprocess.run([stele, *arguments], capture_output=True, text=True, check=True).stdout
    version = run("--version").split()[-1]
    root = json.loads(run("--experimental-dump-help"))["command"]
    related = [("stele", 1), ("stele.yaml", 5), ("stele-segment", 5)]
    queue, written = [(root, [])], set()
    while queue:
        command, parents = queue.pop(0)
        page, children = command_page(command, parents, version, related)
        page.write(directory)
        written.add(f"{page.name}.{page.section}")
        queue += children
    for page in (configuration_page(version, related), format_page(version, related)):
        page.write(directory)
        written.add(f"{page.name}.{page.section}")
    for old in directory.iterdir():
        if old.name not in written:
            old.unlink()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
