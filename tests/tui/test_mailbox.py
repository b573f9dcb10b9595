"""What waits for the screen: of each run the newest news, and everything else in its order."""

from mnist_tui.runtime.session import Mailbox
from tests.builders import epoch_done, progress


def test_news_of_one_run_does_not_replace_that_of_another():
    mailbox = Mailbox()
    for batch in range(1, 4):
        mailbox.put(progress(run="first", batch=batch))
        mailbox.put(progress(run="second", batch=batch + 10))
    assert mailbox.drain() == [progress(run="first", batch=3), progress(run="second", batch=13)]
    assert mailbox.drain() == []


def test_news_stays_on_its_side_of_an_epoch():
    mailbox = Mailbox()
    events = [progress(run="run", batch=1), epoch_done(run="run"), progress(run="run", batch=2)]
    for event in events:
        mailbox.put(event)
    mailbox.put(progress(run="run", batch=3))
    assert mailbox.drain() == [*events[:2], progress(run="run", batch=3)]
    mailbox.put(progress(run="run", batch=4))
    assert mailbox.drain() == [progress(run="run", batch=4)]
