"""Pages that are made when the site is built."""


def write(path, text):
    """Writes a page unless it says that already: Sphinx reads again only what is new."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def forget(folder, kept):
    """Removes the pages of what is no longer there."""
    for old in folder.glob("*.*"):
        if old.name not in kept:
            old.unlink()
