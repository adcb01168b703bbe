# Account and folders; on the first installation the service too.
systemd-sysusers cordon-server.conf
systemd-tmpfiles --create cordon-server.conf
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || :
fi
if [ "$1" -eq 1 ]; then
    for unit in cordon-server; do
        systemctl --no-reload preset "$unit.service" || :
        if [ -d /run/systemd/system ] && systemctl --quiet is-enabled "$unit.service"; then
            systemctl start "$unit.service" || :
        fi
    done
fi
