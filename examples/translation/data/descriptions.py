"""Pairs of paragraphs of package descriptions."""


def read(texts, language):
    """{MD5 sum of the English description: (package, paragraphs)} of apt's indexes."""
    found = {}
    for text in texts:
        for record in text.split("\n\n"):
            fields, key = {}, None
            for line in record.split("\n"):
                if line.startswith(" "):
                    fields[key].append(line[1:])
                elif ": " in line:
                    key, value = line.split(": ", 1)
                    fields[key] = [value]
            lines = fields.get("Description-" + language)
            if lines:
                found[fields["Description-md5"][0]] = fields["Package"][0], list(paragraphs(lines))
    return found


def paragraphs(lines):
    """The short description, and the paragraphs of the long one without what is set line by line."""
    yield lines[0]
    text = []
    for line in lines[1:] + ["."]:
        if line.strip() == ".":
            yield " ".join(text)
            text = []
        else:
            text.append("" if line.startswith(" ") else line)


def package_descriptions(packages):
    """(document, pairs of paragraphs) of the descriptions that Debian's translators have translated as they are now."""
    english = read(packages.descriptions("en"), "en")
    for key, (package, ours) in sorted(read(packages.descriptions("de"), "de").items()):
        _, theirs = english.get(key, (package, []))
        if len(ours) == len(theirs):
            yield f"description/{package}", zip(ours, theirs)
