"""Program text -> loaded native code, kept on disk under the hash of what it was made from."""

from gradc.build.load import Native, load
from gradc.store import CacheInfo, cache_info, clear

__all__ = ["CacheInfo", "Native", "cache_info", "clear", "load"]
