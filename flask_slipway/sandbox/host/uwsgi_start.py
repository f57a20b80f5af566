"""Starts uWSGI in the very Python that runs this file: the site's. Standard library only, Python 3.8 or newer.

uwsgi_start.py MODULES OPTION…: MODULES is a folder with pyuwsgi for each version (3.11/pyuwsgi….so)."""

import pathlib
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location


def main() -> None:
    modules, options = sys.argv[1], sys.argv[2:]
    version = "{}.{}".format(*sys.version_info)
    found = [str(path.resolve()) for path in pathlib.Path(modules, version).glob("pyuwsgi*.so")]
    if not found:
        sys.exit(f"There is no pyuwsgi for Python {version} in {modules}.")
    # Loaded by its path, so that nothing of its surroundings becomes importable for the site.
    loader = ExtensionFileLoader("pyuwsgi", found[0])
    module = module_from_spec(spec_from_file_location("pyuwsgi", found[0], loader=loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    module.run(options)


if __name__ == "__main__":
    main()
