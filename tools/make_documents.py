#!/usr/bin/env python3
"""Writes the documents that are made from the sources; with --check only compares them.

docs/configuration.md  from server.example.toml, which is itself made from the rows of src/config/settings.cc
docs/sql.md            from docs/sql-statements.toml and the rows of src/sql/handlers.cc
"""
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by tools/make_documents.py; change {source} and run it again. -->\n\n"


def cell(text):
    return text.replace("|", "\\|")


def settings():
    """(section, key, default or None for a secret, sentence, environment variable) for each key of the example file."""
    section, comments = "", []
    for line in (ROOT / "server.example.toml").read_text().splitlines():
        if line.startswith("["):
            section, comments = line.strip("[]"), []
            continue
        secret = re.match(r'# (\w+) = ""$', line)
        given = re.match(r"(\w+) = (.*)$", line)
        if not secret and not given:
            comments = comments + [line[2:]] if line.startswith("# ") else []
            continue
        env = next((c.removeprefix("Environment: ") for c in comments if c.startswith("Environment: ")), "")
        sentence = " ".join(c for c in comments if not c.startswith("Environment: "))
        yield section, (secret or given).group(1), None if secret else given.group(2), sentence, env
        comments = []


def configuration():
    text = NOTE.format(source="the setting's row in src/config/settings.cc") + """# Configuration

The server reads `server.toml`, or the file named on its command line. Every key may be left out. An environment variable wins over the
file, the file over the default. `kalamdb-server --check-config FILE` says what is wrong with a file; `SHOW ALL` and `system.settings` show the
values in force. `server.example.toml` holds all keys with their defaults.
"""
    last = None
    for section, key, default, sentence, env in settings():
        if section != last:
            text += f"\n## [{section}]\n\n| Key | Default | Meaning |\n|---|---|---|\n"
            last = section
        shown = "secret" if default is None else f"`{cell(default)}`"
        text += f"| `{key}` | {shown} | {cell(sentence)}{f' Environment: `{env}`.' if env else ''} |\n"
    return text


ROW = re.compile(r'\{StatementKind::k\w+,\s*"([^"]+)",\s*Access::k(\w+),\s*Effect::k(\w+),\s*(true|false)')
WHO = {"User": "every role", "Admin": "dba, system"}


def handler_rows():
    """name -> (who, takes parameters), in the order of the table."""
    rows = {}
    for name, access, _, params in ROW.findall((ROOT / "src/sql/handlers.cc").read_text()):
        rows[name] = (WHO.get(access, "see there"), params == "true")
    return rows


def statements():
    return tomllib.loads((ROOT / "docs/sql-statements.toml").read_text())["statement"]


def example_text(example):
    if isinstance(example, str):
        return example + ";"
    lines = f"-- as {example['user']}\n" if "user" in example else ""
    lines += example["sql"] + ";"
    return lines + (f"  -- fails: {example['fails']}" if "fails" in example else "")


def sql():
    rows, entries = handler_rows(), statements()
    text = NOTE.format(source="docs/sql-statements.toml") + """# SQL statements

Every example below is executed by a test, in the order of this page, as an administrator unless it says otherwise. Keywords have no case; names that are
not quoted are folded to lower case. Several statements in one request are separated by `;` and run in order until one fails.

| Statement | Who | Parameters |
|---|---|---|
"""
    for name, (who, params) in rows.items():
        entry = next((e for e in entries if e["name"] == name), None)
        linked = f"[{name}](#{name.lower().replace(' ', '-')})" if entry else name
        text += f"| {linked} | {entry.get('role', who) if entry else who} | {'`$1`...' if params else ''} |\n"
    group = None
    for entry in entries:
        if entry["group"] != group:
            group = entry["group"]
            text += f"\n## {group}\n"
        text += f"\n### {entry['name']}\n\n```\n{entry['grammar'].strip()}\n```\n\n{entry['text'].strip()}\n"
        if entry.get("examples"):
            text += "\n```sql\n" + "\n".join(map(example_text, entry["examples"])) + "\n```\n"
    return text


def complaints():
    known = handler_rows()
    for name in known.keys() - {entry["name"] for entry in statements()}:
        yield f"docs/sql-statements.toml: add an entry for '{name}' (name, group, grammar, text; examples that a test executes)"
    for entry in statements():
        if entry["name"] not in known:
            yield f"docs/sql-statements.toml: '{entry['name']}' is no row of src/sql/handlers.cc"
        elif known[entry["name"]][0] == "see there" and "role" not in entry:
            yield f"docs/sql-statements.toml: '{entry['name']}' decides by itself who may run it; say so in `role`"


DOCUMENTS = {"docs/configuration.md": configuration, "docs/sql.md": sql}


def main():
    wrong = list(complaints())
    for name, make in DOCUMENTS.items():
        path, text = ROOT / name, make()
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            wrong.append(f"{name}:1: is not what its sources give; run tools/make_documents.py")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
