"""Numbers in README and docs are those of the stored results."""

import pytest


@pytest.fixture
def quote(script):
    return script("quote")


def test_every_quoted_result_is_the_stored_one(quote):
    assert any(quote.QUOTE.search(page.read_text(encoding="utf-8")) for page in quote.pages())
    assert list(quote.differences()) == [], "run `python benchmarks/quote.py`"


def test_a_changed_number_is_found_and_renewed(quote, tmp_path, monkeypatch):
    monkeypatch.setattr(quote, "ROOT", tmp_path)
    monkeypatch.setattr(quote, "pages", lambda: [tmp_path / "README.md"])
    monkeypatch.setitem(quote.RENDERERS, "answer", lambda argument: f"42 {argument}")
    page = tmp_path / "README.md"
    inline = "We got <!-- result: answer to all -->42 to all<!-- /result --> and\n"
    good = inline + "<!-- result: answer -->\n\n42 \n\n<!-- /result -->\n"
    page.write_text(good.replace("42 to all", "43 to all"), encoding="utf-8")
    assert list(quote.differences()) == ["README.md: answer to all"]
    page.write_text(quote.rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == good
    assert list(quote.differences()) == []


def test_an_unknown_name_is_refused(quote):
    with pytest.raises(SystemExit, match="There is no result named 'nothing'"):
        quote.render("nothing at all")
