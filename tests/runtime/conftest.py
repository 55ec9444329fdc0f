import pytest
from elementwise_program import Program


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Compile from scratch: the runtime under test makes the code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("NUMBA_DISABLE_JIT", raising=False)
        yield


@pytest.fixture(scope="session")
def program(own_cache):
    """Return compiled elementwise functions, one program for each element type."""
    return {code: Program(code) for code in ("f32", "f64", "i32", "i64", "u8")}
