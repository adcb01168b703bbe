import glob
import json
import os
import re

wanted = os.environ.get("CORDON_PARAM_SETTING", "").lower()
seen = set()


def read(path, match, depth):
    if depth > 16 or path in seen or not os.path.isfile(path):
        return match
    seen.add(path)
    with open(path, encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            # "Name value" and "Name=value" are both allowed.
            name, value = (re.split(r"[\s=]+", line, maxsplit=1) + [""])[:2]
            name, value = name.lower(), value.strip()
            if name == "include":
                for pattern in value.split():
                    for found in sorted(glob.glob(os.path.join("/etc/ssh", pattern.strip('"')))):
                        read(found, match, depth + 1)
            elif name == "match":
                match = "" if value.lower() == "all" else value
            elif not wanted or name == wanted:
                print(json.dumps([name, value, match, path]))
    return match


read("/etc/ssh/sshd_config", "", 0)
