"""Looking values up by an index that may be -1."""

import numpy as np

from closedloop.recording.lookup import take_or


def test_minus_one_gives_what_stands_for_missing_and_every_other_index_its_value():
    index = np.array([[2, -1], [0, 1]])
    np.testing.assert_array_equal(take_or(np.array([5, 6, 7]), index, 0), [[7, 0], [5, 6]])


def test_whole_numbers_stay_whole_unless_what_is_missing_is_not():
    values = np.array([5, 6], np.int64)
    assert take_or(values, np.array([1, -1]), -1).dtype == np.int64
    np.testing.assert_array_equal(take_or(values, np.array([1, -1]), np.nan), [6.0, np.nan])


def test_nothing_to_look_up_is_missing_everywhere():
    np.testing.assert_array_equal(take_or(np.zeros(0), np.array([-1, -1]), np.inf), [np.inf, np.inf])


def test_the_result_is_a_copy():
    values = np.array([1.0, 2.0])
    take_or(values, np.array([0]), np.nan)[0] = 9
    assert values.tolist() == [1.0, 2.0]
