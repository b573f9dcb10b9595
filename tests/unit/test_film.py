"""Which epoch is shown: the newest one, a chosen one, or one after the other."""

from mnist_tui.tui.film import Film


def film(epochs=(1, 3, 5)):
    film = Film()
    film.follow("run-1", epochs)
    return film


def test_the_newest_is_followed_until_an_earlier_one_is_chosen():
    shown = film()
    assert (shown.epoch, shown.before) == (5, 3)
    shown.follow("run-1", (1, 3, 5, 7))
    assert shown.epoch == 7
    shown.step(-1)
    shown.follow("run-1", (1, 3, 5, 7, 9))
    assert (shown.epoch, shown.before) == (5, 3)
    shown.step(2)
    shown.follow("run-1", (1, 3, 5, 7, 9, 11))
    assert shown.epoch == 11


def test_nothing_lies_before_the_first():
    shown = film()
    shown.step(-10)
    assert (shown.epoch, shown.before) == (1, None)


def test_a_film_begins_at_the_first_and_holds_at_the_last():
    shown = film()
    shown.play()
    seen = [shown.epoch]
    while shown.plays:
        shown.tick()
        seen.append(shown.epoch)
    assert seen == [1, 3, 5]
    shown.tick()
    assert shown.epoch == 5


def test_a_film_goes_on_from_where_it_was_held():
    shown = film((1, 2, 3, 4))
    shown.step(-2)
    shown.play()
    assert shown.epoch == 2
    shown.play()
    shown.tick()
    assert shown.epoch == 2


def test_another_run_begins_at_its_newest():
    shown = film()
    shown.step(-1)
    shown.play()
    shown.follow("run-2", (1, 2))
    assert (shown.epoch, shown.plays) == (2, False)


def test_a_run_without_any_shows_none():
    shown = film(())
    shown.step(1)
    shown.play()
    shown.tick()
    assert (shown.epoch, shown.before, shown.plays) == (None, None, False)
