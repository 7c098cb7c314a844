"""Settings of the machine, made before torch is loaded: import this first."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

_CPU = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
# OpenBLAS 0.3.21 does not know the newest processors and falls back to slow kernels; these run on any with AVX-512.
if "avx512vl" in _CPU:
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
# Threads that spin while they wait are ruinous on cores that others use too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if sys.platform == "linux":
    # Freed memory is kept. Else every large tensor is new pages, and more time goes into faults than into arithmetic.
    M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
    for setting, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**28)):
        ctypes.CDLL(None).mallopt(setting, value)

import torch  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BF16 = DEVICE == "cuda" or "avx512_bf16" in _CPU or "amx_bf16" in _CPU  # without the instructions it is slower than float32
torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def clock() -> float:
    """Seconds of work on all cores. On a CPU it stands still while others have the cores, so that a run at idle priority sees as much text as one alone."""
    return time.time() if DEVICE == "cuda" else time.process_time() / torch.get_num_threads()


def mixed() -> torch.autocast:
    """Matrix products in bfloat16 where the machine is fast at that; weights and all else stay float32."""
    return torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=BF16)
