"""Pairs of messages of programs: gettext's compiled catalogues."""

import re
import struct


def messages(path):
    """(English, German) of each message, without contexts, plurals and the marks of keys."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, originals, translations = struct.unpack(order + "3I", data[8:20])

    def text(table, i):
        length, begin = struct.unpack_from(order + "2I", data, table + 8 * i)
        return data[begin:begin + length].decode("utf-8", "replace").split("\0")[0]

    for i in range(count):
        english = text(originals, i).split("\4")[-1]
        if english:
            yield english, text(translations, i)


def without_keys(text):
    """A message without the marks of menu keys (~ or &) and without markup."""
    return re.sub(r"<[^<>]*>", "", re.sub(r"[~&](?=\w)", "", text).replace("\\n", " "))


def program_messages(packages):
    """(document, pairs of paragraphs) of the messages of LibreOffice, Krita and KDevelop."""
    root = packages.unpack("libreoffice-l10n-de", "krita-l10n", "kdevelop-l10n")
    for path in sorted(root.rglob("de/LC_MESSAGES/*.mo")):
        yield f"messages/{path.name}", [(without_keys(german), without_keys(english))
                                        for english, german in messages(path)]
