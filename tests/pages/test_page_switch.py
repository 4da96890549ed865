"""A change of page is neither undone nor cut short by a fragment that asks to be drawn."""

import asyncio
from functools import partial
from typing import cast

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner
from streamlit.runtime.scriptrunner import ScriptRunnerEvent as Event
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.run_descriptor import RunDescriptor
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests

from vae.dashboard import page_switch
from vae.dashboard.server import MAIN

LINK = RerunData(page_script_hash="there")
TIMER = RerunData(page_script_hash="here", fragment_id="view")


def page_of(*given: RerunData, folded: bool = False) -> str:
    """Return the page that runs after these requests."""
    requests = ScriptRequests()
    for data in given:
        (page_switch._fold if folded else page_switch._request)(requests, data)
    request = requests.on_scriptrunner_ready()
    return str(request.rerun_data.page_script_hash)


def test_a_timer_does_not_undo_a_change_of_page() -> None:
    assert page_of(LINK, TIMER, folded=True) == "here"  # as Streamlit does
    assert page_of(LINK, TIMER) == "there"
    assert page_of(TIMER, LINK) == "there"


def test_requests_of_one_page_are_folded_as_before() -> None:
    whole = RerunData(page_script_hash="here")
    for given in ((TIMER,), (TIMER, TIMER), (whole, TIMER), (TIMER, whole)):
        assert page_of(*given) == page_of(*given, folded=True) == "here"


class Ended:
    """A runner of a page that has ended, so that it takes no request."""

    def request_rerun(self, new: RerunData) -> bool:
        return False


def after_a_timer(monkeypatch: pytest.MonkeyPatch, protected: bool) -> tuple[list[str], int]:
    """Return the messages to the browser and the number of new runners, where a timer asks for a
    fragment between the end of a page's run and its last messages."""
    messages: list[str] = []
    started: list[RerunData] = []
    if protected:
        monkeypatch.setattr(AppSession, "_create_scriptrunner", page_switch._create_later)

    def create(session: AppSession, new: RerunData) -> None:
        started.append(new)
        session._scriptrunner = cast(ScriptRunner, Ended())

    monkeypatch.setattr(page_switch, "_create", create)
    if not protected:
        monkeypatch.setattr(AppSession, "_create_scriptrunner", create)

    async def act() -> None:
        files = MemoryUploadedFileManager("/")
        session = AppSession(ScriptData(str(MAIN), False), files, ScriptCache(), lambda: None, {})
        monkeypatch.setattr(
            session, "_enqueue_forward_msg", lambda m: messages.append(m.WhichOneof("type"))
        )
        monkeypatch.setattr(session, "has_fragment", lambda name: True)
        session._scriptrunner = runner = cast(ScriptRunner, Ended())
        tell, run = partial(session._on_scriptrunner_event, runner), RunDescriptor.create()
        tell(Event.SCRIPT_STARTED, page_script_hash="here", run_descriptor=run)
        session.request_rerun(ClientState(page_script_hash="here", fragment_id="view"))
        tell(Event.SCRIPT_STOPPED_WITH_SUCCESS, run_descriptor=run)
        tell(Event.SHUTDOWN, client_state=ClientState())
        await asyncio.sleep(5 * page_switch.SECONDS)
        session._scriptrunner = None
        session._state = AppSessionState.SHUTDOWN_REQUESTED

    asyncio.run(act())
    return messages, len(started)


def test_a_timer_does_not_cut_the_last_messages_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        messages, started = after_a_timer(patch, protected=False)
        assert "script_finished" not in messages  # as Streamlit does
        assert started == 1
    messages, started = after_a_timer(monkeypatch, protected=True)
    assert messages[0] == "new_session"
    assert "script_finished" in messages
    assert started == 1
