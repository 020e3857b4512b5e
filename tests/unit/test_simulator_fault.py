from telegram.simulator.fault import Fault, FaultBook, FaultKind


def test_an_order_strikes_its_method_and_chat_as_often_as_ordered() -> None:
    """Method, chat and number of times must fit; the method in any case."""
    book = FaultBook()
    book.add(Fault(FaultKind.HANG, method="sendMessage", chat_id=42, times=2))
    calls = [("getMe", None), ("sendMessage", 7), ("SENDMESSAGE", 42), ("sendmessage", 42), ("sendMessage", 42)]
    struck = [book.strike(method, chat_id) is not None for method, chat_id in calls]
    assert struck == [False, False, True, True, False]


def test_a_seed_repeats_the_chances() -> None:
    """Two orders with the same seed and probability strike the same calls, and not all of them."""
    first, second = (Fault(FaultKind.HANG, probability=0.5, seed=3) for _ in range(2))
    struck = [first.strikes("sendMessage", None) for _ in range(100)]
    assert struck == [second.strikes("sendMessage", None) for _ in range(100)]
    assert 30 < sum(struck) < 70


def test_an_ordered_error_has_the_wires_words() -> None:
    """Without a description the code's own is used; a 429 says how long."""
    flood = Fault(FaultKind.ERROR, code=429, retry_after=7).refusal()
    assert (flood.description, flood.parameters) == ("Too Many Requests: retry after 7", {"retry_after": 7})
    plain = Fault(FaultKind.ERROR, code=400, description="Bad Request: PEER_ID_INVALID").refusal()
    assert (plain.code, plain.description, plain.parameters) == (400, "Bad Request: PEER_ID_INVALID", {})


def test_each_kind_of_fault_says_what_goes_wrong() -> None:
    """These are the words that the control API takes."""
    assert [kind.value for kind in FaultKind] == [
        "error",
        "latency",
        "close_before",
        "close_after_delivery",
        "html_502",
        "late_answer",
        "bad_json",
        "hang",
    ]
