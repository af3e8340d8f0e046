"""Where the code templates live."""

from functools import cache
from pathlib import Path

__all__ = ["template_folder"]


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
