"""Downloads, against a server of our own on the loopback address."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cost_models import InputError
from dse.datasets.download import RemoteFile, download

CONTENT = bytes(range(256)) * 1500


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; each request takes the next of ``lengths``: how many bytes are sent before the line breaks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.lengths: list[int] = []
        self.ranges: list[str | None] = []
        self.knows_ranges = True
        self.status: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range")
        server.ranges.append(asked)
        if server.status is not None:
            return self.send_error(server.status)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.knows_ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        body = server.content[start:]
        self.wfile.write(body[: server.lengths.pop(0)] if server.lengths else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def remote(*addresses: str) -> RemoteFile:
    return RemoteFile("file.bin", addresses, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    assert download(remote(server.address), tmp_path / "new").read_bytes() == CONTENT
    assert visible(tmp_path / "new") == {"file.bin"}


def test_a_broken_transfer_continues_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.lengths = [100_000, 50_000]
    assert download(remote(server.address), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_run_continues_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    server.lengths = [10, 10, 10, 0]
    with pytest.raises(InputError, match="ended after 30 of 384000 bytes"):
        download(remote(server.address), tmp_path)
    assert visible(tmp_path) == {"file.bin.part"}
    assert download(remote(server.address), tmp_path).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=30-"


def test_a_server_that_ignores_ranges_starts_the_file_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.lengths = [100_000]
    assert download(remote(server.address), tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = b"\x01" + CONTENT[1:]
    with pytest.raises(InputError, match=r"file.bin is not in .* checksum .* wrong"):
        download(remote(server.address), tmp_path)
    assert visible(tmp_path) == set()
    assert len(server.ranges) == 1


def test_an_answer_that_is_too_long_is_refused_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT + b"more"
    with pytest.raises(InputError, match="longer than the 384000 bytes"):
        download(remote(server.address), tmp_path)
    assert visible(tmp_path) == set()


def test_a_damaged_part_of_an_earlier_run_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"\x01" * 1000)
    assert download(remote(server.address), tmp_path).read_bytes() == CONTENT


def test_the_next_address_is_tried_when_one_fails(server: Server, tmp_path: Path) -> None:
    assert download(remote("http://127.0.0.1:9/file.bin", server.address), tmp_path).read_bytes() == CONTENT


def test_without_internet_one_sentence_names_file_folder_and_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError) as caught:
        download(remote("http://127.0.0.1:9/file.bin"), tmp_path)
    assert all(part in str(caught.value) for part in ("file.bin", str(tmp_path), "http://127.0.0.1:9", "internet"))


def test_folders_made_in_vain_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError):
        download(remote("http://127.0.0.1:9/file.bin"), tmp_path / "mistyped" / "mnist")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_page_is_told_with_the_servers_answer(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(InputError, match="the server answers 404"):
        download(remote(server.address), tmp_path)


def test_a_file_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"the user's own")
    assert download(remote(server.address), tmp_path).read_bytes() == b"the user's own"
    assert server.ranges == []


def test_progress_goes_to_the_error_stream_only(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download(remote(server.address), tmp_path)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "file.bin" in shown.err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(InputError, match=r"taken.*cannot be written"):
        download(remote("http://127.0.0.1:9/file.bin"), tmp_path / "taken")
