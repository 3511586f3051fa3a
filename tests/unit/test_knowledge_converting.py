from __future__ import annotations

import pytest

from knowledge.converting import Unreadable, to_markdown
from knowledge.rendering import render


@pytest.mark.parametrize(("source", "markdown"), [
    ("<h1>Care</h1><p>Dust <b>it</b> &amp; wait.</p>", "# Care\n\nDust **it** & wait."),
    ("<ul><li>one<li>two<ul><li>inner</ul></ul>", "- one\n- two\n\n  - inner"),
    ("<ol start=3><li>three</li><li><p>four</p><p>more</p></li></ol>", "3. three\n4. four\n\n   more"),
    ("<table><tr><th>a<th>b<tr><td>1|2<td>3<br>4</table>", "| a | b |\n| --- | --- |\n| 1\\|2 | 3<br>4 |"),
    ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
    ("<p>See <a href='https://x.example/a(b)'>this</a>.</p>", "See [this](https://x.example/a%28b%29)."),
    ("<p>See <a href='/relative'>this</a>, <a href='#top'>top</a>.</p>", "See [this](/relative), top."),
    ("<p>See <a href='javascript:alert(1)'>this</a>.</p>", "See this."),
    ("<ol><li>a</ol><ol><li>b</ol>", "1. a\n\n<!-- -->\n\n1. b"),
    ("<ol><li>a<p>more</p></li><p>between</p><li>b</ol>", "1. a\n\n   more\n\n   between\n2. b"),
    ("<ol><li>a</li><ul><li>in</li></ul><li value=7>g</ol>", "1. a\n\n   - in\n7. g"),
    ("<table><tr><td rowspan=2>x<td>1<tr><td>2</table>", "| x | 1 |\n| --- | --- |\n| x | 2 |"),
    ("<table><tr><td colspan=2>x<tr><td>1<td>2</table>", "| x |  |\n| --- | --- |\n| 1 | 2 |"),
    ("<table><tr><th>a<th>b<tr><td>1<td><ul><li>x<li>y</ul></table>",
     "| a | b |\n| --- | --- |\n| 1 | • x<br>• y |"),
    ("<table><tr><td><h2>Only layout</h2><p>words</table>", "## Only layout\n\nwords"),
    ("<pre><code class=language-sh>a ``` b</code></pre>", "````sh\na ``` b\n````"),
    ("<p>a <span data-for=win>b</span><span data-for=mac>c</span>", "a (win: b) (mac: c)"),
    ("<iframe src='https://v.example/1' title='How to'></iframe>", "[How to](https://v.example/1)"),
    ("<p>Type <code>tar x<br>rm x</code>.", "Type `tar x`\\\n`rm x`."),
    ("<p>a<img alt='the key' src=k.png>b", "a ![the key]() b"),
    ("<img alt=x src='https://x.example/wait.gif' data-src='https://x.example/x.png'>", "![x](https://x.example/x.png)"),
    ("<p>a<img alt=IMG_2041.JPG title='the key' src=k.png><img alt='Screenshot 3.png'>"
     "<img alt=d41d8cd98f00b204e9800998ecf8427e>", "a ![the key]()"),
    ("<p>H<sub>2</sub>O and <del>old</del>", "H<sub>2</sub>O and ~~old~~"),
    ("<dl><dt>List<ul><li>in a term</ul></dl>", "List\n\n- in a term"),
    ("<a href='https://x.example'><img alt='the shop' src=s.png></a>", "[![the shop]()](https://x.example)"),
    ("<p>Press <img alt='the menu' src='m.png'>.</p>", "Press ![the menu]()."),
    ("loose <i> words</i><p>block</p>after", "loose *words*\n\nblock\n\nafter"),
    ("one<br>two<br><br>three", "one\\\ntwo\\\nthree"),
    ("<blockquote><p>said</p></blockquote>", "> said"),
    ("<dl><dt>Term<dd>Meaning</dl>", "**Term**\n\nMeaning"),
    ("<p># no heading, 1 * 2, &lt;b&gt;</p>", "\\# no heading, 1 \\* 2, \\<b>"),
    ("<p>1. no list</p>", "1\\. no list"),
    ("<p><b>要点：</b>如果</p><li><b>Note:</b>as it is", "**要点**：如果\n\n**Note**:as it is"),
])  # fmt: skip
def test_html_becomes_markdown_that_says_the_same(source: str, markdown: str) -> None:
    assert to_markdown(source)[1] == markdown


def test_scripts_styles_menus_and_tables_of_contents_go() -> None:
    source = (
        "<nav>menu</nav><script>alert(1)</script><style>p{}</style><div id=toc>Contents</div><p>Stays</p><!-- no -->"
    )
    assert to_markdown(source)[1] == "Stays"


def test_a_whole_page_gives_its_title_and_its_main_part() -> None:
    page = "<!doctype html><title> My  page </title><body><p>around</p><main><p>inside</p></main></body>"
    assert to_markdown(page) == ("My page", "inside")


@pytest.mark.parametrize("source", ["", "   ", "<!-- -->"])
def test_a_page_without_anything_in_it_is_refused(source: str) -> None:
    with pytest.raises(Unreadable):
        to_markdown(source)


def test_very_deep_html_is_refused_for_what_it_is_not_read_as_if_the_rest_were_all() -> None:
    with pytest.raises(Unreadable, match="nested too deeply"):
        to_markdown("<p>Before" + "<div>" * 20_000 + "x")


@pytest.mark.parametrize("body", [
    "<script>alert(1)</script>ok",
    "<img src=x onerror=alert(1)>ok",
    "[ok](javascript:alert(1))",
    "<a href='JaVaScRiPt:alert(1)'>ok</a>",
    "<a href=' javascript:alert(1)'>ok</a>",
    "<div style='position:fixed' onclick='x()'>ok</div>",
    "<svg onload=alert(1)></svg>ok",
    "<iframe src='https://evil.example'></iframe>ok",
    "![ok](https://evil.example/pixel.gif)",
    "<form action='https://evil.example'><input name=q></form>ok",
    "<abbr title='<table><script>alert(1)</script>'>ok</abbr>",
])  # fmt: skip
def test_nothing_active_and_nothing_foreign_reaches_the_screen(body: str) -> None:
    shown = str(render(body)).lower()
    assert "ok" in shown
    for bad in (
        "<script",
        'href="',
        "onerror",
        "onclick",
        "onload",
        "style=",
        "<img",
        "<iframe",
        "<form",
        "<input",
        "evil.example",
    ):
        assert bad not in shown


def test_headings_begin_below_the_title_of_the_page() -> None:
    assert str(render("# One\n\n## Two")) == "<h2>One</h2>\n<h3>Two</h3>\n"
    assert str(render("## One")) == "<h2>One</h2>\n"


def test_a_picture_is_shown_as_its_words_and_links_leave_plainly() -> None:
    assert "<em>Picture: the menu</em>" in render("![the menu](m.png)")
    assert 'href="https://x.example" rel="noopener noreferrer"' in render("[x](https://x.example)")
    assert "href" not in render("[x](other.md)")


def test_each_table_scrolls_in_a_box_with_a_name_of_its_own() -> None:
    page = str(render("| a |\n| - |\n| 1 |\n\n<table><tr><td>2</table>"))
    for number in (1, 2):
        assert f'<div class="table-wrap" role="region" aria-label="Table {number}" tabindex="0"><table>' in page
    assert page.count("</table></div>") == 2
