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


def shown(path):
    """A path whose bytes are no text in the form that the lines have."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def words(line):
    """Words as the server cuts them: quotes of both kinds, some backslashes, a comment at the end."""
    found, word, quote, at = [], None, "", 0
    while at < len(line):
        char, at = line[at], at + 1
        if word is None and char == "#":
            break
        if char in " \t" and not quote:
            if word is not None:
                found.append(word)
            word = None
            continue
        word = word or ""
        follows = line[at : at + 1]
        if char == "\\" and follows and (follows in "'\"\\" or (follows == " " and not quote)):
            word, at = word + follows, at + 1
        elif char in "'\"" and not quote:
            quote = char
        elif char == quote:
            quote = ""
        else:
            word += char
    return found if word is None else found + [word]


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
        name, value = name.strip('"').lower(), value.strip()
        if name == "include":
            for pattern in words(value):
                for found in fitting(os.path.join("/etc/ssh", pattern)):
                    read(found, match, depth + 1)
        elif name == "match":
            match = "" if value.lower() == "all" else value
        elif not wanted or name == wanted:
            print(json.dumps([name, value, match, shown(path)]))
    return match


read("/etc/ssh/sshd_config", "", 0)
