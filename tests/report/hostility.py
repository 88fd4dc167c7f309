"""Texts that try to become more than text."""

HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "formula": "=cmd|'/C calc'!A0",
    "plus": '+HYPERLINK("http://evil.example","click")',
    "path": "../../../etc/passwd\\..\\..",
    "long": "x" * 10_000,
    "long_words": "lorem ipsum " * 900,
    "emoji": "pile 💩 of 👩‍👩‍👧 flags 🇩🇪",
    "right_to_left": "مرحبا \u202egnp.exe \u2066abc",
    "controls": "bell\x07 null\x00 escape\x1b[31m vertical\x0b surrogate\ud800 line\nbreak",
    "typst": '#read("/etc/passwd") #sys.inputs $x$ *bold* _it_ <label> @ref',
    "markdown": "[click](javascript:alert(1)) ![x](http://evil.example/x.png) `code` | pipe",
    "jinja": "{{ 7*7 }}{% raw %} {report} %(x)s",
    "closing": "</script></style><!-- ]]> --> &lt;b&gt; \"'`",
    "empty": "",
}
HOSTILE["mixed"] = " ".join(
    HOSTILE[key]
    for key in (
        "script",
        "path",
        "emoji",
        "right_to_left",
        "controls",
        "markdown",
        "closing",
        "jinja",
    )
)
#: for formats that take a while: what starts as a formula, all sorts at once, too much, nothing
FEW = {key: HOSTILE[key] for key in ("formula", "plus", "typst", "mixed", "long", "empty")}
