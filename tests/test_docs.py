"""Every code block of README and docs runs, and the reference names every public module.

A page is run as a reader would: its blocks in order, in one namespace, in an empty folder. Comments that Markdown does
not show say, before a block, what differs:

``<!-- setup: ... -->``
    code that runs before the next block, for example to make the data smaller;
``<!-- run with: `n_trials=20` -> `n_trials=2`; ... -->``
    text of the next block that is replaced before it runs; it must be there;
``<!-- not run: reason -->``
    the next block cannot run everywhere. `NOT_RUN` counts these.

``<!-- slow: reason -->`` anywhere on a page leaves it to the slow tests.
"""

import importlib
import pkgutil
import re
import sys
import types
from pathlib import Path

import pytest

import skopdist
from skopdist.operations import register_operation

ROOT = Path(skopdist.__file__).parent.parent
NOT_RUN = {"docs/guide/parallel.md": 3, "docs/guide/watching.md": 1}
# Written by Sphinx.
GENERATED = {"_build", "auto_examples", "generated"}
# Of fences: other ones may hold no code of Python, for nothing would run it.
LANGUAGES = {"python", "console", "{toctree}", "{eval-rst}", "{include}"}

DIRECTIVE = re.compile(r"<!-- (?P<kind>setup|run with|not run): ?(?P<text>.*?)-->", re.DOTALL)
FENCE = re.compile(
    r"^(?P<indent> *)(`{3,}|~{3,}|:{3,})(?P<language>[^\n]*)\n(?P<code>.*?)^ *\2 *$", re.DOTALL | re.MULTILINE
)
REPLACEMENT = re.compile(r"\s*`(?P<old>[^`]+)` -> `(?P<new>[^`]+)`\s*")


def pages():
    """List README and the pages of the documentation."""
    docs = ROOT / "docs"
    if not docs.exists():
        return []
    found = [p for p in sorted(docs.rglob("*.md")) if not GENERATED & set(p.relative_to(docs).parts)]
    return [ROOT / "README.md", *found]


class Block:
    """A code block, and what the comments before it say.

    Parameters
    ----------
    code : str
    line : int
        The line of the page on which the code begins.
    """

    def __init__(self, code, line):
        self.code = code
        self.line = line
        self.setup = ""
        self.reason = None


def blocks_of(text):
    """Read the blocks of a page."""
    blocks, directives = [], []
    tokens = [*DIRECTIVE.finditer(text), *FENCE.finditer(text)]
    for token in sorted(tokens, key=lambda token: token.start()):
        if token.re is DIRECTIVE:
            directives.append(token)
            continue
        language = token["language"].strip().split(" ")[0]
        assert language in LANGUAGES, f"expected one of {sorted(LANGUAGES)} behind a fence, got {language!r}"
        if language != "python":
            continue
        assert not token["indent"], "a block in a list is not run; move it to the margin"
        block = Block(token["code"], text[: token.start("code")].count("\n") + 1)
        for directive in directives:
            obey(directive, block)
        blocks.append(block)
        directives = []
    assert not directives, f"no block follows the comment {directives[0][0]!r}"
    return blocks


def obey(directive, block):
    """Change a block as a comment before it says."""
    if directive["kind"] == "setup":
        block.setup += directive["text"].strip() + "\n"
    elif directive["kind"] == "not run":
        block.reason = directive["text"].strip()
        assert block.reason, "a block that is not run needs a reason"
    else:
        for part in directive["text"].strip().split(";"):
            replacement = REPLACEMENT.fullmatch(part)
            assert replacement, f"expected `old` -> `new`, got {part!r}"
            assert replacement["old"] in block.code, f"{replacement['old']!r} is not in the block:\n{block.code}"
            block.code = block.code.replace(replacement["old"], replacement["new"])


def run_block(block, name, namespace):
    """Run a block, unless it is one that cannot run; return whether it ran."""
    exec(compile(block.setup, f"{name} (setup before line {block.line})", "exec"), namespace)
    if block.reason is not None:
        compile(block.code, name, "exec")
        return False
    # Lines of errors are those of the page.
    exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), namespace)
    return True


def run_page(name, text):
    """Run the blocks of a page, and return how many are not run."""
    # As in a notebook: what the page defines can be pickled, and workers get it by value.
    page = types.ModuleType("__main__")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", page)
        return sum(not run_block(block, name, vars(page)) for block in blocks_of(text))


