"""The table of labels: every fault by its row, files found by what is unique in their path."""

import pytest

from pulmoscan.errors import LabelTableError
from pulmoscan.reading.intake import Item
from pulmoscan.site.labels import match, read_labels


def _items(*names: str) -> list[Item]:
    return [Item(name, lambda: b"") for name in names]


def test_all_columns_and_their_other_names() -> None:
    table = read_labels(
        "\ufeffImage;Truth;Patient_ID;Age;Gender;Projection;Device;Boxes\n"
        'a.png;Pneumonia;P1;4,5;w;pa;Acme CR;"[[0.1,0.2,0.3,0.4]]"\n'
        "b.png;0;;;;;;\n".encode()
    )
    assert not table.faults
    first, second = table.labels
    assert (first.row, first.label, first.patient, first.age, first.sex, first.view) == (
        2,
        1,
        "P1",
        4.5,
        "female",
        "PA",
    )
    assert (first.manufacturer, first.boxes) == ("Acme CR", ((0.1, 0.2, 0.3, 0.4),))
    assert (second.label, second.age, second.sex, second.boxes) == (0, None, "", ())


def test_every_fault_is_named_by_its_row() -> None:
    table = read_labels(
        b"file,label,age,sex,boxes\n"
        b"a.png,1,,,\n"
        b",1,,,\n"
        b"c.png,,,,\n"
        b"d.png,maybe,,,\n"
        b"\n"
        b"e.png,0,young,,\n"
        b"f.png,0,400,,\n"
        b"g.png,0,,X,\n"
        b'h.png,1,,,"[[0.1,0.2,0.3]]"\n'
        b'i.png,1,,,"[[10,20,30,40]]"\n'
        b"j.png\n"
    )
    assert [label.file for label in table.labels] == ["a.png"]
    assert [fault.row for fault in table.faults] == [3, 4, 5, 7, 8, 9, 10, 11, 12]
    said = [str(fault) for fault in table.faults]
    assert said[0] == "Row 3: names no file."
    assert "the label is empty" in said[1]
    assert "“maybe”" in said[2]
    assert "“young”" in said[3]
    assert "“X”" in said[5]
    assert "fractions" in said[6]
    assert "fractions" in said[7]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "names no column “file”"),
        (b"file,score\na,1\n", "names no column “label”"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"file,status,label,threshold\na,ok,pneumonia,0.5\n", "wrote itself"),
    ],
)
def test_what_is_no_table_of_labels(data: bytes, why: str) -> None:
    with pytest.raises(LabelTableError, match=why) as caught:
        read_labels(data)
    assert "columns file and label" in str(caught.value)
    assert "score" not in LabelTableError.mend


def test_files_are_found_by_what_is_unique() -> None:
    items = _items(
        "/x/one/a.png", "/x/two/a.png", "/x/two/B.DCM", "/x/c.png", "site.zip/d/e.png", "/x/f.jpg", "/x/f.png"
    )
    table = read_labels(
        b"file,label\n"
        b"one/a.png,1\n"  # 2: by its folder
        b"b.dcm,0\n"  # 3: in other letters
        b"c,1\n"  # 4: without its ending
        b"d\\e.png,0\n"  # 5: with Windows' separator
        b"a.png,1\n"  # 6: fits two
        b"gone.png,1\n"  # 7
        b"c.png,0\n"  # 8: the same as row 4, with another label
        b"f.png,1\n"  # 9: the ending tells
        b"f,1\n"  # 10: fits two
    )
    matched = match(table.labels, items)
    assert [(label.row, item.name) for label, item in matched.pairs] == [
        (2, "/x/one/a.png"),
        (3, "/x/two/B.DCM"),
        (4, "/x/c.png"),
        (5, "site.zip/d/e.png"),
        (9, "/x/f.png"),
    ]
    assert {fault.row for fault in matched.faults} == {6, 7, 8, 10}
    by_row = {fault.row: fault.message for fault in matched.faults}
    assert "fits 2 files" in by_row[6]
    assert "there is no file “gone.png”" in by_row[7]
    assert "row 4, with another label" in by_row[8]
    assert matched.unlabelled == ["/x/two/a.png", "/x/f.jpg"]


def test_many_rows_are_quick() -> None:
    names = [f"/ward/{n % 97}/{n}.png" for n in range(50_000)]
    table = read_labels(("file,label\n" + "".join(f"{n % 97}/{n}.png,{n % 2}\n" for n in range(50_000))).encode())
    matched = match(table.labels, _items(*names))
    assert len(matched.pairs) == 50_000
    assert not matched.faults
