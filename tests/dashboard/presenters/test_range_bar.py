"""A range as x positions in a drawing."""

from dashboard.presenters.range_bar import RangeBar, range_bar


def test_values_lie_on_the_scale_between_the_margins() -> None:
    """The scale's start and end are six units from either edge of the drawing; what is None is not drawn."""
    assert range_bar(0.0, 1.0, dot=0.5, mark=None) == RangeBar(low=6.0, high=294.0, dot=150.0, mark=None)
    assert range_bar(10, 20, dot=None, mark=15, end=30) == RangeBar(low=102.0, high=198.0, dot=None, mark=150.0)


def test_a_value_below_the_scale_is_drawn_at_its_start() -> None:
    """A gain of less than minus one does not leave the drawing."""
    assert range_bar(-3.0, 0.0, dot=-2.0, mark=0.0, start=-1.0) == RangeBar(low=6.0, high=150.0, dot=6.0, mark=150.0)
