#!/bin/sh
# The packages in /in/1, and those in /in/2 as their upgrade, on a machine that is thrown away afterwards. Run by
# `cargo xtask package --try`. Every step is checked; the first that fails ends the trial with what the services said.
set -eu
# Services of the machine have none, and neither has what runs this.
export HOME=/root

say() { echo "== $*"; }

fail() {
    echo "FAILED: $*"
    systemctl --no-pager --lines=0 status cordon-server cordon-agent cordon-index 2>&1 || true
    journalctl --no-pager -o cat -n 60 -u cordon-server -u cordon-agent -u cordon-index 2>&1 || true
    tail -n 20 /var/lib/cordon/agent/index/cordon-index.log 2>/dev/null || true
    exit 1
}

# Asks until a command succeeds; emulation is slow.
until_true() {
    what=$1
    shift
    for _ in $(seq 1 900); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 1
    done
    fail "$what did not come about"
}

pid_of() { systemctl show --property=MainPID --value "$1"; }
never() { # WHAT COMMAND...
    what=$1
    shift
    if "$@"; then fail "$what"; fi
}
active() { systemctl is-active --quiet "$1"; }
same() { [ "$1" = "$2" ] || fail "$3: $1 instead of $2"; }
differs() { [ "$1" != "$2" ] || fail "$3: still $1"; }
online() { cordon endpoints --output csv | grep -Eqi "true|yes"; }
index_state() { cordon index status --output json | grep -q "\"state\": \"$1\""; }
count_of() { cordon index query --path "$1" --count; }
found() { [ "$(count_of "$1")" = 1 ]; }

install_all() { dpkg -i /in/"$1"/cordon.deb /in/"$1"/cordon-server.deb /in/"$1"/cordon-agent.deb >/out/dpkg-"$1".log 2>&1 || { cat /out/dpkg-"$1".log; fail "dpkg -i"; }; }

