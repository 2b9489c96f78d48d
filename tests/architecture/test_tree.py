"""The tree stays readable: short modules, folders of a size to look over, and no code in an `__init__.py`."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("milepost", "poc", "metrics", "roadmap", "dashboard")

#: Folders that may have more than twelve modules: one for each chart, page, measure or format.
LONG = {
    "dashboard/charts",
    "dashboard/pages",
    "dashboard/presenters",
    "metrics/measures",
    "metrics/replay",
    "poc/formats",
}

#: Folders that may have fewer than three modules: one for each revision of the tables.
SHORT = {"poc/ledger/postgres/revisions"}

#: One names what embedding programs import, the other sets the number of polars' threads before polars is imported.
WITH_CODE = ["milepost/__init__.py", "poc/__init__.py"]


def modules():
    """Return all modules of the product by their path in the repository."""
    return [str(path.relative_to(ROOT)) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_no_module_grows_past_300_lines():
    """A module over 300 lines needs to be split."""
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in modules()}
    assert {path: n for path, n in lines.items() if n > 300} == {}


def test_a_package_has_3_to_12_modules():
    """A package is neither a single module in a folder, nor too long a list to look over."""
    sizes = {}
    for path in modules():
        folder = str(Path(path).parent)
        if "/" in folder and not path.endswith("__init__.py"):
            sizes[folder] = sizes.get(folder, 0) + 1
    short = {folder for folder, n in sizes.items() if n < 3 and folder not in SHORT}
    long = {folder for folder, n in sizes.items() if n > 12 and folder not in LONG}
    assert (short, long) == (set(), set())


def test_an_init_holds_a_docstring_and_no_code():
    """What a package is for stands in its `__init__.py`; what it does stands in its modules."""
    with_code = []
    for path in modules():
        if path.endswith("__init__.py"):
            tree = ast.parse((ROOT / path).read_text())
            assert ast.get_docstring(tree), path
            if len(tree.body) > 1:
                with_code.append(path)
    assert with_code == WITH_CODE
