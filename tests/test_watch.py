"""kanexp watch: the page served while runs go on."""

import threading
import urllib.error
import urllib.request

import pytest
from helpers.runs import make_run, never_ended

from kanexp.error import ConfigError
from kanexp.report.watch import Server


@pytest.fixture
def served(tmp_path):
    """A function that asks for a path with headers and returns status, headers and text; and the folder."""
    with Server(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def ask(path="", **headers):
            names = {key.replace("_", "-"): value for key, value in headers.items()}
            try:
                with urllib.request.urlopen(urllib.request.Request(server.address + path, headers=names)) as answer:
                    return answer.status, answer.headers, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.headers, error.read().decode()

        yield ask, tmp_path
        server.shutdown()
        thread.join()


def test_the_page_follows_runs(served):
    ask, folder = served
    assert "There are no runs below" in ask()[2]
    never_ended(folder / "a", "running")
    status, headers, text = ask()
    assert status == 200
    assert "Nothing to compare yet" in text
    assert "data-live" in text
    tag = headers["ETag"]
    assert ask(If_None_Match=tag)[0] == 304
    with (folder / "a" / "metrics.csv").open("a") as metrics:
        metrics.write("30,0,train_loss,0.5\n")
    assert ask(If_None_Match=tag)[0] == 200
    make_run(folder / "b", "smooth")
    assert "1 done" in ask()[2]


def test_nothing_else_is_served(served):
    ask, folder = served
    make_run(folder / "a")
    assert ask("a/run.json")[0] == 404
    assert ask(Host="evil.example:80")[0] == 403
    assert sorted(file.name for file in folder.iterdir()) == ["a"], "nothing is written"


def test_no_folder_and_no_port(tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        Server(tmp_path / "none")
    with pytest.raises(ConfigError, match="--port: 99999 cannot be listened to"):
        Server(tmp_path, 99999)
