"""Print the README's command of a given name: `python .ci/readme_command.py test`."""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def readme_command(name: str) -> str:
    """Return the one-line command that follows the README's `<!-- command:name -->` mark.

    Raises:
        LookupError: the README has no such mark, or more than one.
    """
    text = README.read_text(encoding="utf-8")
    found = re.findall(rf"<!-- command:{re.escape(name)} -->\n```sh\n(.+)\n```\n", text)
    if len(found) != 1:
        raise LookupError(f"README.md has {len(found)} one-line commands marked command:{name}")
    return str(found[0])


if __name__ == "__main__":
    print(readme_command(sys.argv[1]))
