"""Bad, slow and lost mirrors: what is tried next, and what is told."""

import itertools
import time
from functools import partial
from types import SimpleNamespace

import pytest

from mnist_tui.data import fetch
from tests.data.mirror import (
    CONTENTS,
    PAGE,
    contents,
    download,
    drip,
    failed,
    refuse,
    say_nothing,
    send,
    send_chunk,
    send_elsewhere,
    send_half,
    send_headers_only,
    send_raw,
    send_slowly,
    send_when_released,
    send_without_end,
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (partial(send, content=b"something else"), "sent a file with the wrong content"),
        (partial(send, content=b""), "sent a file with the wrong content"),
        (partial(send, content=PAGE), "sent a web page instead of the file"),
        (partial(send_half, content=CONTENTS["images.gz"]), "closed the connection"),
        (partial(refuse, code=404), "returned HTTP status 404"),
        (partial(refuse, code=500), "returned HTTP status 500"),
    ],
)
def test_a_bad_answer_is_told_leaves_no_file_and_the_next_mirror_is_asked(make_mirror, folder, answer, reason):
    bad, good = make_mirror(), make_mirror()
    bad.answer_all(answer)
    assert f"{bad.address} {reason}" in failed(folder, bad).what
    assert contents(folder) == {}
    download(folder, bad, good)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize(
    "answer",
    [
        send_without_end,
        drip,
        partial(send_elsewhere, address="http://[::1"),
        partial(send_elsewhere, address="http://x" + "." * 300 + "/\x01"),
        partial(send_elsewhere, address="gopher://127.0.0.1/x"),
        partial(send_chunk, head=b"-5"),
        partial(send_chunk, head=b"zz"),
        partial(send_raw, content=b"\x00\xff no HTTP at all"),
        partial(send_raw, content=b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\nabc"),
        partial(send_raw, content=b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000),
    ],
)
def test_whatever_a_mirror_sends_the_next_one_is_asked(make_mirror, folder, monkeypatch, answer):
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 1 << 20)
    monkeypatch.setattr(fetch, "SLOW_AFTER_S", 0.2)
    bad, good = make_mirror(), make_mirror()
    bad.answer_all(answer)
    download(folder, bad, good)
    assert contents(folder) == CONTENTS
    assert "/images.gz" in bad.asked


def test_missing_certificates_are_named_and_the_next_mirror_is_asked(mirror, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert "certificates" in failed(folder, "https://127.0.0.1:9").what
    download(folder, "https://127.0.0.1:9", mirror)
    assert contents(folder) == CONTENTS


def test_a_mirror_that_cannot_be_reached_is_told_and_the_next_one_is_asked(closed_address, mirror, folder):
    assert f"{closed_address} cannot be reached" in failed(folder, closed_address).what
    download(folder, closed_address, mirror)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say_nothing, "did not answer in time"),
        (send_headers_only, "stopped responding"),
        (partial(send_when_released, content=CONTENTS["images.gz"]), "stopped responding"),
    ],
)
def test_a_mirror_that_falls_silent_is_given_up(mirror, folder, monkeypatch, answer, reason):
    monkeypatch.setattr(fetch, "READ_TIMEOUT_S", 0.2)
    mirror.answer_all(answer)
    assert failed(folder, mirror).what.endswith(f"{mirror.address} {reason}")
    assert contents(folder) == {}


def test_after_a_silent_mirror_the_next_one_is_asked(make_mirror, folder, monkeypatch):
    monkeypatch.setattr(fetch, "READ_TIMEOUT_S", 1.0)
    silent, good = make_mirror(), make_mirror()
    silent.answer_all(say_nothing)
    download(folder, silent, good)
    assert contents(folder) == CONTENTS


def test_a_mirror_that_is_slow_but_sends_is_waited_for(mirror, folder, monkeypatch):
    # All of it takes longer than the limit, which stands for a single silence.
    monkeypatch.setattr(fetch, "READ_TIMEOUT_S", 1.2)
    mirror.answers["/images.gz"] = partial(send_slowly, content=CONTENTS["images.gz"])
    download(folder, mirror)
    assert contents(folder) == CONTENTS
    assert mirror.asked == ["/images.gz", "/labels.gz"]


def pass_time(monkeypatch, seconds):
    """Let so many seconds pass each time that the clock is read."""
    clock = itertools.count()
    monkeypatch.setattr(fetch, "time", SimpleNamespace(monotonic=lambda: next(clock) * seconds(), sleep=time.sleep))


def test_a_slow_mirror_makes_way_for_a_fast_one_which_then_serves_the_rest(make_mirror, folder, monkeypatch):
    slow, fast = make_mirror(), make_mirror()
    pass_time(monkeypatch, lambda: 0 if fast.asked else 20)
    download(folder, slow, fast)
    assert contents(folder) == CONTENTS
    assert (slow.asked, fast.asked) == (["/images.gz"], ["/images.gz", "/labels.gz"])


def test_where_all_mirrors_are_slow_they_are_waited_for(make_mirror, folder, monkeypatch):
    pass_time(monkeypatch, lambda: 20)
    monkeypatch.setattr(fetch, "LEAST_BYTES_PER_S", 1)
    first, second = make_mirror(), make_mirror()
    download(folder, first, second)
    assert contents(folder) == CONTENTS
    assert first.asked == ["/images.gz", "/images.gz", "/labels.gz"], "the next file is not hurried again"


def test_the_mirror_that_served_a_file_is_asked_first_for_the_next_one(make_mirror, folder):
    bad, good = make_mirror(), make_mirror()
    bad.answer_all(partial(refuse, code=404))
    download(folder, bad, good)
    assert (bad.asked, good.asked) == (["/images.gz"], ["/images.gz", "/labels.gz"])


def test_a_fault_that_passes_is_tried_again(mirror, folder):
    def first_fail(request):
        mirror.answers["/images.gz"] = partial(send, content=CONTENTS["images.gz"])
        request.send_error(503)

    mirror.answers["/images.gz"] = first_fail
    download(folder, mirror)
    assert contents(folder) == CONTENTS


def test_every_mirror_is_named_with_its_own_reason(make_mirror, closed_address, folder):
    first, second = make_mirror(), make_mirror()
    first.answer_all(partial(refuse, code=404))
    second.answer_all(partial(send, content=PAGE))
    what = failed(folder, first, second, closed_address).what
    for reason in (
        f"{first.address} returned HTTP status 404",
        f"{second.address} sent a web page",
        f"{closed_address} cannot be reached",
    ):
        assert what.count(reason) == 1


@pytest.mark.parametrize("mirrors", [(), ("ftp://127.0.0.1/",), ("127.0.0.1",), ("http://",)])
def test_mirrors_that_are_no_addresses_are_an_error_and_no_crash(folder, mirrors):
    what = failed(folder, *mirrors).what
    assert all(mirror in what for mirror in mirrors)
    assert contents(folder) == {}
