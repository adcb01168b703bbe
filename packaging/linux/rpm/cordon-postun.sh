# After an upgrade of the program the services that run it start again.
if [ -d /run/systemd/system ] && [ "$1" -ge 1 ]; then
    if [ -x /usr/lib/systemd/systemd-update-helper ]; then
        # Once, at the end of all that is installed together.
        /usr/lib/systemd/systemd-update-helper mark-restart-system-units cordon-server.service cordon-agent.service cordon-index.service || :
    else
        systemctl try-restart cordon-server.service cordon-agent.service cordon-index.service || :
    fi
fi
