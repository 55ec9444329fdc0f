import json
import multiprocessing
import os
import sys
import time

import numpy as np
import pytest
from test_load import ADD, add_to_zeros

from gradc import store as store_module
from gradc.build import cache_info, clear, load
from gradc.errors import CacheError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


DAMAGE = {
    "truncated object": ("kernel.o", cut),
    "changed object": ("kernel.o", flip),
    "empty object": ("kernel.o", lambda path: path.write_bytes(b"")),
    "no object": ("kernel.o", lambda path: path.unlink()),
    "no meta": ("meta.json", lambda path: path.unlink()),
    "truncated meta": ("meta.json", lambda path: path.write_text('{"object": "')),
    "other meta": ("meta.json", lambda path: path.write_text("[]")),
    "no text": ("kernel.py", lambda path: path.unlink()),
    "changed text": ("kernel.py", lambda path: path.write_text("x = 1\n")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_built_anew(cache, damage):
    name, spoil = DAMAGE[damage]
    native = load(ADD, "add")
    spoil(native.path.parent / name)
    again = load(ADD, "add")
    assert not again.cached
    assert add_to_zeros(again) == [1.5] * 4
    assert load(ADD, "add").cached
    assert sorted(p.name for p in again.path.parent.iterdir()) == [
        "kernel.o",
        "kernel.py",
        "meta.json",
    ]
    assert [p for p in cache.iterdir() if p.name.startswith("pending-")] == []


def load_and_run(directory, queue, go):
    os.environ["GRADC_CACHE"] = directory
    go.wait()
    native = load(ADD, "add")
    queue.put((native.cached, add_to_zeros(native)))


def test_many_processes_at_once(cache):
    context = multiprocessing.get_context("spawn")
    queue, go = context.Queue(), context.Event()
    workers = [context.Process(target=load_and_run, args=(str(cache), queue, go)) for _ in range(4)]
    for worker in workers:
        worker.start()
    go.set()
    results = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert [values for _, values in results] == [[1.5] * 4] * 4
    assert load(ADD, "add").cached
    assert cache_info(cache).entries == 1
    assert [p.name for p in cache.iterdir() if p.name.startswith("pending-")] == []


def load_until_killed(directory):
    os.environ["GRADC_CACHE"] = directory
    for k in range(10_000):
        load(ADD.replace("1.5", f"{k}.5"), "add")


def test_a_killed_writer_leaves_no_half_entry(cache):
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=load_until_killed, args=(str(cache),))
    worker.start()
    limit = time.monotonic() + 60
    while cache_info(cache).entries < 3 and time.monotonic() < limit:
        time.sleep(0.01)
    worker.kill()
    worker.join()
    count = cache_info(cache).entries
    assert count >= 3
    for k in range(count):
        native = load(ADD.replace("1.5", f"{k}.5"), "add")
        assert native.cached
        assert add_to_zeros(native) == [k + 0.5] * 4


def test_entries_are_never_rewritten(cache):
    native = load(ADD, "add")
    files = sorted(native.path.parent.iterdir())
    before = [(p.stat().st_ino, p.stat().st_mtime_ns) for p in files]
    entry = store_module.read(cache, native.path.parent.name, ADD)
    store_module.write(cache, native.path.parent.name, ADD, entry.code, entry.externals)
    load(ADD, "add")
    assert [(p.stat().st_ino, p.stat().st_mtime_ns) for p in files] == before


def test_info_and_clear_concern_own_entries_only(cache):
    assert cache_info(cache) == store_module.CacheInfo(cache, 0, 0)
    first = load(ADD, "add")
    load(ADD.replace("1.5", "2.5"), "add")
    foreign = [cache / "notes.txt", cache / "ab" / "notes.txt", first.path.parents[1] / "more.txt"]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("keep")
    (cache / "pending-left").mkdir()
    info = cache_info(cache)
    kept = [*cache.glob("??/*/*"), *cache.glob("??/*.o")]
    sizes = [p.stat().st_size for p in kept]
    assert (info.path, info.entries, info.bytes) == (cache, 2, sum(sizes))
    assert clear(cache) == info
    assert cache_info(cache).entries == 0
    assert all(path.read_text() == "keep" for path in foreign)
    assert not (cache / "pending-left").exists()
    assert clear(cache).entries == 0
    assert not load(ADD, "add").cached


@POSIX
def test_directory_is_private(cache):
    native = load(ADD, "add")
    assert cache.stat().st_mode & 0o777 == 0o700
    assert native.path.parent.stat().st_mode & 0o777 == 0o700


@POSIX
@pytest.mark.parametrize("mode", [0o722, 0o720, 0o777])
def test_a_directory_that_others_can_write_is_refused(cache, mode):
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(CacheError) as caught:
        load(ADD, "add")
    assert caught.value.message == (
        f"cache: other users can write {cache} (mode {mode:o}); "
        "the machine code in it can't be trusted"
    )
    assert caught.value.hint == f"chmod 700 {cache}"


@POSIX
def test_a_directory_of_another_user_is_refused(cache, monkeypatch):
    cache.mkdir()
    owner = cache.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(CacheError) as caught:
        load(ADD, "add")
    assert caught.value.message == (
        f"cache: {cache} belongs to another user (uid {owner}, expected {owner + 1}); "
        "the machine code in it can't be trusted"
    )
    assert caught.value.hint == "set GRADC_CACHE to a directory of your own"


def test_a_directory_that_can_not_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    with pytest.warns(RuntimeWarning, match=r"programs compiled now are not kept"):
        native = load(ADD, "add")
    assert add_to_zeros(native) == [1.5] * 4
    assert tmp_path not in native.path.parents
    # Said once: a second load is silent and finds the program.
    assert load(ADD, "add").cached


def test_a_full_disk_is_one_clear_error(cache, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.tempfile, "mkdtemp", full)
    with pytest.raises(CacheError) as caught:
        load(ADD, "add")
    assert "can't write" in caught.value.message
    assert "No space left on device" in caught.value.message
    assert caught.value.hint == "set GRADC_CACHE to a directory with room"


def test_key_depends_on_the_processor_and_the_runtime(cache, monkeypatch):
    from gradc.build import key as key_module

    plain = key_module.key(ADD, interpreted=False)
    assert plain == key_module.key(ADD, interpreted=False)
    assert plain != key_module.key(ADD, interpreted=True)
    for part in ("_machine", "_files"):
        with monkeypatch.context() as patch:
            patch.setattr(key_module, part, lambda *_: "another")
            assert key_module.key(ADD, interpreted=False) != plain


def test_meta_holds_no_more_than_is_needed(cache):
    native = load(ADD, "add")
    meta = json.loads((native.path.parent / "meta.json").read_text())
    assert set(meta) == {"object", "externals", "parts"}
    assert sum(meta["parts"]) == (native.path.parent / "kernel.o").stat().st_size
    assert meta["externals"] == []
    assert np.array_equal(add_to_zeros(native), [1.5] * 4)
