import glob
import json
import os
import re
import sys

wanted = os.environ.get("CORDON_PARAM_SETTING", "").lower()
seen = set()


def missed(path, error):
    # See the engine of scripts.
    if isinstance(error, PermissionError):
        print("missed denied", path, file=sys.stderr)
    else:
        print("missed failed", f"{path}: {error.strerror}", file=sys.stderr)


def fitting(pattern):
    """Files that a pattern means. glob passes over a folder that cannot be read."""
    folder = os.path.dirname(pattern)
    if not glob.has_magic(folder):
        try:
            os.listdir(folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            missed(folder, error)
    return sorted(glob.glob(pattern))


def read(path, match, depth):
    if depth > 16 or path in seen:
        return match
    seen.add(path)
    try:
        if not os.path.isfile(path):
            # False also where a folder on the way is closed; this one tells.
            os.stat(path)
            return match
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return match
    except OSError as error:
        missed(path, error)
        return match
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        # "Name value" and "Name=value" are both allowed.
        name, value = (re.split(r"[\s=]+", line, maxsplit=1) + [""])[:2]
        name, value = name.lower(), value.strip()
        if name == "include":
            for pattern in value.split():
                for found in fitting(os.path.join("/etc/ssh", pattern.strip('"'))):
                    read(found, match, depth + 1)
        elif name == "match":
            match = "" if value.lower() == "all" else value
        elif not wanted or name == wanted:
            print(json.dumps([name, value, match, path]))
    return match


read("/etc/ssh/sshd_config", "", 0)
