"""The environment of a worker process: the variables of the system and of media libraries.

A worker runs a renderer, which may be third-party code, and receives its room token through a pipe.
The process gets neither the LiveKit API secret nor the keys of vendors and models, which are in the
environment of the agent.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase

from avatar_core.settings import AvatarSettings

NAMES = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TZDIR", "LOCALE_ARCHIVE"),
        *("TMPDIR", "TEMP", "TMP", "TERM", "NO_COLOR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
        *("LD_PRELOAD", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "SSL_CERT_FILE"),
        *("SSL_CERT_DIR", "NIX_SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
        *("NO_PROXY", "RUST_LOG", "RUST_BACKTRACE", "LIVEKIT_LIB_PATH", "LIVEKIT_RTC_DEBUG"),
        *("LIVEKIT_PREFERRED_HW_ENCODER", "LK_DISABLE_NVDEC", "HF_HOME", "HF_HUB_CACHE"),
        *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"),
        *("COMSPEC", "PATHEXT", "PROGRAMDATA", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
        *("NUMBER_OF_PROCESSORS",),
    )
)
"""Variables that a worker process inherits, in upper case."""
PATTERNS = (
    *("LC_*", "PYTHON*", "DYLD_*", "XDG_*", "NIX_LD*", "MALLOC_*", "PROCESSOR_*", "PROGRAMFILES*"),
    *("OMP_*", "GOMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "VECLIB_*", "NUMBA_*"),
    *("CUDA_*", "NVIDIA_*", "HIP_*", "ROCR_*", "TORCH_*", "PYTORCH_*", "TRITON_*", "ORT_*"),
    *("FONTCONFIG_*", "LIBGL_*", "LIBVA_*", "MESA_*", "GALLIUM_*", "EGL_*"),
)
"""Patterns of further variables that a worker process inherits."""
_SECRET = re.compile("KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|AUTH")
"""Words that exclude a variable from the patterns. For example, NVIDIA_API_KEY contains the key of
a vendor."""


def worker_environment() -> dict[str, str]:
    """Return the environment for a worker process.

    The environment consists of the variables that match `NAMES` or `PATTERNS`, and the variables
    that the setting `AVATAR_WORKER_ENV` names. A variable whose name contains a word such as KEY or
    SECRET is included only if the setting names it in full.

    Returns:
        The variables and their values.

    Raises:
        SettingsError: A setting of avatar-core is malformed or misspelt.
    """
    wanted = [item.strip().upper() for item in AvatarSettings.load().worker_env.split(",")]
    names = NAMES.union(wanted)
    patterns = (*PATTERNS, *(item for item in wanted if item))
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in names or _matches(name.upper(), patterns)
    }


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return not _SECRET.search(name) and any(fnmatchcase(name, pattern) for pattern in patterns)
