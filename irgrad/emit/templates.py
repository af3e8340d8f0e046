"""The code templates: where they live, and how they are filled."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

__all__ = ["render", "template_folder"]


@cache
def template_folder() -> Path:
    """Return the folder of the code templates: the wheel's copy, else the checkout's own.

    Raises: FileNotFoundError: neither is there (a broken installation).
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_templates", package.parent / "codegen_templates"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"irgrad's code templates are missing: no {package / '_templates'}")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, view: Any) -> str:
    """Return a template filled from its view, whose fields are its variables."""
    return _environment().get_template(template).render({
        field: getattr(view, field) for field in view.__dataclass_fields__
    })
