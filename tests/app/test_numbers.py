"""Numbers as people write them."""

import pytest

from app.components import numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            (text, 5000)
            for text in ("5000", "5,000", " 5 000 ", "5_000", "5\u00a0000", "5\u202f000", "5'000")
        ),
        *(("0", 0), ("1k", 1000), ("1 K", 1000), ("2.5M", 2_500_000), ("0.25b", 250_000_000)),
        *(("1,000k", 1_000_000), ("1.000k", 1000), (str(10**15), 10**15)),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, number: int) -> None:
    assert numbers.parse(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "many",
        "-1",
        "1.5",
        "1e3",
        "٣",
        "9" * 40,
        "1,5M",
        "5,00",
        "5,0000",
        "1.2345k",
        "k",
        "5.M",
        "10000000b",
    ],
)
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(numbers.NotANumber):
        numbers.parse(text)
