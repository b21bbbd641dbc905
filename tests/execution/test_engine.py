from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest
from running import Run

from mixbench.errors import RequestError
from mixbench.execution import engine
from mixbench.execution.engine import ray_address
from mixbench.execution.ray_cluster import connect, differences
from mixbench.execution.ray_slots import RayEngine


@pytest.fixture
def _with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: name == "ray")


@pytest.mark.usefixtures("_with_ray")
def test_an_engine_is_this_machine_or_a_cluster_of_ray_by_its_address() -> None:
    assert ray_address("local") is None
    assert ray_address("ray") == ""
    assert ray_address("ray:10.0.0.1:6379") == "10.0.0.1:6379"
    with pytest.raises(RequestError, match="'dask' is not an engine"):
        ray_address("dask")
    with pytest.raises(RequestError, match="ray://head:10001 is the address of a Ray client"):
        ray_address("ray:ray://head:10001")
    with pytest.raises(RequestError, match="ray://head:10001 is the address of a Ray client"):
        ray_address("ray://head:10001")


@pytest.mark.parametrize("planning", [True, False])
@pytest.mark.parametrize("engine", ["ray:", " ray: "])
def test_an_address_that_is_empty_is_refused(engine: str, planning: bool) -> None:
    with pytest.raises(RequestError, match="'ray:' has no address") as told:
        ray_address(engine, planning=planning)
    assert told.value.hint.startswith("Give local, ray, or ray:ADDRESS")


@pytest.mark.parametrize("command", ["speed", "data-efficiency", "tune", "attention-map"])
def test_a_plan_needs_no_ray_but_an_engine_that_exists(command: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    assert ray_address("ray", planning=True) is None
    for engine_given, told in (("dask", "'dask' is not an engine"), ("ray:", "'ray:' has no address")):
        done = run(command, "--plan", "--engine", engine_given)
        assert done.exit_code == 2
        assert told in done.stderr


@pytest.mark.parametrize("command", ["speed", "data-efficiency", "tune", "attention-map"])
def test_without_ray_the_command_that_installs_it_is_told(command: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    done = run(command, "--engine", "ray")
    assert done.exit_code == 2
    assert "pip install 'mixbench[ray]'" in done.stderr


def test_a_node_has_a_slot_for_each_cpu_or_several_for_each_gpu() -> None:
    node = {"CPU": 6.0, "GPU": 2.0}
    assert RayEngine("", {}).slots_on(node) == 6
    assert RayEngine("", {}, jobs=4).slots_on(node) == 4
    assert RayEngine("", {}, gpu=True, per_gpu=8).slots_on(node) == 16
    assert RayEngine("", {}, gpu=True, per_gpu=8, capped=True).slots_on(node) == 6
    assert RayEngine("", {}, gpu=True, per_gpu=8, capped=True).slots_on({"GPU": 1.0}) == 1
    assert RayEngine("", {}, gpu=True, capped=True).slots_on({"CPU": 6.0}) == RayEngine("", {}).slots_on({"GPU": 1.0}) == 0
    for runs in (1, 2, 3, 7, 8):
        assert runs * RayEngine("", {}, gpu=True, per_gpu=runs).resources({})["num_gpus"] <= 1


def test_what_a_node_has_otherwise_is_told_with_both_versions() -> None:
    here = {"mixbench": "0.1.0", "sources": None, "torch": "2.13.0", "cpu": "A"}
    assert differences(here | {"cpu": "B"}, here) == ""
    assert differences(here | {"torch": "2.11.0"}, here) == "torch 2.11.0 there, 2.13.0 here"
    told = differences(here | {"mixbench": "0.2.0", "sources": "0f"}, here)
    assert told == "mixbench 0.2.0 there, 0.1.0 here; the code of mixbench 0f there, as installed here"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server that answers nothing of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("answer", "told"), [(b"HTTP/1.0 400 Bad request\r\n", "is not a Ray cluster"), (b"", "is not a Ray cluster")]
)
def test_an_address_where_something_else_answers_is_refused_at_once(answer: bytes, told: str, listening: socket.socket) -> None:
    pytest.importorskip("ray")

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(RequestError, match=told):
        connect(f"127.0.0.1:{listening.getsockname()[1]}", 1)
    thread.join()


def test_an_address_where_nothing_answers_is_refused(listening: socket.socket) -> None:
    pytest.importorskip("ray")
    port = listening.getsockname()[1]
    listening.close()
    with pytest.raises(RequestError, match=f"no Ray cluster answers at 127.0.0.1:{port}: Connection refused"):
        connect(f"127.0.0.1:{port}", 1)
    with pytest.raises(RequestError, match="'head' is not an address"):
        connect("head", 1)
    with pytest.raises(RequestError, match="'ray://head:10001' is not an address"):
        connect("ray://head:10001", 1)


def test_what_ray_writes_by_itself_while_it_connects_is_not_heard(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ray = pytest.importorskip("ray")

    def init(address: str, **options: object) -> None:
        os.write(2, b"[2026-11-28 I 1 1] logging.cc:303: Set ray log level\n")
        if address == "auto":
            raise ConnectionError("no cluster")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray._private.worker, "print_to_stdstream", None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert connect("", 1)
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert connect("", 1), "a cluster that is started here, whichever others there are"
