"""What is kept of texts, by their bytes."""

from threading import Barrier, Thread

from predictions_api.operations.caches import kept_by_text


def test_texts_used_last_are_kept_within_the_bytes() -> None:
    made: list[str] = []

    @kept_by_text(10)
    def shout(text: str) -> str:
        """Louder."""
        made.append(text)
        return text.upper()

    assert [shout(text) for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa")] == [
        "AAAA",
        "BBBB",
        "AAAA",
        "CCCC",
        "AAAA",
    ]
    assert made == ["aaaa", "bbbb", "cccc"]
    assert shout("bbbb") == "BBBB"
    assert made == ["aaaa", "bbbb", "cccc", "bbbb"]
    assert shout.n_bytes == 8
    assert shout.__doc__ == "Louder."


def test_what_is_too_long_is_never_kept() -> None:
    lengths: list[int] = []

    @kept_by_text(10)
    def length(text: str) -> int:
        lengths.append(len(text))
        return len(text)

    assert (length("x" * 11), length("x" * 11), length.n_bytes) == (11, 11, 0)
    assert lengths == [11, 11]


def test_an_error_is_not_kept() -> None:
    calls: list[str] = []

    @kept_by_text(10)
    def fails_once(text: str) -> str:
        calls.append(text)
        if len(calls) == 1:
            raise ValueError(text)
        return text

    for _ in range(3):
        try:
            fails_once("a")
        except ValueError:
            assert calls == ["a"]
    assert calls == ["a", "a"]


def test_threads_count_a_text_once() -> None:
    barrier = Barrier(8)

    @kept_by_text(100)
    def slow(text: str) -> str:
        barrier.wait()
        return text

    threads = [Thread(target=slow, args=("abc",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slow.n_bytes == 3
