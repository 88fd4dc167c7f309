"""Data preparation: planted copies, known byte counts, filters that can be checked by reading."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.bench.study import data, plans, preparation
from modelworth.bench.study.case import StudyCase
from modelworth.data.errors import InputError

ENGLISH = "the model that we have is not as large as this one and it is to be used for work " * 5


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """60 different texts of known size."""
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("ba", "do", "mi", "re", "su") for b in ("lan", "ter", "nik", "os")]
    common = ["the", "of", "and", "to", "in", "is", "that", "it"]
    for number in range(60):
        chosen = [*rng.choice(words, 200), *rng.choice(common, 40)]
        rng.shuffle(chosen)
        (folder / f"{number:02}.txt").write_text(" ".join(chosen))
    return data.source_files(str(folder))


def run(method, files, **settings):
    case = StudyCase(study="data", method=method, settings={"megabytes": 10, **settings})
    return data.run(case, files)


def test_planted_copies_are_found_and_nothing_else(files):
    seen = run("deduplicate", files, planted=20)
    assert seen.figures["documents"].value == 80
    assert seen.figures["planted_found_share"].value == 1
    assert seen.figures["kept_share"].value == 1


def test_planting_marks_exact_and_altered_copies_behind_their_source():
    texts = [f"{number} " + "word " * 300 for number in range(30)]
    made = preparation.planted(texts, 10, np.random.default_rng(1))
    assert sum(copy for _, copy in made) == 10
    assert [text for text, copy in made if not copy] == texts
    assert 0 < sum("another" in text for text, _ in made) <= 10


def jaccard(one, other):
    ours, theirs = preparation.shingles(one), preparation.shingles(other)
    return len(ours & theirs) / len(ours | theirs)


def test_similarity_by_sketch_is_that_of_the_sets():
    """An exact Jaccard similarity well above and well below the bound."""
    rng = np.random.default_rng(2)
    words = rng.choice([chr(97 + i) * 3 for i in range(26)], 400)
    other = words.copy()
    other[::60] = "zzz"
    far = words.copy()
    far[::9] = "zzz"
    base, near, distant = (" ".join(it) for it in (words, other, far))
    assert jaccard(base, near) > 0.8
    assert jaccard(base, distant) < 0.4
    known = preparation.Deduplicator()
    assert [known.duplicate(text) for text in (base, near, distant, base)] == [0, 1, 0, 1]


@pytest.mark.parametrize("method", ["read", "filter", "tokenise", "pack"])
def test_bytes_are_counted_as_the_files_hold_them(files, method):
    seen = run(method, files, workers=1)
    assert seen.figures["bytes"].value == sum(path.stat().st_size for path in files)
    assert seen.work_per_step * len(seen.samples_s) == pytest.approx(seen.figures["bytes"].value)


def test_tokens_and_bytes_per_token_belong_together(files):
    figures = run("tokenise", files, workers=1).figures
    assert figures["tokens"].value * figures["bytes_per_token"].value == pytest.approx(
        figures["bytes"].value
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (ENGLISH, True),
        ("too short", False),
        ("x " * 200, False),
        ("# " * 100 + ENGLISH, False),
        ("0.1 2.3 4.5 " * 100, False),
        ("der Hund und die Katze sind im Haus und schlafen dort sehr gern allein " * 20, False),
    ],
)
def test_the_filter_keeps_english_prose(text, kept):
    assert preparation.good(text) is kept


def test_packing_keeps_order_and_leaves_out_only_the_rest():
    rows = preparation.packed([[1, 2, 3], [4, 5], [6]], length=4)
    assert rows.tolist() == [[1, 2, 3, 0], [4, 5, 0, 6]]
    assert preparation.packed([]).shape == (0, preparation.PACKED_TOKENS)


def test_pictures_are_decoded_to_their_size():
    content = preparation.images(1, 64, np.random.default_rng(0))[0]
    assert content[:2] == b"\xff\xd8"
    assert preparation.decoded(content, 32).shape == (32, 32, 3)
    seen = run("images", [], images=12)
    assert (seen.unit, seen.work_per_step) == ("images", 1.2)


def test_a_folders_own_images_are_decoded_and_broken_ones_counted(tmp_path):
    contents = preparation.images(9, 64, np.random.default_rng(0))
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    (tmp_path / "broken.PNG").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    files = data.source_files(str(tmp_path), "images")
    (only,) = plans.data(plans.QUICK["data"], None, 2, files)
    seen = data.run(only, files)
    assert only.settings == {"images": 10}
    assert seen.figures["kept_share"].value == 0.9
    size = sum(path.stat().st_size for path in files) / 10
    assert seen.figures["bytes_per_image"].value == pytest.approx(size)
    with pytest.raises(InputError, match="no image that can be read"):
        data.run(only, [tmp_path / "broken.PNG"])


def test_a_folder_of_text_alone_has_no_images_to_study(files):
    methods = {case.method for case in plans.data(plans.QUICK["data"], "text", 1, [])}
    assert methods == {"read", "filter", "deduplicate", "tokenise", "pack"}
    made = plans.data(plans.QUICK["data"], "text", 1)
    assert [case.method for case in made][-1] == "images"


def test_other_files_are_another_corpus(files):
    assert plans.digest(files) == plans.digest(list(files))
    assert plans.digest(files) != plans.digest(files[1:])