say "a machine with something to tell"
useradd --create-home user
install -d -m 700 -o user -g user /home/user/.ssh
echo 'a key' >/home/user/.ssh/id_test
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@home' >/home/user/.ssh/authorized_keys
chown user:user /home/user/.ssh/*
chmod 600 /home/user/.ssh/*
echo 'find this' >/root/notes
chmod 600 /root/notes
cp /bin/sleep /usr/local/bin/witness
runuser -u user -- env SECRET=of-the-witness witness 100000 </home/user/.ssh/id_test &
runuser -u user -- python3 -c 'import signal, socket; s = socket.create_server(("127.0.0.1", 4242)); signal.pause()' &
mkdir -p /srv/tree/private
for n in 1 2 3 4 5; do echo "file $n" >/srv/tree/file$n; done
echo private >/srv/tree/private/file
chown -R user:user /srv/tree/private
chmod 700 /srv/tree/private
chmod 600 /srv/tree/private/file
touch -a -d 2001-02-03T04:05:06Z /srv/tree/private/file /home/user/.ssh/id_test

say "install"
install_all 1
active cordon-server || fail "the server is not started by its installation"
active cordon-index || fail "the Index is not started by its installation"
never "the agent runs without an identity" active cordon-agent
never "an agent that is not enrolled counts as failed" systemctl is-failed --quiet cordon-agent
systemctl is-enabled --quiet cordon-server cordon-agent cordon-index || fail "not enabled"
for folder in server agent agent/index; do stat -c '%U:%G %a %n' /var/lib/cordon/$folder; done
same "$(stat -c '%U %a' /var/lib/cordon/server)" "cordon-server 700" "the server's folder"
same "$(stat -c '%U %a' /var/lib/cordon/agent)" "cordon-agent 700" "the agent's folder"

say "sign in"
sed -i 's/^#CORDON_NAMES=.*/CORDON_NAMES=127.0.0.1/' /etc/cordon/server.conf
until_true "a one-time password" test -s /var/lib/cordon/server/one-time-password
journalctl -u cordon-server -o cat --no-pager | grep -q -F "$(cat /var/lib/cordon/server/one-time-password)" && fail "the one-time password is in the journal"
systemctl restart cordon-server
until_true "the server's port" bash -c 'echo >/dev/tcp/127.0.0.1/8443'
sign_in() { { cat /var/lib/cordon/server/one-time-password; echo "of my own choice, $1"; } | cordon login --admin https://127.0.0.1:8443 --authority /var/lib/cordon/server/authority.pem; }
sign_in 1 || fail "sign in"

say "what root resets belongs to the server"
systemctl stop cordon-server
cordon server reset-admin
same "$(stat -c %U /var/lib/cordon/server/one-time-password)" cordon-server "owner of the password that root reset"
same "$(find /var/lib/cordon/server -user root)" "" "files of root in the server's folder"
systemctl start cordon-server
until_true "the server's port" bash -c 'echo >/dev/tcp/127.0.0.1/8443'
sign_in 2 || fail "sign in after a reset"

say "enrol"
cordon token create >/root/token
cordon enrol /root/token
same "$(stat -c %U /var/lib/cordon/agent/identity.json)" cordon-agent "owner of the identity that root enrolled"
systemctl start cordon-agent
until_true "the agent's connection" online
cordon endpoints --output json | tee /out/endpoints-1.json
identity=$(sha256sum </var/lib/cordon/agent/identity.json)

say "confined"
for unit in cordon-server cordon-agent cordon-index; do
    pid=$(pid_of $unit)
    echo "$unit: $(awk '/^Uid|^CapEff|^Seccomp:|^NoNewPrivs/ {printf "%s %s  ", $1, $2}' /proc/"$pid"/status)"
    same "$(awk '/Max core file size/ {print $5}' /proc/"$pid"/limits)" 0 "$unit: core limit"
    [ "$(awk '/^Uid/ {print $2}' /proc/"$pid"/status)" != 0 ] || fail "$unit runs as root"
done
# What the agent's account may do to the Index beside it: nothing.
same "$(stat -c %U /proc/"$(pid_of cordon-index)"/mem)" root "owner of the memory of the Index"

say "the Index in its own unit"
cat >/root/index.ini <<'I'
CPUUsageLimit=100
HashesToCalculate=SHA256
IndexOnly=/srv/tree,/home
I
cordon index config /root/index.ini
until_true "the inventory" index_state Monitoring
cordon index status
cordon index status --output json | grep -q '"not_watched": \[\]' || fail "something is not watched: the unit lacks rights for fanotify"
same "$(count_of '/srv/tree/private/file')" 1 "a file of somebody else in the Index"
same "$(cordon index query --path /srv/tree/private/file --output jsonl | grep -c "$(echo private | sha256sum | cut -c 1-64)")" 1 "its hash"
same "$(count_of '/home/user/.ssh/id_test')" 1 "a file of a home folder in the Index"
for file in /srv/tree/private/file /home/user/.ssh/id_test; do
    same "$(stat -c %X $file)" "$(date -d 2001-02-03T04:05:06Z +%s)" "access time of $file, which the Index read"
done
same "$(awk '$5 ~ "^/(home|root|srv)" {print $5}' /proc/"$(pid_of cordon-index)"/mountinfo)" "" "mounts in what the Index sees"
echo new >/srv/tree/new-file
until_true "a change in the Index" found /srv/tree/new-file
cordon index verify

say "the agent's answers beside root's"
python3 /in/compare.py || fail "the confined agent answers something else than root"
same "$(stat -c %X /home/user/.ssh/id_test)" "$(date -d 2001-02-03T04:05:06Z +%s)" "access time of a file that the agent hashed"

say "a restart of the agent does not end the Index"
index=$(pid_of cordon-index)
agent=$(pid_of cordon-agent)
systemctl restart cordon-agent
differs "$(pid_of cordon-agent)" "$agent" "the agent's process"
until_true "the agent's connection" online
kill -9 "$(pid_of cordon-agent)"
until_true "the agent after a kill" active cordon-agent
until_true "the agent's connection" online
same "$(pid_of cordon-index)" "$index" "the process of the Index"
same "$(pgrep -c -f 'cordon index')" 1 "processes that index"
cordon index stop
active cordon-index || fail "the unit of the Index ended with a stop"
index_state Stopped || fail "the Index was not stopped"
cordon index start
until_true "the Index after its start" index_state Monitoring
same "$(pid_of cordon-index)" "$index" "the process of the Index"

say "upgrade"
server=$(pid_of cordon-server)
agent=$(pid_of cordon-agent)
cordon questions --output json >/out/questions-1.json
install_all 2
dpkg-query -W -f '${Package} ${Version} ${Status}\n' cordon cordon-server cordon-agent
for unit in cordon-server cordon-agent cordon-index; do until_true "$unit after the upgrade" active $unit; done
differs "$(pid_of cordon-server)" "$server" "the server's process after the upgrade"
differs "$(pid_of cordon-agent)" "$agent" "the agent's process after the upgrade"
differs "$(pid_of cordon-index)" "$index" "the process of the Index after the upgrade"
grep -q '^CORDON_NAMES=127.0.0.1' /etc/cordon/server.conf || fail "the upgrade lost the configuration"
same "$(sha256sum </var/lib/cordon/agent/identity.json)" "$identity" "the identity after the upgrade"
until_true "the agent's connection after the upgrade" online
asked() { [ "$(cordon questions --output json | grep -c 'Get Computer Name')" -ge 1 ]; }
until_true "the questions from before" asked
until_true "the Index after the upgrade" index_state Monitoring
same "$(count_of /srv/tree/new-file)" 1 "the Index after the upgrade"
cordon ask "Get Computer Name from all machines"
systemctl stop cordon-agent
dpkg -i /in/2/cordon-agent.deb >/out/dpkg-again.log 2>&1
never "an upgrade started what an administrator had stopped" active cordon-agent
systemctl start cordon-agent

say "nothing panicked"
never "something panicked" sh -c "journalctl --no-pager -o short | grep 'panicked at'"

say "exposure"
for unit in cordon-server cordon-agent cordon-index; do
    systemd-analyze security --no-pager $unit.service | tee /out/exposure-$unit.txt | tail -n 1
done

say "removal keeps the data"
dpkg -r cordon-agent cordon-server cordon >/out/dpkg-remove.log 2>&1 || fail "dpkg -r"
for unit in cordon-server cordon-agent cordon-index; do never "$unit runs after its removal" active $unit; done
[ ! -e /usr/bin/cordon ] || fail "the program is still there"
[ ! -e /var/lib/cordon/agent/index/service.lock ] || fail "a service seems to keep the Index after its removal"
[ -e /var/lib/cordon/agent/identity.json ] && [ -e /etc/cordon/server.conf ] || fail "a removal deleted data"

say "installed again, it is the same endpoint"
install_all 2
until_true "the agent after the second installation" active cordon-agent
until_true "the agent's connection" online
same "$(sha256sum </var/lib/cordon/agent/identity.json)" "$identity" "the identity after the second installation"

say "purge deletes everything"
dpkg -P cordon-agent cordon-server cordon >/out/dpkg-purge.log 2>&1 || fail "dpkg -P"
[ ! -e /var/lib/cordon ] && [ ! -e /etc/cordon ] || fail "a purge left $(find /var/lib/cordon /etc/cordon 2>/dev/null | head)"
same "$(systemctl list-unit-files --no-legend 'cordon*')" "" "units after a purge"
say "done"
