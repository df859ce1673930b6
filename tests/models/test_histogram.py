"""Times in buckets: added up, taken away, and read as percentiles within a tenth."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from models import histogram

times = st.lists(st.integers(min_value=1, max_value=3_600_000), min_size=1, max_size=300)


@given(times, st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_a_tenth_of_the_true_one(values: list[int], share: float) -> None:
    true = sorted(values)[max(1, ceil(share * len(values))) - 1]
    told = histogram.percentile(histogram.of_times(values), share)
    assert told is not None
    assert abs(told - true) <= 0.1 * true


def test_both_ends_of_every_bucket_are_within_a_tenth() -> None:
    longest = 3_600_000
    ends = [ms for ms in range(1, longest) if histogram.bucket_of(ms) != histogram.bucket_of(ms + 1)]
    for ms in (1, longest, *ends, *(end + 1 for end in ends)):
        told = histogram.percentile(histogram.of_times([ms]), 0.5)
        assert told is not None
        assert abs(told - ms) <= 0.1 * ms


@given(times, times)
def test_packed_histograms_add_up(one: list[int], other: list[int]) -> None:
    packed = [histogram.pack(histogram.of_times(values)) for values in (one, other)]
    assert histogram.merged(packed) == histogram.of_times(one + other)


@given(times, times)
def test_times_are_added_to_a_packed_histogram(one: list[int], other: list[int]) -> None:
    packed = histogram.pack(histogram.of_times(one))
    more = histogram.of_times(other)
    assert histogram.added(packed, more) == histogram.pack(histogram.of_times(one + other))
    less = {bucket: -count for bucket, count in more.items()}
    assert histogram.added(histogram.added(packed, more), less) == packed


def test_more_than_a_bucket_can_count_is_counted_as_its_most() -> None:
    packed = histogram.pack({3: 2**40})
    assert histogram.counts(histogram.added(packed, {3: 1})) == {3: 2**32 - 1}


@given(times)
def test_what_is_taken_away_again_leaves_nothing(values: list[int]) -> None:
    counted = histogram.counts(histogram.pack(histogram.of_times(values)))
    counted.subtract(histogram.of_times(values))
    assert histogram.pack(counted) == b""


def test_nothing_has_no_percentile() -> None:
    assert histogram.percentile(histogram.merged([]), 0.5) is None


def test_a_time_beyond_all_buckets_is_counted_in_the_last() -> None:
    assert histogram.percentile(histogram.of_times([10**12]), 0.5) is not None


def test_no_time_at_all_is_counted_in_the_first() -> None:
    assert histogram.percentile(histogram.of_times([0, 0]), 0.5) == 1
