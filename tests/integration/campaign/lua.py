"""Python's values as Lua's source text."""


def quoted(text):
    """A string, or bytes, as a literal."""
    data = text if isinstance(text, bytes) else text.encode()
    out = []
    for byte in data:
        char = chr(byte)
        out.append("\\" + char if char in "\"\\" else char if " " <= char <= "~" else f"\\{byte:03}")
    return '"' + "".join(out) + '"'


def long_string(text):
    level = "="
    while f"]{level}]" in text:
        level += "="
    return f"[{level}[\n{text}]{level}]"


def named(pairs):
    """The inside of a table: { ["name"] = value }, from (name, text of the value)."""
    return ", ".join(f"[{quoted(n)}] = {v}" for n, v in pairs)