def parameter_of(page):
    name = page.relative_to(ROOT).as_posix()
    marks = [pytest.mark.slow] if "<!-- slow: " in page.read_text(encoding="utf-8") else []
    return pytest.param(page, id=name, marks=marks)


@pytest.fixture
def registry(monkeypatch):
    """Forget the operations that a page registers."""
    module = sys.modules[register_operation.__module__]
    monkeypatch.setattr(module, "_REGISTRY", dict(module._REGISTRY))


@pytest.mark.parametrize("page", [parameter_of(page) for page in pages()])
def test_code_blocks_run(page, tmp_path, monkeypatch, registry):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    name = page.relative_to(ROOT).as_posix()
    try:
        assert run_page(name, page.read_text(encoding="utf-8")) == NOT_RUN.get(name, 0)
    finally:
        plt.close("all")


def test_blocks_run_in_order_with_what_comments_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = """
<!-- setup:
n = 3
-->
<!-- run with: `* 100` -> `* 2`; `seen = []` -> `seen = [0]` -->

```python
seen = []
seen.append(n * 100)
```

<!-- not run: there is no such module -->

```python
import no_such_module
```

```python
assert seen == [0, 6]
open("end", "x").close()
```
"""
    assert run_page("page", page) == 1
    assert Path("end").exists()
    with pytest.raises(AssertionError):
        run_page("page", page.replace("n = 3", "n = 4"))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```py\n1\n```\n", "behind a fence"),
        ("```\n1\n```\n", "behind a fence"),
        ("- a\n\n  ```python\n  1\n  ```\n", "in a list"),
        ("<!-- not run: -->\n```python\n1\n```\n", "needs a reason"),
        ("<!-- run with: `2` -> `3` -->\n```python\n1\n```\n", "is not in the block"),
        ("<!-- run with: 1 -> 3 -->\n```python\n1\n```\n", "expected `old` -> `new`"),
        ("```python\n1\n```\n<!-- setup: n = 1 -->\n", "no block follows"),
    ],
)
def test_nothing_is_skipped_silently(page, message):
    with pytest.raises(AssertionError, match=message):
        run_page("page", page)


def test_errors_name_the_line_of_the_page():
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("page.md", "# A page\n\n```python\nn = 1\n\nn / 0\n```\n")
    assert caught.traceback[-1].lineno + 1 == 6


LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def anchors_of(page):
    """List what a link may name behind `#`: the headings of a page, as GitHub and MyST write them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#{1,3} +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def written(path):
    """Return the file that a page of the gallery is made of, and any other path as it is."""
    if "auto_examples" not in path.parts:
        return path
    return ROOT / "examples" / ("GALLERY_HEADER.rst" if path.stem == "index" else f"{path.stem}.py")


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages()])
def test_links_lead_somewhere(page):
    text = FENCE.sub("", COMMENT.sub("", page.read_text(encoding="utf-8")))
    for target in (link["target"] for link in LINK.finditer(text)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = written((page.parent / name).resolve()) if name else page
        assert path.exists(), f"{target}: there is no such file"
        assert not anchor or anchor in anchors_of(path), f"{target}: there is no such heading"


# What is public in these is public, and in the reference, as a name of the package itself.
REEXPORTED = {"architecture", "classifier", "distribution"}


def public_modules():
    """List the package and its modules whose names do not begin with an underscore."""
    names = {module.name for module in pkgutil.iter_modules(skopdist.__path__) if not module.name.startswith("_")}
    return {"skopdist"} | {f"skopdist.{name}" for name in names - REEXPORTED}


def test_the_reference_names_every_public_module_once():
    page = ROOT / "docs" / "api.md"
    if not page.exists():
        pytest.skip("the documentation comes with a checkout only")
    text = page.read_text(encoding="utf-8")
    listed = re.findall(r"^   (skopdist[\w.]*)$", text, re.MULTILINE)
    assert len(set(listed)) == len(listed)
    assert set(listed) == public_modules()


@pytest.mark.parametrize("name", sorted(public_modules()))
def test_public_modules_say_in_a_sentence_what_they_are(name):
    # The reference shows it beside the name.
    first, *_ = importlib.import_module(name).__doc__.split("\n\n")
    assert re.fullmatch(r"[A-Z`][^.]*(\.\w[^.]*)*\.", " ".join(first.split()))
