"""Docstrings as they are written here, for Sphinx: formulas in plain text, short names as links."""

from docutils import nodes
from escaping import escaped


def escape(app, what, name, obj, options, lines):
    """Formulas stay as they are."""
    lines[:] = escaped("\n".join(lines)).split("\n")


def short_names(app, env, node, contnode):
    """`History` is a link to portable_mlp.History; a name with no place of its own is just that."""
    if node.get("reftype") != "obj":
        return None
    domain, target = env.get_domain("py"), node["reftarget"]
    found = [full for full in domain.objects if full.endswith(f".{target}")]
    if not found:
        return nodes.literal(target, target)
    nearest = min(found, key=lambda full: (full.count("."), full))
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", nearest, node, contnode)


def foreign(app, what, name, obj, skip, options):
    """What a class has from another library is described there."""
    home = getattr(getattr(obj, "fget", obj), "__module__", None)
    return True if isinstance(home, str) and not home.startswith("portable_mlp") else None


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon, at 500
    app.connect("autodoc-skip-member", foreign)
    app.connect("missing-reference", short_names)
    return {"parallel_read_safe": True}
