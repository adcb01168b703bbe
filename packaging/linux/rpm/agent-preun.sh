# On the last removal, not on an upgrade.
if [ "$1" -eq 0 ]; then
    for unit in cordon-agent cordon-index; do
        systemctl --no-reload disable --now "$unit.service" || :
    done
fi
