"""What the confined agent answers, beside what root is told on the same machine at the same time.

Prints each sensor's count of rows; ends with 1 when an answer lacks rows or has others and does not say that something went wrong.
"""

import subprocess
import sys

# Rows that must be the same in both.
SAME = [
    "Computer Name",
    "Operating System",
    "OS Version",
    "Mounts",
    "IP Address",
    "MAC Address",
    "IP Route Details",
    "DNS Servers",
    "Hosts File Entries",
    "Local Users",
    "Local Administrators",
    "Sudoers",
    "SSH Authorized Keys",
    "SSH Server Settings",
    "Last Logins",
    "Installed Applications",
    "Service Details",
    "Scheduled Tasks",
    "Kernel Modules",
    "Containers",
    "Mandatory Access Control",
    "Listen Ports",
    'File Hash["/home/user/.ssh/id_test"]',
    'File Contents Search["/root", "find this"]',
    'Folder Contents["/home/user"]',
    'File Details["/etc/shadow"]',
    '"Index Query File Path and Hash"["/srv/tree/*"]',
]
# Rows that change from moment to moment: what root is told of lasting processes must be there.
LASTING = [
    "Open Files",
    'Process Environment["witness"]',
    "Running Processes with Hash",
    "Process Details",
    "Loaded Modules",
]
# Processes that are there throughout.
LASTING_NAMES = ("sshd", "cron", "systemd-journal", "rsyslogd", "dbus-daemon", "witness")
# Cells that count something that goes on.
MOVING = {"Accessed", "Size", "References", "Load", "Received", "Sent", "Free", "Available"}


def ask(sensor, local):
    command = ["cordon", "ask", "--output", "json", "--expires", "120"]
    if local:
        command = ["cordon", "ask", "--local", "--output", "json"]
    done = subprocess.run(command + [f"Get {sensor} from all machines"], capture_output=True)
    try:
        # The machine has the smallest Python, without json; what is read is our own.
        answer = eval(done.stdout.decode(), {"true": True, "false": False, "null": None})
    except SyntaxError:
        return set(), done.stderr.decode()
    rows = set()
    for table in answer["tables"]:
        for row in table["rows"]:
            row = {k: v for k, v in row.items() if k not in MOVING}
            rows.add(repr(sorted(row.items())))
    # A state of its own (rights, limits, failures) is a problem, whatever rows there are.
    problem = "" if done.returncode in (0, 1) else f"exit {done.returncode} {answer.get('coverage')}"
    problem += "".join(f"{p['sensor']}: {p['message']}" for p in answer.get("problems", []))
    return rows, problem


def lasting(rows):
    return {row for row in rows if any(name in row for name in LASTING_NAMES)}


def main():
    wrong = 0
    for sensor in SAME + LASTING:
        root, at_root = ask(sensor, True)
        agent, at_agent = ask(sensor, False)
        if sensor in LASTING:
            root, agent = lasting(root), lasting(agent)
        lacks, more = sorted(root - agent), sorted(agent - root)
        print(f"{sensor}: {len(agent)} rows, root {len(root)}", flush=True)
        for mark, problem in (("root", at_root), ("agent", at_agent)):
            if problem:
                print(f"   {mark}: {problem}", flush=True)
        for mark, rows in (("-", lacks), ("+", more)):
            for row in rows[:5]:
                print(f"   {mark} {row}", flush=True)
        # What it says it could not look at, it may lack: the rest is a silent false answer.
        if (lacks or more) and not at_agent:
            wrong += 1
    print(f"{wrong} of {len(SAME + LASTING)} answers differ", flush=True)
    return 1 if wrong else 0


sys.exit(main())
